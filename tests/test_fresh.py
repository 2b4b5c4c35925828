"""Stores whose old values nothing reads before: not logged where that is certain, and only there."""

import copy

import numpy as np
import pytest

from autodiff_compiler import check_grads, grad, value_and_grad

R = np.random.default_rng(23)
X, W = 0.5 * R.normal(size=7), R.normal(size=7)
M = 0.4 * R.normal(size=(7, 3))
FRESH, LOGGED = [], []


def fresh(*args, argnums=0):
    """A program whose gradient logs no store."""

    def record(f):
        FRESH.append(pytest.param(f, args, argnums, id=f.__name__))
        return f

    return record


def logged(*args, argnums=0):
    def record(f):
        LOGGED.append(pytest.param(f, args, argnums, id=f.__name__))
        return f

    return record


@fresh(X)
def a_state_by_steps(w):
    x = np.zeros(len(w) + 1)
    x[0] = 0.3
    for t in range(len(w)):
        x[t + 1] = np.sin(x[t] * w[t]) + x[t] * x[t]
    return np.sum(x * x)


@fresh(M)
def rows_of_a_state(m):
    x = np.ones((len(m), 3))
    for t in range(1, len(m)):
        x[t] = np.tanh(x[t - 1] * m[t]) + m[t - 1] @ x[t - 1]
    return np.sum(x * x)


@fresh(X)
def downwards(w):
    x = np.ones(len(w))
    for t in range(len(w) - 2, -1, -1):
        x[t] = x[t + 1] * w[t] + np.cos(x[t + 1])
    return np.sum(x * x)


@fresh(X)
def every_second_one(w):
    x = np.ones(len(w) + 2)
    for t in range(0, len(w), 2):
        x[t + 2] = x[t] * x[t] * w[t] + x[t + 1]
    return np.sum(x * x)


@fresh(X, W, argnums=(0, 1))
def all_that_was_found_so_far(w, v):
    x = np.zeros(len(w))
    for i in range(len(w)):
        x[i] = (v[i] - w[:i] @ x[:i] * x[:i].sum()) / (2.0 + w[i] * w[i])
    return np.sum(x * x)


@fresh(X)
def an_inner_loop_below(w):
    x = np.ones(len(w))
    for i in range(1, len(w)):
        s = 0.0
        for j in range(i):
            s += x[j] * x[j] * w[i - j]
        x[i] = np.sin(s)
    return np.sum(x * x)


@logged(X)
def written_twice(w):
    x = np.ones(len(w))
    for i in range(1, len(w)):
        x[i] = w[i] * x[i - 1]
        x[i] = x[i] * x[i] + np.sin(x[i])
    return np.sum(x * x)


@logged(X)
def an_element_ahead(w):
    x = w * w
    for i in range(1, len(w) - 1):
        x[i] = x[i - 1] * x[i + 1] * x[i + 1]
    return np.sum(x * x)


@logged(X)
def an_element_ahead_in_an_arm(w):
    x = w * w
    for i in range(1, len(w) - 1):
        y = x[i - 1]
        if w[i] > 0.0:
            y = x[i + 1] * x[i + 1]
        x[i] = y * w[i] * y
    return np.sum(x * x)


@logged(X)
def the_element_itself(w):
    x = w * w
    for i in range(1, len(w)):
        x[i] = x[i] * x[i] * x[i - 1]
    return np.sum(x * x)


@logged(X)
def the_first_reads_the_last(w):
    x = w * w
    for i in range(len(w)):
        x[i] = x[i - 1] * x[i - 1] * w[i]
    return np.sum(x * x)


@logged(X)
def the_rest_of_it(w):
    x = w * w
    for i in range(1, len(w)):
        s = np.sum(np.sin(x[i:]) * x[i:])
        x[i] = s * x[i - 1]
    return np.sum(x * x)


@logged(X)
def one_too_many(w):
    x = w * w
    for i in range(1, len(w)):
        s = np.sum(np.sin(x[: i + 1]) * x[: i + 1])
        x[i] = s * x[i - 1]
    return np.sum(x * x)


