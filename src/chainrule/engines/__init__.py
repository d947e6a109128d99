"""Engines: what runs a program. ``interface`` is all that the rest of the package sees."""
