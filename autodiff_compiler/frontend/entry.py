"""The front end's door: a function and what is known of its arguments in, a typed graph out."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from ..errors import Span, UnsupportedError
from ..ir.graph import Function, Value
from ..ops.shape import copy
from ..signature import Spec
from . import arrays, captures, containers, names
from .captures import Guard, Source
from .frames import Frame
from .items import entry_of
from .iteration import known_items
from .numbers import as_num
from .scopes import scope_of_statements
from .tracer import Tracer
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    DictRef,
    InstanceRef,
    ListRef,
    Num,
    Static,
    TupleVal,
)  # fmt: skip

ResultTree = tuple[Any, ...]
_DEPTH = 20_000


@dataclass(frozen=True)
class Traced:
    """A function's graph and what it depends on.

    `function`: its parameters are the leaves of the arguments, then of the captures; its results are
    the leaves of the result, then (if asked for) the last versions of the arrays it writes.
    `result`: ("leaf", k, python), ("arg", path), ("capture", k), ("static", object),
    ("tuple" or "list", [...]), ("dict", keys, [...]), ("record", (class, names or None), [...]).
    `mutated`: the numbers of the leaves that the function writes.
    `raises`: every way through the function raises, so that it has no result.
    `looked`: the attributes that were looked up outside, as (object, name).
    """

    function: Function
    result: ResultTree
    captures: list[tuple[Source, Spec]]
    guards: list[Guard]
    mutated: tuple[int, ...]
    raises: bool = False
    looked: Sequence[tuple[Any, str]] = ()


def trace(
    function: Callable[..., Any], specs: Sequence[Spec], *, derive: Callable[..., Function] | None = None,
    keep_writes: bool = False,
) -> Traced:  # fmt: skip
    """The graph of `function` for arguments of these specs, one per parameter.

    Raises CompileError if the program is outside what can be traced correctly.
    """
    params = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    if len(params) != len(specs):
        raise TypeError(f"{len(params)} parameters and {len(specs)} specs")
    st = Tracer(derive)
    inner = getattr(function, "__func__", function)
    span = _span_of(inner)
    st.b.span = span
    frame = Frame("<call>", scope_of_statements([], []), span.filename, _any_function(inner))
    st.enter(frame)
    limit = sys.getrecursionlimit()
    # Each early exit nests what follows it; the interpreter's own limit is soon reached.
    sys.setrecursionlimit(max(limit, _DEPTH))
    try:
        args, kwargs = _arguments(st, params, specs)
        result = st.guarded(lambda: _call(st, function, args, kwargs))
        return _finish(st, function, result, keep_writes)
    except TypeError as error:
        # An op that does not take its operands, which nobody has foreseen in better words.
        raise UnsupportedError(f"this is not supported: {error}", st.b.span) from error
    except RecursionError:
        raise UnsupportedError(
            "this program is nested too deeply", st.b.span, "split the function, or use a loop"
        ) from None
    finally:
        sys.setrecursionlimit(limit)


def _any_function(function: Any) -> FunctionType:
    return function if isinstance(function, FunctionType) else _span_of  # type: ignore[return-value]


def _span_of(function: Any) -> Span:
    code = getattr(function, "__code__", None)
    if code is None:
        return Span("<unknown>", 0, 0, 0, 0)
    return Span(code.co_filename, code.co_firstlineno, 0, code.co_firstlineno, 1)


def _arguments(
    st: Tracer, params: Sequence[inspect.Parameter], specs: Sequence[Spec]
) -> tuple[list[Abstract], dict[str, Abstract]]:
    """The abstract arguments, as a call of the function takes them."""
    args: list[Abstract] = []
    kwargs: dict[str, Abstract] = {}
    for k, (param, spec) in enumerate(zip(params, specs)):
        value = captures.enter(st, spec, param.name, (k,), None)
        if param.kind is param.VAR_POSITIONAL:
            args += known_items(st, value, "`*`")
        elif param.kind is param.VAR_KEYWORD:
            kwargs.update(containers.known_dict(st, value))
        elif param.kind is param.KEYWORD_ONLY:
            kwargs[param.name] = value
        else:
            args.append(value)
    return args, kwargs


def _call(st: Tracer, function: Any, args: list[Abstract], kwargs: dict[str, Abstract]) -> Abstract:
    """The function by its own code, whatever else may be attached to it."""
    return st.call_function(Static(function, ("const", function)), args, kwargs)


# --- results -----------------------------------------------------------------------------------------


class _Results:
    """Flattens a result into graph values."""

    def __init__(self, st: Tracer, keep_writes: bool):
        self.st = st
        self.keep_writes = keep_writes
        self.values: list[Value] = []

    def tree(self, x: Abstract) -> ResultTree:
        st = self.st
        x = names.checked(st, x, "a result")
        if isinstance(x, Static) and isinstance(x.value, (set, frozenset)) and x.source is None:
            st.refuse("a set cannot be returned", "return a tuple, or `sorted(s)`")
        if isinstance(x, Static):
            number = as_num(st, x)
            return ("static", x.value) if number is None else self.leaf(number)
        if isinstance(x, Num):
            return self.leaf(x)
        if isinstance(x, ArrayRef):
            return self.array(x)
        if isinstance(x, TupleVal):
            items = [self.tree(item) for item in x.items]
            return ("record", (x.cls, None), items) if x.cls else ("tuple", items)
        if isinstance(x, HEAPED):
            return self.container(x)
        st.refuse("this cannot be returned", "return numbers, arrays, and containers of them")

    def leaf(self, x: Num) -> ResultTree:
        self.values.append(x.value)
        # NumPy's float is a Python float as well, so it stands for either.
        python = x.python and not (x.mixed and x.dtype == "f64")
        return ("leaf", len(self.values) - 1, python)

    def array(self, x: ArrayRef) -> ResultTree:
        st, made = self.st, x.object
        if x.path is None and made.leaf is not None:
            path = st.captures.objects.get(made)
            if path is not None and (made.leaf not in st.mutated or self.keep_writes):
                return ("arg", path)
        if made.foreign:
            st.refuse(
                f"returning an array of dtype {made.foreign} is not supported",
                "convert it: `.astype(np.int64)`",
            )
        value = arrays.read(st, x)
        if value in self.values or value in st.captures.leaves:
            value = st.b.emit(copy, value)
        self.values.append(value)
        return ("leaf", len(self.values) - 1, False)

    def container(self, x: ListRef | DictRef | InstanceRef) -> ResultTree:
        st = self.st
        if x.object in st.captures.objects and not isinstance(st.heap[x.object], Value):
            return ("arg", st.captures.objects[x.object])
        entry = entry_of(st, x)
        if isinstance(entry, dict):
            parts = [self.tree(v) for v in entry.values()]
            if isinstance(x, InstanceRef):
                return ("record", (x.cls, tuple(entry)), parts)
            return ("dict", list(entry), parts)
        if isinstance(entry, Value):
            st.refuse(
                "returning a list that grew in a loop is not supported", "`return np.array(items)`"
            )
        return ("list", [self.tree(item) for item in entry])


def _finish(st: Tracer, function: Any, result: Abstract | None, keep_writes: bool) -> Traced:
    results = _Results(st, keep_writes)
    # If every way raises, the check that says so stands in the graph already.
    raises = st.raised() or result is None
    tree = ("static", None) if result is None or raises else results.tree(result)
    mutated = tuple(sorted(st.mutated))
    values = list(results.values)
    if keep_writes:
        by_leaf = {made.leaf: made for made in st.heap if made.leaf is not None}
        for final in (st.version(by_leaf[k]) for k in mutated):
            # An array is handed out once: as the caller's own, or as a result.
            values = [st.b.emit(copy, v) if v is final else v for v in values]
            values.append(final)
    name = getattr(function, "__name__", "function")
    leaves = st.captures.leaves
    body = st.b.suspend()
    st.b.splice(body)
    block = st.b.close(leaves, values)
    graph = Function(
        name if name.isidentifier() else "function",
        block,
        _span_of(getattr(function, "__func__", function)).filename,
    )
    return Traced(
        graph, tree, st.captures.found, st.captures.guards, mutated, raises, st.captures.looked
    )
