"""Branches and loops in the front end: the graph does what the function does."""

import math

import numpy as np
import pytest

from autodiff_compiler.errors import CheckFailed
from tests.frontend_harness import agree, run

X = np.array([0.5, -1.0, 2.0, 0.25])
Y = np.array([1.5, 0.3, -0.7, 1.0])
A = np.arange(12.0).reshape(3, 4) - 5.5


# --- branches ----------------------------------------------------------------------------------------


def sign_of(x):
    if x > 0:
        y = 1
    elif x < 0:
        y = -1.5
    else:
        y = 0
    return y * x + 1


def early_returns(x, n):
    if n == 0:
        return x
    if n == 1:
        y = x * 2
        if y > 1:
            return y
        y = y + 1
    else:
        y = 3.0
    return y * x


def value_of_and(x, y):
    return (x and y) + (x or y) * (not x)


def chained(x, n):
    return 1.0 if 0 < x < 1 < n else x


def maybe_bound(x, n):
    if n > 2:
        z = x * 2
    if n > 3:
        return z
    return x


def swap_in_arm(x, n):
    a, b = x.copy(), x * 2
    if n > 0:
        a, b = b, a
    a[0] = 9.0
    return a, b


def write_in_one_arm(x, n):
    a = x.copy()
    b = a
    if n > 0:
        a[1] = 5.0
        b[0] += 1.0
    else:
        a = a * 3
    return a.sum(), b.sum()


def fresh_in_both(x, n):
    if n > 0:
        a = x * 2
        b = a
    else:
        a = np.zeros(4)
        b = a
    b[0] = 7.0
    return a, b


def raise_in_arm(x, n):
    if n < 0:
        message = f"bad {n}"
        raise ValueError(message)
    y = x * n
    assert y < 1e9, f"too much: {y}"
    return y


def dead_after_a_write(p, n):
    a = p.copy()
    d = a * 0.5
    if n < 1:
        d, a = a, d
        if n < 0:
            d[0] = 5.0
    elif n < 3:
        return a
    return a * 2


def next_or_out(x, n):
    trips = 0
    for i in range(n):
        trips += 1
        if x[i] > 0:
            continue
        elif x[i] < -3:
            return trips * 10
        else:
            break
    return trips


