"""Many performers at once: a table and photos from an agency, and a yes from each of them."""
