"""Objects of the user's classes that the program makes or is given: attributes, methods, construction.

Such an object is an identity whose attributes stand in the heap, like a dict. What is captured from
outside stays what it is (see `objects`); its attributes are read there at every call.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
from types import FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ..records import is_namedtuple, is_plain_dataclass, owner_of
from . import captures, container_methods, containers, names
from .captures import CALLERS
from .frames import PythonRaises
from .items import entry_of
from .iteration import known_items
from .values import (
    Abstract,
    BoundMethod,
    DictRef,
    InstanceRef,
    ListRef,
    PartialVal,
    Static,
    SuperVal,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Args = list[Abstract]
Kwargs = dict[str, Abstract]
#: The name of the file that generated code (of dataclasses, of NamedTuples) says it is from.
_GENERATED = "<string>"


def class_of(x: Abstract) -> type | None:
    """The user's class that an object of the program is of; None for all else."""
    return x.cls if isinstance(x, (InstanceRef, TupleVal)) else None


def is_generated(raw: Any) -> bool:
    return isinstance(raw, FunctionType) and raw.__code__.co_filename == _GENERATED


# --- attributes ----------------------------------------------------------------------------------------


def attribute(st: Tracer, x: Abstract, name: str) -> Abstract:
    """`x.name` of an object, or of a NamedTuple."""
    found = find_attribute(st, x, name)
    if found is None:
        raise PythonRaises(f"no attribute {name}")
    return found


def find_attribute(st: Tracer, x: Abstract, name: str) -> Abstract | None:
    """None if there is no such attribute."""
    cls = class_of(x)
    assert cls is not None
    owner, raw = owner_of(cls, name)
    if isinstance(x, TupleVal):
        fields = cls._fields  # type: ignore[attr-defined]
        if name in fields and type(raw).__name__ == "_tuplegetter":
            return names.checked(st, x.items[fields.index(name)], name)
        return None if raw is None else of_class(st, x, cls, owner, name, raw)
    assert isinstance(x, InstanceRef)
    if isinstance(raw, property):
        return of_class(st, x, cls, owner, name, raw)
    entry = entry_of(st, x)
    if name in entry:
        return names.checked(st, entry[name], name)
    if name == "__dict__":
        st.refuse("`__dict__` of an object is not supported", "name the attributes")
    if raw is None or isinstance(raw, MemberDescriptorType):
        if hasattr(cls, "__getattr__"):
            st.refuse("attributes made by `__getattr__` are not supported", "set it on the object")
        if x.object.locked and name not in dir(cls):
            st.refuse(f"`.{name}` is no field of `{cls.__name__}`", "declare it as a field")
        return None
    if isinstance(raw, functools.cached_property):
        if x.object.locked:
            st.refuse("a `cached_property` changes an object that belongs to the caller")
        source = ("attr", ("attr", ("const", owner), name), "func")
        value = st.call_function(Static(raw.func, source), [x])
        containers.replace(st, x, {**entry_of(st, x), name: names.kept(st, value)})
        return value
    return of_class(st, x, cls, owner, name, raw)


def of_class(st: Tracer, x: Abstract, cls: type, owner: type, name: str, raw: Any) -> Abstract:
    """What a class defines under a name, taken from its object `x`."""
    source = ("attr", ("const", cls), name)
    if isinstance(raw, property):
        st.captures.guard(source, raw, "is")
        return st.call_function(Static(raw.fget, ("attr", source, "fget")), [x])
    if isinstance(raw, FunctionType):
        return BoundMethod(x, name)
    if isinstance(raw, staticmethod):
        return captures.known(st, raw.__func__, source, name)
    if isinstance(raw, classmethod):
        return class_method(st, cls, owner, name, raw)
    if owner in (tuple, object) or hasattr(raw, "__get__"):
        return BoundMethod(x, name)
    return captures.known(st, raw, source, name)


