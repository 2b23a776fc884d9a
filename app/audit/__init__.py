"""What a stranger may know: the verdict on a file, and whether the records bear it out."""
