"""What is held about a performer: taken out whole, or erased."""
