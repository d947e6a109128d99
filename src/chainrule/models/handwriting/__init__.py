"""Handwriting: pens that are read, and pens that write (Graves, 2013)."""
