"""Integers that steer: indices, counts, dtypes, Python's // and %."""

import numpy as np

from .registry import program


@program(lambda r: (r.normal(size=7), np.array([0, 2, 2, 5, 7]), r.normal(size=4)), (0, 2))
def sparse_rows(data, ptr, x):
    y = np.zeros(4)
    for i in range(4):
        row = data[ptr[i] : ptr[i + 1]]
        y[i] = row.sum() * x[i] + len(row)
    return y @ y


@program(
    lambda r: (
        r.normal(size=6),
        np.array([0, 2, 1, 3, 0, 2]),
        np.array([0, 2, 3, 6]),
        r.normal(size=4),
    ),
    (0, 3),
)
def csr_product(data, col, ptr, x):
    total = 0.0
    for i in range(len(ptr) - 1):
        y = 0.0
        for k in range(ptr[i], ptr[i + 1]):
            y += data[k] * x[col[k]]
        total += y * y
    return total


@program(lambda r: (r.normal(size=(3, 3)), 4))
def circular_indices(a, n):
    total = 0.0
    for i in range(n):
        j = (i - 5) % 3
        k = (-i) // 2
        total += a[j, k % 3] * (k + 0.5) - a[-1 - j, i // 2 % 3] * (-7 // (i + 1))
    return total


@program(
    lambda r: (
        np.array([[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]),
        r.normal(size=(4, 4)),
    ),
    1,
)
def life_with_weights(board, weight):
    n = board.shape[0]
    cells = board.copy()
    for _ in range(2):
        neighbours = np.zeros((n, n), dtype=np.int64)
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                if di == 0 and dj == 0:
                    continue
                for i in range(n):
                    for j in range(n):
                        neighbours[i, j] += cells[(i + di) % n, (j + dj) % n]
        for i in range(n):
            for j in range(n):
                alive = neighbours[i, j] == 3 or (cells[i, j] == 1 and neighbours[i, j] == 2)
                cells[i, j] = 1 if alive else 0
    return (cells * weight).sum() + (weight[cells > 0] ** 2).sum()


@program(lambda r: (0.7, 13), second_order=True)
def power_by_squaring(x, n):
    result = 1.0
    base = x
    while n > 0:
        if n % 2 == 1:
            result *= base
        base *= base
        n //= 2
    return result


@program(lambda r: (2.35, 10))
def truncation(x, n):
    k = int(x)
    r = round(n / 3)
    f = float(k) / n
    return x * k + x**r + f * x + abs(-k) * x


@program(lambda r: (r.normal(size=5), np.array([3, 1, 4, 1, 5])))
def passive_sums(x, counts):
    n = counts.sum()
    low, high = counts.min(), max(counts[0], counts[1])
    share = counts / n
    return share @ x + x[low] * high + x[counts[1]] * counts.mean() + counts.size


@program(lambda r: (r.normal(size=6), np.array([2, 0, 3], dtype=np.int16)))
def small_integers(x, k):
    total = 0.0
    for i in k:
        total += x[i] * x[i + 1]
    return total + x[k].sum() + x[k[0] : k[2]].sum()


@program(lambda r: r.normal(size=9))
def polynomial_hash(x):
    h = 7
    total = 0.0
    for i in range(9):
        h = (h * 31 + i) % 9
        total += x[h] * ((h - 4) // 2)
    return total * x[h // 2]
