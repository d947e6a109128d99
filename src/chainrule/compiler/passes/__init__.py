"""Compiler passes, one idea a file; ``compiler.pipeline`` has their order."""
