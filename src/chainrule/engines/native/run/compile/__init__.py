"""LLVM text becomes machine code, by several threads at once."""
