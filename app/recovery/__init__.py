"""How somebody who lost every device comes back in, and how everything is stopped from outside."""
