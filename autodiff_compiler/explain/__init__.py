"""A run of a function, forward and backward, in numbers."""
