"""WHO MAY USE WHAT: the contract, its signatures, and the one way to a permit."""
