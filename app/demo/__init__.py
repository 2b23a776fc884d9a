"""`understudy demo`: the whole promise, kept once on a real portrait."""
