"""Mandates: granted by a signed act, filed with papers, ended at once; on the public log."""
