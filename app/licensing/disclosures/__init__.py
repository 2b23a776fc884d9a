"""What the contracts behind an output let others learn, and who was granted more."""
