"""Programs over arrays that once came out wrong: each is held to the references on both back ends."""

import copy

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.testing import check_grads

PROGRAMS = []


def program(*args, argnums=0, order=1):
    def record(fn):
        PROGRAMS.append(pytest.param(fn, args, argnums, order, id=fn.__name__))
        return fn

    return record


X = np.array([0.3, -1.2, 0.7, 2.1, -0.4, 1.5])
A = np.arange(16.0).reshape(4, 4) / 7.0 - 1.0


# An array stored into itself, whole: NumPy reads all of it first, and so must its adjoint.


@program(X, order=2)
def reversed_in_place(x):
    y = x**2
    y[::-1] = y
    return y[0] + 3.0 * y[4] * y[1]


@program(X, order=2)
def added_to_its_reverse(x):
    y = x.copy()
    y[::-1] += y
    y[:] -= y * y
    y[:] = y
    return (y**3 * np.arange(6)).sum()


@program(A, order=2)
def into_its_own_transpose(a):
    b = a.copy()
    b[...] = b.T
    b.T[:] = b
    b += b.T
    b[:] = b[0][:, None]
    b.T[0] = b[1] * b[:, 2]
    return (b * a).sum()


@program(X, np.array([3, 2, 0, 1, 5, 4]))
def permuted_by_index_arrays(x, p):
    y = x.copy()
    y[p] = y
    y[p] *= y
    np.add.at(y, p, y)
    q = p.copy()
    q[q] = q
    return (y * q).sum()


@program(X, np.array([3, 3, 0, 1, 5, 5]))
def the_last_of_itself_stays(x, p):
    y = x**2
    y[p] = y
    return (y * np.arange(6)).sum()


# The arm of `np.where` that is not taken, seen through sums, broadcasts and reductions.


@program(np.array([[1.0, 2.0], [0.0, 0.0], [3.0, -1.0]]))
def rows_normalised_but_the_zeros(v):
    n = np.sqrt((v**2).sum(1))
    return (np.where(n[:, None] > 0, v / n[:, None], 0.0) ** 3).sum()


@program(np.array([1.0, 0.0, 2.0]), np.array([1.0, 2.0, 3.0]), argnums=(0, 1), order=2)
def masked_outer_product(v, w):
    m = (v > 0)[:, None] & (w > 1)[None]
    a = np.where(m, np.outer(np.sqrt(v), w**1.5), 0.0)
    return a.sum() + np.where(m, np.log(v)[:, None] * w, 1.0).mean()


@program(np.array([0.0, 0.0, 2.0]), 0.0, order=2)
def one_mask_for_a_whole_sum(v, flag):
    total = np.where(flag > 0.0, np.log(v).sum() + np.sqrt(v) @ v, v @ v)
    return total * 2.0


@program(np.array([[1.0, 2.0], [0.0, 2.0], [3.0, 1.0]]), np.array([True, False, True]))
def masked_row_sums(v, m):
    return np.where(m, np.log(v[:, 0] * np.ones((1, 3))).sum(axis=0), v[:, 1]).sum()


@program(np.array([0.0, -1.5, 2.0]), order=2)
def power_zero(x):
    return (x**0).sum() + x[0]


@program(np.array([0.0, 1.5, 2.0]), 0, order=2)
def power_that_is_zero(x, n):
    return (x**n).sum() + x[0]


# A product by one is not the array itself when the array is written later.


@program(X)
def out_of_ufuncs(x):
    out = np.empty(6)
    np.multiply(x, x, out=out)
    np.add(out, 1.0, out=out)
    return out @ x


# The user's name for a function is nobody else's in C.


@program(X, 2)
def mod(x, n):
    return (x % 1.7).sum() + x[0] ** n


@program(X, 2)
def ipow(x, n):
    return x[n**n] * x[0]


@program(X)
def call(x):
    return (x * x).sum()


# Another shape of an array, made on one way only: its sizes are known there alone.


@program(X, A)
def reshaped_on_either_way(x, a):
    if a[0, 0] > 0.5:
        m = x.reshape(2, 3)
    else:
        m = (2.0 * x).reshape(3, 2)
    return np.sum(m * m) * x[0]


@pytest.mark.parametrize("fn, args, argnums, order", PROGRAMS)
def test_derivatives(fn, args, argnums, order):
    kept = copy.deepcopy(args)
    check_grads(fn, args, argnums=argnums, order=order)
    for mine, theirs in zip(args, kept, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("backend", ["python", "c"])
@pytest.mark.parametrize("fn, args, argnums, order", PROGRAMS)
def test_values(fn, args, argnums, order, backend):
    theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
    expected = fn(*theirs)
    value = ad.compile(fn, backend=backend)(*ours)
    assert type(value) is type(expected)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


@pytest.mark.parametrize("backend", ("python", "c"))
@pytest.mark.parametrize("dtype", (np.int64, np.int32, np.float32, np.float64))
def test_quantiles_at_whole_numbers_are_entries(backend, dtype):
    def f(a, q, k):
        return np.quantile(a, 1), np.quantile(a, q, axis=0), np.quantile(a, k), np.quantile(a, 1.0)

    args = (np.arange(12, dtype=dtype).reshape(3, 4), np.array([0, 1, 1]), np.int64(0))
    for ours, own in zip(ad.compile(f, backend=backend)(*args), f(*args), strict=True):
        assert np.asarray(ours).dtype == np.asarray(own).dtype
        np.testing.assert_array_equal(ours, own)


@pytest.mark.parametrize("backend", ("python", "c"))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_softmax_of_infinite_entries(backend, dtype):
    special = pytest.importorskip("scipy.special")

    def f(a):
        return special.softmax(a, axis=1)

    a = np.array([[1.0, np.inf, 2.0], [1.0, -np.inf, 2.0], [-np.inf] * 3], dtype=dtype)
    ours = ad.compile(f, backend=backend)(a)
    assert ours.dtype == dtype
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(ours, f(a), rtol=1e-6)


LARGEST = (
    lambda x, y: max(x[0], 0.0) * 1.1,
    lambda x, y: min(0, x[0]) + x,
    lambda x, y: max(x[0], y[0]) * x,
)


@pytest.mark.parametrize("f", LARGEST)
def test_the_largest_of_two_precisions_is_refused(f):
    with pytest.raises(ad.UnsupportedError, match="of a float32 and another number"):
        ad.compile(f)(X.astype(np.float32), X)


def integers_of_an_array_wrap(x, k):
    return np.sum(np.full(3, k) + 2**62 + 2**62) * x


def integers_of_an_array_are_divided_by_zero(x, k):
    return np.sum(np.full(3, k) // 0 + 1) * x


@pytest.mark.parametrize("backend", ("python", "c"))
@pytest.mark.parametrize("f", (integers_of_an_array_wrap, integers_of_an_array_are_divided_by_zero))
def test_an_array_of_one_integer_is_no_integer_of_pythons(f, backend):
    with np.errstate(all="ignore"):
        assert ad.compile(f, backend=backend)(0.5, 7) == f(0.5, 7)
