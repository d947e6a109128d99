"""Passes over a schedule, one a file: a schedule in, a schedule out."""
