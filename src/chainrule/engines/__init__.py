"""Engines: what runs a program. The rest of the package sees ``interface`` alone."""
