"""Rules for linear algebra on dual arrays: the equation that defines a result, differentiated forwards.

`solve` differentiates A x = b, `eigh` A v = w v, `qr` A = Q R, and so on; the factor of `cholesky` is computed
again by its loops, on duals.  What reads one triangle of a matrix differentiates that triangle only.
"""

from __future__ import annotations

import numpy as np

from .dual_core import (
    FUNCTIONS,
    Dual,
    OracleError,
    level_of,
    make,
    owned,
    primal,
    shape_of,
    tangent_at,
    value_at,
)
from .dual_functions import _call, array, rule
from .dual_ufuncs import bilinear


def _turned(x):
    return _call("swapaxes", x, -1, -2)


Dual.mT = property(_turned)


def _symmetric(x):
    """The symmetric matrix with this lower triangle."""
    return np.add(_call("tril", x), _turned(_call("tril", x, -1)))


def _diagonals(x):
    return _call("diagonal", x, 0, -2, -1)


def _off_diagonal(n):
    return ~np.eye(n, dtype=bool)


# --- products -------------------------------------------------------------------------------------------------------


FUNCTIONS["numpy.linalg.matmul"] = lambda a, b: np.matmul(a, b)
FUNCTIONS["numpy.linalg.outer"] = lambda a, b: FUNCTIONS["outer"](a, b)
FUNCTIONS["numpy.linalg.cross"] = lambda a, b, axis=-1: FUNCTIONS["cross"](a, b, axis=axis)
FUNCTIONS["numpy.linalg.tensordot"] = lambda a, b, axes=2: FUNCTIONS["tensordot"](a, b, axes)
FUNCTIONS["numpy.linalg.vecdot"] = lambda a, b, axis=-1: bilinear(
    lambda p, q: np.vecdot(p, q, axis=axis), a, b
)
FUNCTIONS["numpy.linalg.trace"] = lambda x, offset=0: _call("trace", x, offset, -2, -1)
FUNCTIONS.add_view(
    "numpy.linalg.diagonal", lambda x, offset=0: FUNCTIONS["diagonal"](x, offset, -2, -1)
)


@rule()
def multi_dot(arrays):
    total = arrays[0]
    for x in arrays[1:]:
        total = np.matmul(total, x)
    return total


@rule()
def matrix_power(a, n):
    if n < 0:
        return matrix_power(np.linalg.inv(a), -n)
    total = owned(np.broadcast_to(np.eye(shape_of(a)[-1]), shape_of(a)).copy())
    for _ in range(n):
        total = np.matmul(total, a)
    return total


# --- solving --------------------------------------------------------------------------------------------------------


@rule("solve")
def _solve(a, b):
    level = max(level_of(a), level_of(b))
    if level == 0:
        return owned(np.linalg.solve(a, b))
    va, vb = value_at(a, level), value_at(b, level)
    x = np.linalg.solve(va, vb)
    ta, tb = tangent_at(a, level), tangent_at(b, level)
    alone = len(shape_of(b)) == 1
    columns = x[..., None] if alone else x
    right = 0.0 if tb is None else tb[..., None] if alone else tb
    if ta is not None:
        right = np.subtract(right, np.matmul(ta, columns))
    moved = np.linalg.solve(va, right)
    return make(level, x, moved[..., 0] if alone else moved)


@rule("inv")
def _inv(a):
    if not level_of(a):
        return owned(np.linalg.inv(a))
    inverse = np.linalg.inv(a.val)
    return make(a.level, inverse, np.negative(np.matmul(np.matmul(inverse, a.tan), inverse)))


def _trace_of_quotient(a):
    """The trace of A^-1 dA."""
    return _call("trace", np.linalg.solve(a.val, a.tan), 0, -2, -1)


@rule("det")
def _det(a):
    if not level_of(a):
        return owned(np.linalg.det(a))
    value = np.linalg.det(a.val)
    return make(a.level, value, np.multiply(value, _trace_of_quotient(a)))


@rule("slogdet")
def _slogdet(a):
    if not level_of(a):
        return owned(tuple(np.linalg.slogdet(a)))
    sign, logarithm = np.linalg.slogdet(a.val)
    return owned(primal(sign)), make(a.level, logarithm, _trace_of_quotient(a))


