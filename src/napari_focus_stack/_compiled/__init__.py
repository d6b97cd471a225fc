"""Kernels in C for the loops over every pixel of every plane; NumPy computes the same, slower."""
