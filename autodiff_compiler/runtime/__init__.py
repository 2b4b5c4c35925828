"""Compiler discovery, building, loading and launching of kernels, and the on-disk cache."""
