"""The items of lists, tuples and dicts, where nothing has to be walked over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedError
from ..ir.graph import Value
from ..ir.types import I64
from ..ops.index import load
from . import arrays, captures, growing, indexing
from .frames import PythonRaises
from .numbers import join_kinds, kind_of
from .values import (
    Abstract,
    ArrayRef,
    DictRef,
    InstanceRef,
    ListRef,
    Num,
    Poison,
    Static,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer


class NeedsKnown(UnsupportedError):
    """Something must be known at compile time that a run decides; unrolling a loop may help."""


def needs_known(st: Tracer, message: str, hint: str = "") -> Any:
    raise NeedsKnown(message, st.b.span, hint)


def entry_of(st: Tracer, x: ListRef | DictRef | InstanceRef) -> Any:
    entry = st.heap[x.object]
    if isinstance(entry, Poison):
        st.refuse(entry.reason, entry.hint)
    return entry


def known_constant(st: Tracer, x: Abstract) -> Abstract:
    """An integer as a number that is known at compile time, if it can be had; all else as it is."""
    if not isinstance(x, Num) or x.dtype != I64:
        return x
    literal = st.b.constants.get(x.value)
    if literal is not None and x.python:
        return Static(int(literal))
    if captures.has_static(st, x):
        return captures.made_static(st, x)
    message = "this integer must be known at compile time"
    path = captures.argument_path(st, x)
    if path:
        asked = captures.NeedsValue(message, st.b.span)
        asked.path = path
        raise asked
    return needs_known(st, message, "use an array")


def known_key(st: Tracer, key: Abstract) -> Any:
    if isinstance(key, Num) and key.python:
        key = known_constant(st, key)
    if isinstance(key, Static):
        try:
            hash(key.value)
        except TypeError as error:
            raise PythonRaises(str(error)) from None
        return key.value
    if isinstance(key, TupleVal):
        return tuple(known_key(st, item) for item in key.items)
    return needs_known(st, "the key of a dict must be known at compile time", "use an array")


def at_index(st: Tracer, items: tuple[Abstract, ...], index: Value) -> Abstract:
    """An item at an index (within bounds) that only a run knows: the items as an array."""
    kinds = [kind_of(item) for item in items]
    if kinds and all(kind is not None for kind in kinds):
        joined = kinds[0]
        for kind in kinds[1:]:
            joined = None if joined is None or kind is None else join_kinds(joined, kind)
        if joined is not None:
            packed = _packed(st, items)
            value = st.b.emit(load, packed, index, index="i", ones=())
            return Num(value, joined.python, joined.mixed)
    if items and all(isinstance(item, ArrayRef) for item in items):
        types = [arrays.type_of(st, item) for item in items if isinstance(item, ArrayRef)]
        if len({(t.dtype, t.rank) for t in types}) == 1:
            return _array_at(st, items, index)
    return needs_known(
        st, "the items of this list or tuple are not alike, so an index must be known at compile time",
        "use an array, or write the loop over the items themselves",
    )  # fmt: skip


def _packed(st: Tracer, items: tuple[Abstract, ...]) -> Value:
    """Numbers as an array, made as far outside as all of them are known there."""
    known = st.packed.get(id(items))
    if known is not None and known[0] is items and st.b.visible(known[1]):
        return known[1]
    depth = max((st.b.depth_of(x.value) for x in items if isinstance(x, Num)), default=2)
    with st.b.at(max(depth, 2)):
        made = arrays.as_value(st, TupleVal(items))
    st.packed[id(items)] = (items, made)
    return made


def _array_at(st: Tracer, items: tuple[Abstract, ...], index: Value) -> Abstract:
    for item in items:
        assert isinstance(item, ArrayRef)
        item.object.locked = item.object.locked or growing.LOCKED_ELEMENT
    joined = st.new_array(arrays.as_value(st, TupleVal(items)))
    joined.object.locked = growing.LOCKED_ELEMENT
    return indexing.iterate(st, joined, index)
