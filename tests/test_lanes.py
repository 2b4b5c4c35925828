"""Loops whose trips are done side by side: which ones qualify, and that the numbers stay the same."""

import copy

import numpy as np
import pytest

from autodiff_compiler import check_grads, compile

R = np.random.default_rng(5)
X, Y = R.normal(size=9), R.normal(size=9)
A, B = R.normal(size=(9, 9)) + 9 * np.eye(9), R.normal(size=(9, 9))
TOGETHER, APART = [], []


def done(*args, argnums=0, loops=0):
    """A program of which `loops` loops are left."""

    def record(f):
        TOGETHER.append(pytest.param(f, args, argnums, loops, id=f.__name__))
        return f

    return record


def left_alone(*args, argnums=0):
    """A program in which no loop qualifies."""

    def record(f):
        APART.append(pytest.param(f, args, argnums, id=f.__name__))
        return f

    return record


@done(X, Y, argnums=(0, 1))
def each_element_for_itself(x, y):
    z = np.empty(len(x))
    for i in range(len(x)):
        t = x[i] * y[i]
        z[i] = np.sin(t) + i * t
    return (z * z).sum()


@done(X)
def a_sum_of_two_kinds(x):
    s, t = 1.5, 0.0
    for i in range(len(x)):
        s += x[i] ** 2
        t = t - np.exp(x[i])
        s = np.cos(x[i]) + s
    return s * t


@done(X)
def a_sum_on_one_way_only(x):
    s = 0.0
    for v in x:
        if v > 0.1:
            s += v * v
        else:
            s -= 2.0 * v
    return s


@done(X, 7)
def a_branch_that_all_trips_take_alike(x, k):
    z = np.zeros_like(x)
    for i in range(len(x)):
        t = x[i]
        if k > 3:
            t = t * t
        z[i] = t * k
    return z.sum()


@done(A, loops=2)
def lu(a):
    n = len(a)
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return np.sum(a * a)


