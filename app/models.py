"""Every table in one import, for migrations: rooms own their tables, this file only names them."""
