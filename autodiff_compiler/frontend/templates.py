"""What stands for a name after two ways have met: trees over the slots that the ways hand on.

A slot is one value of the graph that both ways yield. A template says how the slots make up what
the front end knows of a name: which are the items of a tuple, the flag of a name that may be
unset, the index of a view.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import Array, Stack, Type
from .state import State
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    At,
    BoundMethod,
    DerivativeVal,
    DictRef,
    FunctionVal,
    InstanceRef,
    MaybeUnset,
    Num,
    Object,
    Path,
    Poison,
    RangeVal,
    Span1,
    Static,
    TupleVal,
    Unset,
)  # fmt: skip

#: Why a write is refused where it is not sure which names would see it.
MAY_BE_ANOTHER = "may or may not be the same as another, depending on the way taken"


@dataclass(frozen=True, slots=True)
class Element:
    """What a growing list holds: numbers of a flavour, or arrays of these dims."""

    type: Type
    python: bool = True
    mixed: bool = False
    dims: tuple[KnownDim, ...] = ()


@dataclass(eq=False, slots=True)
class Slot:
    """`key` tells whether two plans are the same; `emit[k]` makes the value that side k yields.

    `root`: the name (or array, list, dict) that it is for.
    """

    key: tuple[Any, ...]
    type: Type
    name: str
    emit: tuple[Callable[[], Value], Callable[[], Value]]
    dims: tuple[KnownDim, ...] | None = None
    root: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Same:
    """Both ways agree."""

    value: Abstract


@dataclass(frozen=True, slots=True)
class Number:
    slot: int
    python: bool
    mixed: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """An array that came by either way; `group` numbers it in its plan."""

    group: int
    path: PathTemplate | None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A view of one and the same array, at an index that may differ."""

    object: Object
    path: PathTemplate


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """Per axis its operands: a slot's number, or a value that both ways share."""

    items: tuple[tuple[str, tuple[int | Value, ...], bool, bool], ...]
    out: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """`kind`: "tuple", "range" or "list" (a new list of known length; `locked`: why it stays as it is)."""

    kind: str
    items: tuple[Template, ...]
    locked: str = ""
    cls: type | None = None


@dataclass(frozen=True, slots=True)
class DictItems:
    """A dict, or (`cls`) an object of a class by its attributes."""

    keys: tuple[Hashable, ...]
    items: tuple[Template, ...]
    locked: str = ""
    cls: type | None = None


@dataclass(frozen=True, slots=True)
class Growing:
    """A list as a stack."""

    slot: int
    element: Element


@dataclass(frozen=True, slots=True)
class Maybe:
    flag: int
    value: Template


@dataclass(frozen=True, slots=True)
class Method:
    self: Template
    name: str


@dataclass(frozen=True, slots=True)
class Lost:
    reason: str
    hint: str


Template = Same | Number | Whole | View | Items | DictItems | Growing | Maybe | Method | Lost


@dataclass(slots=True)
class Group:
    """Names that stand for one array after the meeting. `linear`: it may be written then."""

    slot: int
    linear: bool
    name: str
    contiguous: bool
    foreign: str = ""
    #: what the array may be, if it is not linear
    bases: tuple[Object, ...] = field(default=(), compare=False)
    c_order: bool = False


# --- equality ------------------------------------------------------------------------------------


def same(a: Abstract, b: Abstract) -> bool:
    """Do both stand for the same thing, whichever way the program came?"""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, Static):
        return same_object(a.value, b.value)
    if isinstance(a, FunctionVal):
        return a.node is b.node and a.frame is b.frame and _all_same(a.defaults, b.defaults)
    if isinstance(a, BoundMethod):
        return a.name == b.name and same(a.self, b.self)
    if isinstance(a, DerivativeVal):
        return (a.kind, a.argnums, a.has_aux) == (b.kind, b.argnums, b.has_aux) and same(
            a.function, b.function
        )
    if isinstance(a, TupleVal):
        return a.cls is b.cls and _all_same(a.items, b.items)
    if isinstance(a, MaybeUnset):
        return a.flag is b.flag and same(a.value, b.value)
    if isinstance(a, RangeVal):
        return _all_same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, (Num, ArrayRef, *HEAPED, Poison)):
        return a == b
    return isinstance(a, Unset)


