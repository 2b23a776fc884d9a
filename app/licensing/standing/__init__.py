"""Offers a performer signs in advance; they execute on the licensee's signature alone."""
