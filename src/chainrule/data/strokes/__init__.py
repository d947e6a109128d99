"""Pen strokes: drawings, and the files that hold them."""
