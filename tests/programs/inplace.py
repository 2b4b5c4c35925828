"""Algorithms that work in place."""

import numpy as np

from .registry import program


@program(lambda r: r.normal(size=7))
def insertion_sort(x):
    a = x.copy()
    for i in range(1, len(a)):
        key = a[i]
        j = i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    total = 0.0
    for i in range(len(a)):
        total += (i + 1) * a[i] ** 2
    return total


@program(lambda r: r.normal(size=6))
def bubble_sort_swaps(x):
    a = x.copy()
    n = len(a)
    for i in range(n):
        for j in range(n - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a @ np.arange(1.0, n + 1.0)


@program(lambda r: r.uniform(1.0, 5.0, size=(4, 4)))
def shortest_paths(w):
    d = w.copy()
    n = d.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                d[i, j] = min(d[i, j], d[i, k] + d[k, j])
    return d.sum()


@program(lambda r: (r.normal(size=6), r.normal(size=6)), (0, 1))
def warping_distance(a, b):
    n, m = len(a), len(b)
    cost = np.zeros((n + 1, m + 1))
    cost[0, 1:] = 100.0
    cost[1:, 0] = 100.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d = (a[i - 1] - b[j - 1]) ** 2
            cost[i, j] = d + min(cost[i - 1, j], cost[i, j - 1], cost[i - 1, j - 1])
    return cost[n, m]


@program(lambda r: (r.normal(size=(5, 5)), 3), second_order=True)
def gauss_seidel(f, sweeps):
    u = np.zeros((5, 5))
    for _ in range(sweeps):
        for i in range(1, 4):
            for j in range(1, 4):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - f[i, j])
    return np.sum(u * u) + u[2, 2]


@program(lambda r: r.normal(size=6))
def chained_and_tuple_stores(x):
    a = np.zeros(6)
    b = np.ones(6)
    a[0] = b[1] = x[0] * x[1]
    a[1], b[2] = x[2], a[0] + x[3]
    a[2:4] = b[4:] = x[4:] ** 2
    (a[4], a[5]), c = x[:2], b[2]
    return a @ b + c


@program(lambda r: (r.normal(size=5), r.uniform(1.0, 2.0, size=5)), (0, 1))
def in_place_arithmetic(x, y):
    z = x * 2
    z += y
    z -= 0.5
    z *= y
    z /= 1 + y * y
    z **= 2
    s = z.sum()
    s += 1.0
    s **= 0.5
    s /= 2
    return s


@program(lambda r: r.normal(size=8))
def haar_wavelet(x):
    a = x.copy()
    t = np.empty(8)
    n = len(a)
    while n > 1:
        half = n // 2
        t[:half] = (a[0:n:2] + a[1:n:2]) / 2.0
        t[half:n] = (a[0:n:2] - a[1:n:2]) / 2.0
        a[:n] = t[:n]
        n = half
    return np.sum(np.abs(a) ** 3)


@program(lambda r: (r.normal(size=4), r.normal(size=(4, 4))), (0, 1))
def argument_overwritten(x, a):
    x *= 2.0
    a[1:] -= a[:-1]
    a[0] = x
    x[0] = a[1, 1]
    return (a @ x).sum()


@program(lambda r: r.normal(size=10))
def in_place_scan(x):
    a = x.copy()
    for i in range(1, 10):
        a[i] += 0.5 * a[i - 1]
    for i in range(8, -1, -1):
        a[i] -= 0.25 * a[i + 1] ** 2
    return a.sum()
