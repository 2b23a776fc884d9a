"""What people are told, how it reached them, and what proves it."""