@rule("pinv")
def _pinv(a):
    if not level_of(a):
        return owned(np.linalg.pinv(a))
    m, n = shape_of(a)[-2:]
    if np.any(np.linalg.matrix_rank(primal(a)) < min(m, n)):
        raise OracleError("np.linalg.pinv of a matrix without full rank")
    t = _turned(a)
    if m >= n:
        return np.linalg.solve(np.matmul(t, a), t)
    return _turned(np.linalg.solve(np.matmul(a, t), a))


@rule("lstsq")
def _lstsq(a, b, rcond=None):
    t = _turned(a)
    x = np.linalg.solve(np.matmul(t, a), np.matmul(t, b))
    return x, None, shape_of(a)[1], np.linalg.svd(a, compute_uv=False)


# --- factorisations -------------------------------------------------------------------------------------------------


@rule("cholesky")
def _cholesky(a, upper=False):
    if not level_of(a):
        return owned(np.linalg.cholesky(a, upper=upper) if upper else np.linalg.cholesky(a))
    if upper:
        return _turned(_cholesky(_turned(a)))
    if len(shape_of(a)) > 2:
        return FUNCTIONS["stack"]([_cholesky(one) for one in a])
    n = shape_of(a)[0]
    factor = [[0.0] * n for _ in range(n)]
    for j in range(n):
        for i in range(j, n):
            total = a[i, j]
            for k in range(j):
                total = total - factor[i][k] * factor[j][k]
            factor[i][j] = np.sqrt(total) if i == j else total / factor[j][j]
    return array(factor) if n else a


@rule("qr")
def _qr(a, mode="reduced"):
    if not level_of(a):
        found = np.linalg.qr(a, mode)
        return owned(found if mode == "r" else tuple(found))
    q, r = np.linalg.qr(a.val)
    right = _turned(np.linalg.solve(_turned(r), _turned(a.tan)))  # dA R^-1
    inner = np.matmul(_turned(q), right)
    low = _call("tril", inner, -1)
    turn = np.subtract(low, _turned(low))
    dq = np.add(np.matmul(q, turn), np.subtract(right, np.matmul(q, inner)))
    dr = np.matmul(np.subtract(inner, turn), r)
    second = make(a.level, r, dr)
    return second if mode == "r" else (make(a.level, q, dq), second)


# --- scipy.linalg, under its functions' full names ------------------------------------------------------------------


@rule()
def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, **_):
    part = _call("tril" if lower else "triu", a, -1 if lower else 1)
    on = np.eye(shape_of(a)[0])
    part = np.add(part, on if unit_diagonal else np.multiply(on, a))
    return np.linalg.solve(_turned(part) if trans in (1, 2, "T", "C") else part, b)


@rule("scipy.linalg._decomp_cholesky.cholesky")
def _scipy_cholesky(a, lower=False, **_):
    return _cholesky(a, upper=not lower)


@rule()
def cho_factor(a, lower=False, **_):
    factor = _scipy_cholesky(a, lower)
    rest = _call("triu", a, 1) if lower else _call("tril", a, -1)
    return np.add(factor, rest), lower


@rule()
def cho_solve(c_and_lower, b, **_):
    c, lower = c_and_lower
    factor = _call("tril", c) if lower else _turned(_call("triu", c))
    return np.linalg.solve(np.matmul(factor, _turned(factor)), b)


# --- spectra --------------------------------------------------------------------------------------------------------


@rule("eigh")
def _eigh(a, UPLO="L"):
    if UPLO in "Uu":
        return _eigh(_turned(a))
    if not level_of(a):
        return owned(tuple(np.linalg.eigh(a)))
    w, v = np.linalg.eigh(a.val)
    inner = np.matmul(np.matmul(_turned(v), _symmetric(a.tan)), v)
    gaps = np.subtract(w[..., None, :], w[..., :, None])
    off = _off_diagonal(shape_of(w)[-1])
    mixing = np.divide(np.multiply(off, inner), np.add(gaps, ~off))
    return make(a.level, w, _diagonals(inner)), make(a.level, v, np.matmul(v, mixing))


@rule("eigvalsh")
def _eigvalsh(a, UPLO="L"):
    if not level_of(a):
        return owned(np.linalg.eigvalsh(a, UPLO))
    if UPLO in "Uu":
        a = _turned(a)
    w, v = np.linalg.eigh(a.val)
    change = np.matmul(_symmetric(a.tan), v)
    return make(a.level, w, FUNCTIONS["sum"](np.multiply(v, change), axis=-2))


