"""What a union may know of work under its agreements: refusals, overrides, breaches, evidence."""
