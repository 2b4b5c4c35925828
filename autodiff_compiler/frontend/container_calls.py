"""Python's builtins on containers and iterators: `len`, `range`, `zip`, `list`, ..."""

from __future__ import annotations

import builtins
import copy
import dataclasses
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.types import BOOL, I64
from ..ops import elementwise as ew
from . import arrays, containers, instances
from .frames import PythonRaises
from .items import entry_of, known_key
from .iteration import integer, known_items, sequence
from .values import (
    Abstract,
    ArrayRef,
    DictRef,
    EnumerateVal,
    FunctionVal,
    InstanceRef,
    ListRef,
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
    return TupleVal(tuple(known_items(st, args[0], "`tuple`")) if args else ())


def _list(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 0, 1, "list")
    if args and not isinstance(sequence(st, args[0]).length, int):
        # The list of an array is the loop that appends its items.
        return containers.listed(st, args[0])
    return st.new_list(tuple(known_items(st, args[0], "`list`")) if args else ())


def _dict(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity({}, args, 0, 1, "dict")
    entry: dict[Any, Abstract] = {}
    if args and isinstance(args[0], DictRef):
        entry.update(containers.known_dict(st, args[0]))
    elif args:
        for pair in known_items(st, args[0], "`dict`"):
            key, value = known_items(st, pair, "`dict`")
            entry[known_key(st, key)] = value
    entry.update(kwargs)
    return DictRef(st.new_list(entry).object)


def _isinstance(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, 2, "isinstance")
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


def _super(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    return instances.super_of(st, args)


def _replace(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity({}, args, 1, 1, "replace")
    return instances.replaced(st, args[0], kwargs)


def _asdict(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "asdict")
    if not isinstance(args[0], InstanceRef) or not dataclasses.is_dataclass(args[0].cls):
        st.refuse("`asdict` takes an object of a dataclass here")
    return instances.as_dict(st, args[0])


def _copy(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """`copy.copy`: a new object that shares what the old one holds."""
    _arity(kwargs, args, 1, 1, "copy")
    (x,) = args
    if isinstance(x, InstanceRef) and not hasattr(x.cls, "__copy__"):
        return InstanceRef(st.new_list(dict(entry_of(st, x))).object, x.cls)
    if isinstance(x, ArrayRef):
        return arrays.copied(st, x)
    if isinstance(x, DictRef):
        return DictRef(st.new_list(dict(entry_of(st, x))).object)
    if isinstance(x, ListRef) and isinstance(entry_of(st, x), tuple):
        return st.new_list(entry_of(st, x))
    if isinstance(x, (Num, TupleVal)):
        return x
    st.refuse("copying this is not supported")


def _print(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    st.refuse("`print` is not supported in a compiled function", "return what you want to see")


BUILTINS: dict[Any, Callable[[Tracer, Args, Kwargs], Abstract]] = {
    builtins.len: _len, builtins.range: _range, builtins.enumerate: _enumerate,
    builtins.zip: _zip, builtins.reversed: _reversed_call, builtins.tuple: _tuple,
    builtins.list: _list, builtins.dict: _dict, builtins.isinstance: _isinstance,
    builtins.print: _print, builtins.super: _super, instances.make_of_items: instances.make_of_items,
    dataclasses.replace: _replace, dataclasses.asdict: _asdict, copy.copy: _copy,
}  # fmt: skip
