"""The primitives and what is composed of them: every operation a graph can hold.

``elementwise reduction matmul movement indexing control random`` declare primitives;
``composed`` holds the functions that are made of them; ``subscript`` is ``x[...]``.
"""
