"""Sorting, and searching in what is sorted. Sorting is a gather by the permutation that sorts."""

from __future__ import annotations

import numpy as np

from ..ir.graph import Value
from ..ir.types import BOOL, I32, I64
from ..ops import order
from ..ops.index import index as index_op
from ..ops.index import load
from ..ops.shape import copy, expand_dims
from . import known
from .arrays import as_array, convert, dtype_of, fresh_array, named_dtype, operand, wrap
from .creation import counting
from .frames import PythonRaises
from .indexing import getitem
from .promotion import assign
from .registry import given, handles, one_axis
from .reshaping import flat_value
from .state import State
from .values import Abstract, ArrayRef, Static, TupleVal
from .views import dims_of, read

LAST, LEFT = Static(-1), Static("left")
_KINDS = ("quicksort", "heapsort", "mergesort", "stable")


def _lane_axis(
    st: State, a: Abstract, axis: Abstract | None, options: tuple[Abstract | None, ...]
) -> tuple[Value, int]:
    """What is sorted, flat if `axis` is None, and the axis. Every kind of sort is the stable one."""
    kind, by, stable = options
    if given(by):
        st.refuse("sorting by fields is not supported")
    if given(kind) and not (isinstance(kind, Static) and kind.value in _KINDS):
        raise PythonRaises("kind must be one of 'quick', 'heap', or 'stable'")
    if given(stable) and not isinstance(stable, Static):
        st.refuse("`stable` must be known at compile time")
    named_dtype(st, dtype_of(st, a) if isinstance(a, ArrayRef) else operand(st, a).dtype)
    value = as_array(st, a)
    if isinstance(axis, Static) and axis.value is None:
        return flat_value(st, value), 0
    return value, one_axis(st, axis if given(axis) else LAST, value.type.rank)


def permutation(st: State, value: Value, axis: int) -> Value:
    """The places of the entries along an axis in ascending order."""
    keys = convert(st, value, I64) if value.type.dtype in (BOOL, I32) else value
    found = st.b.emit(order.argsort, keys, axis=axis)
    if value.type.rank == 1:
        st.distinct.add(found)
    return found


def gathered(st: State, value: Value, places: Value, axis: int) -> Value:
    """Along an axis the entries at `places`, which are within bounds, for each of the other axes."""
    rank = value.type.rank
    index = [
        places if k == axis else st.b.emit(expand_dims, counting(st, n), axes=_others(k, rank))
        for k, n in enumerate(st.b.dims[value])
    ]
    return st.b.emit(load, value, *index, index="a" * rank, ones=())


@handles(np.argsort, methods=["argsort"])
def argsort(
    st: State, a: Abstract, axis: Abstract = LAST, kind: Abstract | None = None,
    order: Abstract | None = None, *, stable: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value, along = _lane_axis(st, a, axis, (kind, order, stable))
    return fresh_array(st, permutation(st, value, along))


@handles(np.sort)
def sort(
    st: State, a: Abstract, axis: Abstract = LAST, kind: Abstract | None = None,
    order: Abstract | None = None, *, stable: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value, along = _lane_axis(st, a, axis, (kind, order, stable))
    return fresh_array(st, gathered(st, value, permutation(st, value, along), along))


@handles(methods=["sort"])
def sort_in_place(
    st: State, x: Abstract, axis: Abstract = LAST, kind: Abstract | None = None,
    order: Abstract | None = None, *, stable: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if not isinstance(x, ArrayRef):
        st.refuse("only an array is sorted in place")
    assign(st, x, sort(st, x, axis, kind, order, stable=stable))
    return Static(None)


@handles(np.searchsorted, methods=["searchsorted"])
def searchsorted(
    st: State, a: Abstract, v: Abstract, side: Abstract = LEFT,
    sorter: Abstract | None = None,
) -> Abstract:  # fmt: skip
    table, sought = operand(st, a), operand(st, v)
    if table.value.type.rank != 1:
        raise PythonRaises("object too deep for desired array")
    if not isinstance(side, Static) or side.value not in ("left", "right"):
        raise PythonRaises("search side must be 'left' or 'right'")
    dtype = named_dtype(st, np.result_type(table.dtype, sought.dtype))
    dtype = I64 if dtype in (BOOL, I32) else dtype
    places = convert(st, table.value, dtype)
    if given(sorter):
        order_ = as_array(st, sorter, I64)
        n = known.value(st, st.b.dims[places][0])
        st.check_same(st.b.dims[order_][0], n, "sorter.size must equal keys.size")
        places = st.b.emit(load, places, st.b.emit(index_op, order_, n), index="a", ones=())
    found = st.b.emit(order.searchsorted, places, convert(st, sought.value, dtype), side=side.value)
    return wrap(st, found)


@handles(np.take_along_axis)
def take_along_axis(st: State, arr: Abstract, indices: Abstract, axis: Abstract = LAST) -> Abstract:
    ref = arr if isinstance(arr, ArrayRef) else fresh_array(st, as_array(st, arr))
    if isinstance(axis, Static) and axis.value is None:
        ref, axis = fresh_array(st, st.b.emit(copy, flat_value(st, read(st, ref)))), Static(0)
    return getitem(st, ref, along_axis(st, ref, indices, axis))


def along_axis(st: State, ref: ArrayRef, indices: Abstract, axis: Abstract) -> TupleVal:
    """The subscript that picks entries along an axis: counters along all the others."""
    dims = dims_of(st, ref)
    along = one_axis(st, axis, len(dims))
    places = as_array(st, indices)
    if places.type.dtype not in (I64, I32):
        raise PythonRaises("`indices` must be an integer array")
    if places.type.rank != len(dims):
        raise PythonRaises("`indices` and `arr` must have the same number of dimensions")
    key = [
        fresh_array(st, st.b.emit(expand_dims, counting(st, n), axes=_others(k, len(dims))))
        for k, n in enumerate(dims)
    ]
    key[along] = fresh_array(st, places)
    return TupleVal(tuple(key))


def _others(axis: int, rank: int) -> tuple[int, ...]:
    return tuple(k for k in range(rank) if k != axis)
