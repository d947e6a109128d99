"""Pooling: one number a channel for each window."""
