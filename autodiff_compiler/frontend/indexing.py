"""Subscripts: basic indexing gives a view or a number, index arrays and masks a copy.

`place` works a subscript out, once: `x[k] op= v` fetches from a place and puts into the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..ir.graph import Value
from . import advanced
from .arrays import dtype_of, named_dtype, operand, to_dtype
from .frames import PythonRaises
from .keys import ELLIPSIS, GAP, NEW, SliceVal, checked, expanded, is_mask, normal, span_of
from .promotion import binary, inplace
from .state import State
from .values import Abstract, ArrayRef, At, Num, Path, Static, TupleVal
from .views import (
    Gather,
    all_of,
    at_of_span,
    load_path,
    path_of,
    span_dim,
    span_of_span,
    store_path,
    type_of,
)

__all__ = [
    "SliceVal",
    "Place",
    "place",
    "fetch",
    "put",
    "augment",
    "getitem",
    "setitem",
    "delete",
    "iterate",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subscript points. `path` for basic indexing, `picked` with index arrays.

    `scalar`: all indices are integers, so that reading gives a number. `read_only`: `ref` is a copy.
    `masked`: the whole subscript is one mask.
    """

    ref: ArrayRef
    path: Path | None
    picked: Gather | None = None
    scalar: bool = False
    read_only: bool = False
    masked: bool = False


# --- the interface ------------------------------------------------------------------------------


def getitem(st: State, ref: ArrayRef, key: Abstract | SliceVal) -> Abstract:
    return fetch(st, place(st, ref, key))


def setitem(st: State, ref: ArrayRef, key: Abstract | SliceVal, value: Abstract) -> None:
    put(st, place(st, ref, key), value)


def delete(st: State, ref: ArrayRef, key: Abstract | SliceVal) -> None:
    raise PythonRaises("elements of an array cannot be deleted")


def iterate(st: State, ref: ArrayRef, index: Value) -> Abstract:
    """Element `index` (within bounds) along the first axis, as `for` hands it out."""
    if type_of(st, ref).rank == 0:
        raise PythonRaises("iteration over a 0-d array")
    path = path_of(st, ref)
    axis = path.out[0]
    items = list(path.items)
    if axis is not None:
        items[axis] = At(at_of_span(st, items[axis], index))
    inner = Path(tuple(items), path.out[1:])
    return fetch(st, Place(ref, inner, scalar=not inner.out))


def fetch(st: State, where: Place) -> Abstract:
    """What stands at a place: a view, a number, or a copy."""
    if where.picked is not None:
        return advanced.fetch(st, where.ref.object, where.picked)
    assert where.path is not None
    if where.scalar and not where.ref.object.foreign:
        return Num(load_path(st, where.ref.object, where.path), False)
    return ArrayRef(where.ref.object, where.path)


def put(st: State, where: Place, value: Abstract) -> None:
    """`ref[key] = value`; the value was read before."""
    stored = _value_for(st, where.ref, value)
    if where.picked is not None:
        if where.read_only:
            st.refuse("this writes through a view with a new axis", "index the array itself")
        if where.masked and stored.type.rank > 1:
            raise PythonRaises("boolean assignment requires a 0 or 1-dimensional input")
        advanced.put(st, where.ref.object, where.picked, stored, isinstance(value, Static))
        return
    assert where.path is not None
    store_path(st, where.ref.object, where.path, stored, advanced.MISMATCH)


def augment(st: State, symbol: str, where: Place, current: Abstract, value: Abstract) -> None:
    """`ref[key] symbol= value`, where `current` was fetched from the place before."""
    if isinstance(current, ArrayRef):
        inplace(st, symbol, current, value)
        if where.picked is not None:
            put(st, where, current)
        return
    put(st, where, binary(st, symbol, current, value))


def place(st: State, ref: ArrayRef, key: Abstract | SliceVal) -> Place:
    """Works a subscript out; the checks of its indices are emitted here."""
    given = key.items if isinstance(key, TupleVal) else (key,)
    items = [normal(st, item) for item in given]
    rank = type_of(st, ref).rank
    written_out = expanded(st, items, rank)
    if any(isinstance(item, ArrayRef) for item in items):
        only = len(items) == 1 and is_mask(st, items[0]) and type_of(st, items[0]).rank == rank
        return _advanced(st, ref, written_out, only)
    path = _basic(st, path_of(st, ref), written_out)
    return Place(ref, path, scalar=not path.out and not any(item is ELLIPSIS for item in items))


def _advanced(st: State, ref: ArrayRef, items: Sequence[Any], masked: bool) -> Place:
    """Index arrays copy, so where they meet a view with new axes, the view may be copied before."""
    if None in path_of(st, ref).out:
        whole = advanced.without_new_axes(st, ref)
        return Place(whole, None, advanced.gather(st, whole, items), read_only=True)
    return Place(ref, None, advanced.gather(st, ref, items), masked=masked)


def _value_for(st: State, ref: ArrayRef, value: Abstract) -> Value:
    """The value in the array's dtype. What NumPy would cut off is cut off, but refused where active."""
    if isinstance(value, Static) and (value.value is None or isinstance(value.value, str)):
        st.refuse(f"{value.value!r} cannot be stored in an array")
    given = operand(st, value)
    dtype = dtype_of(st, ref)
    named_dtype(st, dtype)
    return to_dtype(st, given, dtype)


# --- basic indexing -------------------------------------------------------------------------------


def _basic(st: State, path: Path, items: Sequence[Any]) -> Path:
    """The path composed with integers, slices and new axes."""
    base = list(path.items)
    out: list[int | None] = []
    axes = iter(path.out)
    for item in items:
        if item is GAP:
            continue
        if item is NEW:
            out.append(None)
            continue
        axis = next(axes)
        span = base[axis] if axis is not None else all_of(st, 1)
        if isinstance(item, SliceVal):
            inner = span_of(st, item, span_dim(span))
            if axis is None and not inner.one:
                st.refuse(
                    "this slice of a new axis is not supported", "index before adding the axis"
                )
            if axis is not None:
                base[axis] = span_of_span(st, span, inner)
            out.append(axis)
        else:
            at = checked(st, item, span_dim(span))
            if axis is not None:
                base[axis] = At(at_of_span(st, span, at))
    return Path(tuple(base), tuple(out))
