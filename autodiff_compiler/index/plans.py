"""A plan as plain data (JSON), and back: objects by their numbers in the world of the function.

What cannot be written down so makes `Unstorable`, and the plan is not kept. What cannot be read,
for whatever reason, makes any exception, and counts as absent.
"""

from __future__ import annotations

import builtins
import sys
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import Span
from ..records import Field
from ..runtime.blas import table_address
from ..runtime.plan import Capture, Guard, OutLeaf, Plan, read_source
from ..signature import ArraySpec, ScalarSpec, Spec, StaticSpec, TreeSpec
from .world import World

__all__ = ["Unstorable", "encode", "decode", "encode_value", "decode_value", "slots_of"]

_NUMPY = {t.__name__: t for t in (np.float64, np.float32, np.int64, np.int32, np.bool_)}


class Unstorable(Exception):
    """This plan holds something that is no plain data and no object of the world."""


# --- values ----------------------------------------------------------------------------------------


def encode_value(world: World, value: Any) -> Any:
    """A constant, a container of them, or an object of the world."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return ["int", str(value)]
    if kind is float:
        return ["float", value.hex()]
    if kind is Field:
        return ["field", str(value)]
    if kind.__name__ in _NUMPY and kind is _NUMPY[kind.__name__]:
        return [kind.__name__, value.tobytes().hex()]
    number = world.number_of(value)
    if number is not None:
        return ["module" if isinstance(value, ModuleType) else "object", number]
    if kind in (tuple, list, set, frozenset):
        return [kind.__name__, [encode_value(world, part) for part in value]]
    if isinstance(value, np.dtype) and value.isbuiltin == 1:
        return ["dtype", value.str]
    if value is ...:
        return ["ellipsis"]
    raise Unstorable(f"a {kind.__name__}")


def decode_value(world: World, told: Any) -> Any:
    if told is None or type(told) in (bool, str):
        return told
    kind, *rest = told
    if kind == "object":
        return world.objects[rest[0]]
    if kind == "module":
        return world.modules[rest[0]]
    if kind in ("tuple", "list", "set", "frozenset"):
        return getattr(builtins, kind)([decode_value(world, part) for part in rest[0]])
    if kind == "ellipsis":
        return ...
    if kind in _NUMPY:
        return np.frombuffer(bytes.fromhex(rest[0]), _NUMPY[kind])[0]
    readers: dict[str, Any] = {
        "int": int, "float": float.fromhex, "field": Field, "dtype": np.dtype
    }  # fmt: skip
    return readers[kind](rest[0])


# --- sources ---------------------------------------------------------------------------------------


def _encode_source(world: World, source: Any) -> list[Any]:
    kind = source[0]
    if kind == "dict":
        if source[3] is not None and source[3] is not vars(builtins):
            raise Unstorable("other builtins")
        number = world.numbers.get(id(source[1]))
        if number is None:
            raise Unstorable("a namespace")
        return ["dict", number, source[2], source[3] is not None]
    if kind in ("attr", "has", "item"):
        return [kind, _encode_source(world, source[1]), encode_value(world, source[2])]
    if kind in ("cell", "const", "default"):
        return [kind, encode_value(world, source[1]), *source[2:]]
    raise Unstorable(f"a source of kind {kind}")


def _decode_source(world: World, told: Any) -> tuple[Any, ...]:
    kind = told[0]
    if kind == "dict":
        return ("dict", world.objects[told[1]], told[2], vars(builtins) if told[3] else None)
    if kind in ("attr", "has", "item"):
        return (kind, _decode_source(world, told[1]), decode_value(world, told[2]))
    if kind in ("cell", "const", "default"):
        return (kind, decode_value(world, told[1]), *told[2:])
    raise ValueError(kind)


def slots_of(world: World, source: Any) -> list[tuple[int, str]]:
    """The numbers of the world that a captured value consists of."""
    value = read_source(source)
    if isinstance(value, (tuple, list, dict)):
        return _inside(world, value)
    kind = source[0]
    if kind in ("dict", "cell", "default"):
        holder: Any = source[1]
        key = {"dict": lambda: source[2], "cell": lambda: "", "default": lambda: f"default {source[2]}"}[
            kind
        ]()  # fmt: skip
    elif kind in ("attr", "item"):
        holder = read_source(source[1])
        key = source[2] if kind == "attr" else _key_in(holder, source[2])
    else:
        return []
    number = world.number_of(holder)
    found = [] if number is None else [(number, key)]
    if kind == "attr":
        cls = holder if isinstance(holder, type) else type(holder)
        owners = (world.numbers.get(id(owner)) for owner in cls.__mro__)
        found += [(number, f"str {key!r}") for number in owners if number is not None]
        # What hides the class's own is the object's; of several the first is the one.
        found = [slot for slot in found if slot in world.slots][:1]
    return [slot for slot in found if slot in world.slots]


def _key_in(holder: Any, key: Any) -> str:
    return f"{type(key).__name__} {key!r}"


def _inside(world: World, value: Any) -> list[tuple[int, str]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    number = world.number_of(value)
    found = []
    for key, part in pairs:
        if isinstance(part, (tuple, list, dict)):
            found += _inside(world, part)
        elif number is not None and (number, _key_in(value, key)) in world.slots:
            found.append((number, _key_in(value, key)))
    return found


# --- specs and results -----------------------------------------------------------------------------


def _encode_spec(world: World, spec: Spec) -> Any:
    if isinstance(spec, ScalarSpec):
        return ["scalar", spec.dtype, spec.python]
    if isinstance(spec, ArraySpec):
        return ["array", spec.dtype, list(spec.ones), spec.contiguous]
    if isinstance(spec, StaticSpec):
        return ["static", encode_value(world, spec.value), spec.by_identity]
    items = [_encode_spec(world, item) for item in spec.items]
    keys = [encode_value(world, key) for key in spec.keys]
    return ["tree", spec.kind, items, keys, encode_value(world, spec.cls)]


def _decode_spec(world: World, told: Any) -> Spec:
    if told[0] == "scalar":
        return ScalarSpec(told[1], told[2])
    if told[0] == "array":
        return ArraySpec(told[1], tuple(told[2]), told[3])
    if told[0] == "static":
        return StaticSpec(decode_value(world, told[1]), told[2])
    items = tuple(_decode_spec(world, item) for item in told[2])
    keys = tuple(decode_value(world, key) for key in told[3])
    return TreeSpec(told[1], items, keys, decode_value(world, told[4]))


def _encode_tree(world: World, tree: Any) -> Any:
    kind = tree[0]
    if kind in ("leaf", "capture"):
        return [kind, tree[1]]
    if kind == "static":
        return [kind, encode_value(world, tree[1])]
    if kind == "arg":
        return [kind, [encode_value(world, step) for step in tree[1]]]
    parts = [_encode_tree(world, part) for part in tree[-1]]
    if kind == "dict":
        return [kind, [encode_value(world, key) for key in tree[1]], parts]
    if kind == "record":
        cls, names = tree[1]
        return [kind, [encode_value(world, cls), names and list(names)], parts]
    return [kind, parts]


def _decode_tree(world: World, told: Any) -> tuple[Any, ...]:
    kind, what = told[0], told[1]
    if kind in ("leaf", "capture"):
        return (kind, what)
    if kind == "static":
        return (kind, decode_value(world, what))
    if kind == "arg":
        return (kind, tuple(decode_value(world, step) for step in what))
    parts = [_decode_tree(world, part) for part in told[-1]]
    if kind == "dict":
        return (kind, [decode_value(world, key) for key in what], parts)
    if kind == "record":
        return (kind, (decode_value(world, what[0]), what[1] and tuple(what[1])), parts)
    return (kind, parts)


# --- places ----------------------------------------------------------------------------------------


class _Places:
    """Spans by the function in whose file they are, and by the distance to its first line, so that
    a plan outlives a move of the file and of the lines in it."""

    def __init__(self, world: World):
        self.world = world

    def encode(self, span: Span) -> list[Any]:
        best, first = -1, 0
        for number, function in self.world.entered.items():
            code = function.__code__
            if code.co_filename == span.filename and first <= code.co_firstlineno <= span.lineno:
                best, first = number, code.co_firstlineno
        if best < 0:
            return [None, span.filename if span.filename.startswith("<") else "<unknown>"]
        return [
            best,
            span.lineno - first,
            span.col_offset,
            span.end_lineno - first,
            span.end_col_offset,
        ]

    def decode(self, told: Any) -> Span:
        if told[0] is None:
            return Span(told[1], 0, 0, 0, 0)
        code = self.world.entered[told[0]].__code__
        first = code.co_firstlineno
        return Span(code.co_filename, first + told[1], told[2], first + told[3], told[4])


# --- plans -----------------------------------------------------------------------------------------


def _encode_guard(world: World, guard: Guard) -> list[Any]:
    source = _encode_source(world, guard.source)
    if guard.how != "code":
        # What is compared by value must not be the very thing that it is compared with.
        of = world if guard.how == "is" else World()
        return [source, encode_value(of, guard.expected), guard.how]
    function = read_source(guard.source)
    number = world.number_of(function)
    # Only of what the walk went through is the code all that matters.
    if number not in world.entered or function.__code__ is not guard.expected:
        raise Unstorable("a function that was not walked through")
    return [source, number, "code"]


def _decode_guard(world: World, told: Any) -> Guard:
    source, expected, how = told
    if how == "code":
        return Guard(_decode_source(world, source), world.entered[expected].__code__, how)
    return Guard(_decode_source(world, source), decode_value(world, expected), how)


def encode(world: World, plan: Plan) -> dict[str, Any]:
    """All of a plan but its parameters, which the key has, and its entry."""
    if plan.keep:
        raise Unstorable("addresses")
    places = _Places(world)
    return {
        "name": plan.name,
        "table": bool(plan.table),
        "captures": [
            [_encode_source(world, c.source), _encode_spec(world, c.spec)] for c in plan.captures
        ],
        "guards": [_encode_guard(world, g) for g in plan.guards],
        "outputs": [[o.kind, o.dtype, o.python, o.rank] for o in plan.outputs],
        "result": _encode_tree(world, plan.result),
        "writes": list(plan.writes),
        "mutated": list(plan.mutated),
        "checks": [[places.encode(span), reason] for span, reason in plan.checks],
        "span": places.encode(plan.span),
    }


def decode(world: World, told: dict[str, Any], params: tuple[Spec, ...], entry: int) -> Plan:
    places = _Places(world)
    return Plan(
        name=sys.intern(told["name"]),
        params=params,
        captures=tuple(
            Capture(_decode_source(world, source), _decode_spec(world, spec))
            for source, spec in told["captures"]
        ),
        guards=tuple(_decode_guard(world, g) for g in told["guards"]),
        outputs=tuple(OutLeaf(*out) for out in told["outputs"]),
        result=_decode_tree(world, told["result"]),
        writes=tuple(told["writes"]),
        mutated=tuple(told["mutated"]),
        checks=tuple((places.decode(span), reason) for span, reason in told["checks"]),
        entry=entry,
        # Where NumPy's library stands in this process; without one the kernel does without.
        table=table_address() if told["table"] else 0,
        span=places.decode(told["span"]),
    )
