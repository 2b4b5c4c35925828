"""Programs whose second derivatives are of interest."""

import math

import numpy as np

from .registry import program


@program(lambda r: r.normal(size=4), second_order=True)
def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return total


@program(lambda r: r.normal(size=5), second_order=True)
def rosenbrock_by_slices(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@program(lambda r: (r.normal(size=3), r.normal(size=3)), (0, 1), second_order=True)
def overwritten_squares(x, y):
    a = x.copy()
    for i in range(3):
        a[i] = a[i] ** 2 * y[i]
        a[: i + 1] *= x[i]
    a[a > 0.5] = np.sin(a[a > 0.5])
    return a.sum()


@program(lambda r: (0.7,), second_order=True)
def series_for_exp(x):
    term, total, n = 1.0, 1.0, 0
    while abs(term) > 1e-17:
        n += 1
        term = term * x / n
        total += term
    return total * math.cos(x)


@program(lambda r: (r.uniform(0.5, 1.5, size=4),), second_order=True)
def entropy_with_branches(p):
    total = 0.0
    for v in p / p.sum():
        if v > 0.2:
            total -= v * math.log(v)
        else:
            total += v * v
    return total


@program(lambda r: (r.normal(size=(3, 3)),), second_order=True)
def repeated_product(a):
    b = np.eye(3)
    for _ in range(3):
        b = b @ a * 0.5 + 0.1 * b
    return np.sum(np.tanh(b))


@program(lambda r: (r.normal(size=3), 3), second_order=True)
def grown_and_read_back(x, n):
    steps = []
    v = x * 1.0
    for _ in range(n):
        steps.append(v)
        v = np.sin(v) + v[::-1] * 0.2
    return (steps[0] * steps[-1] * v).sum()
