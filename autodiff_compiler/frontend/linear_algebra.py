"""np.linalg: solving, inverses, determinants, factorisations, spectra; of stacks of matrices too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import F64, FLOATS, I32, NUMPY_DTYPE, Array
from ..ops import elementwise as ew
from ..ops import linalg as ops
from ..ops.shape import copy, expand_dims, squeeze
from . import creation, known, library
from .arrays import BROADCAST, convert, fresh_array, operand, strong, wrap
from .contract import common, product, turned
from .frames import PythonRaises
from .registry import flag, given, handles
from .state import State
from .values import Abstract, Num, Static, TupleVal

if TYPE_CHECKING:
    from .tracer import Tracer

SQUARE = "Last 2 dimensions of the array must be square"


class Absent:
    """Stands for a part of a result that is not computed: whatever is done with it is refused."""

    def __init__(self, what: str):
        self.what = what

    def __repr__(self) -> str:
        return self.what


def inexact(st: State, value: Value) -> Value:
    """Integers and booleans become doubles."""
    return value if value.type.dtype in FLOATS else convert(st, value, F64)


def matrices(st: State, *given_: Abstract) -> list[Value]:
    """Operands in one float dtype."""
    values = common(st, *given_)
    return [inexact(st, v) for v in values]


def matrix(st: State, a: Abstract, square: bool = False) -> Value:
    value = inexact(st, strong(operand(st, a)).value)
    if not isinstance(value.type, Array) or value.type.rank < 2:
        raise PythonRaises("Array must be at least two-dimensional")
    if square:
        check_square(st, value)
    return value


def check_square(st: State, value: Value) -> None:
    dims = st.b.dims.get(value, ())
    if len(dims) < 2:
        raise PythonRaises("Array must be at least two-dimensional")
    st.check_same(dims[-2], dims[-1], SQUARE)


def check_stacks(st: State, x: Sequence[KnownDim], y: Sequence[KnownDim]) -> None:
    for d, e in zip(reversed(x), reversed(y)):
        if d != 1 and e != 1:
            st.check_same(d, e, BROADCAST)


def transposed(st: State, value: Value) -> Value:
    rank = value.type.rank
    return turned(st, value, (*range(rank - 2), rank - 1, rank - 2))


def refuse_unless_default(st: State, name: str, value: Abstract | None) -> None:
    if given(value):
        st.refuse(f"np.linalg with {name}= is not supported")


# --- solving --------------------------------------------------------------------------------------


def solved(
    st: State, x: Value, y: Value, op: Op = ops.solve, vector: Op | None = ops.solve_vector
) -> Value:
    """The solution of `x @ s = y`. A right side is a vector if it has one dim, as NumPy has it."""
    xs, ys = st.b.dims[x], st.b.dims[y]
    alone = len(ys) == 1
    st.check_same(xs[-1], ys[0 if alone else -2], "solve: mismatch in the core dimension")
    if alone and len(xs) == 2 and vector is not None:
        return st.b.emit(vector, x, y)
    if alone:
        made = st.b.emit(op, x, st.b.emit(expand_dims, y, axes=(1,)))
        return st.b.emit(squeeze, made, axes=(made.type.rank - 1,))
    check_stacks(st, xs[:-2], ys[:-2])
    return st.b.emit(op, x, y)


def inverse(st: State, value: Value) -> Value:
    return st.b.emit(ops.inv, value)


def identities(st: State, like: Value) -> Abstract:
    """np.linalg.matrix_power(a, 0): an identity for each matrix."""
    if like.type.rank > 2:
        st.refuse("the power 0 of a stack of matrices is not supported")
    return creation.eye(st, _size(st, like), None, None, Static(NUMPY_DTYPE[like.type.dtype]))


def _size(st: State, like: Value) -> Abstract:
    return Num(known.value(st, st.b.dims[like][-1]), True)


@handles(np.linalg.solve)
def solve(st: State, a: Abstract, b: Abstract) -> Abstract:
    x, y = matrices(st, a, b)
    check_square(st, x)
    if not isinstance(y.type, Array) or not y.type.rank:
        raise PythonRaises("solve takes a vector or a matrix at the right")
    return wrap(st, solved(st, x, y))


@handles(np.linalg.inv)
def inv(st: State, a: Abstract) -> Abstract:
    return wrap(st, inverse(st, matrix(st, a, square=True)))


@handles(np.linalg.det)
def det(st: State, a: Abstract) -> Abstract:
    return wrap(st, st.b.emit(ops.det, matrix(st, a, square=True)))


@handles(np.linalg.slogdet)
def slogdet(st: State, a: Abstract) -> Abstract:
    parts = st.b.emit(ops.slogdet, matrix(st, a, square=True))
    return TupleVal(tuple(wrap(st, v) for v in parts))


@handles(np.linalg.pinv)
def pinv(
    st: State, a: Abstract, rcond: Abstract | None = None, hermitian: Abstract | None = None
) -> Abstract:
    refuse_unless_default(st, "rcond", rcond)
    if flag(st, hermitian):
        st.refuse("np.linalg.pinv with hermitian=True is not supported")
    return wrap(st, st.b.emit(ops.pinv, matrix(st, a)))


@handles(np.linalg.lstsq)
def lstsq(st: Tracer, a: Abstract, b: Abstract, rcond: Abstract | None = None) -> Abstract:
    """The solution where it is the only one: no fewer rows than columns, full rank (checked)."""
    if given(rcond):
        st.refuse("np.linalg.lstsq with rcond= other than None is not supported")
    x, y = matrices(st, a, b)
    if x.type.rank != 2 or y.type.rank not in (1, 2):
        raise PythonRaises("lstsq takes a matrix, and a vector or a matrix")
    m, n = st.b.dims[x]
    st.check_same(m, st.b.dims[y][0], "Incompatible dimensions")
    _check_tall(st, x, "np.linalg.lstsq")
    spectrum = fresh_array(st, singular_values(st, x))
    eps = float(np.finfo(NUMPY_DTYPE[x.type.dtype]).eps)
    limit = convert(st, known.value(st, known.calculate(st, ew.maximum, m, n)), x.type.dtype)
    limit = st.b.emit(ew.mul, limit, known.const(st, eps, x.type.dtype))
    full = st.inline_source(library.has_full_rank, (spectrum, wrap(st, limit)))
    st.check(operand(st, full).value, "np.linalg.lstsq of a matrix without full rank")
    q, r = st.b.emit(ops.orthogonal, x)
    found = solved(st, r, product(st, transposed(st, q), y), ops.solve_upper, None)
    residuals = Static(Absent("the residuals of np.linalg.lstsq"))
    rank = Num(convert(st, known.value(st, n), I32), False)
    return TupleVal((fresh_array(st, found), residuals, rank, spectrum))


def _check_tall(st: State, x: Value, name: str) -> None:
    m, n = st.b.dims[x][-2:]
    tall = st.b.emit(ew.ge, known.value(st, m), known.value(st, n))
    st.check(tall, f"{name} of a matrix with more columns than rows")


# --- factorisations -------------------------------------------------------------------------------


@handles(np.linalg.cholesky)
def cholesky(st: State, a: Abstract, /, *, upper: Abstract | None = None) -> Abstract:
    value = matrix(st, a, square=True)
    if not flag(st, upper):
        return wrap(st, st.b.emit(ops.cholesky, value))
    factor = st.b.emit(ops.cholesky, transposed(st, value))
    return wrap(st, transposed(st, factor))


@handles(np.linalg.qr)
def qr(st: State, a: Abstract, mode: Abstract | None = None) -> Abstract:
    value = matrix(st, a)
    how = mode.value if isinstance(mode, Static) else "reduced"
    if how not in ("reduced", "r"):
        st.refuse(f"np.linalg.qr with mode={how!r} is not supported", "use mode='reduced'")
    _check_tall(st, value, "np.linalg.qr")
    q, r = st.b.emit(ops.qr, value)
    return wrap(st, r) if how == "r" else TupleVal((wrap(st, q), wrap(st, r)))


# --- spectra --------------------------------------------------------------------------------------


def _triangle(st: State, a: Abstract, uplo: Abstract | None) -> Value:
    """The symmetric matrix whose lower triangle is the one that is read."""
    value = matrix(st, a, square=True)
    which = "L" if not given(uplo) else uplo.value if isinstance(uplo, Static) else None
    if which not in ("L", "U", "l", "u"):
        raise PythonRaises("UPLO argument must be 'L' or 'U'")
    return transposed(st, value) if which in ("U", "u") else value


@handles(np.linalg.eigh)
def eigh(st: State, a: Abstract, UPLO: Abstract | None = None) -> Abstract:
    parts = st.b.emit(ops.eigh, _triangle(st, a, UPLO))
    return TupleVal(tuple(wrap(st, v) for v in parts))


@handles(np.linalg.eigvalsh)
def eigvalsh(st: State, a: Abstract, UPLO: Abstract | None = None) -> Abstract:
    return wrap(st, st.b.emit(ops.eigvalsh, _triangle(st, a, UPLO)))


def _shorter(st: State, value: Value) -> tuple[Value, dict[str, Any]]:
    m, n = st.b.dims[value][-2:]
    k = known.calculate(st, ew.minimum, m, n)
    return known.value(st, k), {"ones": (isinstance(k, int) and k == 1,)}


def singular_values(st: State, value: Value) -> Value:
    k, attrs = _shorter(st, value)
    return st.b.emit(ops.svdvals, value, k, **attrs)


@handles(np.linalg.svd)
def svd(
    st: State, a: Abstract, full_matrices: Abstract | None = None,
    compute_uv: Abstract | None = None, hermitian: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if flag(st, hermitian):
        st.refuse("np.linalg.svd with hermitian=True is not supported", "use np.linalg.eigh")
    value = matrix(st, a)
    if not flag(st, compute_uv, True):
        return wrap(st, singular_values(st, value))
    if flag(st, full_matrices, True):
        why = "np.linalg.svd of a matrix that is not square, without full_matrices=False"
        m, n = st.b.dims[value][-2:]
        st.check_same(m, n, why)
    k, attrs = _shorter(st, value)
    parts = st.b.emit(ops.svd, value, k, **attrs)
    return TupleVal(tuple(wrap(st, v) for v in parts))


def svdvals(st: State, x: Abstract) -> Abstract:
    return wrap(st, singular_values(st, matrix(st, x)))


if hasattr(np.linalg, "svdvals"):  # since NumPy 2.0
    handles(np.linalg.svdvals)(svdvals)


@handles(np.linalg.cond)
def cond(st: Tracer, x: Abstract, p: Abstract | None = None) -> Abstract:
    value = fresh_array(st, st.b.emit(copy, matrix(st, x)))
    if not given(p) or p == Static(2):
        return st.inline_source(library.condition, (value,))
    if p == Static(-2):
        return st.inline_source(library.inverse_condition, (value,))
    return st.inline_source(library.condition_by_norm, (value, p))


@handles(np.linalg.matrix_rank)
def matrix_rank(
    st: Tracer, A: Abstract, tol: Abstract | None = None, hermitian: Abstract | None = None, *,
    rtol: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if given(tol) or given(rtol) or flag(st, hermitian):
        st.refuse("np.linalg.matrix_rank with a tolerance or hermitian=True is not supported")
    if operand(st, A).value.type.rank < 2:
        st.refuse("np.linalg.matrix_rank of what is no matrix is not supported")
    value = matrix(st, A)
    eps = Static(float(np.finfo(NUMPY_DTYPE[value.type.dtype]).eps))
    return st.inline_source(library.matrix_rank, (fresh_array(st, st.b.emit(copy, value)), eps))
