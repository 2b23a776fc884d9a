"""What a performer never, or always, allows: limits that stand before any contract."""
