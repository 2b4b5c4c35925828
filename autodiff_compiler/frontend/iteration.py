"""Whatever a `for` walks over: its length, and its item at an index; and the builtins that make such."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.graph import Value
from ..ir.types import BOOL, I64, INTS
from ..ops import elementwise as ew
from . import arrays, containers, growing, indexing, known
from .frames import PythonRaises
from .values import (
    Abstract, ArrayRef, DictRef, EnumerateVal, FunctionVal, ListRef, Num, Poison, RangeVal,
    ReversedVal, Static, TupleVal, ZipVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Index = int | Value


@dataclass
class Sequence:
    """`length`: known (an int) or a graph value. `apart`: its items may differ in kind, so that
    walking it means taking it apart at compile time."""

    length: Index
    item: Callable[[Index], Abstract]
    apart: bool = False


def sequence(st: Tracer, x: Abstract) -> Sequence:
    """What iteration over `x` gives. Refuses what cannot be iterated."""
    if isinstance(x, TupleVal):
        return _of_items(st, x.items)
    if isinstance(x, ListRef):
        entry = st.heap[x.object]
        if isinstance(entry, Value):
            return Sequence(growing.length(st, x.object), lambda i: growing.peek(st, x.object, _value(st, i)))
        if isinstance(entry, Poison):
            st.refuse(entry.reason, entry.hint)
        assert isinstance(entry, tuple)
        return _of_items(st, entry)
    if isinstance(x, DictRef):
        return _of_items(st, tuple(map(Static, containers.entry_of(st, x))))
    if isinstance(x, ArrayRef):
        dims = arrays.dims_of(st, x)
        if not dims:
            raise PythonRaises("iteration over a 0-d array")
        return Sequence(dims[0], lambda i: indexing.iterate(st, x, _value(st, i)))
    if isinstance(x, RangeVal):
        return _of_range(st, x)
    if isinstance(x, ZipVal):
        return _of_zip(st, x)
    if isinstance(x, EnumerateVal):
        inner = sequence(st, x.items)
        return Sequence(
            inner.length,
            lambda i: TupleVal((_plus(st, x.start, i), inner.item(i))),
            inner.apart,
        )
    if isinstance(x, ReversedVal):
        return _reversed(st, sequence(st, x.items))
    if isinstance(x, Static) and isinstance(x.value, (str, tuple, list)):
        return _of_items(st, tuple(map(Static, x.value)))
    if isinstance(x, (Num, FunctionVal)) or isinstance(x, Static) and x.value is None:
        raise PythonRaises("this is not iterable")
    st.refuse("iterating over this is not supported")


def _value(st: Tracer, i: Index) -> Value:
    return st.b.const(i) if isinstance(i, int) else i


def _of_items(st: Tracer, items: tuple[Abstract, ...]) -> Sequence:
    def item(i: Index) -> Abstract:
        return items[i] if isinstance(i, int) else containers.at_index(st, items, i)

    return Sequence(len(items), item, True)


def _of_zip(st: Tracer, x: ZipVal) -> Sequence:
    parts = [sequence(st, item) for item in x.items]
    lengths = [p.length for p in parts]
    known_lengths = [n for n in lengths if isinstance(n, int)]
    length: Index = min(known_lengths) if known_lengths else lengths[0] if lengths else 0
    for n in lengths:
        if not isinstance(n, int):
            length = known.calculate(st, ew.minimum, length, n)
    return Sequence(length, lambda i: TupleVal(tuple(p.item(i) for p in parts)), any(p.apart for p in parts))


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


# --- builtins ----------------------------------------------------------------------------------------

Args = list[Abstract]
Kwargs = dict[str, Abstract]


def _arity(kwargs: Kwargs, args: Args, low: int, high: int, name: str) -> None:
    if kwargs or not low <= len(args) <= high:
        raise PythonRaises(f"{name}() takes other arguments")


def _len(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "len")
    (x,) = args
    if isinstance(x, (ZipVal, EnumerateVal, ReversedVal, Num)):
        raise PythonRaises("this has no len()")
    if isinstance(x, Static) and hasattr(x.value, "__len__"):
        return Static(len(x.value))
    length = sequence(st, x).length
    return Static(length) if isinstance(length, int) else Num(length, True)


def _range(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 3, "range")
    if len(args) == 1:
        args = [Static(0), *args]
    start, stop, step = (*args, Static(1))[:3]
    step_value = integer(st, step, "range()")
    literal = st.b.constants.get(step_value)
    if literal == 0:
        raise PythonRaises("range() arg 3 must not be zero")
    if literal is None:
        st.check(st.b.emit(ew.ne, step_value, st.b.const(0)), "range() arg 3 must not be zero")
    return RangeVal(start, stop, step)


def _enumerate(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    start = kwargs.pop("start", Static(0))
    _arity(kwargs, args, 1, 2, "enumerate")
    return EnumerateVal(args[0], args[1] if len(args) == 2 else start)


def _zip(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    strict = kwargs.pop("strict", Static(False))
    _arity(kwargs, args, 0, len(args), "zip")
    if not isinstance(strict, Static):
        st.refuse("`strict=` must be written as True or False")
    if strict.value:
        lengths = [sequence(st, x).length for x in args]
        for n in lengths[1:]:
            st.check_same(lengths[0], n, "zip() arguments of different lengths")
    return ZipVal(tuple(args))


def _reversed_call(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "reversed")
    return ReversedVal(args[0])


def _tuple(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 0, 1, "tuple")
    return TupleVal(tuple(containers.known_items(st, args[0], "`tuple`")) if args else ())


def _list(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 0, 1, "list")
    if args and not isinstance(sequence(st, args[0]).length, int):
        # The list of an array is the loop that appends its items.
        return containers.listed(st, args[0])
    return st.new_list(tuple(containers.known_items(st, args[0], "`list`")) if args else ())


def _dict(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity({}, args, 0, 1, "dict")
    entry: dict[Any, Abstract] = {}
    if args and isinstance(args[0], DictRef):
        entry.update(containers.known_dict(st, args[0]))
    elif args:
        for pair in containers.known_items(st, args[0], "`dict`"):
            key, value = containers.known_items(st, pair, "`dict`")
            entry[containers.known_key(st, key)] = value
    entry.update(kwargs)
    return DictRef(st.new_list(entry).object)


def _isinstance(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, 2, "isinstance")
    x, classes = args
    wanted = containers.known_items(st, classes, "isinstance") if isinstance(classes, TupleVal) else [classes]
    types = tuple(c.value for c in wanted if isinstance(c, Static) and isinstance(c.value, type))
    if len(types) != len(wanted):
        st.refuse("the types of `isinstance` must be known")
    if isinstance(x, Static):
        return Static(isinstance(x.value, types))
    return Static(issubclass(_type_of(st, x), types))


def _type_of(st: Tracer, x: Abstract) -> type:
    if isinstance(x, Num):
        if x.mixed:
            st.refuse("the type of this number depends on the way taken", "begin with NumPy's number")
        if x.python:
            return {BOOL: bool, I64: int}.get(x.dtype, float)
        return arrays.operand(st, x).dtype.type
    found = {ArrayRef: np.ndarray, TupleVal: tuple, ListRef: list, DictRef: dict, RangeVal: range}
    if type(x) not in found:
        st.refuse("the type of this is not known")
    return found[type(x)]


def _print(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    st.refuse("`print` is not supported in a compiled function", "return what you want to see")


BUILTINS: dict[Any, Callable[[Tracer, Args, Kwargs], Abstract]] = {
    builtins.len: _len, builtins.range: _range, builtins.enumerate: _enumerate,
    builtins.zip: _zip, builtins.reversed: _reversed_call, builtins.tuple: _tuple,
    builtins.list: _list, builtins.dict: _dict, builtins.isinstance: _isinstance,
    builtins.print: _print,
}  # fmt: skip
