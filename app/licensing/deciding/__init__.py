"""THE RULES, PURE: facts in, an answer out; no database, no clock."""
