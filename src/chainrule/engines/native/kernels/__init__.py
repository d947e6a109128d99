"""Kernels that are written by hand: products of matrices."""
