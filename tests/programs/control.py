"""Branches, while loops, early exits."""

import math

import numpy as np

from .registry import program


@program(lambda r: (2.7, 1.0), second_order=True)
def newton_square_root(a, guess):
    x = guess
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


@program(lambda r: (0.3, 1e-10))
def newton_for_kepler(eccentricity, tolerance):
    """Solve E - e sin E = 1 and give a function of E."""
    anomaly = 1.0
    count = 0
    while True:
        step = (anomaly - eccentricity * math.sin(anomaly) - 1.0) / (
            1.0 - eccentricity * math.cos(anomaly)
        )
        anomaly -= step
        count += 1
        if abs(step) < tolerance or count >= 50:
            break
    return anomaly * math.cos(anomaly)


@program(lambda r: (2.3, 40))
def bisection(a, steps):
    low, high = 0.0, a
    f = 0.0
    for _ in range(steps):
        middle = 0.5 * (low + high)
        f = middle**3 - a
        if abs(f) < 0.2:
            break
        if f > 0:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high) + a * f


@program(lambda r: r.normal(size=8))
def first_large_or_sum(x):
    for i in range(len(x)):
        if x[i] > 1.0:
            found = x[i] * i
            break
    else:
        found = x.sum()
    return found * found


@program(lambda r: np.array([0.1, -0.4, 0.2, 0.5]))
def nothing_found(x):
    for v in x:
        if v > 10.0:
            break
    else:
        return (x * x).sum()
    return 0.0 * x[0]


@program(lambda r: r.normal(size=(4, 5)))
def early_return_from_nested_loops(a):
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * a[i, j]
            if total > 4.0:
                return total * a[i, j]
    return total


@program(lambda r: r.normal(size=9))
def skip_some(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] < 0 and i % 2 == 0:
            continue
        if not (-2.0 < x[i] < 2.0):
            continue
        total += math.exp(x[i]) if i > 3 else x[i] ** 3
    return total


@program(lambda r: (r.normal(), 0.5), (0, 1), second_order=True)
def pieces(x, k):
    if x < -1:
        y = -x - 0.5
    elif x <= 1:
        y = 0.5 * x * x
    else:
        y = x - 0.5
    return y * k if y > k else y + k


@program(lambda r: (27, 0.9), 1)
def collatz_weights(n, x):
    weight = x
    steps = 0
    while n != 1 and steps < 30:
        if n % 2 == 0:
            n = n // 2
            weight *= 0.9
        else:
            n = 3 * n + 1
            weight = weight + x / n
        steps += 1
    return weight * steps


@program(lambda r: r.normal(size=6))
def counted_while(x):
    i = 0
    total = 0.0
    while i < len(x):
        if x[i] > 0 or i == 0:
            total += x[i] ** 2
            i += 1
        else:
            total -= 0.5 * x[i]
            i += 2
    return total


@program(lambda r: (r.normal(size=5), 2.0))
def guarded(x, scale):
    assert len(x) > 2, "too short"
    if scale <= 0:
        raise ValueError("scale must be positive")
    if x[0] > 100:
        return 0.0
    return (x / scale).sum() ** 2


@program(lambda r: (1.3, 0.2), (0, 1))
def while_else(x, rate):
    level = x
    n = 0
    while level > 0.5:
        level *= 1.0 - rate
        n += 1
        if n > 20:
            break
    else:
        level += rate
    return level * x


@program(lambda r: (r.normal(size=(4, 3)), 0.8))
def break_from_inner_only(a, threshold):
    total = 0.0
    for i in range(4):
        partial = 1.0
        for j in range(3):
            partial *= 1.0 + 0.5 * a[i, j]
            if partial > threshold * 2:
                break
        if partial < 0:
            continue
        total += partial
    return total


@program(lambda r: (r.normal(size=6), 1.5))
def line_search(x, step):
    value = np.sum(x**2)
    trial = x - step * 2 * x
    while np.sum(trial**2) > 0.5 * value and step > 1e-3:
        step *= 0.5
        trial = x - step * 2 * x
    return np.sum(np.cos(trial)) + step


@program(lambda r: 0.37, second_order=True)
def logistic_map(r):
    x = 0.4
    for i in range(12):
        x = 3.0 * r * x * (1 - x) if i % 3 else x + 0.01 * r
    return x
