"""How many numbers a gradient keeps: in proportion to what the program overwrites, not to what it reads."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from autodiff_compiler import check_grads, compile, grad
from autodiff_compiler.ir.interpret import interpret


def cholesky(A):
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[j, :j]
            A[i, j] /= A[j, j]
        A[i, i] -= A[i, :i] @ A[i, :i]
        A[i, i] = np.sqrt(A[i, i])
    return np.sum(A)


def lu(A):
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            A[i, j] -= A[i, :i] @ A[:i, j]
    return np.sum(A)


def gram_schmidt(A):
    m, n = A.shape
    Q = np.zeros((m, n))
    R = np.zeros((n, n))
    for k in range(n):
        R[k, k] = np.sqrt(np.sum(A[:, k] * A[:, k]))
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, n):
            R[k, j] = np.dot(Q[:, k], A[:, j])
            A[:, j] -= Q[:, k] * R[k, j]
    return np.sum(R) + np.sum(Q)


def durbin(r):
    n = r.shape[0]
    y = np.zeros(n)
    y[0] = -r[0]
    beta = 1.0
    alpha = -r[0]
    for k in range(1, n):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(r[:k][::-1], y[:k])) / beta
        y[:k] += alpha * y[:k][::-1]
        y[k] = alpha
    return np.sum(y)


def leapfrog(u, steps):
    p, q = u.copy(), u.copy()
    for _ in range(steps):
        q[1:-1] = 2.0 * np.sin(p[1:-1]) - q[1:-1] + 0.1 * (p[2:] - 2.0 * p[1:-1] + p[:-2])
        p, q = q, p
    return np.sum(p * p)


def insertion_sort(x, w):
    for i in range(1, len(x)):
        j = i
        while j > 0 and x[j - 1] > x[j]:
            x[j - 1], x[j] = x[j], x[j - 1]
            j -= 1
    return np.sum(x * w)


def triple_loop_cholesky(A):
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] /= A[j, j]
        for k in range(i):
            A[i, i] -= A[i, k] * A[i, k]
        A[i, i] = np.sqrt(A[i, i])
    return np.sum(A)


def counts(f, *args):
    """(floats pushed on tapes, integers pushed, floats copied, work of gradient over work of value)."""
    kernel = grad(f, backend="python").specialize(*args)
    seen: Counter = Counter()
    interpret(kernel.program.function, args, seen)
    integers = sum(v for k, v in seen.items() if k in ("push:i64", "push:bool"))
    return seen["push:f64"], integers, seen["copy"]


def positive_definite(n):
    m = np.random.default_rng(0).normal(size=(n, n))
    return m @ m.T + n * np.eye(n)


@pytest.mark.parametrize("n", [10, 20])
def test_cholesky_by_rows(n):
    floats, integers, copied = counts(cholesky, positive_definite(n))
    assert floats <= n * n + 2 * n and integers == 0 and copied <= n * n


@pytest.mark.parametrize("n", [10, 20])
def test_cholesky_by_scalars(n):
    """Each element is accumulated in place n times, and kept once."""
    floats, integers, copied = counts(triple_loop_cholesky, positive_definite(n))
    assert floats <= n * n + 2 * n and integers == 0 and copied <= n * n


@pytest.mark.parametrize("n", [10, 20])
def test_lu(n):
    floats, integers, copied = counts(lu, positive_definite(n))
    assert floats <= 1.5 * n * n and integers == 0 and copied <= n * n


@pytest.mark.parametrize("n", [8, 16])
def test_gram_schmidt_keeps_what_it_overwrites(n):
    floats, integers, copied = counts(
        gram_schmidt, np.random.default_rng(1).normal(size=(n + 2, n))
    )
    overwritten = (n + 2) * n * (n - 1) / 2 + (n + 2) * n + n * (n + 1) / 2
    # and the n sums under the square roots
    assert floats <= overwritten + n and integers == 0 and copied <= (n + 2) * n


@pytest.mark.parametrize("n", [10, 30])
def test_durbin(n):
    floats, integers, copied = counts(durbin, 0.1 * np.random.default_rng(2).normal(size=n))
    assert floats <= n * n / 2 + 5 * n and integers == 0 and copied <= 2 * n


@pytest.mark.parametrize("steps", [5, 15])
def test_leapfrog_with_swapped_buffers(steps):
    n = 12
    floats, integers, copied = counts(leapfrog, np.random.default_rng(3).normal(size=n), steps)
    assert floats <= steps * n and integers == 0 and copied <= 3 * n


def test_insertion_sort_keeps_integers_only():
    x = np.random.default_rng(4).normal(size=9)
    floats, integers, _ = counts(insertion_sort, x, np.arange(9.0))
    assert floats == 0 and integers > 0


def held_in_a_scalar(x, start, stop):
    y = np.cos(x)
    for i in range(start, stop, 2):
        x[i] = y[0] = np.sin(x[i])
        y[0] *= 1.5
    for i in range(stop, start, -2):
        y[1] += x[i] * y[2]
    for i in range(start, stop, stop - start):
        y[3] += x[i]
    return np.sum(x) + np.sum(y * y)


@pytest.mark.parametrize("bounds", [(1, 4), (0, 1), (3, 1), (2, 3)])
@pytest.mark.parametrize("backend", ["python", "c"])
def test_an_element_held_in_a_scalar_is_stored_back(bounds, backend):
    """Whatever the loop's step, and however few trips it makes."""
    x = np.array([0.3, 1.2, -0.7, 0.5, 0.9])
    compiled = compile(held_in_a_scalar, backend=backend)
    assert compiled(x.copy(), *bounds) == pytest.approx(
        held_in_a_scalar(x.copy(), *bounds), rel=1e-13
    )
    check_grads(held_in_a_scalar, (x, *bounds), backends=(backend,))


