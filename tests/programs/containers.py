"""Tuples, lists and dictionaries, as parameters and within."""

import numpy as np

from .registry import program


@program(lambda r: ({"w": r.normal(size=(3, 2)), "b": r.normal(size=2)}, r.normal(size=(4, 3))))
def dictionary_of_parameters(params, x):
    h = np.tanh(x @ params["w"] + params["b"])
    penalty = 0.0
    for name in ("w", "b"):
        penalty += 0.01 * np.sum(params[name] ** 2)
    return h.sum() + penalty


@program(
    lambda r: (
        [(r.normal(size=(3, 3)), r.normal(size=3)), (r.normal(size=(3, 2)), r.normal(size=2))],
        r.normal(size=3),
    ),
    (0, 1),
)
def list_of_layers(layers, x):
    for w, b in layers:
        x = np.tanh(x @ w + b)
    return x.sum()


@program(lambda r: ((0.5, 1.5, r.normal(size=3)), 2.0), (0, 1))
def tuple_of_parameters(p, t):
    amplitude, rate, phases = p
    return sum([amplitude * np.exp(-rate * t) * np.cos(t + phase) for phase in phases])


@program(lambda r: (0.3, 8), second_order=True)
def grown_list(x, n):
    values = []
    v = x
    for i in range(n):
        v = v * 0.9 + np.sin(v) * 0.1 * i
        values.append(v)
    path = np.array(values)
    return (path**2).mean() + values[-1] + len(values)


@program(lambda r: r.normal(size=(3, 4)))
def list_of_rows(a):
    rows = []
    for row in a:
        rows.append(row / (1.0 + row @ row))
    b = np.array(rows)
    return (b @ b.T).sum()


@program(lambda r: r.normal(size=4))
def comprehensions(x):
    squares = [v * v for v in x]
    table = np.array([[i + x[j] for j in range(3)] for i in range(2)])
    terms = [x[i] * i for i in range(4)]
    return sum(squares) + table.sum() * max(terms) + min(squares)


@program(lambda r: (1.5, -0.5, 2.0), (0, 1, 2), second_order=True)
def unpacking(a, b, c):
    (p, q), r = (a * b, b + c), c * a
    p, q = q, p
    a, b, c = c, a, b
    x = y = p * r
    pair = (x, q)
    u, v = pair
    return u * a + v * b - y * c + pair[0]


@program(lambda r: r.normal(size=(2, 3)))
def state_in_a_dictionary(x):
    state = {"position": x[0].copy(), "speed": x[1] * 2.0}
    state["speed"] += 1.0
    for _ in range(3):
        state["position"] = state["position"] + 0.1 * state["speed"]
        state["speed"] -= 0.1 * state["position"] ** 3
    return state["position"] @ state["speed"]


@program(lambda r: r.normal(size=5))
def list_as_scratch(x):
    window = [x[0], x[1]]
    total = 0.0
    for i in range(2, 5):
        window[0], window[1] = window[1], x[i] * window[0]
        total += window[0] + window[1]
    return total


@program(lambda r: ([0.3, 0.8, -0.2], [1.0, 2.0, 3.0]), (0, 1))
def lists_of_floats(xs, ys):
    total = 0.0
    for k in range(len(xs)):
        total += xs[k] * ys[-1 - k] ** 2
    for a, b in zip(xs, ys):
        total += a / b
    return total
