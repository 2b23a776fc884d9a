"""What we can prove: who made an output, from what, by which decision, and what became of it."""
