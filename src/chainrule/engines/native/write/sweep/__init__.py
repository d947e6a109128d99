"""Loops over an index space: elementwise steps, reductions of rows and columns."""
