"""A contract as a PDF, and signed paper taken in as evidence."""