def class_method(st: Tracer, cls: type, owner: type, name: str, raw: classmethod) -> Abstract:
    if name == "_make" and is_namedtuple(cls) and is_generated_named(owner):
        return PartialVal(Static(make_of_items), (Static(cls),), {})
    source = ("attr", ("const", cls), name)
    st.captures.guard(("attr", source, "__func__"), raw.__func__, "is")
    function = Static(raw.__func__, ("attr", source, "__func__"))
    return PartialVal(function, (Static(cls, ("const", cls)),), {})


def set_attribute(st: Tracer, x: Abstract, name: str, value: Abstract) -> None:
    """`x.name = value`."""
    if isinstance(x, TupleVal) and x.cls:
        raise PythonRaises("can't set attribute")
    if not isinstance(x, InstanceRef):
        st.refuse(
            "assigning to an attribute of this is not supported: it is not made in this function",
            "keep the value in a name, and return it; or make the object in the function",
        )
    owner, raw = owner_of(x.cls, "__setattr__")
    if owner is not object:
        if is_generated(raw) and _is_frozen(x.cls):
            raise PythonRaises("cannot assign to field of a frozen dataclass")
        st.refuse("`__setattr__` is not supported")
    put_attribute(st, x, name, value)


def put_attribute(st: Tracer, x: InstanceRef, name: str, value: Abstract) -> None:
    """As `object.__setattr__` does it."""
    _, raw = owner_of(x.cls, name)
    if isinstance(raw, property):
        if raw.fset is None:
            raise PythonRaises(f"property {name} has no setter")
        source = ("attr", ("attr", ("const", owner_of(x.cls, name)[0]), name), "fset")
        st.call_function(Static(raw.fset, source), [x, value])
        return
    if hasattr(raw, "__set__") and not isinstance(raw, MemberDescriptorType):
        st.refuse("descriptors are not supported", "use a plain attribute")
    if raw is None and not _has_dict(x.cls):
        raise PythonRaises(f"no attribute {name}")
    entry = entry_of(st, x)
    if name in entry and containers.unchanged(entry[name], value):
        return
    if x.object.locked == CALLERS:
        st.refuse(
            "this changes an object that belongs to the caller",
            "make a changed copy: `dataclasses.replace(state, x=...)`",
        )
    containers.replace(st, x, {**entry, name: names.kept(st, value)})


def _has_dict(cls: type) -> bool:
    return any("__dict__" in owner.__dict__ for owner in cls.__mro__)


def delete_attribute(st: Tracer, x: Abstract, name: str) -> None:
    if not isinstance(x, InstanceRef) or owner_of(x.cls, "__delattr__")[0] is not object:
        st.refuse("`del` of this attribute is not supported")
    entry = dict(entry_of(st, x))
    if name not in entry:
        raise PythonRaises(f"no attribute {name}")
    del entry[name]
    containers.replace(st, x, entry)


# --- methods -------------------------------------------------------------------------------------------


def call_method(st: Tracer, bound: BoundMethod, args: Args, kwargs: Kwargs) -> Abstract:
    """`x.name(...)` where `x` is an object of the program and `name` a method of its class."""
    cls = class_of(bound.self)
    assert cls is not None
    owner, raw = owner_of(cls, bound.name)
    return _call_raw(st, bound.self, owner, raw, bound.name, args, kwargs)


def _call_raw(
    st: Tracer, x: Abstract, owner: type, raw: Any, name: str, args: Args, kwargs: Kwargs
) -> Abstract:
    if isinstance(x, TupleVal) and name in ("_replace", "_asdict") and is_generated_named(owner):
        return _replaced_tuple(st, x, kwargs) if name == "_replace" else as_dict(st, x)
    if isinstance(x, TupleVal) and owner is tuple:
        return container_methods.call_method(st, x, name, args, kwargs)
    if owner is object and name == "__setattr__" and isinstance(x, InstanceRef) and len(args) == 2:
        put_attribute(st, x, _known_name(st, args[0]), args[1])
        return Static(None)
    if owner is object and name == "__init__":
        if args or kwargs:
            raise PythonRaises(f"{owner.__name__}() takes no arguments")
        return Static(None)
    if not isinstance(raw, FunctionType):
        st.refuse(f"`.{name}` is not supported here")
    if is_generated(raw):
        return _generated(st, x, owner, name, args, kwargs)
    # Found anew from the object's own class, which may have got a method of that name since.
    cls = class_of(x) or owner
    at = cls if owner_of(cls, name)[0] is owner else owner
    source = ("attr", ("const", at), name)
    st.captures.guard(source, raw, "is")
    return st.call_function(Static(raw, source), [x, *args], kwargs)


