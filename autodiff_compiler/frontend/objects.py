"""Attributes: of modules, of the user's objects, of arrays and containers."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..records import owner_of
from . import captures, instances, methods
from .frames import PythonRaises
from .values import (
    Abstract,
    ArrayRef,
    BoundMethod,
    DictRef,
    InstanceRef,
    ListRef,
    Num,
    RangeVal,
    Static,
    SuperVal,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

_METHODS = {
    ListRef: {"append", "extend", "pop", "copy", "index", "count", "insert", "clear", "reverse", "sort", "remove"},
    DictRef: {
        "items", "keys", "values", "get", "copy", "update", "pop", "popitem", "setdefault", "clear",
    },
    TupleVal: {"index", "count"},
}  # fmt: skip


def attribute(st: Tracer, x: Abstract, name: str) -> Abstract:
    """`x.name`."""
    if isinstance(x, (ArrayRef, Num)):
        return methods.attribute(st, x, name)
    if isinstance(x, InstanceRef) or isinstance(x, TupleVal) and x.cls:
        return instances.attribute(st, x, name)
    if isinstance(x, SuperVal):
        return instances.super_attribute(st, x, name)
    if isinstance(x, (ListRef, DictRef, TupleVal)):
        if name in _METHODS[type(x)]:
            return BoundMethod(x, name)
        what = {ListRef: "a list", DictRef: "a dict", TupleVal: "a tuple"}[type(x)]
        st.refuse(f"`.{name}` of {what} is not supported")
    if isinstance(x, RangeVal) and name in ("start", "stop", "step"):
        return getattr(x, name)
    if not isinstance(x, Static):
        st.refuse(f"`.{name}` is not supported here")
    if isinstance(x.value, ModuleType):
        return _of_module(st, x, name)
    if isinstance(x.value, (bool, int, float, np.generic, np.ufunc)):
        return methods.attribute(st, x, name)
    if isinstance(x.value, (str, np.dtype, np.finfo, np.iinfo)):
        return _of_constant(st, x, name)
    if isinstance(x.value, type):
        return _of_class(st, x, name)
    return _of_instance(st, x, name)


def _found(st: Tracer, x: Static, name: str) -> Any:
    st.captures.looked.append((x.value, name))
    try:
        return getattr(x.value, name)
    except AttributeError as error:
        raise PythonRaises(str(error)) from None


def _of_module(st: Tracer, x: Static, name: str) -> Abstract:
    value = _found(st, x, name)
    if captures.constant_of_module(x.value, value):
        return Static(value)
    source = ("attr", x.source or ("const", x.value), name)
    own = x.value.__name__.partition(".")[0] not in ("numpy", "math", "scipy")
    if callable(value) and not (own and captures.is_users_function(value)):
        return Static(value, source)
    return captures.known(st, value, source, name)


def _of_constant(st: Tracer, x: Static, name: str) -> Abstract:
    """Attributes of strings and dtypes are known, and so are calls of strings' methods."""
    value = _found(st, x, name)
    known = isinstance(value, type) or not callable(value)
    return Static(value) if known else BoundMethod(x, name)


def _of_class(st: Tracer, x: Static, name: str) -> Abstract:
    owner, raw = owner_of(x.value, name)
    if isinstance(raw, classmethod) and not hasattr(type(x.value), name):
        return instances.class_method(st, x.value, owner, name, raw)
    value = _found(st, x, name)
    if isinstance(value, (np.dtype, type)):
        return Static(value)
    return captures.known(st, value, ("attr", x.source or ("const", x.value), name), name)


def _of_instance(st: Tracer, x: Static, name: str) -> Abstract:
    """An attribute of the user's object: its own, or one of its class."""
    source = x.source or ("const", x.value)
    owner, raw = owner_of(type(x.value), name)
    if isinstance(raw, classmethod):
        return instances.class_method(st, type(x.value), owner, name, raw)
    if isinstance(raw, property):
        getter = Static(raw.fget, ("attr", ("attr", ("const", owner), name), "fget"))
        return st.call_function(getter, [x])
    if isinstance(raw, FunctionType) and name not in getattr(x.value, "__dict__", {}):
        return BoundMethod(x, name)
    if raw is None and name not in getattr(x.value, "__dict__", {}):
        if hasattr(type(x.value), "__getattr__"):
            st.refuse("attributes made by `__getattr__` are not supported", "set it on the object")
    return captures.known(st, _found(st, x, name), ("attr", source, name), name)


def method(st: Tracer, bound: BoundMethod) -> Static:
    """The function behind a method of the user's object, guarded."""
    assert isinstance(bound.self, Static)
    owner, raw = owner_of(type(bound.self.value), bound.name)
    source = ("attr", ("const", owner), bound.name)
    st.captures.guard(source, raw, "is")
    return Static(raw, source)
