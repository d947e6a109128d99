"""What runs together: from a program to a schedule of kernels. No LLVM in here."""
