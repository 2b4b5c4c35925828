"""NamedTuples and dataclasses: which objects are taken apart by their fields, and put together again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from types import MemberDescriptorType
from typing import Any

__all__ = [
    "Field",
    "is_namedtuple",
    "is_plain_dataclass",
    "field_names",
    "make_record",
    "maker",
    "owner_of",
    "with_parts",
]


class Field(str):
    """A step of a path that is an attribute, not a key."""

    __slots__ = ()


def owner_of(cls: type, name: str) -> tuple[type, Any]:
    """The class of the family that defines a name, and what it defines (None if nobody does)."""
    for owner in cls.__mro__:
        if name in owner.__dict__:
            return owner, owner.__dict__[name]
    return cls, None


def is_namedtuple(cls: type) -> bool:
    """A tuple with names for its items, which nothing but its items makes up."""
    if not issubclass(cls, tuple) or not hasattr(cls, "_fields"):
        return False
    own = ("__iter__", "__getitem__", "__len__", "__getattribute__", "__contains__")
    if any(owner_of(cls, name)[0] is not tuple for name in own) or hasattr(cls, "__getattr__"):
        return False
    # Whoever defines the fields has generated the constructor with them.
    return "_fields" in owner_of(cls, "__new__")[0].__dict__ and cls.__init__ is object.__init__


_plain: dict[type, bool] = {}


def is_plain_dataclass(cls: type) -> bool:
    """A dataclass whose fields are where they are said to be: in its `__dict__` or its slots."""
    known = _plain.get(cls)
    if known is None:
        known = _plain[cls] = _is_plain_dataclass(cls)
    return known


def _is_plain_dataclass(cls: type) -> bool:
    if not dataclasses.is_dataclass(cls) or type(cls).__call__ is not type.__call__:
        return False
    special = ("__getattribute__", "__new__")
    if any(owner_of(cls, name)[0] is not object for name in special) or hasattr(cls, "__getattr__"):
        return False
    for field in dataclasses.fields(cls):
        found = owner_of(cls, field.name)[1]
        if hasattr(found, "__get__") and not isinstance(found, MemberDescriptorType):
            if hasattr(found, "__set__"):
                return False
    return True


def field_names(value: Any) -> tuple[str, ...] | None:
    """The names of a dataclass's fields; None for what is no object of a plain dataclass."""
    cls = type(value)
    if not dataclasses.is_dataclass(cls) or not is_plain_dataclass(cls):
        return None
    names = tuple(field.name for field in dataclasses.fields(cls))
    return names if all(hasattr(value, name) for name in names) else None


def make_record(cls: type, names: Sequence[str] | None, parts: Iterable[Any]) -> Any:
    """A NamedTuple (`names` None), or an object with these attributes, made without its `__init__`."""
    if names is None:
        return tuple.__new__(cls, parts)
    made: Any = object.__new__(cls)
    for name, part in zip(names, parts, strict=True):
        object.__setattr__(made, name, part)
    return made


def maker(cls: type, names: Sequence[str] | None) -> Callable[[tuple[Any, ...]], Any]:
    return lambda parts: make_record(cls, names, parts)


def with_parts(value: Any, names: Sequence[str], parts: Iterable[Any]) -> Any:
    """A copy of an object with other values in its fields; what else it holds is shared."""
    made = object.__new__(type(value))
    if hasattr(value, "__dict__"):
        made.__dict__.update(value.__dict__)
    for name, part in zip(names, parts, strict=True):
        object.__setattr__(made, name, part)
    return made
