import numpy as np


def diffuse(u0, rate, steps):
    p = u0.copy()
    q = np.zeros_like(p)
    for _ in range(steps):
        for i in range(1, len(p) - 1):
            q[i] = p[i] + rate * (p[i - 1] - 2.0 * p[i] + p[i + 1])
        p, q = q, p
    return np.sum(p**2)
