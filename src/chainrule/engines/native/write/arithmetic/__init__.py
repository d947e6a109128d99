"""Elementwise functions and reductions on vector registers."""
