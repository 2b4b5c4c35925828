"""Names: reading, binding, and what a name stands for that no frame binds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import captures
from .frames import HIDDEN, Frame, PythonRaises
from .scopes import FunctionNode
from .values import (
    Abstract,
    ArrayRef,
    EnumerateVal,
    FunctionVal,
    GeneratorVal,
    IterRef,
    ListRef,
    MaybeUnset,
    Num,
    Poison,
    ReversedVal,
    TupleVal,
    Unset,
    ZipVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer


def read(st: Tracer, name: str) -> Abstract:
    """What a name stands for here: a local, a closure's, a global, a builtin."""
    frame: Frame | None = st.frame
    while frame is not None:
        if name in frame.scope.locals or (name.startswith(HIDDEN) and name in frame.env):
            box = frame.env.get(f"<box {name}>")
            if isinstance(box, ListRef):
                return checked(st, _content(st, box), name)
            value = checked(st, frame.env.get(name, st.unset), name)
            if frame is st.frame:
                frame.env[name] = value
            return value
        if frame.function is not None:
            break
        frame = frame.outer
    return captures.read_global(st, st.frame.globals_of(), name)


def _content(st: Tracer, box: ListRef) -> Abstract:
    entry = st.heap[box.object]
    return entry[0] if isinstance(entry, tuple) else entry  # type: ignore[return-value]


def checked(st: Tracer, value: Abstract, name: str) -> Abstract:
    """A value where it is read: refused if it is not known what it is, checked if it may be unset."""
    if isinstance(value, Poison):
        st.refuse(value.reason, value.hint)
    if isinstance(value, ArrayRef):
        held = st.heap.get(value.object)
        if isinstance(held, Poison):
            st.refuse(held.reason, held.hint)
    if isinstance(value, Unset):
        raise PythonRaises(f"`{name}` is not bound")
    if isinstance(value, MaybeUnset):
        st.check(value.flag, f"`{name}` may be not bound")
        return checked(st, value.value, name)
    return value


def bind(st: Tracer, name: str, value: Abstract) -> None:
    value = kept(st, value)
    _label(st, name, value)
    box = _box_of(st, name)
    if box is not None:
        st.heap[box.object] = (value,)
        st.frame.env.pop(name, None)
        return
    st.frame.env[name] = value


def unbind(st: Tracer, name: str) -> None:
    """`del name`."""
    box = _box_of(st, name)
    if box is not None:
        st.heap[box.object] = (st.unset,)
        return
    st.frame.env[name] = st.unset


def _box_of(st: Tracer, name: str) -> ListRef | None:
    """Where a name stands that inner functions assign: in the heap, so that all of them see it."""
    frame: Frame | None = st.frame
    while frame is not None:
        if name in frame.scope.locals:
            if name not in frame.scope.boxed:
                return None
            box = frame.env.get(f"<box {name}>")
            if box is None:
                box = frame.env[f"<box {name}>"] = st.new_list((st.unset,))
            assert isinstance(box, ListRef)
            return box
        frame = frame.outer
    return None


def make_boxes(st: Tracer) -> None:
    """Boxes exist from the beginning of a call, whichever way the program takes."""
    for name in sorted(st.frame.scope.boxed):
        _box_of(st, name)


def kept(st: Tracer, value: Abstract) -> Abstract:
    """An array that has got a name, or a place in a container, is not fresh any more; an iterator
    that has got one can be used up."""
    if isinstance(value, ArrayRef):
        value.object.fresh = False
    elif isinstance(value, TupleVal):
        items = tuple(kept(st, item) for item in value.items)
        if any(new is not old for new, old in zip(items, value.items)):
            return replace(value, items=items)
    elif is_eager(value):
        st.refuse(
            "a generator, `map` and the like are supported only where they are used at once",
            "make it a list: `[... for ...]`, or `list(...)`",
        )
    elif isinstance(value, (ZipVal, EnumerateVal, ReversedVal)) and not _is_list(value):
        return IterRef(st.new_list((value,)).object)
    return value


def is_eager(value: Abstract) -> bool:
    """Was an iterator worked out before Python would come to it?"""
    if isinstance(value, GeneratorVal) or isinstance(value, ZipVal) and value.eager:
        return True
    if isinstance(value, ZipVal):
        return any(map(is_eager, value.items))
    return isinstance(value, (EnumerateVal, ReversedVal)) and is_eager(value.items)


def _is_list(value: Abstract) -> bool:
    """Is this `list(zip(...))`, which is not used up?"""
    return isinstance(value, (ZipVal, EnumerateVal)) and value.listed


def _label(st: Tracer, name: str, value: Abstract) -> None:
    """Graph values carry the user's names."""
    if not name.isidentifier() or st.frame.library:
        return
    if isinstance(value, Num):
        value.value.name = value.value.name or name
    elif isinstance(value, ArrayRef) and value.path is None:
        value.object.name = value.object.name or name
        version = st.version(value.object)
        version.name = version.name or name


def function_value(st: Tracer, node: FunctionNode) -> FunctionVal:
    """A nested function or lambda, closed over the frame; its defaults are worked out now."""
    args = node.args
    defaults = tuple(kept(st, st.eval(d)) for d in args.defaults)
    kw_defaults = {
        a.arg: kept(st, st.eval(d))
        for a, d in zip(args.kwonlyargs, args.kw_defaults)
        if d is not None
    }
    return FunctionVal(node, st.frame, defaults, kw_defaults)


def nothing_on_some_way(name: str) -> Poison:
    return Poison(
        f"`{name}` returns a value on one way and nothing on another", "return a value on every way"
    )
