"""Whose likeness: performers, their replicas, and the media these were made from."""
