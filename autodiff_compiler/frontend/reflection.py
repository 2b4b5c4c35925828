"""Calls that ask what a value is, and calls by name: `isinstance`, `getattr`, `operator.add`, ..."""

from __future__ import annotations

import builtins
import copy
import dataclasses
import functools
import operator
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.types import BOOL, I64
from . import arrays, container_methods, desugar, expressions, flavours, instances, names
from .frames import PythonRaises
from .items import entry_of, known_constant
from .iteration import known_items
from .values import (
    Abstract,
    ArrayRef,
    BoundMethod,
    DerivativeVal,
    DictRef,
    FunctionVal,
    InstanceRef,
    ListRef,
    Num,
    PartialVal,
    RangeVal,
    Static,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Args = list[Abstract]
Kwargs = dict[str, Abstract]


def arity(kwargs: Kwargs, args: Args, low: int, high: int, name: str) -> None:
    if kwargs or not low <= len(args) <= high:
        raise PythonRaises(f"{name}() takes other arguments")


def _isinstance(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 2, 2, "isinstance")
    x, classes = args
    wanted = known_items(st, classes, "isinstance") if isinstance(classes, TupleVal) else [classes]
    types = tuple(c.value for c in wanted if isinstance(c, Static) and isinstance(c.value, type))
    if len(types) != len(wanted):
        st.refuse("the types of `isinstance` must be known")
    if isinstance(x, Static):
        return Static(isinstance(x.value, types))
    return Static(issubclass(type_of(st, x), types))


def type_of(st: Tracer, x: Abstract) -> type:
    """Python's type of a value."""
    if isinstance(x, Static):
        return type(x.value)
    cls = instances.class_of(x)
    if cls is not None:
        return cls
    if isinstance(x, FunctionVal):
        return FunctionType
    if isinstance(x, Num):
        if x.mixed:
            st.refuse(
                "the type of this number depends on the way taken", "begin with NumPy's number"
            )
        if x.python:
            return {BOOL: bool, I64: int}.get(x.dtype, float)
        return arrays.operand(st, x).dtype.type
    found = {ArrayRef: np.ndarray, TupleVal: tuple, ListRef: list, DictRef: dict, RangeVal: range}
    if type(x) not in found:
        st.refuse("the type of this is not known")
    return found[type(x)]


# --- attributes by name --------------------------------------------------------------------------------


def _name(st: Tracer, x: Abstract) -> str:
    if isinstance(x, Static) and isinstance(x.value, str):
        return x.value
    st.refuse("the name of an attribute must be known at compile time")


def _has(st: Tracer, x: Abstract, name: str) -> bool:
    """Is there such an attribute?"""
    if isinstance(x, Static):
        found = hasattr(x.value, name)
        st.captures.looked.append((x.value, name))
        if x.source is not None:
            # Guarded by what is found there, or by nothing being found.
            st.captures.guard(("has", x.source, name), found, "eq")
        return found
    if isinstance(x, InstanceRef) or isinstance(x, TupleVal) and x.cls:
        held = isinstance(x, InstanceRef) and name in entry_of(st, x)
        return held or hasattr(x.cls, name)
    return hasattr(type_of(st, x), name)


def _getattr(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 2, 3, "getattr")
    name = _name(st, args[1])
    if len(args) == 3 and not _has(st, args[0], name):
        return args[2]
    return st.attribute(args[0], name)


def _hasattr(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 2, 2, "hasattr")
    return Static(_has(st, args[0], _name(st, args[1])))


def _setattr(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 3, 3, "setattr")
    instances.set_attribute(st, args[0], _name(st, args[1]), args[2])
    return Static(None)


def _set_by_force(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """`object.__setattr__(self, "x", value)`, as a frozen dataclass writes it."""
    arity(kwargs, args, 3, 3, "__setattr__")
    if not isinstance(args[0], InstanceRef):
        st.refuse("this object is not made in this function")
    instances.put_attribute(st, args[0], _name(st, args[1]), args[2])
    return Static(None)


def _type(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    if len(args) != 1 or kwargs:
        st.refuse("making a class is not supported", "define it outside")
    cls = type_of(st, args[0])
    return Static(cls, ("const", cls))


def _slice(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """`slice(a, b)` of numbers that are known at compile time."""
    arity(kwargs, args, 1, 3, "slice")
    found = [known_constant(st, x) for x in args]
    if not all(isinstance(x, Static) for x in found):
        st.refuse("`slice` of numbers that only a run knows is not supported", "write `x[a:b]`")
    return Static(slice(*(x.value for x in found if isinstance(x, Static))))


def _callable(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 1, 1, "callable")
    (x,) = args
    if isinstance(x, Static):
        return Static(callable(x.value))
    functions = (FunctionVal, BoundMethod, DerivativeVal, PartialVal)
    return Static(isinstance(x, functions) or instances.has_method(x, "__call__"))


# --- objects -------------------------------------------------------------------------------------------


def _super(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    return instances.super_of(st, args)


def _replace(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity({}, args, 1, 1, "replace")
    return instances.replaced(st, args[0], kwargs)


def _asdict(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 1, 1, "asdict")
    if not isinstance(args[0], InstanceRef) or not dataclasses.is_dataclass(args[0].cls):
        st.refuse("`asdict` takes an object of a dataclass here")
    return instances.as_dict(st, args[0])


def _astuple(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    made = _asdict(st, args, kwargs)
    assert isinstance(made, DictRef)
    return TupleVal(tuple(entry_of(st, made).values()))


def _copy(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """`copy.copy`: a new object that shares what the old one holds."""
    arity(kwargs, args, 1, 1, "copy")
    (x,) = args
    if isinstance(x, InstanceRef) and not hasattr(x.cls, "__copy__"):
        return InstanceRef(st.new_list(dict(entry_of(st, x))).object, x.cls)
    if isinstance(x, ArrayRef):
        return arrays.copied(st, x)
    if isinstance(x, DictRef):
        return DictRef(st.new_list(dict(entry_of(st, x))).object)
    if isinstance(x, ListRef):
        return container_methods.copy_list(st, x)
    if isinstance(x, (Num, TupleVal)):
        return x
    st.refuse("copying this is not supported")


def _match_arg(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """What the k-th positional pattern of a class is matched with."""
    x, cls, k = args
    if not isinstance(cls, Static) or not isinstance(cls.value, type) or not isinstance(k, Static):
        st.refuse("the class of a pattern must be known")
    if cls.value in (bool, bytes, dict, float, int, list, set, str, tuple):
        return x
    return st.attribute(x, cls.value.__match_args__[k.value])  # type: ignore[attr-defined]


# --- functions -----------------------------------------------------------------------------------------


def _wraps(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """`functools.wraps(f)` decorates with names only."""
    return Static(_unchanged)


def _unchanged(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    return args[0]


def _operator(symbol: str) -> Callable[[Tracer, Args, Kwargs], Abstract]:
    def call(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
        arity(kwargs, args, 2, 2, symbol)
        return flavours.binary(st, symbol, *args)

    return call


def _unary(symbol: str) -> Callable[[Tracer, Args, Kwargs], Abstract]:
    def call(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
        arity(kwargs, args, 1, 1, symbol)
        return flavours.unary(st, symbol, args[0])

    return call


def _getitem(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 2, 2, "getitem")
    return expressions.get_item(st, *args)


def _contains(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    arity(kwargs, args, 2, 2, "contains")
    found = expressions.contains(st, args[1], args[0])
    return Static(found) if isinstance(found, bool) else Num(found, True)


def _getter(take: Any) -> Callable[[Tracer, Args, Kwargs], Abstract]:
    """`itemgetter(k)`, `attrgetter(name)`: a function that takes these of its argument."""

    def taker(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
        *keys, x = args
        found = tuple(take(st, x, key) for key in keys)
        return found[0] if len(found) == 1 else TupleVal(found)

    def make(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
        arity(kwargs, args, 1, len(args), "getter")
        return PartialVal(Static(taker), tuple(names.kept(st, x) for x in args), {})

    CALLS[taker] = taker
    return make


def _attribute_by_path(st: Tracer, x: Abstract, key: Abstract) -> Abstract:
    for name in _name(st, key).split("."):
        x = st.attribute(x, name)
    return x


CALLS: dict[Any, Callable[[Tracer, Args, Kwargs], Abstract]] = {
    builtins.isinstance: _isinstance, builtins.type: _type, builtins.callable: _callable,
    builtins.getattr: _getattr, builtins.hasattr: _hasattr, builtins.setattr: _setattr,
    builtins.super: _super, builtins.slice: _slice, object.__setattr__: _set_by_force,
    instances.make_of_items: instances.make_of_items, desugar.match_arg: _match_arg,
    dataclasses.replace: _replace, dataclasses.asdict: _asdict, dataclasses.astuple: _astuple,
    copy.copy: _copy, functools.wraps: _wraps, _unchanged: _unchanged,
    operator.getitem: _getitem, operator.contains: _contains,
    operator.add: _operator("+"), operator.sub: _operator("-"), operator.mul: _operator("*"),
    operator.truediv: _operator("/"), operator.floordiv: _operator("//"),
    operator.mod: _operator("%"), operator.pow: _operator("**"), operator.matmul: _operator("@"),
    operator.and_: _operator("&"), operator.or_: _operator("|"), operator.xor: _operator("^"),
    operator.eq: _operator("=="), operator.ne: _operator("!="), operator.lt: _operator("<"),
    operator.le: _operator("<="), operator.gt: _operator(">"), operator.ge: _operator(">="),
    operator.neg: _unary("-"), operator.pos: _unary("+"), operator.invert: _unary("~"),
    operator.not_: _unary("not"),
}  # fmt: skip
CALLS[operator.itemgetter] = _getter(lambda st, x, key: expressions.get_item(st, x, key))
CALLS[operator.attrgetter] = _getter(_attribute_by_path)
