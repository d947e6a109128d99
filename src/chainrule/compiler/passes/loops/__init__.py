"""Passes on loops.

``loop`` takes a ``scan`` apart and puts it together again; ``all_steps`` and ``sums``
say what an operation in every step is when it is done once, outside of the loop. Every
other file is a pass.
"""
