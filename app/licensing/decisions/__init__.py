"""THE ONE WAY TO A PERMIT: facts under their locks, decided, recorded, signed, explained."""
