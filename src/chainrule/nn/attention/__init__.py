"""Attention, its cache and positions, and the Transformer made of it."""