def two_held_at_once(x, y):
    for i in range(len(x)):
        for v in y.copy():
            y[1] = x[i] = np.cos(x[i] * v)
            if v <= -1.0:
                continue
            y[2] += x[i]
    return np.sum(x) + np.sum(y * y)


@pytest.mark.parametrize("backend", ["python", "c"])
def test_two_elements_held_in_scalars(backend):
    x, y = np.array([0.3, 1.2, -0.7]), np.array([0.4, -1.3, 0.8, 0.1])
    check_grads(two_held_at_once, (x, y), argnums=(0, 1), backends=(backend,))


def scattered(x, index):
    for i in range(3):
        np.add.at(x, index, 0.3 * np.sin(x[i] * x[: len(index)]))
        x[i] *= 0.5 + x[-1 - i]
    return np.sum(x * x)


@pytest.mark.parametrize("backend", ["python", "c"])
def test_repeated_indices_count_once_when_put_back(backend):
    x, index = np.array([0.3, 1.2, -0.7, 0.5]), np.array([2, 0, 2, 2])
    check_grads(scattered, (x, index), backends=(backend,), order=2)


def thomas(w, d):
    c, x = np.zeros(d.shape), d.copy()
    for k in range(1, d.shape[0]):
        a = 0.5 * w[k]
        c[k] = 0.2 * w[k - 1]
        inverse = 1.0 / (3.0 - c[k - 1] * a)
        c[k] = c[k] * inverse
        x[k] = (x[k] - x[k - 1] * a) * inverse
    return np.sum(x * x)


def test_a_row_is_read_again_where_the_sweep_has_it():
    """Rows of c and x before they are divided, and the divisor: not also the row of c before."""
    w, d = np.random.default_rng(0).random((2, 6, 4))
    floats, integers, _ = counts(thomas, w, d)
    assert floats == 3 * 5 * 4 and integers == 0
    check_grads(thomas, (w, d))
