"""WHAT WAS AGREED: rounds, signatures, versions, and events that seal the rows."""
