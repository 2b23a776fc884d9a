"""Offline bundles: an output and all that proves it, for who asks neither server nor database."""
