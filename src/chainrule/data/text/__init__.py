"""Texts that people have: files of them, and the tokens that networks read."""
