"""Calls that give an array another shape: views where NumPy gives views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir.build import KnownDim
from ..ops import elementwise as ew
from ..ops.reduce import sum_
from ..ops.shape import broadcast_to as broadcast_op
from ..ops.shape import copy
from . import known
from .arrays import as_array, convert, fresh_array, wrap
from .creation import diagonal_value, matrix_of_diagonal, shape_of
from .frames import PythonRaises
from .indexing import getitem
from .keys import SliceVal
from .registry import axes, dtype_argument, given, handles, integer, one_axis, sequence
from .reshaping import flat_value, reshaped, resolve, shares
from .state import State
from .values import Abstract, ArrayRef, Static, TupleVal
from .views import dims_of, read, transposed, type_of, with_new_axes, without_axes


def as_ref(st: State, x: Abstract) -> ArrayRef:
    """An array as it is; a number or a list as a fresh array."""
    return x if isinstance(x, ArrayRef) else fresh_array(st, as_array(st, x))


def check_order(st: State, order: Abstract | None) -> None:
    if given(order) and order != Static("C"):
        st.refuse("only order='C' is supported")


@handles(np.reshape)
def reshape(
    st: State, a: Abstract, shape: Abstract, order: Abstract | None = None, *,
    newshape: Abstract | None = None,
) -> Abstract:  # fmt: skip
    check_order(st, order)
    ref = as_ref(st, a)
    have = dims_of(st, ref)
    dims = resolve(st, sequence(st, shape), known.product(st, have))
    view = _same_but_ones(st, ref, have, dims)
    return view or shares(st, ref, reshaped(st, read(st, ref), dims), ordered=True)


def _same_but_ones(
    st: State, ref: ArrayRef, have: Sequence[KnownDim], want: Sequence[KnownDim]
) -> ArrayRef | None:
    """The view that a reshape is which only adds or drops dims of 1."""
    if tuple(have) == tuple(want):
        return ref
    before = [d for d in have if d != 1]
    if before != [d for d in want if d != 1]:
        return None
    bare = without_axes(st, ref, [k for k, d in enumerate(have) if d == 1])
    return with_new_axes(st, bare, [k for k, d in enumerate(want) if d == 1])


@handles(np.ravel, methods=["ravel"])
def ravel(st: State, a: Abstract, order: Abstract | None = None) -> Abstract:
    check_order(st, order)
    ref = as_ref(st, a)
    if ref.path is None and ref.object.contiguous and type_of(st, ref).rank == 1:
        return ref
    return shares(st, ref, flat_value(st, read(st, ref)), ordered=True)


def flatten(st: State, a: Abstract, order: Abstract | None = None) -> Abstract:
    """A copy, flat."""
    check_order(st, order)
    ref = as_ref(st, a)
    value = read(st, ref)
    flat = flat_value(st, value)
    return fresh_array(st, st.b.emit(copy, flat) if flat is value else flat, ref.object.foreign)


@handles(np.transpose)
def transpose(st: State, a: Abstract, axes: Abstract | None = None) -> Abstract:
    ref = as_ref(st, a)
    rank = type_of(st, ref).rank
    if not given(axes):
        return transposed(st, ref, tuple(reversed(range(rank))))
    perm = tuple(one_axis(st, k, rank) for k in sequence(st, axes))
    if sorted(perm) != list(range(rank)):
        raise PythonRaises("axes don't match array")
    return transposed(st, ref, perm)


@handles(np.swapaxes, methods=["swapaxes"])
def swapaxes(st: State, a: Abstract, axis1: Abstract, axis2: Abstract) -> Abstract:
    ref = as_ref(st, a)
    rank = type_of(st, ref).rank
    perm = list(range(rank))
    i, j = one_axis(st, axis1, rank), one_axis(st, axis2, rank)
    perm[i], perm[j] = perm[j], perm[i]
    return transposed(st, ref, perm)


@handles(np.moveaxis)
def moveaxis(st: State, a: Abstract, source: Abstract, destination: Abstract) -> Abstract:
    ref = as_ref(st, a)
    rank = type_of(st, ref).rank
    sources = [one_axis(st, k, rank) for k in sequence(st, source)]
    places = [one_axis(st, k, rank) for k in sequence(st, destination)]
    if len(sources) != len(places):
        raise PythonRaises("source and destination must have the same number of axes")
    perm = [k for k in range(rank) if k not in sources]
    for place, axis in sorted(zip(places, sources)):
        perm.insert(place, axis)
    return transposed(st, ref, perm)


def matrix_transpose(st: State, x: Abstract) -> Abstract:
    """The last two axes exchanged."""
    ref = as_ref(st, x)
    rank = type_of(st, ref).rank
    if rank < 2:
        raise PythonRaises("matrix transpose with ndim < 2 is undefined")
    return transposed(st, ref, (*range(rank - 2), rank - 1, rank - 2))


if hasattr(np, "matrix_transpose"):
    handles(np.matrix_transpose)(matrix_transpose)


@handles(np.expand_dims)
def expand_dims(st: State, a: Abstract, axis: Abstract) -> Abstract:
    ref = as_ref(st, a)
    wanted = sequence(st, axis)
    rank = type_of(st, ref).rank + len(wanted)
    return with_new_axes(st, ref, [one_axis(st, k, rank) for k in wanted])


@handles(np.atleast_1d)
def atleast_1d(st: State, a: Abstract) -> Abstract:
    ref = as_ref(st, a)
    return ref if type_of(st, ref).rank else with_new_axes(st, ref, [0])


@handles(np.atleast_2d)
def atleast_2d(st: State, a: Abstract) -> Abstract:
    ref = as_ref(st, a)
    return with_new_axes(st, ref, range(max(0, 2 - type_of(st, ref).rank)))


@handles(np.squeeze, methods=["squeeze"])
def squeeze(st: State, a: Abstract, axis: Abstract | None = None) -> Abstract:
    ref = as_ref(st, a)
    dims = dims_of(st, ref)
    if given(axis):
        gone = axes(st, axis, len(dims))
        for k in gone:
            st.check_same(
                dims[k], 1, "cannot select an axis to squeeze out which has size not equal to one"
            )
        return without_axes(st, ref, gone)
    gone = tuple(k for k, d in enumerate(dims) if d == 1)
    for k, d in enumerate(dims):
        if k not in gone:
            longer = st.b.emit(ew.ne, known.value(st, d), known.const(st, 1))
            st.check(longer, "np.squeeze of an axis that turns out to be 1")
    return without_axes(st, ref, gone)


@handles(np.flip)
def flip(st: State, m: Abstract, axis: Abstract | None = None) -> Abstract:
    ref = as_ref(st, m)
    rank = type_of(st, ref).rank
    turned = axes(st, axis, rank)
    backwards = SliceVal(step=Static(-1))
    return getitem(
        st, ref, TupleVal(tuple(backwards if k in turned else SliceVal() for k in range(rank)))
    )


@handles(np.flipud)
def flipud(st: State, m: Abstract) -> Abstract:
    return flip(st, m, Static(0))


@handles(np.fliplr)
def fliplr(st: State, m: Abstract) -> Abstract:
    return flip(st, m, Static(1))


@handles(np.broadcast_to)
def broadcast_to(st: State, array: Abstract, shape: Abstract) -> Abstract:
    ref = as_ref(st, array)
    value, dims = read(st, ref), shape_of(st, shape)
    have = st.b.dims[value]
    if len(have) > len(dims):
        raise PythonRaises("input operand has more dimensions than allowed")
    for d, n in zip(reversed(have), reversed(dims)):
        if d != 1:
            st.check_same(d, n, "operands could not be broadcast together")
    sizes = [known.value(st, d) for d in dims]
    made = shares(st, ref, st.b.emit(broadcast_op, value, *sizes, ones=known.ones_of(dims)))
    made.object.locked = "is the read-only result of np.broadcast_to"
    return made


# --- diagonals ------------------------------------------------------------------------------------


@handles(np.diag)
def diag(st: State, v: Abstract, k: Abstract | None = None) -> Abstract:
    offset = integer(st, k, "the diagonal") if given(k) else 0
    ref = as_ref(st, v)
    value = read(st, ref)
    if value.type.rank == 1:
        return fresh_array(st, matrix_of_diagonal(st, value, offset))
    if value.type.rank != 2:
        raise PythonRaises("np.diag takes a vector or a matrix")
    return _diagonal(st, ref, offset)


def _matrices(st: State, a: Abstract, axis1: Abstract | None, axis2: Abstract | None) -> ArrayRef:
    """An array whose last two axes are those of the matrices that are meant."""
    ref = as_ref(st, a)
    rank = type_of(st, ref).rank
    if rank < 2:
        raise PythonRaises("diag requires an array of at least two dimensions")
    first = one_axis(st, axis1, rank) if given(axis1) else 0
    second = one_axis(st, axis2, rank) if given(axis2) else 1
    if first == second:
        raise PythonRaises("axis1 and axis2 cannot be the same")
    rest = [k for k in range(rank) if k not in (first, second)]
    perm = (*rest, first, second)
    return ref if perm == tuple(range(rank)) else transposed(st, ref, perm)


@handles(np.diagonal, methods=["diagonal"])
def diagonal(
    st: State, a: Abstract, offset: Abstract | None = None, axis1: Abstract | None = None,
    axis2: Abstract | None = None,
) -> Abstract:  # fmt: skip
    ref = _matrices(st, a, axis1, axis2)
    return _diagonal(st, ref, integer(st, offset, "the offset") if given(offset) else 0)


def _diagonal(st: State, ref: ArrayRef, offset: int) -> ArrayRef:
    made = shares(
        st, ref, diagonal_value(st, read(st, ref), offset), "is also seen through its diagonal"
    )
    made.object.locked = made.object.locked or "is the read-only diagonal of another"
    return made


@handles(np.trace, methods=["trace"])
def trace(
    st: State, a: Abstract, offset: Abstract | None = None, axis1: Abstract | None = None,
    axis2: Abstract | None = None, dtype: Abstract | None = None, out: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value = read(st, _matrices(st, a, axis1, axis2))
    found = diagonal_value(st, value, integer(st, offset, "the offset") if given(offset) else 0)
    name = dtype_argument(st, dtype)
    if name is not None:
        found = convert(st, found, name)
    elif found.type.dtype in ("bool", "i32"):
        found = convert(st, found, "i64")
    return wrap(st, st.b.emit(sum_, found, axes=(found.type.rank - 1,)))


def _last_diagonal(st: State, x: Abstract, *, offset: Abstract | None = None) -> Abstract:
    return diagonal(st, x, offset, Static(-2), Static(-1))


def _last_trace(
    st: State, x: Abstract, *, offset: Abstract | None = None, dtype: Abstract | None = None
) -> Abstract:
    return trace(st, x, offset, Static(-2), Static(-1), dtype)


if hasattr(np.linalg, "matrix_transpose"):  # since NumPy 2.0
    handles(np.linalg.matrix_transpose)(matrix_transpose)
    handles(np.linalg.diagonal)(_last_diagonal)
    handles(np.linalg.trace)(_last_trace)
