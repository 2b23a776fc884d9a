"""ACTS THAT TAKE TWO PEOPLE: proposed, agreed to by a second person, then done."""