@done(A, loops=3)
def lu_in_three_loops(a):
    n = len(a)
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[k, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            for k in range(i):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(np.sin(a))


@done(A, loops=1)
def gram_schmidt(a):
    n = a.shape[1]
    r = np.zeros((n, n))
    for k in range(n):
        r[k, k] = np.sqrt(a[:, k] @ a[:, k])
        a[:, k] /= r[k, k]
        for j in range(k + 1, n):
            r[k, j] = a[:, k] @ a[:, j]
            a[:, j] -= a[:, k] * r[k, j]
    return np.sum(r) + a[0, 3]


@done(A, B, argnums=(0, 1), loops=1)
def rows_that_are_added_to(c, a):
    n, m = a.shape
    for i in range(n):
        c[i, : i + 1] *= 0.7
        for k in range(m):
            c[i, : i + 1] += 1.5 * a[i, k] * a[: i + 1, k]
    return np.sum(c * c)


@done(X, Y, B, argnums=(0, 1, 2))
def one_element_that_is_added_to(x, y, a):
    for j in range(len(y)):
        x[0] += y[j] * a[3, j]
        x[2] -= y[j]
    return x @ x


@done(B, X, argnums=(0, 1), loops=1)
def paths_in_an_outer_loop(z, x):
    total = 0.0
    for p in range(z.shape[1]):
        s = x[p]
        for t in range(z.shape[0]):
            s *= np.exp(0.1 * z[t, p] - 0.02 * s)
        total += max(s - 0.4, 0.0)
    return total


@done(B[:5], A[:4, :5], argnums=(0, 1), loops=3)
def arrays_of_each_trip(points, w):
    total = 0.0
    for i in range(points.shape[1]):
        u = np.zeros(len(w))
        for k in range(len(w)):
            for j in range(points.shape[0]):
                u[k] += w[k, j] * points[j, i]
        s = 0.0
        for k in range(len(w)):
            s += np.tanh(u[k]) * u[0]
        total += s * s
    return total


@done(B, X, argnums=(0, 1))
def products_with_matrices(a, x):
    y = np.empty((9, 9))
    for i in range(9):
        v = a[:, i] * x
        y[:, i] = a.T @ v + x * (v @ v) + v[::-1] * x[i]
    return np.sum(y * y)


@done(X, 2)
def the_counter_in_both_arms(x, k):
    z = np.zeros(9)
    for i in range(9):
        if k > 3:
            z[i] = x[i] * i
        else:
            z[i] = x[i] + i
    return np.sum(z * z)


@done(X, 5, loops=1)
def the_counter_in_a_loop_and_behind_it(x, k):
    z = np.zeros(9)
    for i in range(9):
        for m in range(k):
            z[i] += x[i] * i
        z[i] *= i + 0.5
    return np.sum(z * z)


@done(X, Y, 1, loops=1)
def a_sum_that_an_inner_loop_looks_at(x, y, c):
    s, t = 0.0, 0.0
    for i in range(9):
        for k in range(9):
            t = np.sin(s * y[k]) + t
        if c > 0:
            s += x[i]
        else:
            s -= x[i]
    return s * t


@done(X)
def columns_and_a_literal_start(x):
    y = np.ones((2, len(x) + 2))
    for i in range(2, len(x)):
        y[1, i] = x[i] * x[i - 2] + y[0, i]
    return np.sum(y**2)


@done(X, 7)
def counters_used_in_two_arms(x, k):
    s = 0.0
    for i in range(len(x)):
        if k > 3:
            s += np.exp(-0.3 * i) * x[i]
        else:
            s -= 0.3 * i * x[i]
        s += x[i] * i
    return s


@done(X, B, argnums=(0, 1), loops=1)
def counter_first_used_in_an_inner_loop(x, a):
    s = 0.0
    for i in range(len(x)):
        for j in range(3):
            s += a[j, i] * np.sin(i * x[j])
        s += x[i] * i
    return s


# --- trips that meet -------------------------------------------------------------------------------


@left_alone(X)
def each_needs_the_one_before(x):
    for i in range(1, len(x)):
        x[i] += 0.5 * x[i - 1]
    return np.sum(x * x)


@left_alone(X)
def read_from_the_other_end(x):
    for i in range(len(x)):
        x[i] = 0.5 * x[len(x) - 1 - i] + 1.0
    return np.sum(x**3)


@left_alone(X)
def first_element_is_read_by_all(x):
    for i in range(len(x)):
        x[i] = x[i] * x[0]
    return np.sum(x)


@left_alone(X)
def written_at_two_places(x):
    for i in range(len(x) - 1):
        x[i] = 2.0 * x[i]
        x[i + 1] = x[i + 1] + 1.0
    return np.sum(x * x)


@left_alone(X)
def negative_counters_count_from_the_end(x):
    for i in range(-9, 9):
        x[i] = x[i] * 1.5 + 0.1
    return np.sum(x * x)


@left_alone(X)
def below_the_first_is_the_last(x):
    y = np.zeros(9)
    for i in range(9):
        y[i] = x[i - 1] * x[i]
        x[i - 1] *= 0.5
    return np.sum(y) + np.sum(x * x)


@left_alone(X)
def a_sum_that_is_looked_at(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i]
        x[i] = s
    return np.sum(x * x)


@left_alone(X)
def a_running_product(x):
    s = 1.0
    for i in range(len(x)):
        s = s * x[i] + 0.3
    return s


@left_alone(X)
def a_running_choice(x):
    s = 0.0
    for i in range(len(x)):
        s = x[i] if x[i] > s else 0.9 * s
    return s


@left_alone(B)
def the_row_below_is_written(a):
    for i in range(8):
        a[i + 1, 0] = a[i, 0] * a[i, 1]
    return np.sum(a * a)


@left_alone(B)
def another_lane_at_another_inner_trip(a):
    for j in range(9):
        for k in range(8):
            a[k + 1, j] += 0.1 * a[k, 0]
    return np.sum(a * a)


@left_alone(X, np.array([0, 3, 3, 1, 0, 2, 3, 8, 5]))
def counted_into_bins(x, where):
    h = np.zeros(9)
    for i in range(9):
        h[where[i]] = h[where[i]] * 0.5 + x[i]
    return np.sum(h * h)


@left_alone(X)
def lost_updates_stay_lost(x):
    z = np.ones(1)
    for i in range(len(x)):
        t = z[0]
        u = z[0]
        z[0] = t + x[i]
        z[0] = u + x[i] * x[i]
    return z[0] * z[0]


@left_alone(X)
def left_by_a_break(x):
    s = 0.0
    for i in range(len(x)):
        if s > 1.0:
            break
        s += x[i] * x[i]
    return s


def loops_left(f, args):
    """How many there are, strips of trips that are done side by side not counted."""
    lines = compile(f, backend="c").specialize(*copy.deepcopy(args)).ir.splitlines()
    return sum(line.lstrip().startswith("for ") and not line.endswith(" of sums") for line in lines)


@pytest.mark.parametrize(("f", "args", "argnums", "loops"), TOGETHER)
def test_side_by_side(f, args, argnums, loops):
    assert loops_left(f, args) == loops
    check(f, args, argnums, order=2)


@pytest.mark.parametrize(("f", "args", "argnums"), APART)
def test_left_alone(f, args, argnums):
    python = compile(f, backend="python").specialize(*copy.deepcopy(args)).ir
    assert loops_left(f, args) == python.count("  for ")
    check(f, args, argnums)


def check(f, args, argnums, order=1):
    check_grads(f, args, argnums, order=order, backends=("c",))
    ours, own = copy.deepcopy(args), copy.deepcopy(args)
    np.testing.assert_allclose(compile(f, backend="c")(*ours), f(*own), rtol=1e-12)
    for a, b in zip(ours, own):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("n", (0, 1, 2, 8))
def test_few_trips(n):
    def f(x, y):
        s = 0.0
        for i in range(len(y)):
            s += x[i] * np.sin(y[i])
        return s

    ours = compile(f, backend="c")
    for missing in (0, 1):
        x, y = X[: n - missing] if n else X[:0], Y[:n]
        if n and missing:
            with pytest.raises(IndexError):
                ours(x, y)
        else:
            np.testing.assert_allclose(ours(x, y), f(x, y), rtol=1e-13)
