"""Programs in which several themes meet."""

import math

import numpy as np

from .registry import program


@program(lambda r: (r.normal(size=6), 2.5))
def clamped_lookup(x, t):
    n = len(x)
    at = int(t * 1.2) % n
    nearest = round(7 / 2) - 1
    if not 0 <= at < n:
        raise IndexError("outside the table")
    weight = t - int(t)
    value = (1 - weight) * x[at] + weight * x[(at + 1) % n]
    return value * x[nearest] if not math.isnan(t) else 0.0


@program(lambda r: r.normal(size=(3, 4)), second_order=True)
def enumerated_rows(a):
    out = np.empty_like(a)
    for i, row in enumerate(a):
        out[i] = row * (i + 1)
        out[i, 0] = out[i, -1] = row[1] * row[2]
    for i in reversed(range(1, 3)):
        out[i] -= 0.5 * out[i - 1] ** 2
    return np.sum(out * np.tan(0.1 * a))


@program(lambda r: (r.normal(size=8), np.zeros(8)))
def accumulate_into_out(x, buffer):
    np.cos(x, out=buffer)
    running = np.multiply.accumulate(1.0 + 0.1 * x)
    top = np.maximum.reduce(x)
    assert buffer.dtype == x.dtype
    np.subtract(buffer, running, out=buffer)
    return (buffer * buffer).sum() + top * np.add.reduce(buffer)


@program(lambda r: (r.normal(size=12), 3))
def normalised_blocks(x, rows):
    a = np.reshape(x, (rows, 4))
    low, high = np.min(a), np.max(a)
    b = (a - low) / (high - low)
    c = np.transpose(b).reshape(2, 6).copy()
    c[0] += 1.0
    return np.sum(np.minimum(c, 0.8) ** 2) + b[0, 0]


@program(lambda r: np.array([0.4, np.nan, -1.3, 2.2, np.nan]))
def fill_missing_forward(x):
    y = x.copy()
    missing = np.isnan(x)
    for i in range(1, len(y)):
        if missing[i]:
            y[i] = 0.5 * y[i - 1]
    return (y**2).sum() + np.sum(np.sign(y) * y)


@program(lambda r: (r.normal(size=7), 0.7))
def quantised(x, step):
    levels = np.floor(x / step)
    error = x - levels * step
    return np.sum(error**2) + np.sum(levels * x) * step


@program(lambda r: (r.normal(size=(4, 4)), 5), second_order=True)
def spiral_sum(a, laps):
    top, bottom, left, right = 0, 3, 0, 3
    acc, turn = 1.0, 0
    while top <= bottom and left <= right:
        for j in range(left, right + 1):
            acc = acc * 0.9 + a[top, j]
        for i in range(top + 1, bottom + 1):
            acc = acc * 0.9 + a[i, right] ** 2
        if top < bottom:
            for j in range(right - 1, left - 1, -1):
                acc = acc * 0.9 + a[bottom, j]
        if left < right:
            for i in range(bottom - 1, top, -1):
                acc = acc * 0.9 - a[i, left]
        top, bottom, left, right = top + 1, bottom - 1, left + 1, right - 1
        turn += 1
        if turn == laps:
            break
    return acc * turn


@program(lambda r: (r.normal(size=6), r.normal(size=3)), (0, 1), second_order=True)
def convolution_with_edges(x, kernel):
    n, m = len(x), len(kernel)
    y = np.zeros(n)
    for i in range(n):
        for k in range(m):
            j = i + k - m // 2
            if j < 0 or j >= n:
                continue
            y[i] += kernel[k] * x[j]
    return np.sum(np.tanh(y))
