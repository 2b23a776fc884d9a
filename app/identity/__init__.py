"""WHO IS ASKING: organizations, API keys, signing keys, and one answer per request."""
