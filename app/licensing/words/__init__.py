"""The terms in plain words: every sentence points at the field it says."""
