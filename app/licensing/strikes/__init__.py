"""The strike switch: an agreement suspended by two keys."""
