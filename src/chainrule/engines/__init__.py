"""Engines: what runs a program. They are written against ``compiler.engine``, and found
by the names in ``compiler.registry``; the rest of the package imports none of them.
"""
