"""Boltzmann machines: units, the restricted machine, and how machines learn.

Place on the road: part of ``models``. Units know no machine, a machine knows no
learning.
"""
