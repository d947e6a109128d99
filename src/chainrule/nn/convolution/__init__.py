"""Convolutions, transposed ones, and windows with kernels of their own."""
