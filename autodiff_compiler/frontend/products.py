"""NumPy's products of vectors, matrices and arrays, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import NUMPY_DTYPE, Array
from ..ops import elementwise as ew
from ..ops import reduce as red
from ..ops.contract import matmul as matmul_op
from ..ops.shape import copy, expand_dims, full, squeeze
from . import known, library, linear_algebra, ufuncs
from .arrays import Operand, check_broadcast, fresh_array, wrap
from .contract import BOOLEAN, MISMATCH, common, contracted, matmul, outer_value, product, turned
from .frames import PythonRaises
from .registry import flag, given, handles, integer, one_axis, sequence
from .reshaping import flat_value, reshaped
from .state import State
from .values import Abstract, Static, TupleVal

if TYPE_CHECKING:
    from .tracer import Tracer


def _scaled(st: State, x: Value, y: Value) -> Abstract:
    operands = [Operand(v, NUMPY_DTYPE[v.type.dtype]) for v in (x, y)]
    return wrap(st, ufuncs.compute(st, np.multiply, operands))


def _are_arrays(*values: Value) -> bool:
    return all(isinstance(v.type, Array) for v in values)


@handles(np.dot, methods=["dot"])
def dot(st: State, a: Abstract, b: Abstract, out: Abstract | None = None) -> Abstract:
    """np.dot: of scalars the product; else over the last axis of a, and the last but one of b."""
    x, y = common(st, a, b)
    if not _are_arrays(x, y):
        return _scaled(st, x, y)
    if x.type.rank <= 2 and y.type.rank <= 2:
        return wrap(st, product(st, x, y))
    behind = max(y.type.rank - 2, 0)
    return wrap(st, contracted(st, x, y, [x.type.rank - 1], [behind], MISMATCH))


@handles(np.matmul)
def matmul_function(st: State, x1: Abstract, x2: Abstract, out: Abstract | None = None) -> Abstract:
    return matmul(st, x1, x2)


@handles(np.inner)
def inner(st: State, a: Abstract, b: Abstract) -> Abstract:
    """np.inner: sums over the last axes."""
    x, y = common(st, a, b)
    if not _are_arrays(x, y):
        return _scaled(st, x, y)
    if x.type.rank <= 2 and y.type.rank <= 2:
        return wrap(st, product(st, x, turned(st, y, range(y.type.rank)[::-1])))
    return wrap(st, contracted(st, x, y, [x.type.rank - 1], [y.type.rank - 1], MISMATCH))


@handles(np.vdot)
def vdot(st: State, a: Abstract, b: Abstract) -> Abstract:
    """np.vdot: the dot product of the flattened arrays."""
    x, y = common(st, a, b)
    return wrap(st, product(st, flat_value(st, x), flat_value(st, y)))


@handles(np.outer)
def outer(st: State, a: Abstract, b: Abstract, out: Abstract | None = None) -> Abstract:
    """np.outer: every product of an entry of one with an entry of the other."""
    x, y = common(st, a, b)
    column = st.b.emit(expand_dims, flat_value(st, x), axes=(1,))
    row = st.b.emit(expand_dims, flat_value(st, y), axes=(0,))
    op: Any = ew.and_ if x.type.dtype == "bool" else ew.mul
    made = fresh_array(st, st.b.emit(op, column, row))
    made.object.c_order = True
    return made


@handles(np.tensordot)
def tensordot(st: State, a: Abstract, b: Abstract, axes: Abstract | None = None) -> Abstract:
    x, y = common(st, a, b)
    over_x, over_y = _paired_axes(st, axes, x.type.rank, y.type.rank)
    if len(over_x) != len(over_y):
        raise PythonRaises("shape-mismatch for sum")
    value = contracted(st, x, y, over_x, over_y, "shape-mismatch for sum")
    # NumPy reshapes at the end: the result is an array even if it has no dims.
    return fresh_array(st, value if _are_arrays(value) else st.b.emit(full, value, ones=()))


def _paired_axes(
    st: State, axes: Abstract | None, rank_x: int, rank_y: int
) -> tuple[list[int], list[int]]:
    if not given(axes):
        axes = Static(2)
    parts = sequence(st, axes)
    if len(parts) == 1 and not isinstance(axes, TupleVal):
        count = integer(st, axes, "the number of axes")
        if count < 0 or count > min(rank_x, rank_y):
            raise PythonRaises("tuple index out of range")
        return list(range(rank_x - count, rank_x)), list(range(count))
    if len(parts) != 2:
        raise PythonRaises("axes of np.tensordot are a number or a pair")
    first, second = (
        [one_axis(st, k, rank) for k in sequence(st, p)] for p, rank in zip(parts, (rank_x, rank_y))
    )
    if len(set(first)) != len(first) or len(set(second)) != len(second):
        st.refuse("np.tensordot over the same axis twice is not supported")
    return first, second


# --- vectors in stacks ----------------------------------------------------------------------------


def _vectors(st: State, pair: Sequence[Value], axis: Abstract | None) -> Value:
    """The dot products of vectors along an axis."""
    x, y = pair
    if not _are_arrays(x, y) or not x.type.rank or not y.type.rank:
        raise PythonRaises("vecdot takes arrays")
    if x.type.dtype == "bool":
        st.refuse(*BOOLEAN)
    if given(axis):
        moved = [one_axis(st, axis, v.type.rank) for v in (x, y)]
        x, y = (
            turned(st, v, [*(k for k in range(v.type.rank) if k != along), along])
            for v, along in zip((x, y), moved)
        )
    st.check_same(st.b.dims[x][-1], st.b.dims[y][-1], MISMATCH)
    if x.type.rank == y.type.rank == 1:
        return st.b.emit(matmul_op, x, y)
    check_broadcast(st, [x, y])
    each = st.b.emit(ew.mul, x, y)
    return st.b.emit(red.sum_, each, axes=(each.type.rank - 1,))


def vecdot(
    st: State, x1: Abstract, x2: Abstract, out: Abstract | None = None, *,
    axis: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if flag(st, keepdims):
        st.refuse("vecdot with keepdims= is not supported")
    return wrap(st, _vectors(st, common(st, x1, x2), axis))


def matvec(st: State, x1: Abstract, x2: Abstract, out: Abstract | None = None) -> Abstract:
    x, y = common(st, x1, x2)
    if x.type.rank < 2 or not y.type.rank:
        raise PythonRaises("matvec takes matrices and vectors")
    if y.type.rank == 1:
        return wrap(st, product(st, x, y))
    made = product(st, x, st.b.emit(expand_dims, y, axes=(y.type.rank,)))
    return wrap(st, st.b.emit(squeeze, made, axes=(made.type.rank - 1,)))


def vecmat(st: State, x1: Abstract, x2: Abstract, out: Abstract | None = None) -> Abstract:
    x, y = common(st, x1, x2)
    if not x.type.rank or y.type.rank < 2:
        raise PythonRaises("vecmat takes vectors and matrices")
    if x.type.rank == 1:
        return wrap(st, product(st, x, y))
    made = product(st, st.b.emit(expand_dims, x, axes=(x.type.rank - 1,)), y)
    return wrap(st, st.b.emit(squeeze, made, axes=(made.type.rank - 2,)))


for _name, _handler in (("vecdot", vecdot), ("matvec", matvec), ("vecmat", vecmat)):
    if hasattr(np, _name):  # since NumPy 2.0 and 2.2
        handles(getattr(np, _name))(_handler)


# --- products by blocks and by chains -------------------------------------------------------------


@handles(np.kron)
def kron(st: State, a: Abstract, b: Abstract) -> Abstract:
    """np.kron: each entry of a times all of b, as blocks."""
    x, y = common(st, a, b)
    if not _are_arrays(x, y):
        return wrap(st, outer_value(st, x, y))
    rank = max(x.type.rank, y.type.rank)
    x, y = (
        (
            st.b.emit(expand_dims, v, axes=tuple(range(rank - v.type.rank)))
            if v.type.rank < rank
            else v
        )
        for v in (x, y)
    )
    xs, ys = st.b.dims[x], st.b.dims[y]
    wide = st.b.emit(expand_dims, x, axes=tuple(range(1, 2 * rank, 2)))
    tall = st.b.emit(expand_dims, y, axes=tuple(range(0, 2 * rank, 2)))
    op: Any = ew.and_ if x.type.dtype == "bool" else ew.mul
    each = st.b.emit(op, wide, tall)
    dims: list[KnownDim] = [known.product(st, pair) for pair in zip(xs, ys)]
    return fresh_array(st, reshaped(st, each, dims))


@handles(np.cross)
def cross(
    st: Tracer, a: Abstract, b: Abstract, axisa: Abstract | None = None,
    axisb: Abstract | None = None, axisc: Abstract | None = None, axis: Abstract | None = None,
) -> Abstract:  # fmt: skip
    """np.cross of vectors of three components."""
    last = Static(-1)
    places = [p if given(p) else last for p in (axisa, axisb, axisc)]
    if given(axis):
        places = [axis] * 3  # type: ignore[list-item]
    x, y = (fresh_array(st, st.b.emit(copy, v)) for v in common(st, a, b))
    return st.inline_source(library.cross, (x, y, *places))


def linalg_cross(
    st: Tracer, x1: Abstract, x2: Abstract, *, axis: Abstract | None = None
) -> Abstract:
    return cross(st, x1, x2, axis=axis)


if hasattr(np.linalg, "vecdot"):  # since NumPy 2.0
    handles(np.linalg.vecdot)(vecdot)
    handles(np.linalg.matmul)(matmul_function)
    handles(np.linalg.outer)(outer)
    handles(np.linalg.tensordot)(tensordot)
    handles(np.linalg.cross)(linalg_cross)


@handles(np.linalg.multi_dot)
def multi_dot(st: State, arrays: Abstract, *, out: Abstract | None = None) -> Abstract:
    """np.linalg.multi_dot: from the right if a vector stands there, else from the left."""
    values = common(st, *sequence(st, arrays))
    if len(values) < 2:
        raise PythonRaises("Expecting at least two arrays.")
    ends = {0, len(values) - 1}
    for k, v in enumerate(values):
        if v.type.rank != 2 and not (v.type.rank == 1 and k in ends):
            raise PythonRaises("multi_dot takes matrices, and vectors at the ends")
    if values[-1].type.rank == 1:
        total = values[-1]
        for v in reversed(values[:-1]):
            total = product(st, v, total)
        return wrap(st, total)
    total = values[0]
    for v in values[1:]:
        total = product(st, total, v)
    return wrap(st, total)


@handles(np.linalg.matrix_power)
def matrix_power(st: State, a: Abstract, n: Abstract) -> Abstract:
    power = integer(st, n, "the exponent")
    (x,) = common(st, a)
    linear_algebra.check_square(st, x)
    if power < 0:
        x, power = linear_algebra.inverse(st, linear_algebra.inexact(st, x)), -power
    if power == 0:
        return linear_algebra.identities(st, x)
    total, square = None, x
    while power:
        if power & 1:
            total = square if total is None else product(st, total, square)
        power >>= 1
        if power:
            square = product(st, square, square)
    assert total is not None
    return fresh_array(st, st.b.emit(copy, total) if total is x else total)
