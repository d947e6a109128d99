"""How big: the way in which each kernel is cut on this processor, as plain data."""