@logged(X)
def a_slice_of_a_slice(w):
    x = w * w
    for i in range(1, len(w)):
        s = np.sum(np.sin(x[2:][:i]) * x[2:][:i])
        x[i] = s * x[i - 1]
    return np.sum(x * x)


@logged(X)
def every_second_one_of_a_slice(w):
    x = w * w
    for i in range(1, len(w)):
        s = np.sum(np.sin(x[::2][:i]) * x[::2][:i])
        x[i] = s * x[i - 1]
    return np.sum(x * x)


@logged(X)
def all_of_it(w):
    x = w * w
    for i in range(1, len(w)):
        x[i] = np.sum(np.exp(x) * x) * w[i - 1]
    return np.sum(x * x)


@logged(X)
def through_an_array_of_numbers(w):
    x = w * w
    which = np.array([2, 4, 6])
    for i in range(1, len(w)):
        s = np.sum(np.sin(x[which]) * x[which])
        x[i] = s * x[i - 1]
    return np.sum(x * x)


@logged(X)
def a_loop_around(w):
    x = w * w
    for _ in range(3):
        for i in range(1, len(w)):
            x[i] = x[i - 1] * x[i - 1] * w[i] + 0.5
        x[0] = x[len(w) - 1] * x[0] * x[3]
    return np.sum(x * x)


@logged(X)
def two_that_trade_places(w):
    p, q = w * 1.0, w * 2.0
    for i in range(1, len(w)):
        q[i] = np.sin(p[i - 1] * w[i]) * q[i - 1] * p[i]
        p, q = q, p
    return np.sum(p * p * q)


@logged(X)
def a_copy_from_before(w):
    x = w * w
    s = 0.0
    for i in range(1, len(w)):
        old = x
        y = old[6] * old[6] if i < 4 else old[0] * old[0]
        x = x.copy()
        x[i] = x[i - 1] * x[i - 1] * y
        s += y * x[i]
    return s + np.sum(x * x)


# --- what is read before the loop and behind it --------------------------------------------------------


@fresh(X)
def read_whole_before_and_between(w):
    x = np.sin(w)
    a = np.sum(np.exp(x) * x)
    for i in range(1, len(w)):
        x[i] = x[i - 1] * x[i - 1] * w[i]
    b = np.sum(x * x * x) + x[3] * x[3]
    for i in range(len(w) - 2, -1, -1):
        x[i] = x[i + 1] * w[i] * x[i + 1]
    return a * b + np.sum(x * x)


@fresh(X)
def the_argument_is_written(w):
    a = w[2] * w[3] * w[3]
    for i in range(1, len(w)):
        w[i] = w[i - 1] * w[i - 1] + 0.1
    return np.sum(w * w) + a


@fresh(X)
def left_early(w):
    x = np.ones(len(w))
    for i in range(1, len(w)):
        x[i] = x[i - 1] * w[i] * x[i - 1]
        if x[i] < -0.5:
            break
    return np.sum(x * x)


def log_of_x(f, args):
    """Is there a tape for what a store overwrites?"""
    ir = grad(f, backend="python").specialize(*copy.deepcopy(args)).ir
    lines = ir.splitlines()
    stored = {line.split(": ")[0].strip().split(".")[0] for line in lines if "= store[" in line}
    return any(f"tape_{name}: " in line for name in stored for line in lines)


@pytest.mark.parametrize(("f", "args", "argnums"), FRESH)
def test_fresh(f, args, argnums):
    assert not log_of_x(f, args)
    check_grads(f, args, argnums, order=2)


@pytest.mark.parametrize(("f", "args", "argnums"), LOGGED)
def test_logged(f, args, argnums):
    assert log_of_x(f, args)
    check_grads(f, args, argnums, order=2)


@pytest.mark.parametrize("n", (0, 1, 2))
def test_few_trips(n):
    for f in (a_state_by_steps, downwards, every_second_one, all_that_was_found_so_far):
        args = (X[:n], W[:n])[: f.__code__.co_argcount]
        if f is downwards and n == 0:
            continue
        for backend in ("python", "c"):
            value, _ = value_and_grad(f, backend=backend)(*args)
            np.testing.assert_allclose(value, f(*args), rtol=1e-13)
