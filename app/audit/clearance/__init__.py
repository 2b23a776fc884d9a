"""Clearance packs: what a distributor or an insurer asks of a released output, in one zip."""
