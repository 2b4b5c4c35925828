"""Extremes that only shift are constants to the derivative, and no others are."""

import numpy as np
import pytest

from autodiff_compiler import grad, jacobian, value_and_grad
from autodiff_compiler.testing import check_grads

R = np.random.default_rng(71)
X, Y = R.normal(size=(4, 5)), R.normal(size=(4, 5))
V = R.normal(size=5)
SQUARE = R.normal(size=(4, 4))
SHIFTING, OTHERS = [], []


def case(kind, *args, argnums=(0,)):
    def keep(f):
        kind.append(pytest.param(f, args, argnums, id=f.__name__))
        return f

    return keep


@case(SHIFTING, X)
def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    out = e / np.sum(e, axis=-1, keepdims=True)
    return np.sum(out * out)


@case(SHIFTING, X)
def over_the_first_axis(x):
    e = np.exp(x - x.max(axis=0))
    return np.sum((e / e.sum(axis=0)) ** 3)


@case(SHIFTING, X, Y, argnums=(0, 1))
def log_softmax(x, y):
    m = np.max(x, axis=1)
    t = x - m[:, None]
    return -np.sum(y * (t - np.log(np.sum(np.exp(t), axis=1))[:, None]))


@case(SHIFTING, V)
def log_of_a_sum(x):
    m = x.max()
    return m + np.log(np.exp(x - m).sum())


@case(SHIFTING, V, 0.7, argnums=(0, 1))
def with_a_temperature(x, T):
    m = np.max(x)
    e = np.exp((x - m) / T)
    return m + T * np.log(np.mean(e)) + np.sum((e / np.sum(e)) ** 2)


@case(SHIFTING, V)
def the_smallest(x):
    m = np.min(x)
    return m - np.log(np.sum(np.exp(-(x - m))))


@case(SHIFTING, X, Y, SQUARE, argnums=(0, 1, 2))
def attention(q, k, v):
    s = q @ k.T / np.sqrt(q.shape[1])
    e = np.where(s > -0.8, np.exp(s - np.max(s, axis=1, keepdims=True)), 0.0)
    return np.sum((e @ v / (np.sum(e, axis=1, keepdims=True))) ** 2)


@case(SHIFTING, X)
def row_by_row(x):
    total = 0.0
    for i in range(len(x)):
        m = np.max(x[i])
        total += (m + np.log(np.sum(np.exp(x[i] - m)))) ** 2
    return total


@case(OTHERS, V)
def a_little_more_below(x):
    e = np.exp(x - np.max(x))
    return np.sum((e / (np.sum(e) + 0.3)) ** 2)


@case(OTHERS, V)
def the_largest_itself(x):
    m = np.max(x)
    e = np.exp(x - m)
    return np.sum(e / np.sum(e) * x) + m


@case(OTHERS, V)
def forgotten(x):
    m = np.max(x)
    return np.log(np.sum(np.exp(x - m)))


@case(OTHERS, V)
def added_twice(x):
    m = np.max(x)
    return 2.0 * m + np.log(np.sum(np.exp(x - m)))


@case(OTHERS, SQUARE)
def of_rows_and_of_columns(x):
    m = np.max(x, axis=1)
    return np.sum(np.sin((x - m[:, None]) - (x - m[None, :])))


@case(OTHERS, SQUARE)
def scaled_by_rows_divided_by_columns(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return np.sum((e / np.sum(e, axis=0)) ** 2)


@case(OTHERS, SQUARE, SQUARE.T.copy(), argnums=(0, 1))
def a_product_over_what_is_scaled(x, y):
    e = np.exp(x - np.max(x, axis=0))
    return np.sum((e @ y / np.sum(e, axis=0)) ** 2)


@case(OTHERS, V, 0.7, 0.8, argnums=(0, 1, 2))
def two_temperatures(x, T, S):
    m = np.max(x)
    e = np.exp((x - m) / T)
    return np.sum(e / np.sum(np.exp((x - m) / S)))


@case(OTHERS, V)
def a_sum_that_is_kept_over_trips(x):
    m = np.max(x)
    s = 0.0
    for i in range(len(x)):
        s += np.exp(x[i] - m)
    return m + np.log(s) + np.exp(x[0] - m)


@case(OTHERS, V, Y, argnums=(0, 1))
def where_the_other_side_does_not_follow(x, y):
    e = np.exp(x - np.max(x))
    e = np.where(y[0] > 0.0, e, 0.5)
    return np.sum((e / np.sum(e)) ** 2)


@case(OTHERS, np.abs(V))
def a_square_of_the_scaled(x):
    e = np.exp(x - np.max(x))
    return np.sum(e**2 / np.sum(e)) + np.sum(np.sqrt(e))


@case(OTHERS, V)
def written_away(x):
    out = np.zeros(6)
    m = np.max(x)
    out[:5] = x - m
    return np.sum(out**2) + np.exp(-m)


@pytest.mark.parametrize("f, args, argnums", SHIFTING + OTHERS)
def test_gradients(f, args, argnums):
    check_grads(f, args, argnums, order=2)


@pytest.mark.parametrize("f, args, argnums", SHIFTING)
def test_nothing_is_owed_to_what_only_shifts(f, args, argnums):
    assert "==" not in source(f, args, argnums)


@pytest.mark.parametrize("f, args, argnums", OTHERS)
def test_what_hangs_on_it_is_shared_out(f, args, argnums):
    assert "==" in source(f, args, argnums)


def source(f, args, argnums):
    """The gradient as Python; entries that reach an extreme are found by `==`."""
    return grad(f, argnums=argnums, backend="python").specialize(*args).source


@pytest.mark.parametrize("backend", ("python", "c"))
def test_ties_and_entries_far_below(backend):
    g = value_and_grad(log_of_a_sum, backend=backend)
    np.testing.assert_allclose(g(np.array([2.0, 2.0, -800.0]))[1], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(g(np.full(4, 1e300))[1], np.full(4, 0.25))
    value, found = g(np.array([0.0, -np.inf]))
    assert value == 0.0
    np.testing.assert_array_equal(found, [1.0, 0.0])


@pytest.mark.parametrize("backend", ("python", "c"))
def test_what_is_not_a_number_is_seen(backend):
    _, found = value_and_grad(softmax, backend=backend)(np.array([[1.0, np.nan], [0.0, 1.0]]))
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


def test_a_jacobian():
    def probabilities(x):
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    p = probabilities(V)
    np.testing.assert_allclose(jacobian(probabilities)(V), np.diag(p) - np.outer(p, p), atol=1e-15)
