"""Compiled code by LLVM; ``engine`` is the door."""