def is_generated_named(owner: type) -> bool:
    return "_fields" in owner.__dict__


def _known_name(st: Tracer, x: Abstract) -> str:
    if isinstance(x, Static) and isinstance(x.value, str):
        return x.value
    st.refuse("the name of an attribute must be known at compile time")


def _generated(
    st: Tracer, x: Abstract, owner: type, name: str, args: Args, kwargs: Kwargs
) -> Abstract:
    """A method that `dataclass` has written."""
    if name == "__init__" and isinstance(x, InstanceRef) and dataclasses.is_dataclass(owner):
        _init_dataclass(st, x, owner, args, kwargs)
        return Static(None)
    st.refuse(f"the generated method `{name}` is not supported", "compare the fields")


# --- construction --------------------------------------------------------------------------------------


def make(st: Tracer, callee: Static, args: Args, kwargs: Kwargs) -> Abstract:
    """`cls(*args, **kwargs)`."""
    cls = callee.value
    if is_namedtuple(cls):
        return _make_tuple(st, cls, args, kwargs)
    if not _is_plain(cls):
        st.refuse(
            f"making a `{cls.__name__}` is not supported",
            "make the object outside, and use its attributes and methods here",
        )
    made = InstanceRef(st.new_list({}).object, cls)
    owner, raw = owner_of(cls, "__init__")
    _call_raw(st, made, owner, raw, "__init__", args, kwargs)
    return made


#: The flag of types that a `class` statement makes.
_HEAP_TYPE = 1 << 9


def _is_plain(cls: type) -> bool:
    """A class whose objects are their attributes, set by an `__init__` written in Python."""
    owner, init = owner_of(cls, "__init__")
    return (
        bool(cls.__flags__ & _HEAP_TYPE)
        and type(cls).__call__ is type.__call__
        and all(owner_of(cls, name)[0] is object for name in ("__new__", "__getattribute__"))
        and (owner is object or isinstance(init, FunctionType))
        and not issubclass(cls, BaseException)
        and not inspect.isabstract(cls)
        and cls.__module__.partition(".")[0] != "numpy"
    )


def _make_tuple(st: Tracer, cls: Any, args: Args, kwargs: Kwargs) -> Abstract:
    fields = cls._fields
    given: dict[str, Abstract] = dict(zip(fields, args))
    if len(args) > len(fields) or set(kwargs) & set(given) or not set(kwargs) <= set(fields):
        raise PythonRaises(f"{cls.__name__}() takes other arguments")
    given.update(kwargs)
    for name in fields:
        if name not in given:
            if name not in cls._field_defaults:
                raise PythonRaises(f"{cls.__name__}() needs `{name}`")
            source = ("item", ("attr", ("const", cls), "_field_defaults"), name)
            given[name] = captures.known(st, cls._field_defaults[name], source, name)
    return TupleVal(tuple(names.kept(st, given[name]) for name in fields), cls)


