"""Passes on products and on sums of products: fewer of them, and larger ones."""
