"""`np.add.outer`, `.reduce`, `.accumulate`, `.at`, and the same of other ufuncs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..ir.types import Array
from ..ops import elementwise as ew
from ..ops.shape import expand_dims
from . import advanced, folding, reductions, ufuncs
from .arrays import Operand, convert, dtype_of, named_dtype, operand, strong, wrap
from .frames import PythonRaises
from .indexing import getitem, place, put
from .keys import SliceVal
from .promotion import binary
from .registry import Handler, axes, flag, given, integer, invoke
from .state import State
from .values import Abstract, ArrayRef, Static

_REDUCE = {
    np.add: reductions.sum_, np.multiply: reductions.prod, np.maximum: reductions.max_,
    np.minimum: reductions.min_, np.logical_and: reductions.all_, np.logical_or: reductions.any_,
}  # fmt: skip
FIRST = Static(0)
_SYMBOL = {np.multiply: "*", np.divide: "/"}


def call(
    st: State,
    ufunc: np.ufunc,
    method: str,
    args: Sequence[Abstract],
    kwargs: Mapping[str, Abstract],
) -> Abstract:
    """`np.ufunc.method(...)`."""
    name = f"np.{ufunc.__name__}.{method}"
    if method not in _METHODS:
        st.refuse(f"{name} is not supported")
    return invoke(st, _METHODS[method], name, (Static(ufunc), *args), kwargs)


def outer(st: State, ufunc: Static, A: Abstract, B: Abstract) -> Abstract:
    x, y = strong(operand(st, A)), strong(operand(st, B))
    rank = y.value.type.rank
    if rank and isinstance(x.value.type, Array):
        behind = tuple(range(x.value.type.rank, x.value.type.rank + rank))
        x = Operand(st.b.emit(expand_dims, x.value, axes=behind), x.dtype)
    return wrap(st, ufuncs.compute(st, ufunc.value, [x, y]))


def reduce(
    st: State, ufunc: Static, array: Abstract, axis: Abstract | None = FIRST,
    dtype: Abstract | None = None, out: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    function = ufunc.value
    if function is np.subtract and axis == FIRST and not flag(st, keepdims):
        return _subtract_all(st, array)
    handler: Handler | None = _REDUCE.get(function)
    if handler is None:
        st.refuse(f"np.{function.__name__}.reduce is not supported", "write it as a loop")
    named = {"axis": axis, "keepdims": keepdims}
    if function in (np.add, np.multiply):
        named["dtype"] = dtype
    elif given(dtype):
        st.refuse(
            f"np.{function.__name__}.reduce with a dtype is not supported", "use `.astype` before"
        )
    return handler(st, array, **named)


def _subtract_all(st: State, array: Abstract) -> Abstract:
    """The first row less all others."""
    if not isinstance(array, ArrayRef):
        st.refuse("np.subtract.reduce takes an array")
    reductions.check_not_empty(st, operand(st, array).value, axes(st, Static(0), 1))
    first = getitem(st, array, Static(0))
    rest = reductions.sum_(st, getitem(st, array, SliceVal(lower=Static(1))), Static(0))
    return ufuncs.apply(st, np.subtract, [first, rest])


def accumulate(
    st: State, ufunc: Static, array: Abstract, axis: Abstract = FIRST,
    dtype: Abstract | None = None, out: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return folding.accumulate(st, ufunc.value, array, Static(integer(st, axis, "an axis")), dtype)


def at(
    st: State, ufunc: Static, a: Abstract, indices: Abstract, b: Abstract | None = None
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
        st.refuse(
            f"np.{function.__name__}.at with index arrays is not supported", "write it as a loop"
        )
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


_METHODS: dict[str, Handler] = {
    "outer": outer,
    "reduce": reduce,
    "accumulate": accumulate,
    "at": at,
}
NAMES = tuple(_METHODS)