def make_of_items(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    """`cls._make(items)`."""
    cls, items = args
    assert isinstance(cls, Static)
    found = known_items(st, items, "`_make`")
    if len(found) != len(cls.value._fields):
        raise PythonRaises("_make() takes as many items as there are fields")
    return _make_tuple(st, cls.value, found, {})


def _replaced_tuple(st: Tracer, x: TupleVal, kwargs: Kwargs) -> Abstract:
    cls: Any = x.cls
    if not set(kwargs) <= set(cls._fields):
        raise PythonRaises("got unexpected field names")
    items = (kwargs.get(name, item) for name, item in zip(cls._fields, x.items))
    return TupleVal(tuple(names.kept(st, x) for x in items), cls)


def as_dict(st: Tracer, x: Abstract) -> Abstract:
    """`x._asdict()`, `dataclasses.asdict(x)` of flat objects."""
    if isinstance(x, TupleVal):
        cls: Any = x.cls
        return DictRef(st.new_list(dict(zip(cls._fields, x.items))).object)
    assert isinstance(x, InstanceRef)
    found = {}
    for field in dataclasses.fields(x.cls):
        value = attribute(st, x, field.name)
        if isinstance(value, (InstanceRef, DictRef, ListRef, TupleVal)):
            st.refuse("`asdict` of nested objects is not supported", "take the fields one by one")
        found[field.name] = containers.copied_item(st, value)
    return DictRef(st.new_list(found).object)


def _is_frozen(cls: type) -> bool:
    params = getattr(cls, "__dataclass_params__", None)
    return bool(params is not None and params.frozen)


def _init_dataclass(st: Tracer, x: InstanceRef, owner: Any, args: Args, kwargs: Kwargs) -> None:
    """What the generated `__init__` of a class does, field by field."""
    signature = inspect.signature(owner.__init__)
    try:
        bound = signature.bind(x, *args, **kwargs)
    except TypeError as error:
        raise PythonRaises(str(error)) from None
    given = dict(bound.arguments)
    late: Args = []
    for field in owner.__dataclass_fields__.values():
        kind = field._field_type.name
        if kind == "_FIELD_CLASSVAR":
            continue
        if field.name in given:
            value = given[field.name]
        else:
            default = _default(st, owner, field)
            if default is None:
                continue
            value = default
        if kind == "_FIELD_INITVAR":
            late.append(value)
            continue
        put_attribute(st, x, field.name, value)
    if hasattr(owner, "__post_init__"):
        st.call_function(attribute(st, x, "__post_init__"), late)


def _default(st: Tracer, owner: type, field: Any) -> Abstract | None:
    source = ("item", ("attr", ("const", owner), "__dataclass_fields__"), field.name)
    if field.default is not dataclasses.MISSING:
        return captures.known(st, field.default, ("attr", source, "default"), field.name)
    if field.default_factory is dataclasses.MISSING:
        return None
    factory = ("attr", source, "default_factory")
    return st.call_function(captures.known(st, field.default_factory, factory, field.name), [])


def replaced(st: Tracer, x: Abstract, changes: Kwargs) -> Abstract:
    """`dataclasses.replace(x, **changes)`."""
    cls = x.cls if isinstance(x, InstanceRef) else type(x.value) if isinstance(x, Static) else None
    if cls is None or not dataclasses.is_dataclass(cls) or not is_plain_dataclass(cls):
        st.refuse("`replace` takes an object of a dataclass")
    given: Kwargs = dict(changes)
    for field in cls.__dataclass_fields__.values():
        kind = field._field_type.name  # type: ignore[attr-defined]
        if kind == "_FIELD_CLASSVAR":
            continue
        if kind == "_FIELD_INITVAR" or not field.init:
            if not field.init and field.name in given:
                raise PythonRaises(f"field {field.name} is declared with init=False")
            if kind == "_FIELD_INITVAR" and field.name not in given:
                st.refuse("`replace` with an `InitVar` is not supported")
            continue
        if field.name not in given:
            given[field.name] = st.attribute(x, field.name)
    return make(st, Static(cls, ("const", cls)), [], given)


# --- super ---------------------------------------------------------------------------------------------


def super_of(st: Tracer, args: Args) -> Abstract:
    """`super()` in a method: of the class whose body the method stands in."""
    if args:
        st.refuse("`super` with arguments is not supported", "write `super()`")
    function, node = st.frame.function, st.frame.node
    parameters = getattr(getattr(node, "args", None), "args", [])
    if function is None or "__class__" not in function.__code__.co_freevars or not parameters:
        st.refuse("`super()` is supported in methods only")
    at = function.__code__.co_freevars.index("__class__")
    cls = (function.__closure__ or ())[at].cell_contents
    return SuperVal(names.read(st, parameters[0].arg), cls)


def super_attribute(st: Tracer, x: SuperVal, name: str) -> Abstract:
    cls = class_of(x.self) or (type(x.self.value) if isinstance(x.self, Static) else None)
    if cls is None or x.cls not in cls.__mro__:
        st.refuse("this use of `super()` is not supported")
    owner, raw = _next_owner(cls, x.cls, name)
    if raw is None:
        raise PythonRaises(f"no attribute {name}")
    if isinstance(raw, FunctionType) or owner is object:
        return BoundMethod(x, name)
    return of_class(st, x.self, cls, owner, name, raw)


def _next_owner(cls: type, after: type, name: str) -> tuple[type, Any]:
    for owner in cls.__mro__[cls.__mro__.index(after) + 1 :]:
        if name in owner.__dict__:
            return owner, owner.__dict__[name]
    return cls, None


def call_super(st: Tracer, bound: BoundMethod, args: Args, kwargs: Kwargs) -> Abstract:
    """`super().name(...)`."""
    x = bound.self
    assert isinstance(x, SuperVal)
    cls = class_of(x.self) or type(x.self.value)  # type: ignore[union-attr]
    owner, raw = _next_owner(cls, x.cls, bound.name)
    return _call_raw(st, x.self, owner, raw, bound.name, args, kwargs)


# --- operators -----------------------------------------------------------------------------------------

_METHOD = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow",
    "@": "matmul", "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift",
}  # fmt: skip
_COMPARE = {"==": ("eq", "eq"), "!=": ("ne", "ne"), "<": ("lt", "gt"), "<=": ("le", "ge"),
            ">": ("gt", "lt"), ">=": ("ge", "le")}  # fmt: skip
