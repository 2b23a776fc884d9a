"""What is owed, when and by whom: derived from contracts, decisions and books, and kept nowhere."""
