"""Results that a loop works out row by row: in their place, or aside and past the caches; the same numbers."""

import numpy as np
import pytest

from autodiff_compiler import value_and_grad
from autodiff_compiler.backends.c import prelude

R = np.random.default_rng(23)
ROWWISE, WHOLE = [], []


def rowwise(*args, argnums=0):
    return _recording(ROWWISE, args, argnums)


def whole(*args, argnums=0):
    return _recording(WHOLE, args, argnums)


def _recording(cases, args, argnums):
    def record(f):
        cases.append(pytest.param(f, args, argnums, id=f.__name__))
        return f

    return record


def normal(*shape):
    return R.normal(size=shape)


@rowwise(normal(6, 6) + 5 * np.eye(6), normal(6), argnums=(0, 1))
def a_triangular_system(L, b):
    x = np.zeros(len(L))
    for i in range(len(L)):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
    return np.sum(x * x)


@rowwise(normal(4, 4), normal(7, 4), argnums=(0, 1))
def inputs_of_a_recurrence(w, u):
    h = np.zeros(4)
    total = 0.0
    for t in range(u.shape[0]):
        h = np.tanh(w @ h + u[t])
        total += np.sum(h) * u[t, 1]
    return total


@rowwise(normal(7, 3, 5), normal(3, 5))
def rows_with_two_axes(u, start):
    x = start.copy()
    for t in range(u.shape[0]):
        x = np.sin(x) * u[t] + x[::-1] * u[t, 1:2, 2:3]
        x[0] -= u[t, :, 1:].sum()
    return np.sum(x * x)


@rowwise(normal(5, 4).astype(np.float32), normal(4).astype(np.float32))
def in_single_precision(u, x):
    for t in range(u.shape[0]):
        x = np.cos(x * u[t])
    return np.sum(x)


@rowwise(normal(5, 4), normal(4))
def the_last_row_first(u, x):
    for t in range(u.shape[0] - 1, -1, -1):
        x = np.cos(x) * u[t]
    return np.sum(x)


@rowwise(normal(5, 1), normal(1))
def rows_of_one_element(u, x):
    for t in range(u.shape[0]):
        x = np.cos(x) * u[t]
    return np.sum(x)


@rowwise(normal(0, 4), normal(4), argnums=(0, 1))
def no_rows(u, x):
    for t in range(u.shape[0]):
        x = np.cos(x) * u[t]
    return np.sum(x)


@rowwise(normal(5, 0), normal(0))
def empty_rows(u, x):
    for t in range(u.shape[0]):
        x = np.cos(x) * u[t]
    return np.sum(x) + 1.0


@whole(normal(5, 4), normal(4))
def not_all_rows(u, x):
    for t in range(1, u.shape[0]):
        x = np.cos(x) * u[t]
    return np.sum(x)


@whole(normal(5, 4), normal(4))
def a_row_and_the_next(u, x):
    for t in range(u.shape[0]):
        x = np.cos(x) * u[t] + u[t - 1]
    return np.sum(x)


@whole(normal(5, 4), normal(4))
def used_before_the_loop_too(u, x):
    total = np.sum(u * u)
    for t in range(u.shape[0]):
        x = np.cos(x) * u[t]
    return np.sum(x) * total


@whole(normal(5, 4), normal(4))
def a_loop_that_may_end(u, x):
    for t in range(u.shape[0]):
        x = np.cos(x) * u[t]
        if x[0] > 0.9:
            break
    return np.sum(x)


@whole(normal(6, 4), normal(4))
def every_second_row(u, x):
    for t in range(0, u.shape[0], 2):
        x = np.cos(x) * u[t]
    return np.sum(x)


@whole(normal(4, 4), normal(4))
def more_trips_than_rows(u, x):
    for t in range(2 * u.shape[0]):
        x = np.cos(x) * u[t - u.shape[0]]
    return np.sum(x)


@whole(normal(5, 4), normal(4))
def rows_read_in_a_branch(u, x):
    for t in range(u.shape[0]):
        if x[0] > 0.0:
            x = np.cos(x) * u[t]
        else:
            x = np.cos(x) + u[0]
    return np.sum(x)


def check(f, args, argnums):
    given, expected = (
        value_and_grad(f, argnums=argnums, backend=b)(*args) for b in ("c", "python")
    )
    many = isinstance(argnums, tuple)
    rtol = 1e-5 if args[0].dtype == np.float32 else 1e-13
    assert np.allclose(given[0], expected[0], rtol=rtol)
    for a, b in zip(*((x[1] if many else [x[1]]) for x in (given, expected)), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert np.allclose(a, b, rtol=rtol, atol=rtol)
    kernel = value_and_grad(f, argnums=argnums, backend="c").specialize(*args)
    return kernel.c_source.count("adc_set_row(")


@pytest.mark.parametrize("limit", ["ADC_ASIDE", "always aside"])
@pytest.mark.parametrize(("f", "args", "argnums"), ROWWISE)
def test_rows_one_after_the_other(f, args, argnums, limit, monkeypatch):
    if limit != "ADC_ASIDE":
        monkeypatch.setitem(prelude._HELPERS, "ADC_ASIDE", "#define ADC_ASIDE 0\n")
    assert check(f, args, argnums) == 2  # the helper and its call


@pytest.mark.parametrize(("f", "args", "argnums"), WHOLE)
def test_arrays_that_are_filled_at_once(f, args, argnums):
    assert check(f, args, argnums) == 0


def test_a_result_beyond_the_caches():
    n = 1500
    L = np.tril(R.normal(size=(n, n))) / n + np.eye(n)
    b = R.normal(size=n)

    def solve(L, b):
        x = np.zeros(n)
        for i in range(n):
            x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
        return np.sum(x)

    _, (d_L, d_b) = value_and_grad(solve, argnums=(0, 1), backend="c")(L, b)
    # x = inv(L) b: d_b = inv(L)^T 1, d_L = -d_b x^T where L is read
    expected = np.linalg.solve(L.T, np.ones(n))
    assert np.allclose(d_b, expected, rtol=1e-12)
    x = np.linalg.solve(L, b)
    assert np.allclose(d_L, -np.tril(np.outer(expected, x)), rtol=1e-11, atol=1e-13)


def test_loops_that_are_shared_out_keep_their_adds():
    def scaled(u, x):
        total = 0.0
        for t in range(u.shape[0]):
            y = np.cos(x) * u[t]
            total += y @ np.sin(y)
        return total

    u, x = normal(5, 4), normal(4)
    text = value_and_grad(scaled, backend="c", threads=2).specialize(u, x).c_source
    assert "adc_set_row" not in text
