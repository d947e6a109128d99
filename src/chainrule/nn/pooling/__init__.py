"""Pooling: every window of a sequence, image or volume becomes one number a channel."""
