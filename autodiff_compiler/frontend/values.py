"""What the front end knows of a Python value while it builds the graph.

Numbers and arrays are graph values; everything else (containers, functions, modules, strings) is
taken apart at compile time. Names are bound to these; arrays and lists have identity: their
contents stand in the heap, so that every alias sees a write.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from ..ir.graph import Value


@dataclass(frozen=True, slots=True)
class Static:
    """A Python object known at compile time: literals, None, strings, dtypes, modules, functions.

    Numbers that are literals (or computed from literals) are Static until a graph value is needed.
    `source` tells where a captured object was read, so that what is reached through it is guarded.
    """

    value: Any
    source: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Num:
    """A scalar of the graph. `python`: Python's own (weak, raising); else NumPy's.

    `mixed`: Python's own or NumPy's, depending on the way that the program takes. It is treated as
    Python's, whose checks are the stricter ones, and refused where the two differ in dtype.
    """

    value: Value
    python: bool
    mixed: bool = False

    @property
    def dtype(self) -> str:
        return self.value.type.dtype


class Object:
    """Identity of an array or a list from its birth; its contents are `Tracer.heap[object]`.

    `locked`: why writing to it is refused (it may be seen under a name that may or may not be it).
    `foreign`: the NumPy dtype name of a passive argument that the kernel receives as i64.
    `leaf`: the number of the argument (or capture) that it is.
    `shadows`: what may or may not be this array, depending on the way taken: who writes this one ends
    those, which cannot be read any more.
    `contiguous`, `c_order`: of an argument, and of what is made within: is it known to lie in memory row
    after row, so that NumPy's reshape is a view? `root`: the array that this one is another shape of.
    `fresh`: made within the expression that is being traced, and under no name yet; so a reshape of
    it needs no lock. Whoever binds it to a name (a parameter too) or puts it into a container or a
    closure clears this.
    """

    __slots__ = (
        "name", "_locked", "foreign", "leaf", "contiguous", "c_order", "fresh", "shadows", "root",
    )  # fmt: skip

    def __init__(self, name: str = ""):
        self.name = name
        self._locked: str = ""
        self.foreign: str = ""
        self.leaf: int | None = None
        self.contiguous: bool = True
        self.fresh: bool = False
        self.shadows: list[Object] = []
        self.c_order: bool = False
        self.root: Object | None = None

    @property
    def origin(self) -> Object:
        """The array whose memory this is."""
        return self.root or self

    @property
    def locked(self) -> str:
        return self.origin._locked

    @locked.setter
    def locked(self, reason: str) -> None:
        self.origin._locked = reason


@dataclass(frozen=True, slots=True)
class At:
    """One axis of the base, at an integer (checked, not negative)."""

    index: Value


@dataclass(frozen=True, slots=True)
class Span1:
    """One axis of the base, from `start` by `step`, `length` entries. `full`: all of it, in order.

    `one`: the length is known to be 1.
    """

    start: Value
    length: Value
    step: Value
    full: bool = False
    one: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """A view: what it takes along each axis of the base, and which result axis that becomes.

    `out[k]`: the base axis (a Span1) that axis k of the view runs along; None is a new axis of 1.
    """

    items: tuple[At | Span1, ...]
    out: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ArrayRef:
    """An array, or a view of one. `path` None is the whole object."""

    object: Object
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class TupleVal:
    """`cls`: the class of a NamedTuple."""

    items: tuple[Abstract, ...]
    cls: type | None = None


@dataclass(frozen=True, slots=True)
class ListRef:
    """heap[object] is a tuple of Abstract (a list of known length) or a Value of stack type."""

    object: Object


@dataclass(frozen=True, slots=True)
class DictRef:
    """heap[object] is a dict of Hashable to Abstract (never mutated in place: replaced)."""

    object: Object


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """An object of the user's class: heap[object] is a dict of its attributes (replaced likewise)."""

    object: Object
    cls: type


@dataclass(frozen=True, slots=True)
class SuperVal:
    """`super()` in a method of `cls`, before its attribute is taken."""

    self: Abstract
    cls: type


@dataclass(frozen=True, slots=True)
class IterRef:
    """An iterator that has a name: heap[object] is (what it walks over,), or () when it is used up."""

    object: Object


@dataclass(frozen=True, slots=True)
class GeneratorVal:
    """A generator expression, which is used at once: its items. `effects`: making them has changed
    something, so that it matters how many of them are asked for."""

    items: Abstract
    effects: bool = False


@dataclass(frozen=True, slots=True)
class RangeVal:
    start: Abstract
    stop: Abstract
    step: Abstract


@dataclass(frozen=True, slots=True)
class FunctionVal:
    """A function made while tracing (nested def, lambda), closed over its frame's environment."""

    node: Any  # ast.FunctionDef | ast.Lambda
    frame: Any
    defaults: tuple[Abstract, ...] = ()
    kw_defaults: dict[str, Abstract] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """`self.name` of an array, a list, a dict or a user's object, before it is called."""

    self: Abstract
    name: str


@dataclass(frozen=True, slots=True)
class Unset:
    """A name that no way here has bound."""


@dataclass(frozen=True, slots=True)
class MaybeUnset:
    """Bound if `flag` holds; reading it checks that."""

    flag: Value
    value: Abstract


@dataclass(frozen=True, slots=True)
class Poison:
    """A name that stands for no one thing the compiler can follow; reading it is refused."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Reshaped:
    """In the heap: another shape of an array, which has no contents of its own."""

    base: Object
    dims: tuple[Any, ...]


class Moved:
    """In the heap: the array lives on as another object, under which all of its names know it."""

    def __repr__(self) -> str:
        return "MOVED"


MOVED = Moved()


@dataclass(frozen=True, slots=True)
class ZipVal:
    """`zip(...)`, before it is walked. `single`: an iterator over the one thing in it, item by item.
    `listed`: the list of it, which can be walked again and again. `eager`: what Python works out
    when it comes to an item has been worked out."""

    items: tuple[Abstract, ...]
    single: bool = False
    listed: bool = False
    eager: bool = False


@dataclass(frozen=True, slots=True)
class EnumerateVal:
    items: Abstract
    start: Abstract
    listed: bool = False


@dataclass(frozen=True, slots=True)
class ReversedVal:
    items: Abstract


@dataclass(frozen=True, slots=True)
class DerivativeVal:
    """`grad(function)` or `value_and_grad(function)`. `argnums`: positions or names, or one of them."""

    kind: str
    function: Abstract
    argnums: Any
    has_aux: bool


@dataclass(frozen=True, slots=True)
class PartialVal:
    """`functools.partial(function, *args, **kwargs)`."""

    function: Abstract
    args: tuple[Abstract, ...]
    kwargs: dict[str, Abstract]


Abstract = (
    Static
    | Num
    | ArrayRef
    | TupleVal
    | ListRef
    | DictRef
    | InstanceRef
    | SuperVal
    | IterRef
    | GeneratorVal
    | RangeVal
    | FunctionVal
    | BoundMethod
    | Unset
    | MaybeUnset
    | Poison
    | ZipVal
    | EnumerateVal
    | ReversedVal
    | DerivativeVal
    | PartialVal
)
#: What has its contents in the heap, beside arrays.
HEAPED = (ListRef, DictRef, InstanceRef, IterRef)
HeapEntry = Value | tuple[Abstract, ...] | dict[Hashable, Abstract] | Reshaped | Poison | Moved
