"""A studio's own sign-in: how its provider is asked, and whom it lets in."""
