"""Programs that once went wrong: control flow, aliasing, functions."""

import copy

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, check_grads, compile, grad, value_and_grad

BACKENDS = ("python", "c")
FOUND = []


def found(*args, argnums=0, order=1):
    def record(f):
        FOUND.append(pytest.param(f, args, argnums, order, id=f.__name__))
        return f

    return record


@found(np.array([1.3, -0.4, 0.9, -1.7]), order=2)
def sorted_in_nested_loops(a):
    n = len(a)
    for i in range(n):
        for j in range(n - i - 1):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a[0] * a[1] + a[2] ** 2 * a[3]


@found(np.array([0.3, -0.4]), order=2)
def infinity_in_two_blocks(x):
    total = 0.0
    if x[0] < np.inf:
        total += np.sum(np.where(x * x < np.inf, x, 0.0))
    for i in range(2):
        total += np.sum(np.where(np.sum(x * x, keepdims=True) < np.inf, x, i))
    return total


@found(np.array([0.2, -1.1, -0.3, -1.4]), 0.3, np.array([3, 1, 0, 2]), argnums=(0, 1))
def choices_within_choices(x, a, order):
    best = 0.2
    for i in range(len(x)):
        x[i] = 0.5 * x[i] + np.sin(a) ** 2
        best = max(best, np.where(x[order[i]] > 0.0, np.sin(a), 0.5))
    return x.sum() + best


@found(np.arange(1.0, 9.0), order=2)
def views_that_trade_places(a):
    low, high = a[:4], a[4:]
    for _ in range(3):
        low, high = high, low
        low += 0.5 * high * high
    return (low * high).sum() + a[0] ** 2


@found(np.array([[0.4, 1.2, -0.3], [-0.9, 0.2, 1.7], [0.1, 0.6, 1.1]]), order=2)
def arm_that_returns_or_breaks(a):
    s = 0.0
    for i in range(3):
        for j in range(3):
            s += a[i, j] * a[j, i]
            if a[i, j] > 1.0:
                if a[i, 0] < -0.5 and j == 0:
                    return a[i, 0] * s
                break
            a[i, j] *= s
    return a.sum() ** 2


@found(np.array([[0.4, 1.2, -0.3], [-0.9, 0.2, 1.7], [0.1, 0.6, 1.1]]))
def first_of_two_breaks_skips_the_else(a):
    s = a[0, 0]
    for i in range(len(a)):
        if 0.5 * i > a[2, 0]:
            break
        if -0.7 < a[i, 1] <= 0.1:
            break
    else:
        s = s * 3.0
    return s * s


@found(np.array([[0.4, 1.2, -0.3], [-0.9, 0.2, 1.7], [0.1, 0.6, 1.1]]))
def arm_that_searches_and_goes_on(a):
    s = 0.0
    for i in range(3):
        for j in range(3):
            if a[i, j] > 0.3:
                for k in range(j + 1):
                    if a[i, k] < -0.5:
                        return s * a[i, k]
                    s += a[k, j] ** 2
                continue
            a[i, j] = s * a[i, j]
        s *= a[i, 0]
    return a.sum() * s


@found([np.array([0.4, 1.2]), np.array([-0.9, 0.2, 1.7])])
def descent_on_a_list_of_arrays(parameters):
    def loss(p):
        return (p[0] ** 3).sum() * (p[1] ** 2).sum()

    for _ in range(3):
        slopes = grad(loss)(parameters)
        parameters = [p - 0.01 * s for p, s in zip(parameters, slopes)]
    return loss(parameters)


@found({"a": np.array([0.4, 1.2]), "b": 1.5}, 4)
def best_of_dicts(start, trips):
    best = start
    for _ in range(trips):
        new = {"a": best["a"] * best["a"], "b": best["b"] + 0.3}
        if new["a"].sum() > 1.0 or new["b"] < 2.0:
            best = new
    return best["a"].sum() * best["b"]


@found(np.array([0.4, -0.7]), 3, order=2)
def condition_of_python_or_of_numpy(x, k):
    u = x[0] if k > 2 else 0.5
    return np.where(0.3 <= u, np.sin(x[1]), x[0]) * u


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "args", "argnums", "order"), FOUND)
def test_found(f, args, argnums, order, backend):
    check_grads(f, args, argnums, order=order, backends=(backend,))
    ours, own = copy.deepcopy(args), copy.deepcopy(args)
    np.testing.assert_allclose(compile(f, backend=backend)(*ours), f(*own), rtol=1e-12)
    np.testing.assert_equal(ours, own)


def always_raises(x, name):
    if name == "known":
        return x.sum()
    raise ValueError(f"{name} is unknown")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("transform", (grad, value_and_grad))
def test_what_always_raises_raises_its_own_exception(transform, backend):
    with pytest.raises(ValueError, match="^other is unknown$"):
        transform(always_raises, backend=backend)(np.ones(2), "other")
    transform(always_raises, backend=backend)(np.ones(2), "known")


def first_trip_writes(lists):
    for _ in range(3):
        lists[0] = lists[0] * 2.0
        lists = [a * 0.5 for a in lists]
    return lists[0].sum()


def read_under_the_old_name(lists):
    old = lists
    for _ in range(3):
        lists = [a * 0.5 for a in lists]
        old[0][0] = lists[0][1]
    return old[0].sum() + lists[0].sum()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("f", "line", "message"),
    (
        (first_trip_writes, 2, "belongs to the caller"),
        (read_under_the_old_name, 3, "on one way and"),
    ),
)
def test_a_list_that_is_known_elsewhere_is_refused(f, line, message, backend):
    with pytest.raises(UnsupportedError, match=message) as refused:
        compile(f, backend=backend)([np.ones(2), np.ones(3)])
    assert refused.value.lineno == f.__code__.co_firstlineno + line


def raised_on_either_way(w, s):
    return (w[1] if s > 0.1 else w[2]) * 2.0


def test_a_choice_of_which_both_ways_raise():
    with pytest.raises(IndexError, match="index 2 is out of bounds"):
        grad(raised_on_either_way)(np.ones(1), 0.0)
