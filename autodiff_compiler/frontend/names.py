"""Names: reading, binding, and what a name stands for that no frame binds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import captures
from .frames import HIDDEN, Frame, PythonRaises
from .scopes import FunctionNode
from .values import Abstract, ArrayRef, FunctionVal, MaybeUnset, Num, Poison, TupleVal, Unset

if TYPE_CHECKING:
    from .tracer import Tracer


def read(st: Tracer, name: str) -> Abstract:
    """What a name stands for here: a local, a closure's, a global, a builtin."""
    frame: Frame | None = st.frame
    while frame is not None:
        if name in frame.scope.locals or (name.startswith(HIDDEN) and name in frame.env):
            value = checked(st, frame.env.get(name, st.unset), name)
            if frame is st.frame:
                frame.env[name] = value
            return value
        if frame.function is not None:
            break
        frame = frame.outer
    return captures.read_global(st, st.frame.globals_of(), name)


def checked(st: Tracer, value: Abstract, name: str) -> Abstract:
    """A value where it is read: refused if it is not known what it is, checked if it may be unset."""
    if isinstance(value, Poison):
        st.refuse(value.reason, value.hint)
    if isinstance(value, Unset):
        raise PythonRaises(f"`{name}` is not bound")
    if isinstance(value, MaybeUnset):
        st.check(value.flag, f"`{name}` may be not bound")
        return checked(st, value.value, name)
    return value


def bind(st: Tracer, name: str, value: Abstract) -> None:
    kept(value)
    _label(st, name, value)
    st.frame.env[name] = value


def kept(value: Abstract) -> Abstract:
    """An array that has got a name, or a place in a container, is not fresh any more."""
    if isinstance(value, ArrayRef):
        value.object.fresh = False
    elif isinstance(value, TupleVal):
        for item in value.items:
            kept(item)
    return value


def _label(st: Tracer, name: str, value: Abstract) -> None:
    """Graph values carry the user's names."""
    if name.startswith(HIDDEN) or st.frame.library:
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
    defaults = tuple(kept(st.eval(d)) for d in args.defaults)
    kw_defaults = {
        a.arg: kept(st.eval(d)) for a, d in zip(args.kwonlyargs, args.kw_defaults) if d is not None
    }
    return FunctionVal(node, st.frame, defaults, kw_defaults)


def nothing_on_some_way(name: str) -> Poison:
    return Poison(
        f"`{name}` returns a value on one way and nothing on another", "return a value on every way"
    )
