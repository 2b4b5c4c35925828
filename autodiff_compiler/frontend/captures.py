"""What the program reads from outside itself: parameters, globals, closures, attributes of objects.

Numbers and arrays become parameters of the graph, seen afresh at every call. All else is known at
compile time, and guarded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UnsupportedError
from ..ir.graph import Value
from ..ir.types import I64, Array, Scalar
from ..signature import (
    PASSIVE_DTYPES,
    ArraySpec,
    ScalarSpec,
    Spec,
    StaticSpec,
    TreeSpec,
    describe,
    leaf_specs,
)  # fmt: skip
from .frames import PythonRaises
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    DictRef,
    InstanceRef,
    Num,
    Object,
    Static,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Source = tuple[Any, ...]
Guard = tuple[Source, Any, str]

_PASSIVE = {short: dtype.name for dtype, short in PASSIVE_DTYPES.items()}
_MANY_LEAVES = 256
#: Why lists and dicts from outside are not written.
CALLERS = "belongs to the caller"
_NUMBERS = (bool, int, float, np.generic)


class NeedsValue(UnsupportedError):
    """An integer argument must be known at compile time. `path`: (parameter index, key, ...).

    Whoever asked for the trace may ask again, with a `StaticSpec` of the value at that place.
    """

    path: tuple[Any, ...] = ()


@dataclass
class Captures:
    """What one trace depends on. `leaves`: the graph's parameters, arguments' first."""

    found: list[tuple[Source, Spec]] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    leaves: list[Value] = field(default_factory=list)
    objects: dict[Object, tuple[Any, ...]] = field(default_factory=dict)
    known: dict[Any, Abstract] = field(default_factory=dict)
    #: integers that can be had at compile time: by a guard, or by asking for the argument's value
    integers: dict[Value, tuple[Any, Source | None, tuple[Any, ...]]] = field(default_factory=dict)
    #: attributes of modules, classes and objects that were looked up: (where, name)
    looked: list[tuple[Any, str]] = field(default_factory=list)
    _guarded: set[Any] = field(default_factory=set)

    def guard(self, source: Source | None, expected: Any, how: str) -> None:
        if source is None or source[0] == "const" and how == "is":
            return
        key = (source_key(source), id(expected) if how != "eq" else repr(expected), how)
        if key not in self._guarded:
            self._guarded.add(key)
            self.guards.append((source, expected, how))


def source_key(source: Source) -> Any:
    """A source in a form that can be compared: by identity of what it holds."""
    return tuple(
        source_key(part) if isinstance(part, tuple) and part and isinstance(part[0], str) and k
        else part if isinstance(part, (str, int)) else ("id", id(part))
        for k, part in enumerate(source)
    )  # fmt: skip


# --- parameters ------------------------------------------------------------------------------------


def enter(
    st: Tracer,
    spec: Spec,
    name: str,
    path: tuple[Any, ...],
    source: Source | None,
    value: Any = None,
) -> Abstract:
    """Makes the graph's parameters for a spec. `path` leads there from the arguments (or is empty);
    `source` and `value` are a capture's."""
    if isinstance(spec, StaticSpec):
        return Static(spec.value, source or ("const", spec.value))
    if isinstance(spec, ScalarSpec):
        made = _parameter(st, Scalar(spec.dtype), name)
        if spec.dtype == I64:
            st.captures.integers[made] = (value, source, path)
        return Num(made, spec.python)
    if isinstance(spec, ArraySpec):
        return _array(st, spec, name, path)
    values = [None] * len(spec.items) if value is None else spec.parts(value)
    items = [
        enter(
            st, item, _part_name(name, spec.keys[k] if spec.cls else step),
            (*path, step) if path else (), None if source is None else ("item", source, step), part,
        )
        for k, (step, item, part) in enumerate(zip(spec.steps, spec.items, values))
    ]  # fmt: skip
    return _container(st, spec, items, path)


def _container(
    st: Tracer, spec: TreeSpec, items: list[Abstract], path: tuple[Any, ...]
) -> Abstract:
    if spec.kind in ("tuple", "namedtuple"):
        made: Abstract = TupleVal(tuple(items), spec.cls)
    elif spec.kind == "list":
        made = st.new_list(tuple(items))
    else:
        entry = st.new_list(dict(zip(spec.keys, items)))
        made = InstanceRef(entry.object, spec.cls) if spec.cls else DictRef(entry.object)
    if isinstance(made, HEAPED):
        made.object.locked = CALLERS
        st.everywhere[made.object] = st.heap[made.object]
        if path:
            st.captures.objects[made.object] = path
    return made


def _part_name(name: str, key: Any) -> str:
    text = "".join(c if c.isalnum() or c == "_" else "_" for c in str(key))
    return f"{name}_{text}"


def _parameter(st: Tracer, type: Any, name: str) -> Value:
    with st.b.at(1):
        made = st.b.function_param(type, name)
    st.captures.leaves.append(made)
    return made


