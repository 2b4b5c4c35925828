import numpy as np


def energy(x, floor):
    y = x * x
    y[x < floor] = 0.0
    safe = np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)
    return np.sum(y * safe) + np.mean(x[x > floor])
