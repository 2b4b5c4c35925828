"""Calls that put arrays side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import F64, I64, NUMPY_DTYPE
from ..ops import elementwise as ew
from ..ops.index import load, store
from ..ops.shape import copy, expand_dims
from . import known, library_shapes, ufuncs
from .arrays import (
    as_array,
    as_value,
    convert,
    dtype_of,
    fresh_array,
    is_operand,
    items_of,
    named_dtype,
    operand,
    type_of,
)
from .contract import turned
from .creation import filled
from .frames import PythonRaises
from .indexing import getitem
from .keys import SliceVal
from .registry import given, handles, integer, one_axis, sequence
from .reshaping import flat_value, reshaped
from .state import State
from .values import Abstract, ArrayRef, ListRef, Static, TupleVal
from .views import fit

if TYPE_CHECKING:
    from .tracer import Tracer

FIRST = Static(0)
MISMATCH = "all the input array dimensions except for the concatenation axis must match exactly"


def joined(st: State, values: Sequence[Value], axis: int, total: KnownDim | None = None) -> Value:
    """Arrays of one dtype and rank along an axis. `total`: their length together, if it is known."""
    rank = values[0].type.rank
    if any(v.type.rank != rank for v in values):
        raise PythonRaises("all the input arrays must have the same number of dimensions")
    dims = _common_dims(st, values, axis)
    pieces = [
        fit(st, v, [*dims[:axis], st.b.dims[v][axis], *dims[axis + 1 :]], MISMATCH) for v in values
    ]
    if total is None:
        total = 0
        for v in pieces:
            total = known.calculate(st, ew.add, total, st.b.dims[v][axis])
    dims[axis] = total
    out = filled(st, known.const(st, 0, values[0].type.dtype), dims)
    offset: KnownDim = 0
    for v in pieces:
        length = st.b.dims[v][axis]
        region: list[tuple[KnownDim, KnownDim]] = [(0, d) for d in dims]
        region[axis] = (offset, length)
        out = _placed(st, out, v, region)
        offset = known.calculate(st, ew.add, offset, length)
    return out


def _common_dims(st: State, values: Sequence[Value], axis: int) -> list[KnownDim]:
    """The dims of the other axes; known to be 1 where any of the pieces says so."""
    dims = list(st.b.dims[values[0]])
    for v in values[1:]:
        for k, (d, other) in enumerate(zip(dims, st.b.dims[v])):
            if k != axis:
                st.check_same(d, other, MISMATCH)
                dims[k] = 1 if other == 1 else d
    return dims


def _placed(
    st: State, out: Value, piece: Value, region: Sequence[tuple[KnownDim, KnownDim]]
) -> Value:
    index: list[Value] = []
    for start, length in region:
        index += (known.value(st, start), known.value(st, length), known.const(st, 1))
    ones = tuple(k for k, (_, d) in enumerate(region) if isinstance(d, int) and d == 1)
    return st.b.emit(store, out, piece, *index, index="s" * len(region), ones=ones)


def _arrays(st: State, given_arrays: Abstract) -> list[Value]:
    """The pieces, in the dtype of all."""
    if isinstance(given_arrays, ArrayRef):
        st.refuse("the pieces must be given as a list or tuple", "`np.concatenate([a, b])`")
    items = sequence(st, given_arrays)
    if not items:
        raise PythonRaises("need at least one array to concatenate")
    values = [as_array(st, x) for x in items]
    dtypes = [
        dtype_of(st, x) if isinstance(x, ArrayRef) else NUMPY_DTYPE[v.type.dtype]
        for x, v in zip(items, values)
    ]
    name = named_dtype(st, np.result_type(*dtypes))
    return [convert(st, v, name) for v in values]


def _grown(st: State, x: Abstract) -> Value | None:
    """A list that grew in a loop, as an array with an axis more; None for anything else."""
    if not isinstance(x, ListRef) or items_of(st, x) is not None:
        return None
    whole = as_value(st, x)
    st.check_at_least(st.b.dims[whole][0], 1, "need at least one array to concatenate")
    return whole


def _side_by_side(st: State, whole: Value, axis: int) -> Abstract:
    """The pieces along the first axis of `whole`, joined along an axis of theirs."""
    rank = whole.type.rank - 1
    if rank == 0:
        raise PythonRaises("zero-dimensional arrays cannot be concatenated")
    order = [*range(1, axis + 1), 0, *range(axis + 1, rank + 1)]
    value = turned(st, whole, order)
    dims = list(st.b.dims[value])
    dims[axis : axis + 2] = [known.product(st, dims[axis : axis + 2])]
    return fresh_array(st, reshaped(st, value, dims))


@handles(np.concatenate)
def concatenate(st: State, arrays: Abstract, axis: Abstract | None = FIRST) -> Abstract:
    whole = _grown(st, arrays)
    if whole is not None:
        if not given(axis):
            return fresh_array(st, flat_value(st, whole))
        return _side_by_side(st, whole, one_axis(st, axis, whole.type.rank - 1))
    values = _arrays(st, arrays)
    if not given(axis):
        return fresh_array(st, joined(st, [flat_value(st, v) for v in values], 0))
    if values[0].type.rank == 0:
        raise PythonRaises("zero-dimensional arrays cannot be concatenated")
    return fresh_array(st, joined(st, values, one_axis(st, axis, values[0].type.rank)))


@handles(np.stack)
def stack(st: State, arrays: Abstract, axis: Abstract | None = FIRST) -> Abstract:
    whole = _grown(st, arrays)
    if whole is not None:
        k = one_axis(st, axis, whole.type.rank)
        order = [*range(1, k + 1), 0, *range(k + 1, whole.type.rank)]
        return fresh_array(st, turned(st, whole, order))
    values = _arrays(st, arrays)
    along = one_axis(st, axis, values[0].type.rank + 1)
    return fresh_array(
        st, joined(st, [st.b.emit(expand_dims, v, axes=(along,)) for v in values], along)
    )


def _at_least(st: State, value: Value, rank: int) -> Value:
    missing = rank - value.type.rank
    return st.b.emit(expand_dims, value, axes=tuple(range(missing))) if missing > 0 else value


@handles(np.hstack)
def hstack(st: State, tup: Abstract) -> Abstract:
    whole = _grown(st, tup)
    if whole is not None:
        rank = whole.type.rank - 1
        return _side_by_side(st, whole, min(rank - 1, 1)) if rank else fresh_array(st, whole)
    values = [_at_least(st, v, 1) for v in _arrays(st, tup)]
    return fresh_array(st, joined(st, values, 0 if values[0].type.rank == 1 else 1))


@handles(np.vstack)
def vstack(st: State, tup: Abstract) -> Abstract:
    whole = _grown(st, tup)
    if whole is not None:
        if whole.type.rank == 1:
            whole = st.b.emit(expand_dims, whole, axes=(1,))
        return fresh_array(st, whole) if whole.type.rank == 2 else _side_by_side(st, whole, 0)
    return fresh_array(st, joined(st, [_at_least(st, v, 2) for v in _arrays(st, tup)], 0))


@handles(np.column_stack)
def column_stack(st: State, tup: Abstract) -> Abstract:
    whole = _grown(st, tup)
    if whole is not None:
        if whole.type.rank == 1:
            return fresh_array(st, st.b.emit(expand_dims, whole, axes=(0,)))
        if whole.type.rank == 2:
            return fresh_array(st, turned(st, whole, (1, 0)))
        return _side_by_side(st, whole, 1)
    values = _arrays(st, tup)
    columns = [st.b.emit(expand_dims, v, axes=(1,)) if v.type.rank == 1 else v for v in values]
    return fresh_array(st, joined(st, columns, 1))


def by_subscript(st: State, by: object, key: Any) -> Abstract:
    """`np.r_[x, 1.0]` and `np.c_[x, y]`, of arrays and numbers."""
    items = key.items if isinstance(key, TupleVal) else (key,)
    if (by is np.r_ or by is np.c_) and all(map(is_operand, items)):
        values = [operand(st, x).value.type for x in items]
        ranks = [t.rank for t in values]
        # Numbers are weak here: beside arrays of other types than these, that would make a difference.
        plain = 0 not in ranks or all(t.dtype in (F64, I64) for t in values)
        if by is np.c_ and plain and all(r in (1, 2) for r in ranks):
            return column_stack(st, TupleVal(items))
        if by is np.r_ and plain and max(ranks) <= 1:
            return hstack(st, TupleVal(items))
        if by is np.r_ and len(set(ranks)) == 1:
            return concatenate(st, TupleVal(items))
    st.refuse(
        "np.r_ and np.c_ of slices or of arrays of several ranks, np.mgrid and their kin are not"
        " supported", "use np.concatenate, np.column_stack, np.arange or np.meshgrid",
    )  # fmt: skip


@handles(np.append)
def append(st: State, arr: Abstract, values: Abstract, axis: Abstract | None = None) -> Abstract:
    return concatenate(st, TupleVal((arr, values)), axis if given(axis) else Static(None))


@handles(np.roll)
def roll(st: State, a: Abstract, shift: Abstract, axis: Abstract | None = None) -> Abstract:
    value = as_array(st, a)
    dims = st.b.dims[value]
    if not given(axis):
        flat = flat_value(st, value)
        return fresh_array(st, reshaped(st, _rolled(st, flat, shift, 0), dims))
    along = sequence(st, axis)
    shifts = sequence(st, shift)
    if len(shifts) != len(along) and 1 not in (len(shifts), len(along)):
        raise PythonRaises("'shift' and 'axis' should be scalars or 1D sequences")
    count = max(len(shifts), len(along))
    for s, k in zip(shifts * (count // len(shifts)), along * (count // len(along))):
        value = _rolled(st, value, s, one_axis(st, k, len(dims)))
    return fresh_array(st, value)


def _rolled(st: State, value: Value, shift: Abstract, axis: int) -> Value:
    n = st.b.dims[value][axis]
    if n == 1:
        return st.b.emit(copy, value)
    places = st.b.emit(ew.mod, st.i64(shift), known.value(st, n))
    rest = st.b.emit(ew.sub, known.value(st, n), places)
    pieces = [
        _slab(st, value, axis, rest, places),
        _slab(st, value, axis, known.const(st, 0), rest),
    ]
    return joined(st, pieces, axis, n)


def _slab(st: State, value: Value, axis: int, start: Value, length: Value) -> Value:
    index: list[Value] = []
    dims = st.b.dims[value]
    for k, d in enumerate(dims):
        first, count = (start, length) if k == axis else (known.const(st, 0), known.value(st, d))
        index += (first, count, known.const(st, 1))
    ones = tuple(k for k, d in enumerate(dims) if k != axis and isinstance(d, int) and d == 1)
    return st.b.emit(load, value, *index, index="s" * len(dims), ones=ones)


@handles(np.diff)
def diff(
    st: Tracer, a: Abstract, n: Abstract | None = None, axis: Abstract | None = None,
    prepend: Abstract | None = None, append: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if given(prepend) or given(append):
        ends = (prepend or Static(None), append or Static(None))
        a = st.inline_source(library_shapes.with_ends, (a, axis or Static(-1), *ends))
    ref: Abstract = a if isinstance(a, ArrayRef) else fresh_array(st, as_array(st, a))
    rank = type_of(st, ref).rank
    along = one_axis(st, axis if given(axis) else Static(-1), rank)
    for _ in range(integer(st, n, "the order") if given(n) else 1):
        later, earlier = ([SliceVal()] * rank for _ in range(2))
        later[along], earlier[along] = SliceVal(lower=Static(1)), SliceVal(upper=Static(-1))
        pair = [getitem(st, ref, TupleVal(tuple(key))) for key in (later, earlier)]
        ref = ufuncs.apply(st, np.subtract, pair)
    return ref
