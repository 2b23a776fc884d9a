"""Whether a consent stands now, signed and public, like OCSP."""
