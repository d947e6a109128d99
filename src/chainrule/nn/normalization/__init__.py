"""Layers that bring their inputs to a known mean and variance."""
