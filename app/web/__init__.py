"""PAGES BY AUDIENCE: what people read without a program. Today: the rules, for everybody."""
