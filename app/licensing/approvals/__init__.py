"""What humans answered, as it stands on record."""
