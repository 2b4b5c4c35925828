"""Whatever a `for` walks over: its length, and its item at an index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.graph import Value
from ..ir.types import BOOL, I64, INTS
from ..ops import elementwise as ew
from . import arrays, growing, indexing, known
from .frames import PythonRaises
from .items import at_index, entry_of, needs_known
from .values import (
    Abstract,
    ArrayRef,
    DictRef,
    EnumerateVal,
    FunctionVal,
    GeneratorVal,
    IterRef,
    ListRef,
    Num,
    Poison,
    RangeVal,
    ReversedVal,
    Static,
    TupleVal,
    ZipVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Index = int | Value


@dataclass
class Sequence:
    """`length`: known (an int) or a graph value. `apart`: its items may differ in kind, so that
    walking it means taking it apart at compile time. `at_most`: a bound on the length that is known.
    """

    length: Index
    item: Callable[[Index], Abstract]
    apart: bool = False
    at_most: int | None = None


def taken(st: Tracer, x: Abstract) -> Abstract:
    """What an iterator walks over, and it is used up; all else as it is."""
    if isinstance(x, GeneratorVal):
        return x.items
    if isinstance(x, IterRef):
        entry = st.heap[x.object]
        if isinstance(entry, Poison):
            st.refuse(entry.reason, entry.hint)
        assert isinstance(entry, tuple)
        st.heap[x.object] = ()
        return entry[0] if entry else TupleVal(())
    return x


def sequence(st: Tracer, x: Abstract) -> Sequence:
    """What iteration over `x` gives, once. Refuses what cannot be iterated."""
    x = taken(st, x)
    if isinstance(x, TupleVal):
        return _of_items(st, x.items)
    if isinstance(x, ListRef):
        entry = st.heap[x.object]
        if isinstance(entry, Value):
            return Sequence(
                growing.length(st, x.object), lambda i: growing.peek(st, x.object, _value(st, i))
            )
        if isinstance(entry, Poison):
            st.refuse(entry.reason, entry.hint)
        assert isinstance(entry, tuple)
        return _of_items(st, entry)
    if isinstance(x, DictRef):
        return _of_items(st, tuple(map(Static, entry_of(st, x))))
    if isinstance(x, ArrayRef):
        dims = arrays.dims_of(st, x)
        if not dims:
            raise PythonRaises("iteration over a 0-d array")
        return Sequence(dims[0], lambda i: indexing.iterate(st, x, _value(st, i)))
    if isinstance(x, RangeVal):
        return _of_range(st, x)
    if isinstance(x, ZipVal):
        return sequence(st, x.items[0]) if x.single else _of_zip(st, x)
    if isinstance(x, EnumerateVal):
        inner = sequence(st, x.items)
        return Sequence(
            inner.length,
            lambda i: TupleVal((_plus(st, x.start, i), inner.item(i))),
            inner.apart,
            inner.at_most,
        )
    if isinstance(x, ReversedVal):
        return _reversed(st, sequence(st, x.items))
    if isinstance(x, Static) and isinstance(x.value, (str, tuple, list, range)):
        return _of_items(st, tuple(map(Static, x.value)))
    if isinstance(x, Static) and isinstance(x.value, (set, frozenset)):
        return _of_items(st, tuple(map(Static, known_set(st, x))))
    if isinstance(x, (Num, FunctionVal)) or isinstance(x, Static) and x.value is None:
        raise PythonRaises("this is not iterable")
    st.refuse("iterating over this is not supported")


def known_set(st: Tracer, x: Static) -> Any:
    """A set, which must still hold the same when the program is called again."""
    if isinstance(x.value, set):
        st.captures.guard(x.source, set(x.value), "eq")
    return x.value


def _value(st: Tracer, i: Index) -> Value:
    return st.b.const(i) if isinstance(i, int) else i


def _of_items(st: Tracer, items: tuple[Abstract, ...]) -> Sequence:
    def item(i: Index) -> Abstract:
        return items[i] if isinstance(i, int) else at_index(st, items, i)

    return Sequence(len(items), item, True)


def _of_zip(st: Tracer, x: ZipVal) -> Sequence:
    parts = [sequence(st, item) for item in x.items]
    lengths = [p.length for p in parts]
    known_lengths = [n for n in lengths if isinstance(n, int)]
    bounds = known_lengths + [p.at_most for p in parts if p.at_most is not None]
    length: Index = min(known_lengths) if known_lengths else lengths[0] if lengths else 0
    for n in lengths:
        if not isinstance(n, int):
            length = known.calculate(st, ew.minimum, length, n)
    return Sequence(
        length,
        lambda i: TupleVal(tuple(p.item(i) for p in parts)),
        any(p.apart for p in parts),
        min(bounds, default=None),
    )


def _reversed(st: Tracer, inner: Sequence) -> Sequence:
    def item(i: Index) -> Abstract:
        if isinstance(i, int) and isinstance(inner.length, int):
            return inner.item(inner.length - 1 - i)
        last = known.calculate(st, ew.sub, inner.length, 1)
        return inner.item(known.value(st, known.calculate(st, ew.sub, last, i)))

    return Sequence(inner.length, item, inner.apart)


# --- ranges ------------------------------------------------------------------------------------------


def integer(st: Tracer, x: Abstract, what: str) -> Value:
    """A Python or NumPy integer as an i64 value."""
    if isinstance(x, Static) and isinstance(x.value, (int, np.integer)):
        if not -(2**63) <= x.value < 2**63:
            st.refuse("integers beyond 64 bits are not supported")
        return st.b.const(int(x.value))
    if isinstance(x, ArrayRef) and arrays.type_of(st, x).rank == 0:
        x = Num(arrays.operand(st, x).value, False)
    if isinstance(x, Num):
        if x.dtype == I64:
            return x.value
        if x.dtype in (*INTS, BOOL) and (x.python or x.dtype != BOOL):
            return st.b.emit(ew.cast, x.value, dtype=I64)
    raise PythonRaises(f"{what} takes integers")


def bounds(st: Tracer, x: RangeVal) -> tuple[Value, Value, Value]:
    start, stop = integer(st, x.start, "range()"), integer(st, x.stop, "range()")
    return start, stop, integer(st, x.step, "range()")


def known_range(st: Tracer, x: RangeVal) -> range | None:
    """The range itself, if its bounds are known."""
    found = []
    for part in (x.start, x.stop, x.step):
        if isinstance(part, Static) and isinstance(part.value, (int, np.integer)):
            found.append(int(part.value))
        elif isinstance(part, Num) and isinstance(literal := st.b.constants.get(part.value), int):
            found.append(int(literal))
        else:
            return None
    return range(*found)


def _of_range(st: Tracer, x: RangeVal) -> Sequence:
    fixed = known_range(st, x)
    start, stop, step = bounds(st, x)

    def item(i: Index) -> Abstract:
        if fixed is not None and isinstance(i, int):
            return Static(fixed[i])
        moved = known.calculate(st, ew.mul, i, step)
        return Num(known.value(st, known.calculate(st, ew.add, start, moved)), True)

    if fixed is not None:
        return Sequence(len(fixed), item)
    return Sequence(_trips(st, start, stop, step), item)


def _trips(st: Tracer, start: Value, stop: Value, step: Value) -> Value:
    """How many numbers a range has: max(0, ceil((stop - start) / step))."""
    distance = st.b.emit(ew.sub, stop, start)
    whole = known.calculate(st, ew.floordiv, st.b.emit(ew.neg, distance), step)
    count = st.b.emit(ew.neg, known.value(st, whole))
    return known.value(st, st.b.emit(ew.maximum, count, st.b.const(0)))


def _plus(st: Tracer, start: Abstract, i: Index) -> Abstract:
    if isinstance(start, Static) and isinstance(i, int):
        return Static(start.value + i)
    moved = known.calculate(st, ew.add, integer(st, start, "enumerate()"), i)
    return Num(known.value(st, moved), True)


def known_items(st: Tracer, x: Abstract, what: str) -> list[Abstract]:
    """The items of something whose length is known."""
    found = sequence(st, x)
    if not isinstance(found.length, int):
        needs_known(
            st, f"{what} needs a length that is known at compile time", "write the items out"
        )
    return [found.item(k) for k in range(found.length)]


def growing_lists(st: Tracer, iterable: Abstract) -> dict[Any, Any]:
    """The lists that are walked over and may grow, with their versions."""
    if isinstance(iterable, ListRef):
        return {iterable.object: st.heap[iterable.object]}
    inner: tuple[Abstract, ...] = ()
    if isinstance(iterable, ZipVal):
        inner = iterable.items
    elif isinstance(iterable, (EnumerateVal, ReversedVal)):
        inner = (iterable.items,)
    found: dict[Any, Any] = {}
    for part in inner:
        found.update(growing_lists(st, part))
    return found
