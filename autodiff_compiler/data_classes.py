"""`dataclass` of the standard library, made in a quarter of the time. Imports nothing of ours.

The standard one compiles the text of each method by itself, half a millisecond for a class. A first
call loads close to a hundred of them, and that was more than half of what loading the compiler cost.
Here `__init__` alone is compiled; what does not depend on the fields' names is shared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_MISSING = dataclasses.MISSING


def _dataclass(
    cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> Any:
    """As `dataclasses.dataclass` with these options."""
    if cls is None:
        return lambda cls: _dataclass(cls, frozen=frozen, slots=slots, eq=eq)
    own = set(vars(cls))
    if cls.__doc__ is None:  # it would be made of the signature
        cls.__doc__ = cls.__name__
    cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    fields = dataclasses.fields(cls)
    assert all(f.init and f.hash is None and not f.kw_only for f in fields)
    methods: dict[str, Any] = {"__init__": _init(cls, fields, frozen), "__repr__": _repr(fields)}
    if eq:
        key = _key([f.name for f in fields if f.compare])
        methods["__eq__"] = _eq(key)
        # A class with an `__eq__` of its own has None here already.
        methods["__hash__"] = _hash(key) if frozen else None
        if vars(cls).get("__hash__") is None:
            own.discard("__hash__")
    if frozen:
        methods |= _frozen(cls, frozenset(f.name for f in fields))
        if slots:
            methods |= {"__getstate__": _getstate, "__setstate__": _setstate}
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    return cls


def _init(cls: type, fields: tuple[Any, ...], frozen: bool) -> Callable[..., None]:
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": _MISSING}
    heads, lines = ["_self"], []  # a field may be called `self`
    for f in fields:
        name, value = f.name, f.name
        if f.default_factory is not _MISSING:
            known[f"_make_{name}"] = f.default_factory
            heads.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif f.default is not _MISSING:
            known[f"_default_{name}"] = f.default
            heads.append(f"{name}=_default_{name}")
        else:
            heads.append(name)
        lines.append(f" _set(_self, {name!r}, {value})" if frozen else f" _self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" _self.__post_init__()")
    made: dict[str, Any] = {}
    exec(f"def __init__({', '.join(heads)}):\n" + "\n".join(lines or [" pass"]), known, made)
    made["__init__"].__module__ = cls.__module__
    made["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return made["__init__"]


def _repr(fields: tuple[Any, ...]) -> Callable[[Any], str]:
    names = [f.name for f in fields if f.repr]

    def __repr__(self: Any) -> str:
        parts = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{type(self).__qualname__}({parts})"

    return recursive_repr("...")(__repr__)


def _key(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """The function from an object to the tuple of these fields."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda x: ()
    get = attrgetter(*names)
    return lambda x: (get(x),)


def _eq(key: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, Any], bool]:
    def __eq__(self: Any, other: Any) -> bool:
        if other is self:  # tuples are asked for identity first, and so are their elements
            return True
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(key: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:
        return hash(key(self))

    return __hash__


def _frozen(cls: type, names: frozenset[str]) -> dict[str, Any]:
    def __setattr__(self: Any, name: str, value: Any) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    return {"__setattr__": __setattr__, "__delattr__": __delattr__}


# Pickles of objects with slots would be read back by assignments, which are forbidden.


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for f, value in zip(dataclasses.fields(self), state):
        object.__setattr__(self, f.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass
