"""Counted loops over scalars and sequences."""

import math

import numpy as np

from .registry import program


@program(lambda r: (r.normal(size=5), 0.7), (0, 1), second_order=True)
def horner(coefficients, x):
    value = 0.0
    for c in coefficients:
        value = value * x + c
    return value


@program(lambda r: (0.2, 1.9, 8), (0, 1), second_order=True)
def trapezoid_rule(a, b, n):
    h = (b - a) / n
    total = 0.5 * (math.exp(-a * a) + math.exp(-b * b))
    for i in range(1, n):
        x = a + i * h
        total += math.exp(-x * x)
    return total * h


@program(lambda r: (r.normal(size=7), r.normal(size=7)), (0, 1))
def weighted_steps(x, w):
    total = 0.0
    for i in range(len(x) - 1, 0, -2):
        total += w[i] * math.sin(x[i - 1])
    for i in range(1, 6, 3):
        total -= x[i] * x[-i]
    return total


@program(lambda r: (r.normal(size=4), 0))
def no_trips(x, n):
    s = x[0] * x[1]
    for i in range(n):
        s = s * x[i]
    for i in range(3, 1):
        s += 100.0 * x[i]
    for i in range(5, -1, n - 3):
        s += x[i % 4]
    return s


@program(lambda r: r.normal(size=6))
def prefix_sums(x):
    n = len(x)
    c = np.zeros(n + 1)
    for i in range(n):
        c[i + 1] = c[i] + x[i]
    best = 0.0
    for i in range(n):
        for j in range(i + 1, n + 1):
            best += (c[j] - c[i]) ** 2 / (j - i)
    return best


@program(lambda r: (r.normal(size=5), r.normal(size=5)), (0, 1), second_order=True)
def zipped(xs, ys):
    total = 0.0
    for k, (x, y) in enumerate(zip(xs, ys)):
        total += (k + 1) * x * np.tanh(y)
    return total


@program(lambda r: r.normal(size=5))
def reversed_recurrence(x):
    acc = 1.0
    for i in reversed(range(len(x))):
        acc = acc / (2.0 + x[i] ** 2) + x[i]
    for v in reversed(x):
        acc += v * acc * 0.1
    return acc


@program(lambda r: (0.4, 0.9), (0, 1))
def over_a_tuple(a, b):
    total = 1.0
    for factor in (a, b, a * b, 2.0):
        total *= 1.0 + factor
    for p, q in ((1, a), (2, b)):
        total += p * q**p
    return total


@program(lambda r: r.normal(size=(3, 4)))
def rows_of_an_array(a):
    total = 0.0
    for row in a:
        peak = row[0]
        for v in row:
            peak = peak * 0.5 + v * v
        total += peak * row.mean()
    return total


@program(lambda r: (r.normal(size=8), 3))
def moving_average(x, width):
    n = x.size - width + 1
    out = np.empty(n)
    for i in range(n):
        out[i] = x[i : i + width].sum() / width
    return np.dot(out, out)


@program(lambda r: (0.3, 12), second_order=True)
def continued_fraction(x, depth):
    value = 1.0
    for k in range(depth, 0, -1):
        value = k + x / value
    return math.log(value)


@program(lambda r: r.normal(size=6))
def running_maximum(x):
    top = x[0]
    total = 0.0
    for i in range(1, len(x)):
        top = max(top, x[i])
        total += top * i
    low = min(x[0], x[1], x[2])
    return total - low


@program(lambda r: (0.6, 5))
def triangle_of_binomials(x, n):
    row = np.zeros(n + 1)
    row[0] = 1.0
    for i in range(1, n + 1):
        for j in range(i, 0, -1):
            row[j] = row[j] * x + row[j - 1] * (1 - x)
        row[0] *= x
    k = np.arange(n + 1)
    return np.sum(row * k * k)
