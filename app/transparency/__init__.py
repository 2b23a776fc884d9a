"""What we cannot unsay: an append-only public log of salted commitments."""
