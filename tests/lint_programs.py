"""Programs for the linter. What it must find stands at the ends of the lines, and nothing else may be."""

import math

import numpy as np

from autodiff_compiler import stop_gradient


def roots(x):
    r = np.sqrt(np.sum(x**2))  # kink
    s = np.sqrt(1.0 + np.sum(x**2))
    return r + s + np.linalg.norm(x - 1.0)  # kink


def ties(x, y):
    a = np.maximum(x, 0.0)  # kink
    b = np.max(x)  # kink
    c = max(y, 2.0)  # branch
    d = np.clip(x, -1.0, 1.0)  # kink kink
    return np.sum(a + d) + b + c


def cuts(x, y):
    k = int(y)  # cut
    f = np.floor(y)  # cut
    best = x[np.argmax(x)]  # cut
    hits = np.sum(x > 0.5)  # cut
    return (best + f + hits) * y + k


def branches(x):
    if x > 1.0:  # branch
        return x**2
    if x == 0.5:  # equality
        return 2.0 * x
    return x


def trips(x):
    y = x
    while y > 1.0:  # loop
        y = 0.5 * y
    for _ in range(10):
        y = y * 1.5
        if y > 3.0:  # branch
            break
    return y


def unused(x, n, text, scale=2.0):  # unused
    return x * scale + (0.0 if text == "a" else 1.0)


def structurally_zero(x, y):  # zero
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = 0.5 * (low + high)
        if middle < y:  # branch
            low = middle
        else:
            high = middle
    return x * low


def guarded(x, y):
    safe = np.where(x > 0.0, np.sqrt(x), 0.0)  # branch
    unsafe = np.where(x >= 0.0, np.sqrt(x), 0.0)  # branch kink
    if y > 0.0:  # branch
        z = math.log(y) + np.sqrt(y)
    else:
        z = np.sqrt(-y)  # kink
    return np.sum(safe + unsafe) + z


def divisions(x, y):
    a = x / (1.0 + y * y)
    b = x / (1.0 + np.exp(-x))
    c = x / np.abs(y - 1.0)  # kink kink
    return np.sum(a + b + c) / len(x)


def cross_entropy(W, x, k):
    z = W @ x
    z = z - np.max(z)  # kink
    history = []
    for _ in range(3):
        history.append(np.log(np.sum(np.exp(z))))
    return history[1] - z[k] + len(history)


def checked(x):
    assert x > 0.0
    return np.sqrt(x) + np.log(x)


def said_to_be_constant(x):
    return x * math.floor(stop_gradient(x)) + np.floor(stop_gradient(x))


def passive(x, data):
    """What does not carry a derivative is no matter."""
    return x * np.max(np.abs(data)) / np.sum(data > 0) + x * int(data[0])


def sorted_entries(x):
    return np.sum(np.sort(x) * np.arange(4.0))  # kink


def picked(x):
    return np.sum(x[x > 0.0] ** 2)  # branch


V, S = np.array([0.5, -1.0, 2.0, 0.25]), 0.75
PROGRAMS = {
    "roots": (roots, (V,)),
    "ties": (ties, (V, S)),
    "cuts": (cuts, (V, S)),
    "branches": (branches, (S,)),
    "trips": (trips, (S,)),
    "unused": (unused, (S, 3, "a", 2.0)),
    "structurally_zero": (structurally_zero, (S, S)),
    "guarded": (guarded, (V, S)),
    "divisions": (divisions, (V, S)),
    "cross_entropy": (cross_entropy, (np.ones((3, 4)), V, 1)),
    "checked": (checked, (S,)),
    "said_to_be_constant": (said_to_be_constant, (S,)),
    "passive": (passive, (S, np.arange(3))),
    "sorted_entries": (sorted_entries, (V,)),
    "picked": (picked, (V,)),
}
