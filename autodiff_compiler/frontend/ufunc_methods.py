"""`np.add.outer`, `.reduce`, `.accumulate`, `.at`, and the same of other ufuncs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir.types import I32, I64, Array
from ..ops import elementwise as ew
from ..ops.shape import copy, expand_dims
from . import advanced, folding, library, reductions, ufuncs
from .arrays import (
    Operand,
    as_array,
    convert,
    dtype_of,
    fresh_array,
    named_dtype,
    operand,
    strong,
    wrap,
)
from .frames import PythonRaises
from .hints import hint_for
from .indexing import getitem, place, put
from .keys import SliceVal
from .promotion import binary
from .registry import Handler, axes, flag, given, integer, invoke
from .values import Abstract, ArrayRef, ListRef, Static

if TYPE_CHECKING:
    from .tracer import Tracer

_REDUCE = {
    np.add: reductions.sum_, np.multiply: reductions.prod, np.maximum: reductions.max_,
    np.minimum: reductions.min_, np.logical_and: reductions.all_, np.logical_or: reductions.any_,
}  # fmt: skip
FIRST = Static(0)
_SYMBOL = {np.multiply: "*", np.divide: "/"}


def call(
    st: Tracer,
    ufunc: np.ufunc,
    method: str,
    args: Sequence[Abstract],
    kwargs: Mapping[str, Abstract],
) -> Abstract:
    """`np.ufunc.method(...)`."""
    name = f"np.{ufunc.__name__}.{method}"
    if method not in _METHODS:
        st.refuse(f"{name} is not supported", hint_for(name))
    return invoke(st, _METHODS[method], name, (Static(ufunc), *args), kwargs)


def outer(st: Tracer, ufunc: Static, A: Abstract, B: Abstract) -> Abstract:
    x, y = strong(operand(st, A)), strong(operand(st, B))
    rank = y.value.type.rank
    if rank and isinstance(x.value.type, Array):
        behind = tuple(range(x.value.type.rank, x.value.type.rank + rank))
        x = Operand(st.b.emit(expand_dims, x.value, axes=behind), x.dtype)
    return wrap(st, ufuncs.compute(st, ufunc.value, [x, y]))


def reduce(
    st: Tracer, ufunc: Static, array: Abstract, axis: Abstract | None = FIRST,
    dtype: Abstract | None = None, out: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    function = ufunc.value
    if function is np.subtract and axis == FIRST and not flag(st, keepdims):
        return _subtract_all(st, array)
    handler: Handler | None = _REDUCE.get(function)
    if handler is None:
        return _folded(st, function, array, axis, dtype, flag(st, keepdims))
    named = {"axis": axis, "keepdims": keepdims}
    if function in (np.add, np.multiply):
        named["dtype"] = dtype
    elif given(dtype):
        st.refuse(
            f"np.{function.__name__}.reduce with a dtype is not supported", "use `.astype` before"
        )
    return handler(st, array, **named)


#: Whose order does not matter, so that NumPy takes several axes at once.
_REORDERABLE = (
    np.logaddexp, np.logaddexp2, np.hypot, np.fmax, np.fmin, np.logical_xor, np.bitwise_and,
    np.bitwise_or, np.bitwise_xor,
)  # fmt: skip


def _folded(
    st: Tracer, function: np.ufunc, array: Abstract, axis: Abstract | None,
    dtype: Abstract | None, keepdims: bool,
) -> Abstract:  # fmt: skip
    """One row after the other."""
    value = folding.own_rows(st, function, array, dtype)
    rank = value.type.rank
    over = axes(st, axis, rank)
    if len(over) > 1 and function not in _REORDERABLE:
        raise PythonRaises(
            "reduction operation is not reorderable, so at most one axis may be given"
        )
    if not over:
        st.refuse(f"np.{function.__name__}.reduce over no axis is not supported")
    rows = fresh_array(st, folding.rows_of(st, value, over))
    program = library.fold_numbers if len(over) == rank else library.fold_rows
    result = operand(st, st.inline_source(program, (Static(function), rows))).value
    if keepdims:
        result = reductions.keep(st, result, over)
    return wrap(st, result)


def _subtract_all(st: Tracer, array: Abstract) -> Abstract:
    """The first row less all others."""
    if not isinstance(array, ArrayRef):
        st.refuse("np.subtract.reduce takes an array")
    reductions.check_not_empty(st, operand(st, array).value, axes(st, Static(0), 1))
    first = getitem(st, array, Static(0))
    rest = reductions.sum_(st, getitem(st, array, SliceVal(lower=Static(1))), Static(0))
    return ufuncs.apply(st, np.subtract, [first, rest])


def accumulate(
    st: Tracer, ufunc: Static, array: Abstract, axis: Abstract = FIRST,
    dtype: Abstract | None = None, out: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return folding.accumulate(st, ufunc.value, array, Static(integer(st, axis, "an axis")), dtype)


def at(
    st: Tracer, ufunc: Static, a: Abstract, indices: Abstract, b: Abstract | None = None
) -> Abstract:
    """Unbuffered: an element that is named twice is worked on twice."""
    function = ufunc.value
    if not isinstance(a, ArrayRef) or b is None:
        st.refuse(f"np.{function.__name__}.at takes an array, indices and values")
    where = place(st, a, indices)
    if where.picked is None:
        symbol = {np.add: "+", np.subtract: "-", **_SYMBOL}.get(function)
        if symbol is None:
            st.refuse(f"np.{function.__name__}.at is not supported", "write it as a loop")
        put(st, where, binary(st, symbol, getitem(st, a, indices), b))
        return Static(None)
    if function not in (np.add, np.subtract):
        return _one_by_one(st, function, a, indices, b)
    dtype = dtype_of(st, a)
    name = named_dtype(st, dtype)
    given_ = operand(st, b)
    if not np.can_cast(given_.dtype, dtype, "same_kind"):
        raise PythonRaises(f"Cannot cast from {given_.dtype} to {dtype}")
    value = convert(st, given_.value, name)
    if function is np.subtract:
        value = st.b.emit(ew.neg, value)
    advanced.add_to(st, where.ref.object, where.picked, value)
    return Static(None)


def _one_by_one(
    st: Tracer, function: np.ufunc, a: ArrayRef, indices: Abstract, b: Abstract
) -> Abstract:
    """Along the first axis, in the order of the indices."""
    if not isinstance(indices, (ArrayRef, ListRef)):
        st.refuse(f"np.{function.__name__}.at with such indices is not supported", "write a loop")
    places = as_array(st, indices)
    if places.type.rank != 1 or places.type.dtype not in (I64, I32) or function.nin != 2:
        st.refuse(f"np.{function.__name__}.at with such indices is not supported", "write a loop")
    loop = ufuncs.loop_dtypes(st, function, [operand(st, a), operand(st, b)])
    if not np.can_cast(loop[-1], dtype_of(st, a), "same_kind"):
        raise PythonRaises(f"Cannot cast ufunc output from {loop[-1]} to {dtype_of(st, a)}")
    args = (Static(function), a, fresh_array(st, st.b.emit(copy, places)), b)
    st.inline_source(library.apply_at, args)
    return Static(None)


_METHODS: dict[str, Handler] = {
    "outer": outer,
    "reduce": reduce,
    "accumulate": accumulate,
    "at": at,
}
NAMES = tuple(_METHODS)
