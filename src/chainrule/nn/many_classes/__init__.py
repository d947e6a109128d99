"""Losses for very many classes, whose cost does not grow with their number: a tree, and
a sample.
"""
