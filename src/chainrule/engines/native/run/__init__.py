"""Machine code at work: compiled, cached, loaded, called, shared among threads."""
