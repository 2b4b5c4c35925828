"""Arrays that loops go through along their last axis: turned where it pays, and the same numbers."""

import copy

import numpy as np
import pytest

from autodiff_compiler import check_grads, compile

R = np.random.default_rng(17)
Z = R.normal(size=(4, 6))
U, V = R.normal(size=(3, 2, 5)), R.normal(size=(3, 2, 5))
TURNED, LEFT = [], []


def turned(*args, argnums=0):
    def record(f):
        TURNED.append(pytest.param(f, args, argnums, id=f.__name__))
        return f

    return record


def left(*args, argnums=0):
    def record(f):
        LEFT.append(pytest.param(f, args, argnums, id=f.__name__))
        return f

    return record


@turned(Z, Z[:, 0])
def paths_with_an_array_of_their_own(z, s):
    kept = np.zeros(z.shape)
    kept[:, 0] = s
    for t in range(1, z.shape[1]):
        kept[:, t] = kept[:, t - 1] * np.exp(0.1 * z[:, t] - 0.005)
    return np.sum(np.maximum(kept[:, -1] - 1.0, 0.0)) + np.sum(kept[1] * kept[2])


@turned(U, V, argnums=(0, 1))
def two_fields_and_a_sweep_back(u, v):
    c = np.zeros(u.shape)
    d = np.zeros(u.shape)
    n = u.shape[2]
    for k in range(n - 1):
        c[:, :, k] = u[:, :, k] * v[:, :, k + 1]
        if k > 0:
            d[:, :, k] = c[:, :, k - 1] * d[:, :, k - 1] + u[:, :, k + 1]
        else:
            d[:, :, k] = c[:, :, k]
    for k in range(n - 2, -1, -1):
        d[:, :, k] -= c[:, :, k] * d[:, :, k + 1]
    return np.sum(d * d * u) + np.sum(c)


@turned(U)
def pieces_of_it_are_used_afterwards(u):
    c = np.empty(u.shape)
    for k in range(u.shape[2]):
        c[:, :, k] = np.sin(u[:, :, k]) * (k + 1.0)
    c[1:, :, 1:3] *= 2.0
    c[0] = c[2] * c[1]
    c[:, ::-1, ::2] += u[:, :, ::2]
    c[1, 1, 1] = 3.0 * c[0, 0, 0]
    return np.sum(c[:, 0, ::-2] * c[:, 1, ::2]) + np.sum(c[2].T @ c[1]), c


@turned(Z)
def a_copy_of_the_argument(z):
    out = z.copy()
    for t in range(1, z.shape[1]):
        out[1:, t] = out[:-1, t - 1] * out[1:, t]
    return np.sum(out * out)


@turned(Z)
def slots_that_trade_places(z):
    p, q = z * 1.0, z * 2.0
    for _ in range(3):
        for t in range(1, z.shape[1]):
            q[:, t] = np.tanh(p[:, t - 1] + q[:, t] * q[:, t - 1])
        p, q = q, p
    return np.sum(p * q)


@turned(Z)
def inside_a_while_and_a_branch(z):
    c = np.zeros(z.shape)
    err = 1.0
    while err > 0.3:
        for t in range(z.shape[1]):
            if err > 0.6:
                c[:, t] = 0.5 * z[:, t] + 0.1 * c[:, t - 1]
            else:
                c[:, t] += z[:, t] * err
        err *= 0.6
    return np.sum(c**2)


@turned(Z.astype(np.float32))
def in_single_precision(z):
    c = np.zeros(z.shape, dtype=np.float32)
    for t in range(1, z.shape[1]):
        c[:, t] = c[:, t - 1] * z[:, t] + z[:, t - 1]
    return np.sum(c * z)


@turned(Z[:1])
def a_single_row(z):
    c = np.zeros((1, z.shape[1]))
    for t in range(1, z.shape[1]):
        c[:, t] = c[:, t - 1] * z[:, t] + z[:, t - 1]
    return np.sum(c * c)


@turned(Z)
def kept_in_a_list(z):
    c = np.zeros(z.shape)
    kept = []
    for t in range(z.shape[1]):
        c[:, t] = z[:, t] * z[:, t - 1] + c[:, t - 1]
    kept.append(c)
    kept.append(c * 2.0)
    return np.sum(kept[0] * kept[1])


@left(Z)
def the_argument_itself_is_written(z):
    for t in range(1, z.shape[1]):
        z[:, t] = z[:, t - 1] * z[:, t]
    return np.sum(z * z)


@left(Z)
def as_many_rows_as_columns(z):
    s = 0.0
    for t in range(z.shape[1]):
        s += np.sum(z[:, t]) ** 2
    for i in range(z.shape[0]):
        s += np.sum(z[i] * z[i - 1]) ** 2
    return s


@left(Z)
def three_columns(z):
    s = np.zeros(z.shape[0])
    for t in range(3):
        s = s * z[:, t] + z[:, t + 1] * z[:, t]
    return np.sum(s)


@left(Z, np.array([0, 2]))
def rows_by_an_array_of_numbers(z, which):
    s = np.zeros(2)
    for t in range(1, z.shape[1]):
        s = s * z[which, t] + z[which, t - 1]
    return np.sum(s)


def is_turned(f, args):
    ir = compile(f, backend="c").specialize(*copy.deepcopy(args)).ir
    return "index='is'" in ir or "index='iss'" in ir


@pytest.mark.parametrize(("f", "args", "argnums"), TURNED)
def test_turned(f, args, argnums):
    assert is_turned(f, args)
    _same(f, args)
    single = args[0].dtype == np.float32
    if f is not pieces_of_it_are_used_afterwards:
        check_grads(f, args, argnums, order=1 if single else 2, backends=("c",))
    else:
        check_grads(
            lambda u: pieces_of_it_are_used_afterwards(u)[0], args, 0, order=2, backends=("c",)
        )


@pytest.mark.parametrize(("f", "args", "argnums"), LEFT)
def test_left(f, args, argnums):
    ir = compile(f, backend="c").specialize(*copy.deepcopy(args)).ir
    assert "transpose" not in ir
    _same(f, args)
    check_grads(f, args, argnums, backends=("c",))


def _same(f, args):
    ours, own = copy.deepcopy(args), copy.deepcopy(args)
    got, expected = compile(f, backend="c")(*ours), f(*own)
    if not isinstance(expected, tuple):
        got, expected = (got,), (expected,)
    tolerance = 1e-5 if args[0].dtype == np.float32 else 1e-12
    for a, b in zip((*got, *ours), (*expected, *own)):
        np.testing.assert_allclose(a, b, rtol=tolerance)
        assert np.shape(a) == np.shape(b) and np.asarray(a).flags.c_contiguous


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (17, 33), (33, 17), (1, 5), (5, 1)])
@pytest.mark.parametrize("dtype", (np.float64, np.float32))
def test_tiles_of_all_sizes(shape, dtype):
    def f(x):
        return x.T.copy(), x.copy()

    x = R.normal(size=shape).astype(dtype)
    for a, b in zip(compile(f, backend="c")(x), f(x)):
        assert np.array_equal(a, b) and a.dtype == b.dtype
