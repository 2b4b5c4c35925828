"""Python's builtins on containers and iterators: `len`, `range`, `zip`, `list`, ..."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ops import elementwise as ew
from . import container_methods, instances, iterator_calls, names
from .frames import PythonRaises
from .items import known_key
from .iteration import integer, known_items, sequence, taken
from .values import (
    Abstract,
    DictRef,
    EnumerateVal,
    GeneratorVal,
    IterRef,
    Num,
    RangeVal,
    ReversedVal,
    Static,
    TupleVal,
    ZipVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Args = list[Abstract]
Kwargs = dict[str, Abstract]


def _arity(kwargs: Kwargs, args: Args, low: int, high: int, name: str) -> None:
    if kwargs or not low <= len(args) <= high:
        raise PythonRaises(f"{name}() takes other arguments")


def _len(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "len")
    (x,) = args
    if instances.has_method(x, "__len__"):
        return st.call_function(st.attribute(x, "__len__"), [])
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
    walked = args[0] if names.is_eager(args[0]) else taken(st, args[0])
    if isinstance(args[0], IterRef):
        walked = ZipVal((walked,), single=True, eager=True)
    return EnumerateVal(walked, args[1] if len(args) == 2 else start)


def _zip(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    strict = kwargs.pop("strict", Static(False))
    _arity(kwargs, args, 0, len(args), "zip")
    if not isinstance(strict, Static):
        st.refuse("`strict=` must be written as True or False")
    if len({x.object for x in args if isinstance(x, IterRef)}) < sum(
        isinstance(x, IterRef) for x in args
    ):
        st.refuse("`zip` of an iterator with itself is not supported", "use slices: `xs[::2]`")
    if len(args) > 1 and any(isinstance(x, GeneratorVal) and x.effects for x in args):
        st.refuse("`zip` of a generator that changes something is not supported", "make it a list")
    # What an iterator under a name goes on to give depends on who asks first.
    eager = any(names.is_eager(x) or isinstance(x, IterRef) for x in args)
    args = [taken(st, x) for x in args]
    if strict.value:
        lengths = [sequence(st, x).length for x in args]
        for n in lengths[1:]:
            st.check_same(lengths[0], n, "zip() arguments of different lengths")
    return ZipVal(tuple(args), eager=eager)


def _reversed_call(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "reversed")
    if isinstance(args[0], (IterRef, GeneratorVal, ZipVal, EnumerateVal)):
        raise PythonRaises("an iterator is not reversible")
    return ReversedVal(args[0])


def _tuple(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 0, 1, "tuple")
    items = known_items(st, args[0], "`tuple`") if args else []
    return TupleVal(tuple(names.kept(st, x) for x in items))


def _list(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 0, 1, "list")
    return iterator_calls.as_list(st, taken(st, args[0])) if args else st.new_list(())


def _dict(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity({}, args, 0, 1, "dict")
    entry = container_methods.pairs(st, args[0]) if args else {}
    entry.update({name: names.kept(st, x) for name, x in kwargs.items()})
    return DictRef(st.new_list(entry).object)


def _set(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """A set of what is known at compile time."""
    _arity(kwargs, args, 0, 1, "set")
    items = known_items(st, args[0], "`set`") if args else []
    return Static({known_key(st, item) for item in items})


def _frozenset(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    made = _set(st, args, kwargs)
    assert isinstance(made, Static)
    return Static(frozenset(made.value))


def _print(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    st.refuse("`print` is not supported in a compiled function", "return what you want to see")


BUILTINS: dict[Any, Callable[[Tracer, Args, Kwargs], Abstract]] = {
    builtins.len: _len, builtins.range: _range, builtins.enumerate: _enumerate,
    builtins.zip: _zip, builtins.reversed: _reversed_call, builtins.tuple: _tuple,
    builtins.list: _list, builtins.dict: _dict, builtins.print: _print,
    builtins.set: _set, builtins.frozenset: _frozenset,
}  # fmt: skip