@rule("svd")
def _svd(a, full_matrices=True, compute_uv=True):
    if not level_of(a):
        if not compute_uv:
            return owned(np.linalg.svd(a, compute_uv=False))
        return owned(tuple(np.linalg.svd(a, full_matrices=full_matrices)))
    if compute_uv and full_matrices and shape_of(a)[-1] != shape_of(a)[-2]:
        raise OracleError("np.linalg.svd with full_matrices=True")
    u, s, vh = np.linalg.svd(a.val, full_matrices=False)
    v = _turned(vh)
    inner = np.matmul(np.matmul(_turned(u), a.tan), v)
    values = make(a.level, s, _diagonals(inner))
    if not compute_uv:
        return values
    off = _off_diagonal(shape_of(s)[-1])
    columns, rows = s[..., None, :], s[..., :, None]
    gaps = np.add(np.subtract(np.square(columns), np.square(rows)), ~off)
    turn_u = np.add(np.multiply(inner, columns), np.multiply(rows, _turned(inner)))
    turn_v = np.add(np.multiply(rows, inner), np.multiply(_turned(inner), columns))
    right, left = np.matmul(a.tan, v), np.matmul(_turned(a.tan), u)
    du = _moved(u, np.divide(np.multiply(off, turn_u), gaps), right, columns)
    dv = _moved(v, np.divide(np.multiply(off, turn_v), gaps), left, columns)
    return make(a.level, u, du), values, make(a.level, vh, _turned(dv))


def _moved(u, turn, change, sizes):
    """Within the span of the vectors, and out of it."""
    outside = np.subtract(change, np.matmul(u, np.matmul(_turned(u), change)))
    return np.add(np.matmul(u, turn), np.divide(outside, sizes))


FUNCTIONS["svdvals"] = lambda a: _svd(a, compute_uv=False)


@rule("cond")
def _cond(x, p=None):
    if p in (None, 2, -2):
        s = _svd(x, compute_uv=False)
        return np.divide(s[..., 0], s[..., -1]) if p != -2 else np.divide(s[..., -1], s[..., 0])
    return np.multiply(_norm(x, p, (-2, -1)), _norm(np.linalg.inv(x), p, (-2, -1)))


@rule("matrix_rank")
def _matrix_rank(a):
    return owned(np.linalg.matrix_rank(primal(a)))


@rule("norm")
def _norm(x, ord=None, axis=None, keepdims=False):
    rank = len(shape_of(x))
    over = tuple(range(rank)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if ord is None or (ord == 2 and len(over) == 1) or ord == "fro":
        return np.sqrt(FUNCTIONS["sum"](np.square(x), axis=over, keepdims=keepdims))
    if len(over) == 1:
        return _vector_norm(np.abs(x), ord, over, keepdims)
    if ord in (2, -2, "nuc"):
        s = _svd(FUNCTIONS["moveaxis"](x, over, (-2, -1)), compute_uv=False)
        name = {2: "max", -2: "min", "nuc": "sum"}[ord]
        found = FUNCTIONS[name](s, axis=-1)
        return FUNCTIONS["expand_dims"](found, over) if keepdims else found
    summed = over[0] if ord in (1, -1) else over[1]
    sums = FUNCTIONS["sum"](np.abs(x), axis=summed, keepdims=True)
    return _extreme(sums, ord, over, keepdims)


def _extreme(x, ord, over, keepdims):
    return FUNCTIONS["max" if ord > 0 else "min"](x, axis=over, keepdims=keepdims)


def _vector_norm(sizes, ord, over, keepdims):
    if ord in (np.inf, -np.inf):
        return _extreme(sizes, ord, over, keepdims)
    if ord == 0:
        return owned(np.sum(primal(sizes) != 0, axis=over, keepdims=keepdims).astype(float))
    if ord == 1:
        return FUNCTIONS["sum"](sizes, axis=over, keepdims=keepdims)
    total = FUNCTIONS["sum"](np.power(sizes, float(ord)), axis=over, keepdims=keepdims)
    return np.power(total, 1.0 / ord)


@rule("vector_norm")
def _vector_norm_function(x, axis=None, keepdims=False, ord=2):
    if axis is None:
        x, axis = FUNCTIONS["ravel"](x), 0
    return _norm(x, ord, axis, keepdims)


@rule("matrix_norm")
def _matrix_norm_function(x, keepdims=False, ord="fro"):
    return _norm(x, ord, (-2, -1), keepdims)