def same_object(a: Any, b: Any) -> bool:
    """Identity, or equality of plain constants that tells 1 from 1.0 and 0.0 from -0.0."""
    if a is b:
        return True
    plain = (bool, int, float, str, bytes, type(None))
    return type(a) is type(b) and isinstance(a, plain) and repr(a) == repr(b)


def _all_same(a: Sequence[Abstract], b: Sequence[Abstract]) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def equal(a: Template, b: Template) -> bool:
    """Do two templates say the same?"""
    if type(a) is not type(b):
        return False
    if isinstance(a, Same):
        return same(a.value, b.value)
    if isinstance(a, View):
        return a.object is b.object and a.path == b.path
    if isinstance(a, Items):
        told = (a.kind, a.locked, a.cls) == (b.kind, b.locked, b.cls)
        return told and _all_equal(a.items, b.items)
    if isinstance(a, DictItems):
        told = (a.keys, a.locked, a.cls) == (b.keys, b.locked, b.cls)
        return told and _all_equal(a.items, b.items)
    if isinstance(a, Maybe):
        return a.flag == b.flag and equal(a.value, b.value)
    if isinstance(a, Method):
        return a.name == b.name and equal(a.self, b.self)
    return a == b


def _all_equal(a: Sequence[Template], b: Sequence[Template]) -> bool:
    return len(a) == len(b) and all(map(equal, a, b))


# --- building ------------------------------------------------------------------------------------


class Builder:
    """Makes up the abstract values that templates describe, from one value per slot."""

    def __init__(self, st: State, values: Sequence[Value], groups: Sequence[Group]):
        self.st = st
        self.values = values
        self.groups = groups
        self._objects: dict[int, Object] = {}

    def build(self, t: Template) -> Abstract:
        if isinstance(t, Same):
            return t.value
        if isinstance(t, Number):
            return Num(self.values[t.slot], t.python, t.mixed)
        if isinstance(t, Whole):
            return ArrayRef(self.object(t.group), None if t.path is None else self.path(t.path))
        if isinstance(t, View):
            return ArrayRef(t.object, self.path(t.path))
        if isinstance(t, Items):
            return self.items(t)
        if isinstance(t, DictItems):
            entry = {k: self.build(v) for k, v in zip(t.keys, t.items)}
            made = self.st.new_list(entry)
            made.object.locked = t.locked
            return InstanceRef(made.object, t.cls) if t.cls else DictRef(made.object)
        if isinstance(t, Growing):
            made = self.st.new_list(self.values[t.slot])
            self.st.elements[made.object] = t.element
            return made
        if isinstance(t, Maybe):
            return MaybeUnset(self.values[t.flag], self.build(t.value))
        if isinstance(t, Method):
            return BoundMethod(self.build(t.self), t.name)
        return Poison(t.reason, t.hint)

    def items(self, t: Items) -> Abstract:
        items = tuple(map(self.build, t.items))
        if t.kind == "list":
            made = self.st.new_list(items)
            made.object.locked = t.locked
            return made
        return TupleVal(items, t.cls) if t.kind == "tuple" else RangeVal(*items)

    def entry(self, t: Template, made: Object) -> Any:
        """The contents of a list or dict whose identity both ways share."""
        if isinstance(t, Items):
            return tuple(map(self.build, t.items))
        if isinstance(t, DictItems):
            return {k: self.build(v) for k, v in zip(t.keys, t.items)}
        if isinstance(t, Growing):
            self.st.elements[made] = t.element
            return self.values[t.slot]
        assert isinstance(t, Lost)
        return Poison(t.reason, t.hint)

    def object(self, group: int) -> Object:
        made = self._objects.get(group)
        if made is None:
            g = self.groups[group]
            value = self.values[g.slot]
            assert isinstance(value.type, (Array, Stack))
            made = Object(g.name)
            made.contiguous = g.contiguous
            made.c_order = g.c_order
            made.foreign = g.foreign
            if not g.linear:
                made.locked = MAY_BE_ANOTHER
                for base in g.bases:
                    base.origin.shadows.append(made)
            self.st.heap[made] = value
            self._objects[group] = made
        return made

    def path(self, t: PathTemplate) -> Path:
        items: list[At | Span1] = []
        for kind, operands, full, one in t.items:
            values = [self.values[x] if isinstance(x, int) else x for x in operands]
            items.append(At(values[0]) if kind == "at" else Span1(*values, full=full, one=one))
        return Path(tuple(items), t.out)