@pytest.mark.parametrize("n", [-1, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("f", [early_returns, chained, maybe_bound], ids=lambda f: f.__name__)
def test_branches_on_numbers(f, n):
    agree(f, 0.7, n)
    agree(f, -0.7, n)


@pytest.mark.parametrize("n", [-1, 0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "f",
    [swap_in_arm, write_in_one_arm, fresh_in_both, dead_after_a_write, next_or_out],
    ids=lambda f: f.__name__,
)
def test_branches_on_arrays(f, n):
    agree(f, X, n)


def test_values_of_conditions():
    for x in (2.0, 0.0, -3.0):
        agree(sign_of, x)
        for y in (0.0, 5.0):
            agree(value_of_and, x, y)


def test_raising():
    agree(raise_in_arm, 1.0, 3)
    for n in (-1, 10**10):
        with pytest.raises(CheckFailed):
            run(raise_in_arm, 1.0, n)


# --- loops -------------------------------------------------------------------------------------------


def last_index(n):
    i = -7
    for i in range(n):
        pass
    return i


def unbound_index(n):
    for i in range(1, n, 2):
        j = i * 2
    return i + j


def range_with_steps(start, stop, step):
    total = 0
    for i in range(start, stop, step):
        total = total * 3 + i
    return total


def counter_reassigned(n):
    total = 0
    for i in range(n):
        i *= 2
        total += i
    return total


def integer_becomes_float(x):
    total = 0
    for v in x:
        total += v
    return total


def loop_with_everything(x, n):
    total = 0.0
    for i in range(n):
        if i == 1:
            continue
        total += x[i % 4]
        if total > 2:
            break
        for j in range(i):
            if x[j] < 0:
                return total * 100
            total += 0.1
    else:
        total += 50
    return total


def while_with_break(x):
    n = 0
    while x > 0.1:
        x *= 0.5
        n += 1
        if n > 5:
            break
    else:
        n += 100
    return x, n


def while_true(x):
    n = 0
    while True:
        n += 1
        if n % 2:
            continue
        x = x * 0.9
        if x < 0.2 or n > 20:
            return x * n


def impure_test(x):
    a = x.copy()

    def shrink():
        a[0] *= 0.5
        return a[0]

    while shrink() > 0.01:
        a[1] += 1.0
    return a


def walrus_in_while(x):
    n = 0
    while (y := x * 0.5**n) > 0.1:
        n += 1
    return y, n


def swapped(x, n):
    p, q = x.copy(), np.zeros(4)
    for _ in range(n):
        q[1:] = p[:-1]
        q[0] = p[-1] * 2
        p, q = q, p
    p[0] = 3.0
    return p, q


def rotated(x, n):
    a, b, c = x.copy(), x * 2, x * 3
    for i in range(n):
        a[0] += i
        a, b, c = b, c, a
    return a, b, c


def swapped_sometimes(x, n):
    p, q = x.copy(), x * 2
    for i in range(n):
        if i % 2:
            p, q = q, p
        p[0] += 1
    return p, q


def rebound(x, n):
    u = x
    for _ in range(n):
        u = u * 0.5 + 1
    return u


def rebound_and_written(x, n):
    u = x.copy()
    for i in range(n):
        u = u * 0.5
        u[i] = 1.0
    return u


def alias_kept_round(x, n):
    a = x.copy()
    b = a
    for i in range(n):
        a = a + 1
        b = a
        b[0] = i
    return a, b


def carried_view(a, n):
    b = a.copy()
    prev = b[0]
    total = 0.0
    for i in range(1, n):
        now = b[i]
        b[i - 1, 0] += 1.0
        total += prev @ now
        prev = now
    prev[1] = 100.0
    return total, b


def array_born_in_loop(x, n):
    for i in range(n):
        y = x * i
    return y


def over_tuple_with_exit(x):
    total = 0.0
    for k, f in enumerate((math.sin, math.cos, math.exp)):
        total += f(x) * k
        if total > 1.0:
            break
        if total < -0.5:
            return total - 100
    else:
        total = -total
    return total


def nested_exit(a, limit):
    for row in a:
        for v in row:
            if v > limit:
                return row.sum() * v
        if row[0] > 2:
            break
    else:
        return -1.0
    return 0.5


def zips(x, y):
    total = 0.0
    for k, (a, b) in enumerate(zip(x, reversed(y)), start=2):
        total += k * a - b
    for i, w in zip(range(10), x):
        total += i * w
    for w, v in zip((1.0, 2.0), x):
        total += w * v
    return total


def heterogeneous(x):
    layers = [(x, 2.0), (x * 3, 4.0)]
    total = 0.0
    for i in range(len(layers)):
        w, b = layers[i]
        total += w.sum() * b
    return total


@pytest.mark.parametrize("n", [-2, 0, 1, 2, 5, 8])
@pytest.mark.parametrize("f", [last_index, counter_reassigned], ids=lambda f: f.__name__)
def test_counted_loops(f, n):
    agree(f, n)


@pytest.mark.parametrize(
    "bounds", [(0, 5, 1), (5, 0, -2), (3, 3, 1), (0, 10, 3), (-4, 4, 5), (5, 1, 1)]
)
def test_ranges(bounds):
    agree(range_with_steps, *bounds)


def test_step_of_zero():
    with pytest.raises(CheckFailed):
        run(range_with_steps, 0, 5, 0)


def test_unbound_after_loop():
    agree(unbound_index, 4)
    with pytest.raises(CheckFailed):
        run(unbound_index, 1)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "f",
    [loop_with_everything, swapped, rotated, swapped_sometimes, rebound, rebound_and_written, alias_kept_round],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_arrays_in_loops(f, n):
    agree(f, X, n)
    agree(f, np.abs(X), n)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_views_and_births(n):
    agree(carried_view, A, n)
    agree(array_born_in_loop, X, n)


@pytest.mark.parametrize("x", [0.0, 0.05, 0.4, 3.0, 90.0])
@pytest.mark.parametrize(
    "f",
    [while_with_break, while_true, walrus_in_while, over_tuple_with_exit],
    ids=lambda f: f.__name__,
)
def test_while(f, x):
    agree(f, x)


def test_other_loops():
    agree(integer_becomes_float, X)
    agree(impure_test, X)
    for limit in (-10.0, 0.0, 3.0, 100.0):
        agree(nested_exit, A, limit)
    agree(zips, X, Y)
    agree(heterogeneous, X)
