"""Convolutions: forward, by the input, and by the weights."""
