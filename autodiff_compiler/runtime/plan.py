"""What a launcher knows of a compiled kernel: which calls it fits, and how its results are shaped.

A plan is data only. It is matched and run by `dispatch.py` and, to the same rules, `launcher.c`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ..errors import NO_SPAN, Span
from ..signature import ArraySpec, ScalarSpec, Spec, StaticSpec, TreeSpec, describe, leaf_specs

__all__ = [
    "Plan", "Capture", "Guard", "OutLeaf", "ResultTree", "Source", "MISSING",
    "read_source", "source_name", "guard_holds", "still_holds", "same_value", "input_specs", "leaf_names",
]  # fmt: skip

#: Where a value outside the arguments is found, anew at every call:
#:   ("dict", dictionary, key, builtins or None)   a module's global
#:   ("cell", cell)                                a closure's variable
#:   ("attr", source, name), ("item", source, index or key), ("has", source, name of an attribute)
#:   ("default", function, parameter name)
#:   ("const", object)
Source = tuple

#: What the results are made into:
#:   ("leaf", k)         output number k
#:   ("arg", path)       the caller's own object: (parameter index, key or index, ...)
#:   ("capture", k)      the captured object number k, as it was read for this call
#:   ("static", object)
#:   ("tuple", [trees]), ("list", [trees]), ("dict", keys, [trees])
#:   ("record", (class, names of fields, or None of a NamedTuple), [trees])
#: A step of a path that is an attribute is a `records.Field`.
ResultTree = tuple


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured number, array or container of them: read at every call, passed after the arguments."""

    source: Source
    spec: Spec


@dataclass(frozen=True, slots=True)
class Guard:
    """What must still be so for the kernel to be right.

    `how`: "is" (that very object), "code" (a function with that `__code__`), "eq" (equal, and of
    the same type all the way down).
    """

    source: Source
    expected: Any
    how: str = "is"


@dataclass(frozen=True, slots=True)
class OutLeaf:
    """A number or array that the kernel gives back. `python`: Python's own float, int or bool."""

    kind: str  # "scalar" or "array"
    dtype: str
    python: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One compiled kernel and the calls that it serves.

    Input leaves are numbered through the parameters (in the order of `signature.leaves`), then
    through the captures.
    """

    name: str
    params: tuple[Spec, ...]
    captures: tuple[Capture, ...]
    guards: tuple[Guard, ...]
    outputs: tuple[OutLeaf, ...]
    result: ResultTree
    #: Leaves that the kernel writes in place, for the caller to see (only for `compile(f)`).
    writes: tuple[int, ...]
    #: Leaves that the user's function writes: they may share memory with no other array.
    mutated: tuple[int, ...]
    #: By check number: where it stands, and why it is there.
    checks: tuple[tuple[Span, str], ...]
    #: The address of a C kernel, or a Python callable taking the leaves and giving the outputs.
    entry: int | Callable[..., tuple]
    #: The address of the table of library pointers that the kernel is handed.
    table: int = 0
    #: The user's function, for messages that belong to no single line of it.
    span: Span = NO_SPAN
    #: Whatever must live as long as the plan.
    keep: tuple = ()

    def __post_init__(self) -> None:
        if not set(self.writes) <= set(self.mutated):
            raise ValueError("what the kernel writes must be among what the function writes")

    @property
    def native(self) -> bool:
        return isinstance(self.entry, int)


class _Missing:
    """What `read_source` gives when there is nothing to be read; equal to no expectation."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


def read_source(source: Source) -> Any:
    """The value that a source has now, or `MISSING`."""
    kind = source[0]
    if kind == "dict":
        value = source[1].get(source[2], MISSING)
        if value is MISSING and source[3] is not None:
            value = source[3].get(source[2], MISSING)
        return value
    if kind == "cell":
        try:
            return source[1].cell_contents
        except ValueError:  # the cell is empty
            return MISSING
    if kind == "const":
        return source[1]
    if kind == "default":
        return _read_default(source[1], source[2])
    inner = read_source(source[1])
    if inner is MISSING:
        return MISSING
    if kind == "attr":
        return getattr(inner, source[2], MISSING)
    if kind == "has":
        return hasattr(inner, source[2])
    if kind == "item":
        try:
            return inner[source[2]]
        except (LookupError, TypeError):
            return MISSING
    raise ValueError(f"unknown source {kind!r}")


def _read_default(function: Any, name: str) -> Any:
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    if name in positional:
        defaults = function.__defaults__ or ()
        back = len(positional) - positional.index(name)
        return defaults[-back] if back <= len(defaults) else MISSING
    return (function.__kwdefaults__ or {}).get(name, MISSING)


def source_name(source: Source) -> str:
    """How a source is called in messages."""
    kind = source[0]
    if kind in ("dict", "default"):
        return str(source[2])
    if kind == "attr":
        return f"{source_name(source[1])}.{source[2]}"
    if kind == "item":
        return f"{source_name(source[1])}[{source[2]!r}]"
    return "a captured array"


def guard_holds(guard: Guard) -> bool:
    value = read_source(guard.source)
    if guard.how == "is":
        return value is guard.expected
    if guard.how == "code":
        code: CodeType | None = getattr(value, "__code__", None)
        return code is guard.expected
    return same_value(value, guard.expected)


def still_holds(plan: Plan) -> bool:
    """Is all that a plan takes for granted beyond the arguments as it was?"""
    if not all(map(guard_holds, plan.guards)):
        return False
    for capture in plan.captures:
        value = read_source(capture.source)
        try:
            if value is MISSING or describe(value, instances=False) != capture.spec:
                return False
        except TypeError:
            return False
    return True


def same_value(a: Any, b: Any) -> bool:
    """Equality that tells 1 from 1.0 and True, inside containers too."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is tuple or kind is list:
        return len(a) == len(b) and all(map(same_value, a, b))
    if kind is dict:
        return (
            len(a) == len(b)
            and all(map(same_value, a, b))
            and all(map(same_value, a.values(), b.values()))
        )
    return bool(a == b)


def input_specs(plan: Plan) -> list[ScalarSpec | ArraySpec]:
    """The specs of all input leaves, in their order."""
    specs = [leaf for spec in plan.params for leaf in leaf_specs(spec)]
    return specs + [leaf for capture in plan.captures for leaf in leaf_specs(capture.spec)]


def leaf_names(plan: Plan, parameters: tuple[str, ...]) -> list[str]:
    """How each input leaf is called in messages: `w`, `state['x'][0]`, `TABLE`."""
    names: list[str] = []
    for name, spec in zip(parameters, plan.params):
        names.extend(_names(name, spec))
    for capture in plan.captures:
        names.extend(_names(source_name(capture.source), capture.spec))
    return names


def _names(prefix: str, spec: Spec) -> Iterator[str]:
    if isinstance(spec, TreeSpec):
        for key, item in zip(spec.keys if spec.cls else spec.steps, spec.items):
            yield from _names(f"{prefix}.{key}" if spec.cls else f"{prefix}[{key!r}]", item)
    elif not isinstance(spec, StaticSpec):
        yield prefix
