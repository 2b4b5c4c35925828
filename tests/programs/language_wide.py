"""Statements and calls of Python beyond arithmetic: match, nonlocal, decorators, reflection."""

import functools

import numpy as np

from .objects import Bounds, Filter, Vector
from .registry import program, vector

ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0.0), "tanh": np.tanh}
SKIPPED = {"b"}


def weighted(*items, scale=1.0, **named):
    return sum(items) * scale + sum(named.values())


def positional(a, b, /, c, *, d=2.0):
    return a * b + c * d


def twice(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return f(f(*args, **kwargs))

    return inner


@twice
def squared_plus(x):
    return x * x + 1.0


@program(vector(4))
def arguments_of_every_kind(x):
    pair = (x[0], x[1])
    named = {"d": x[2]}
    a = weighted(*pair, scale=x[2], **{"y": x[3]}) + positional(x[0], *pair[1:], c=x[1])
    return a + positional(*pair, x[3], **named) * squared_plus(x[0])


@program(lambda r: (r.normal(size=3), 2))
def branches_on_modes(x, degree, mode="tanh"):
    match mode:
        case "relu" | "tanh":
            y = ACTIVATIONS[mode](x)
        case None:
            y = x
        case _:
            raise ValueError(f"unknown mode {mode!r} of degree {degree:d}")
    match degree:
        case 1:
            return y.sum()
        case 2 if x[0] > 0.0:
            return (y**2).sum()
        case 2:
            return -(y**2).sum()
    return 0.0


@program(vector(3), second_order=True)
def patterns(x):
    total = 0.0
    for shape in (Vector(x[0], x[1]), [x[2]], {"kind": "disc", "r": x[1]}, Bounds(x[0]), 2.0):
        match shape:
            case Vector(a, y=b):
                total += a * b
            case [a]:
                total += a**3
            case {"kind": "disc", "r": r}:
                total += 3.0 * r * r
            case Bounds(low=low) as found:
                total += low * found.high * x[1]
            case float():
                total += x[2] ** 2 * shape
    match [x[0], x[1], x[2]]:
        case [first, *rest]:
            return total + first * sum(rest)


@program(vector(5))
def matches_in_a_loop(x):
    s = 0.0
    for i in range(5):
        match i % 3:
            case 0:
                s += x[i]
            case 1:
                s += x[i] * 2.0 * s
            case _:
                continue
    return s


@program(vector(4))
def helpers_that_rebind(x):
    total, count, best = 0.0, 0, x[0]
    trail = np.zeros(4)

    def see(v):
        nonlocal total, count, best, trail
        count += 1
        total = total + v * v
        if v > best:
            best = v
        trail = trail + v * x

    for v in x:
        see(v)
    trail[0] = best
    return total * best / count + trail @ trail


@program(vector(4))
def assignments_in_expressions(x):
    kept = [y for v in x if (y := v * v) > 0.25]
    scaled = [last := v * 2.0 for v in x]
    if (top := max(x)) > 0.0:
        return sum(kept) * last + top + scaled[0]
    return last * top


@program(lambda r: r.uniform(0.5, 2.0, size=4) * np.array([1, -1, 1, -1]))
def warnings_are_silenced(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(x > 0, np.log(np.abs(x)), 0.0)
    try:
        y = y * x
    finally:
        y = y + 1.0
    return y.sum()


@program(vector(3))
def questions_about_values(x):
    f = Filter(x[0], x[1])
    s = 0.0
    if type(f) is Filter and callable(f) and not callable(x):
        s += x[0] * 2.0
    for name in ("a", "b", "c"):
        if hasattr(f, name):
            s += getattr(f, name) * x[2]
    if isinstance(s, (int, float)) and not isinstance(f, (tuple, list)):
        s *= type(2.5)(3)
    window = slice(0, 2)
    del f
    return s + np.sum(x[window]) + len((x.shape, 1))


@program(vector(3))
def functions_made_within(x):
    scalings = [lambda v, k=k: v * k for k in range(1, 4)]

    def cubed(f):
        return lambda v: f(v) ** 3

    @cubed
    def shifted(v, *, by=1.0):
        return v + by

    table = {f"f{k}": f for k, f in enumerate(scalings)}
    s = 0.0
    for k in range(3):
        s += table[f"f{k}"](x[k]) * (x[k - 1] if -1 < k < 2 else 1.0)
    return s + shifted(x[0])


@program(lambda r: {"a": r.normal(size=2), "b": 0.5})
def captured_sets(p):
    return sum(np.sum(v**2) for k, v in p.items() if k not in SKIPPED) + p["b"]
