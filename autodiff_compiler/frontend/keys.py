"""The items of a subscript: integers, slices, `...`, new axes and index arrays, each in one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import BOOL, FLOATS, I64, INTS
from ..ops import elementwise as ew
from ..ops.index import index as index_op
from ..ops.index import slice_
from . import known
from .arrays import as_value, convert, fresh_array, items_of, operand, range_value
from .frames import PythonRaises
from .state import State
from .values import Abstract, ArrayRef, ListRef, Num, RangeVal, Span1, Static, TupleVal
from .views import all_of, type_of

NO_INDEX = "only integers, slices, `...`, `np.newaxis` and integer or boolean arrays are indices"


@dataclass(frozen=True, slots=True)
class SliceVal:
    """`lower:upper:step` in a subscript; None for what is not written."""

    lower: Abstract | None = None
    upper: Abstract | None = None
    step: Abstract | None = None


#: An item that stands for whole axes, and one that adds an axis.
ELLIPSIS = Static(Ellipsis)
NEW = Static(None)
#: Where an ellipsis that stands for no axis was: it keeps index arrays apart all the same.
GAP = Static("gap")


def normal(st: State, item: Any) -> Any:
    """One item of a key as: a SliceVal, NEW, ELLIPSIS, an int, an i64 value, or an index array."""
    if isinstance(item, SliceVal):
        return item
    if isinstance(item, Static):
        return _static_item(st, item.value)
    if isinstance(item, Num):
        if item.dtype not in INTS:
            raise PythonRaises(NO_INDEX)
        literal = st.b.constants.get(item.value)
        return literal if literal is not None else convert(st, item.value, I64)
    if isinstance(item, (ListRef, TupleVal)):
        item = _list_item(st, item)
    if isinstance(item, RangeVal):
        return fresh_array(st, range_value(st, item)[0])
    if isinstance(item, ArrayRef):
        return _array_item(st, item)
    raise PythonRaises(NO_INDEX)


def _static_item(st: State, value: Any) -> Any:
    if value is None:
        return NEW
    if value is Ellipsis:
        return ELLIPSIS
    if isinstance(value, slice):
        bounds = (value.start, value.stop, value.step)
        return SliceVal(*(None if b is None else Static(b) for b in bounds))
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    st.refuse(f"{value!r} is no index")


def _list_item(st: State, item: ListRef | TupleVal) -> ArrayRef:
    items = items_of(st, item)
    dtype = I64 if items is not None and not items else None
    return fresh_array(st, as_value(st, item, dtype))


def _array_item(st: State, item: ArrayRef) -> Any:
    dtype = st.version(item.object).type.dtype
    if dtype in FLOATS:
        raise PythonRaises("arrays used as indices must be of integer or boolean type")
    if type_of(st, item).rank > 0:
        return item
    if dtype == BOOL:
        st.refuse("a boolean scalar as an index is not supported")
    value = operand(st, item).value
    return value if value.type.dtype == I64 else convert(st, value, I64)


def expanded(st: State, items: Sequence[Any], rank: int) -> list[Any]:
    """The ellipsis written out, and whole axes added at the end."""
    used = sum(axes_of(st, item) for item in items)
    if used > rank:
        raise PythonRaises(
            f"too many indices: array is {rank}-dimensional, but {used} were indexed"
        )
    if sum(item is ELLIPSIS for item in items) > 1:
        raise PythonRaises("an index can only have a single ellipsis")
    whole: list[Any] = [SliceVal()] * (rank - used)
    out: list[Any] = []
    for item in items:
        out += (whole or [GAP]) if item is ELLIPSIS else [item]
    return out if any(item is ELLIPSIS for item in items) else out + whole


def is_mask(st: State, item: Any) -> bool:
    return isinstance(item, ArrayRef) and st.version(item.object).type.dtype == BOOL


def axes_of(st: State, item: Any) -> int:
    if item is NEW or item is ELLIPSIS:
        return 0
    return type_of(st, item).rank if is_mask(st, item) else 1


def checked(st: State, i: Value | int, dim: KnownDim) -> Value:
    """An index made non-negative and checked against the length of its axis."""
    literal, length = known.constant(st, i), known.constant(st, dim)
    if literal is not None and length is not None:
        if -length <= literal < length:
            return known.const(st, literal % length)
        raise PythonRaises(f"index {literal} is out of bounds for an axis of {length}")
    return known.shared(st, index_op, known.value(st, i), known.value(st, dim))


def span_of(st: State, item: SliceVal, dim: KnownDim) -> Span1:
    """What `lower:upper:step` takes of an axis: exactly `slice.indices`, clipped."""
    lower, upper = (_bound(st, b) for b in (item.lower, item.upper))
    step = _bound(st, item.step)
    step = 1 if step is None else step
    rate = known.constant(st, step)
    if rate == 0:
        raise PythonRaises("slice step cannot be zero")
    if rate is None:
        st.check(st.b.emit(ew.ne, step, known.const(st, 0)), "slice step cannot be zero")
    low, high = (None if b is None else known.constant(st, b) for b in (lower, upper))
    if rate == 1 and (lower is None or low == 0) and upper is None:
        return all_of(st, dim)
    length = known.constant(st, dim)
    constant = all(b is None or known.constant(st, b) is not None for b in (lower, upper, step))
    if length is not None and constant:
        return _fixed_span(st, slice(low, high, known.constant(st, step)), length)
    start, count = _slice_node(st, lower, upper, step, dim)
    if rate in (1, -1):
        if lower is None and upper is None:
            count = known.value(st, dim)
        elif _has_width_one(st, lower, upper, rate):
            st.check_same(count, 1, "a slice of constant width 1 ends at the end of the axis")
            return Span1(start, known.const(st, 1), known.const(st, 1), one=True)
        elif rate == 1 and (lower is None or (low is not None and low >= 0)):
            start = known.const(st, low or 0)
            count = _canonical_length(st, count, low or 0, upper, high, dim)
    return Span1(start, count, known.value(st, step))


def _fixed_span(st: State, taken: slice, length: int) -> Span1:
    start, stop, step = taken.indices(length)
    count = len(range(start, stop, step))
    full = (start, step, count) == (0, 1, length)
    values = (known.const(st, n) for n in (start if count else 0, count, step))
    return Span1(*values, full=full, one=count == 1)


def _bound(st: State, b: Abstract | None) -> Value | int | None:
    if b is None or b == NEW:
        return None
    found = normal(st, b)
    if isinstance(found, (int, Value)):
        return found
    raise PythonRaises("slice indices must be integers or None")


def _slice_node(st: State, lower: Any, upper: Any, step: Any, dim: KnownDim) -> tuple[Value, Value]:
    bounds = [known.value(st, b) for b in (lower, upper) if b is not None]
    attrs = {"lo": lower is not None, "hi": upper is not None}
    return known.shared(st, slice_, *bounds, known.value(st, step), known.value(st, dim), **attrs)


def _has_width_one(st: State, lower: Any, upper: Any, rate: int) -> bool:
    """Is it `i:i+1`, `i-1:i`, `:1` or `-1:`, which has one entry unless it lies outside?"""
    if rate != 1:
        return False
    if lower is None or upper is None:
        return (lower is None and upper == 1) or (upper is None and lower == -1)
    low, high = known.constant(st, lower), known.constant(st, upper)
    if low is not None and high is not None:
        return high - low == 1 and (low >= 0) == (high > 0)
    return _is_next(st, lower, upper, (ew.iadd, ew.add), 1) or _is_next(
        st, upper, lower, (ew.isub, ew.sub), 1
    )


def _is_next(st: State, of: Any, value: Any, ops: Sequence[Any], by: int) -> bool:
    """Was `value` just computed as `of` plus (or minus) one?"""
    node = known.definition(st, value) if isinstance(value, Value) else None
    if node is None or node.op not in ops:
        return False
    a, b = node.operands
    swapped = node.op in (ew.iadd, ew.add) and st.b.constants.get(a) == by and b is of
    return swapped or (a is of and st.b.constants.get(b) == by)


def _canonical_length(
    st: State, count: Value, low: int, upper: Any, high: int | None, dim: KnownDim
) -> Value:
    """The same value for the lengths of slices that are equally long: `x[1:]`, `x[:-1]`.

    A bound that cuts off k entries at an end leaves max(n - k, 0), whichever the end.
    """
    if upper is not None and (high is None or high >= 0):
        return count
    cut = low - (high or 0)
    return known.remembered(st, ("length", known.value(st, dim), cut), lambda: count)