def _array(st: Tracer, spec: ArraySpec, name: str, path: tuple[Any, ...]) -> ArrayRef:
    foreign = _PASSIVE.get(spec.dtype, "")
    type = Array(I64 if foreign else spec.dtype, tuple(1 if one else None for one in spec.ones))
    made = Object(name)
    made.leaf = len(st.captures.leaves)
    made.foreign = foreign
    made.contiguous = spec.contiguous
    st.heap[made] = _parameter(st, type, name)
    st.everywhere[made] = st.heap[made]
    if path:
        st.captures.objects[made] = path
    return ArrayRef(made)


# --- globals, cells, attributes ------------------------------------------------------------------------


def read_global(st: Tracer, function: FunctionType, name: str) -> Abstract:
    code = function.__code__
    if name in code.co_freevars and function.__closure__ is not None:
        cell = function.__closure__[code.co_freevars.index(name)]
        try:
            value = cell.cell_contents
        except ValueError:
            raise PythonRaises(f"`{name}` is not bound") from None
        return known(st, value, ("cell", cell), name)
    builtins: dict[str, Any] = function.__builtins__  # type: ignore[attr-defined]
    space = function.__globals__
    if name in space:
        value = space[name]
    elif name in builtins:
        value = builtins[name]
    else:
        raise PythonRaises(f"`{name}` is not defined")
    return known(st, value, ("dict", space, name, builtins), name)


def known(st: Tracer, value: Any, source: Source, name: str) -> Abstract:
    """What was found outside as an abstract value; the same source gives the same again."""
    key = source_key(source)
    found = st.captures.known.get(key)
    if found is None:
        found = _capture(st, value, source, name)
        st.captures.known[key] = found
    return found


def _capture(st: Tracer, value: Any, source: Source, name: str) -> Abstract:
    try:
        spec = describe(value, instances=False)
    except TypeError as error:
        st.refuse(f"`{name}` cannot be used here: {error}")
    if isinstance(spec, StaticSpec):
        if isinstance(value, MethodType):
            # A bound method is made anew at each reading; what it binds is what counts.
            st.captures.guard(("attr", source, "__func__"), value.__func__, "is")
            st.captures.guard(("attr", source, "__self__"), value.__self__, "is")
            return Static(value, source)
        how = "eq" if isinstance(value, (str, bytes, np.dtype)) else "is"
        st.captures.guard(source, value, how)
        return Static(value, source)
    if isinstance(value, complex):
        st.refuse("complex numbers are not supported", "work with real and imaginary parts")
    if sum(1 for _ in leaf_specs(spec)) > _MANY_LEAVES:
        st.refuse(f"`{name}` holds too many numbers to be taken one by one", "make it an array")
    if not name.isidentifier():
        name = ""
    st.captures.found.append((source, spec))
    return enter(st, spec, name, (), source, value)


def constant_of_module(module: ModuleType, value: Any) -> bool:
    """Is this a number that a library defines once and for all, like `np.pi`?"""
    root = module.__name__.partition(".")[0]
    return root in ("numpy", "math", "cmath", "scipy", "sys") and isinstance(value, _NUMBERS)


def is_users_function(value: Any) -> bool:
    if isinstance(value, (BuiltinFunctionType, type)) or not isinstance(value, FunctionType):
        return False
    return value.__module__ is None or value.__module__.partition(".")[0] not in ("numpy", "scipy")


def made_static(st: Tracer, x: Abstract) -> Abstract:
    """Captured integers inside `x` as known numbers; what depends on an argument is asked for."""
    if isinstance(x, Num) and x.value in st.captures.integers:
        value, source, path = st.captures.integers[x.value]
        if source is not None:
            st.captures.guard(source, value, "eq")
            return Static(value, source)
    if isinstance(x, TupleVal):
        return TupleVal(tuple(made_static(st, item) for item in x.items), x.cls)
    return x


def has_integer(st: Tracer, x: Abstract) -> bool:
    """Is there an integer inside `x` that could be had at compile time?"""
    if isinstance(x, TupleVal):
        return any(has_integer(st, item) for item in x.items)
    return isinstance(x, Num) and x.value in st.captures.integers


def has_static(st: Tracer, x: Abstract) -> bool:
    if isinstance(x, Num) and x.value in st.captures.integers:
        return st.captures.integers[x.value][1] is not None
    return isinstance(x, TupleVal) and any(has_static(st, item) for item in x.items)


def argument_path(st: Tracer, x: Abstract) -> tuple[Any, ...] | None:
    """Where among the arguments an integer inside `x` came from."""
    if isinstance(x, Num) and x.value in st.captures.integers:
        _, source, path = st.captures.integers[x.value]
        return path if source is None else None
    for item in x.items if isinstance(x, TupleVal) else ():
        found = argument_path(st, item)
        if found is not None:
            return found
    return None
