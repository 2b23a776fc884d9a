"""A generation, from request to release."""