_UNARY = {"-": "__neg__", "+": "__pos__", "~": "__invert__"}


def method_name(symbol: str) -> str:
    """What the methods of an operator are called by."""
    return _METHOD.get(symbol, symbol)


def has_method(x: Abstract, name: str) -> bool:
    """Does the class of an object define a method of its own in Python?"""
    cls = class_of(x)
    if cls is None and isinstance(x, Static) and not isinstance(x.value, (type, enum.Enum)):
        cls = type(x.value)
    return cls is not None and isinstance(owner_of(cls, name)[1], FunctionType)


def may_have_methods(x: Abstract) -> bool:
    """May an operator on this be a method of the user's?"""
    return class_of(x) is not None or (
        isinstance(x, Static) and bool(type(x.value).__flags__ & _HEAP_TYPE)
    )


def binary(st: Tracer, symbol: str, a: Abstract, b: Abstract) -> Abstract | None:
    """An operator that the user's class defines; None for what is the business of others."""
    if symbol in _COMPARE:
        own, other = (f"__{n}__" for n in _COMPARE[symbol])
    else:
        own, other = f"__{_METHOD[symbol]}__", f"__r{_METHOD[symbol]}__"
    tries = [(a, own, b), (b, other, a)]
    for x, name, y in tries:
        if not has_method(x, name):
            continue
        if is_generated(owner_of(class_of(x) or type(x.value), name)[1]):  # type: ignore[union-attr]
            return _compare_records(st, symbol, x, y)
        made = st.call_function(st.attribute(x, name), [y])
        if not (isinstance(made, Static) and made.value is NotImplemented):
            return made
    if isinstance(a, TupleVal) and isinstance(b, TupleVal):
        return None
    if any(isinstance(x, InstanceRef) for x in (a, b)):
        st.refuse(f"`{symbol}` is not defined by the class of this object")
    return None


def _compare_records(st: Tracer, symbol: str, a: Abstract, b: Abstract) -> Abstract:
    st.refuse(f"`{symbol}` between dataclasses is not supported", "compare their fields")


def unary(st: Tracer, symbol: str, a: Abstract) -> Abstract | None:
    name = _UNARY.get(symbol)
    if name is None or not has_method(a, name):
        return None
    return st.call_function(st.attribute(a, name), [])
