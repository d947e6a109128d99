"""Activations as layers: what makes a network more than one linear function.

Those without parameters are the functions of the same name (``cr.sigmoid`` …), so that
they can be part of a ``Sequential`` and be saved; they take any shape and keep it.
"""
