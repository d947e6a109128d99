"""Primitives with a kernel of their own."""
