"""WHAT WE OWE: exact royalties from signed terms, and books that only grow."""
