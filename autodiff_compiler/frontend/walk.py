"""Walks over abstract values: which arrays they name, and whether they may leave a block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..ir.graph import Value
from ..ir.types import Array, Stack
from .frames import HIDDEN, Frame, Snapshot
from .state import State
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    At,
    BoundMethod,
    DerivativeVal,
    DictRef,
    EnumerateVal,
    FunctionVal,
    GeneratorVal,
    InstanceRef,
    IterRef,
    ListRef,
    MaybeUnset,
    Num,
    Object,
    PartialVal,
    RangeVal,
    Reshaped,
    ReversedVal,
    Static,
    SuperVal,
    TupleVal,
    ZipVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer


def parts_of(x: Any) -> tuple[Abstract, ...]:
    """The abstract values directly inside one; contents of lists and dicts stand in the heap."""
    if isinstance(x, (TupleVal, ZipVal)):
        return x.items
    if isinstance(x, RangeVal):
        return (x.start, x.stop, x.step)
    if isinstance(x, (BoundMethod, SuperVal)):
        return (x.self,)
    if isinstance(x, MaybeUnset):
        return (x.value,)
    if isinstance(x, EnumerateVal):
        return (x.items, x.start)
    if isinstance(x, (ReversedVal, GeneratorVal)):
        return (x.items,)
    if isinstance(x, DerivativeVal):
        return (x.function,)
    if isinstance(x, PartialVal):
        return (x.function, *x.args, *x.kwargs.values())
    if isinstance(x, FunctionVal):
        return (*x.defaults, *x.kw_defaults.values())
    return ()


def contents(entry: Any) -> Iterator[Abstract]:
    """The items of a list or dict in the heap."""
    if isinstance(entry, tuple):
        yield from entry
    elif isinstance(entry, dict):
        yield from entry.values()
    elif isinstance(entry, Reshaped):
        yield ArrayRef(entry.base)


def references(st: Tracer, state: Snapshot, relevant: Callable[[str], bool]) -> Counter[Object]:
    """How often each array, list or dict is referred to by what may be read from here on."""
    counts: Counter[Object] = Counter()
    frames: set[int] = {id(st.frame)}
    todo: list[Any] = [
        x for name, x in state.env.items() if name.startswith(HIDDEN) or relevant(name)
    ]

    def enter(frame: Frame | None) -> None:
        while frame is not None and id(frame) not in frames:
            frames.add(id(frame))
            todo.extend(frame.env.values())
            frame = frame.outer

    for frame in st.frames:
        enter(frame)
    enter(st.frame.outer)
    while todo:
        x = todo.pop()
        if isinstance(x, (ArrayRef, *HEAPED)):
            counts[x.object] += 1
            if counts[x.object] == 1:
                todo.extend(contents(state.heap.get(x.object)))
        elif isinstance(x, FunctionVal):
            enter(x.frame)
        todo.extend(parts_of(x))
    return counts


def is_outside(st: Tracer, before: Snapshot, x: Any, seen: set[int] | None = None) -> bool:
    """Does all that `x` is made of exist in the state `before`, where the open blocks begin?"""
    seen = set() if seen is None else seen
    if isinstance(x, Static):
        return True
    if isinstance(x, Num):
        return st.b.visible(x.value)
    if isinstance(x, MaybeUnset) and not st.b.visible(x.flag):
        return False
    if isinstance(x, (ArrayRef, *HEAPED)):
        return x.object in before.heap and all(map(st.b.visible, operands_of(x)))
    if isinstance(x, FunctionVal):
        frame = x.frame
        while frame is not None and id(frame) not in seen and frame not in st.frames:
            seen.add(id(frame))
            if not all(is_outside(st, before, v, seen) for v in frame.env.values()):
                return False
            frame = frame.outer
    return all(is_outside(st, before, part, seen) for part in parts_of(x))


def operands_of(x: Any) -> list[Value]:
    """The graph values in the path of a view."""
    if not isinstance(x, ArrayRef) or x.path is None:
        return []
    found: list[Value] = []
    for item in x.path.items:
        found += (item.index,) if isinstance(item, At) else (item.start, item.length, item.step)
    return found


def describe(st: State, x: Any) -> str:
    """What a value is, in a message's words."""
    if isinstance(x, Static):
        return (
            "None"
            if x.value is None
            else f"`{getattr(x.value, '__name__', None) or repr(x.value)}`"
        )
    if isinstance(x, Num):
        return {"f64": "a float", "f32": "a float", "bool": "a bool"}.get(x.dtype, "an int")
    if isinstance(x, (ArrayRef, ListRef)):
        entry = st.heap.get(x.object)
        if isinstance(entry, Value) and isinstance(entry.type, Array):
            return f"an array of {entry.type}"
        return (
            "a growing list"
            if isinstance(entry, Value) and isinstance(entry.type, Stack)
            else "an array" if isinstance(x, ArrayRef) else "a list"
        )
    if isinstance(x, InstanceRef) or isinstance(x, TupleVal) and x.cls:
        return f"a `{x.cls.__name__}`"
    if isinstance(x, TupleVal):
        return f"a tuple of {len(x.items)}"
    words = {
        DictRef: "a dict", IterRef: "an iterator", RangeVal: "a range", FunctionVal: "a function",
        BoundMethod: "a method", ZipVal: "a zip", EnumerateVal: "an enumerate",
        ReversedVal: "a reversed iterator",
    }  # fmt: skip
    return words.get(type(x), "not bound")
