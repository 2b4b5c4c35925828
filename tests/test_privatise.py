"""Arrays that serve one trip of a loop at a time, and loops of sums: what is moved, and that it stays right."""

import copy

import numpy as np
import pytest

from autodiff_compiler import check_grads, compile, grad

RNG = np.random.default_rng(3)
X, W = RNG.normal(size=(7, 5)), RNG.normal(size=5)
LONG = RNG.normal(size=(300, 5))


def filled_by_a_loop(x, w):
    n, m = x.shape
    t = np.empty(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            t[k] = x[i, k] * w[k] + np.sin(w[k])
        top = np.max(t)
        total += top + np.log(np.sum(np.exp(t - top)))
    return total


def filled_by_a_slice(x, w):
    t = np.zeros(x.shape[1])
    total = 0.0
    for i in range(x.shape[0]):
        t[:] = x[i] * w
        t[1] = t[0] * t[2]
        total += np.sum(t * t)
    return total


def filled_in_two_dims(x, w):
    n, m = x.shape
    t = np.zeros((m, m))
    total = 0.0
    for i in range(n):
        for a in range(m):
            for b in range(m):
                t[a, b] = x[i, a] * w[b] - x[i, b]
        for a in range(m):
            total += t[a, a] * np.sum(t[a] * t[:, a])
    return total


def filled_row_by_row(x, w):
    n, m = x.shape
    t = np.zeros((m, m))
    total = 0.0
    for i in range(n):
        for a in range(m):
            t[a, :] = x[i, a] * w
        total += np.sum(t @ x[i])
    return total


def filled_within_a_loop_within_a_loop(x, w):
    n, m = x.shape
    t = np.zeros(m)
    total = 0.0
    for r in range(3):
        for i in range(n):
            for k in range(m):
                t[k] = x[i, k] * w[k] * (r + 1.0)
            total += np.sum(np.sin(t))
    return total


def two_that_change_places(x, w):
    n, m = x.shape
    p, q = np.zeros(m), np.zeros(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            p[k] = x[i, k] * w[k]
        total += np.sum(p * p)
        p, q = q, p
    return total


PRIVATE = [
    (filled_by_a_loop, ["t"]),
    (filled_by_a_slice, ["t"]),
    (filled_in_two_dims, ["t"]),
    (filled_row_by_row, ["t"]),
    (filled_within_a_loop_within_a_loop, ["t"]),
]


def not_all_of_it(x, w):
    n, m = x.shape
    t = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(1, m):
            t[k] = x[i, k] * w[k]
        t[0] = t[0] * 0.9 + t[1]
        total += np.sum(t)
    return total


def the_trip_before(x, w):
    n, m = x.shape
    t = np.ones(m)
    total = 0.0
    for i in range(n):
        total += np.sum(t * x[i])
        for k in range(m):
            t[k] = x[i, k] * w[k]
    return total


def the_element_before(x, w):
    n, m = x.shape
    t = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            t[k] = x[i, k] * w[k] + 0.5 * t[k - 1]
        total += np.sum(t)
    return total


def the_element_behind(x, w):
    n, m = x.shape
    t = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            t[k] = x[i, k] * w[k]
            if k + 1 < m:
                total += t[k] * t[k + 1]
    return total


def read_afterwards(x, w):
    n, m = x.shape
    t = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            t[k] = x[i, k] * w[k]
        total += np.sum(t * t)
    return total + t[2]


def filled_on_one_way_only(x, w):
    n, m = x.shape
    t = np.ones(m)
    total = 0.0
    for i in range(n):
        if x[i, 0] > 0.0:
            for k in range(m):
                t[k] = x[i, k] * w[k]
        total += np.sum(t * t)
    return total


def filled_until_a_break(x, w):
    n, m = x.shape
    t = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            if x[i, k] > 1.0:
                break
            t[k] = x[i, k] * w[k]
        total += np.sum(t * t)
    return total


SHARED = [
    not_all_of_it, the_trip_before, the_element_before, the_element_behind, read_afterwards,
    filled_on_one_way_only, filled_until_a_break, two_that_change_places,
]  # fmt: skip


def made_in_a_loop(f, name):
    """Is the array made in the body of a loop?"""
    ir = compile(f, backend="c").specialize(X, W).ir
    return any(
        line.startswith("    ") and line.strip().startswith(f"{name}:") and "full" in line
        for line in ir.splitlines()
    )


@pytest.mark.parametrize(("f", "names"), PRIVATE)
def test_serves_one_trip(f, names):
    assert all(made_in_a_loop(f, name) for name in names)
    check(f)


@pytest.mark.parametrize("f", SHARED)
def test_serves_more_than_one_trip(f):
    assert not made_in_a_loop(f, "t")
    check(f)


def check(f, args=(X, W), argnums=(0, 1)):
    check_grads(f, args, argnums, order=2, backends=("c",))
    np.testing.assert_allclose(compile(f, backend="c")(*copy.deepcopy(args)), f(*args), rtol=1e-12)


def test_no_trips():
    none = np.zeros((0, 5))
    assert compile(filled_by_a_loop, backend="c")(none, W) == 0.0
    assert np.all(grad(filled_by_a_loop, argnums=1, backend="c")(none, W) == 0.0)


# -- loops of sums: their trips are done again when they are reversed --------------------------------


def what_they_read_is_overwritten(x, w):
    w = w.copy()
    total = 0.0
    for i in range(x.shape[0]):
        total += np.sin(x[i, 0] * w[1]) * x[i, 2]
    w[1] = total * w[0]
    for i in range(x.shape[0]):
        total += np.cos(x[i, 1] * w[1]) * total_of(w)
    w *= 2.0
    return total * w[1] + np.sum(w)


def total_of(w):
    return w[0] * w[1]


def in_a_loop_that_writes(x, w):
    w = w.copy()
    for step in range(4):
        g = 0.0
        for i in range(x.shape[0]):
            g += x[i, 0] * np.tanh(x[i, 1] * w[step])
        w[step] -= 0.1 * g
        w[4] = w[step] * g
    return np.sum(w * w)


def several_sums(x, w):
    a, b = w[0], 1.0
    for i in range(x.shape[0]):
        r = np.sin(x[i, 0] * w[1]) - np.tanh(x[i, 1])
        a += r * r
        b -= np.cos(r) * w[2]
    return a * b + a


def a_sum_from_a_loop_inside(x, w):
    total = 0.0
    for i in range(x.shape[0]):
        y = 0.0
        for k in range(x.shape[1]):
            y += np.sin(x[i, k] * w[k])
        total += y * y * y
    return total


def a_while_around(x, w):
    s, count = w[0], 0
    while count < 3:
        loss = 0.0
        for i in range(x.shape[0]):
            loss += (np.sin(x[i, 0] * s) - np.exp(x[i, 1])) ** 2
        s = s - 0.001 * loss
        count += 1
    return s


SUMS = [
    what_they_read_is_overwritten, in_a_loop_that_writes, several_sums, a_sum_from_a_loop_inside,
    a_while_around,
]  # fmt: skip


@pytest.mark.parametrize("f", SUMS)
@pytest.mark.parametrize("x", (X, LONG), ids=("one strip", "two strips"))
def test_sums(f, x):
    assert "of sums" in compile(f, backend="c").specialize(x, W).ir
    # The oracle's work grows with the square of what is differentiated by.
    check(f, (x / 8.0, W), (0, 1) if x is X else (1,))


def test_nothing_stays_on_a_tape():
    ir = grad(a_sum_from_a_loop_inside, backend="c").specialize(LONG, W).ir
    before, *strips = ir.split(
        "\n  for "
    )  # one loop goes through the strips, forwards and backwards
    assert "tape" not in before and len(strips) == 1
    assert "tape" not in strips[0].splitlines()[0]
