"""Calls that pick, pad or replace entries: `pad`, `piecewise`, `gradient` and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir.types import F64, FLOATS
from ..ops import elementwise as ew
from . import known, library_shapes, library_signals, shaping, ufuncs
from .arrays import as_array, as_bool, convert, fresh_array, operand
from .frames import PythonRaises
from .indexing import getitem, setitem
from .ordering import along_axis
from .registry import axes, given, handles, integer, one_axis, sequence
from .values import Abstract, ArrayRef, FunctionVal, ListRef, Num, PartialVal, Static, TupleVal
from .views import type_of

if TYPE_CHECKING:
    from .tracer import Tracer

ZERO, ONE, NONE, CONSTANT = Static(0), Static(1), Static(None), Static("constant")
_FROM_INSIDE = ("edge", "reflect", "symmetric", "wrap")
Pair = tuple[Abstract, Abstract]


def _pairs(st: Tracer, x: Abstract, rank: int, what: str) -> list[Pair]:
    """`(before, after)` for each axis, from what np.pad takes: a number, a pair, or pairs."""
    if isinstance(x, ArrayRef):
        st.refuse(f"{what} as an array is not supported", "write it as a tuple")
    items = sequence(st, x)
    if not any(isinstance(i, (TupleVal, ListRef)) for i in items):
        items = (x if len(items) > 1 else TupleVal((items[0], items[0])),)
    if len(items) not in (1, rank):
        raise PythonRaises("operands could not be broadcast together with remapped shapes")
    found = []
    for item in items:
        pair = sequence(st, item)
        if len(pair) > 2 or not pair:
            raise PythonRaises("operands could not be broadcast together with remapped shapes")
        found.append((pair[0], pair[-1]))
    return found * rank if len(found) == 1 else found


@handles(np.pad)
def pad(
    st: Tracer, array: Abstract, pad_width: Abstract, mode: Abstract = CONSTANT, *,
    constant_values: Abstract = ZERO,
) -> Abstract:  # fmt: skip
    ref: Abstract = fresh_array(st, st.b.emit(shaping.copy, as_array(st, array)))
    rank = type_of(st, ref).rank
    widths = _pairs(st, pad_width, rank, "the widths")
    if not isinstance(mode, Static) or mode.value not in ("constant", *_FROM_INSIDE):
        st.refuse(
            "this mode of np.pad is not supported", "use constant, edge, reflect, symmetric or wrap"
        )
    values = _pairs(st, constant_values, rank, "the values")
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, values)):
        if before == ZERO and after == ZERO:
            continue
        where = (ref, Static(axis), before, after)
        if mode.value == "constant":
            ref = st.inline_source(library_shapes.pad_constant, (*where, low, high))
        else:
            ref = st.inline_source(library_shapes.pad_from_inside, (*where, mode))
    return ref


@handles(np.piecewise)
def piecewise(
    st: Tracer, x: Abstract, condlist: Abstract, funclist: Abstract, *args: Abstract
) -> Abstract:
    ref = shaping.as_ref(st, x)
    if not type_of(st, ref).rank:
        st.refuse("np.piecewise of a number is not supported", "use `if`")
    conditions = sequence(st, condlist)
    if len(conditions) == 1 and not isinstance(condlist, (ListRef, TupleVal)):
        conditions = (condlist,)
    masks = [fresh_array(st, as_bool(st, operand(st, c).value)) for c in conditions]
    functions = sequence(st, funclist)
    if len(functions) == len(masks) + 1:
        masks.append(_none_of(st, masks))
    if len(functions) != len(masks):
        raise PythonRaises("with n condition(s), either n or n+1 functions are expected")
    value = as_array(st, ref)
    zero = known.const(st, 0, value.type.dtype)
    out = fresh_array(st, ufuncs.emit(st, ew.select, [known.const(st, False, "bool"), value, zero]))
    for mask, function in zip(masks, functions):
        if _is_callable(function):
            inside = getitem(st, ref, mask)
            setitem(st, out, mask, st.call_function(function, (inside, *args)))
        else:
            setitem(st, out, mask, function)
    return out


def _is_callable(x: Abstract) -> bool:
    return isinstance(x, (FunctionVal, PartialVal)) or isinstance(x, Static) and callable(x.value)


def _none_of(st: Tracer, masks: Sequence[ArrayRef]) -> ArrayRef:
    found = operand(st, masks[0]).value
    for mask in masks[1:]:
        found = ufuncs.emit(st, ew.or_, [found, operand(st, mask).value])
    return fresh_array(st, st.b.emit(ew.not_, found))


@handles(np.gradient)
def gradient(
    st: Tracer, f: Abstract, *varargs: Abstract, axis: Abstract | None = None,
    edge_order: Abstract = ONE,
) -> Abstract:  # fmt: skip
    value = as_array(st, f)
    if value.type.dtype not in FLOATS:
        value = convert(st, value, F64)
    elif isinstance(f, ArrayRef):
        value = st.b.emit(shaping.copy, value)
    ref = fresh_array(st, value)
    rank = value.type.rank
    along = axes(st, None, rank) if not given(axis) else _in_order(st, axis, rank)
    if len(varargs) == 1 and not operand(st, varargs[0]).value.type.rank:
        varargs = varargs * len(along)
    if varargs and len(varargs) != len(along):
        raise PythonRaises("invalid number of arguments")
    order = integer(st, edge_order, "edge_order")
    if order not in (1, 2):
        raise PythonRaises("'edge_order' greater than 2 not supported")
    spacings = varargs or (Static(1.0),) * len(along)
    found = [
        st.inline_source(library_signals.slopes, (ref, _spacing(st, h), Static(k), Static(order)))
        for k, h in zip(along, spacings)
    ]
    return found[0] if len(found) == 1 else TupleVal(tuple(found))


def _in_order(st: Tracer, axis: Abstract, rank: int) -> tuple[int, ...]:
    return tuple(one_axis(st, k, rank) for k in sequence(st, axis))


def _spacing(st: Tracer, h: Abstract) -> Abstract:
    return h if isinstance(h, (Static, Num)) else shaping.as_ref(st, h)


@handles(np.put_along_axis)
def put_along_axis(
    st: Tracer, arr: Abstract, indices: Abstract, values: Abstract, axis: Abstract
) -> Abstract:
    if not isinstance(arr, ArrayRef) or not given(axis):
        st.refuse("np.put_along_axis takes an array and an axis")
    setitem(st, arr, along_axis(st, arr, indices, axis), values)
    return NONE
