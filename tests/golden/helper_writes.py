import numpy as np


def normalise(v):
    """Scales a vector to length one, in its place."""
    v /= np.sqrt(np.sum(v * v))


def angle(a, b):
    a, b = a.copy(), b.copy()
    normalise(a)
    normalise(b)
    return 1.0 - a @ b
