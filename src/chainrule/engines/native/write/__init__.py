"""LLVM text: a function for each kernel, and the program that calls them."""
