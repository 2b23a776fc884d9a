"""What a machine was in doubt about, and what a person said: materials and outputs."""
