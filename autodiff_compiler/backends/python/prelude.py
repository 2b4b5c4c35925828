"""Functions that emitted Python carries with it: those of `ops/numerics.py` that its ops call."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType

from ...ir.graph import Node
from ...ops import numerics
from .program import spelling

__all__ = ["called", "helpers", "imports"]

_CALL = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\(")
_FUNCTIONS = {name: f for name, f in vars(numerics).items() if isinstance(f, FunctionType)}


@cache
def called(template: str) -> frozenset[str]:
    """The functions that a spelling calls."""
    return frozenset(_CALL.findall(template)) & _FUNCTIONS.keys()


@cache
def _needs(name: str) -> frozenset[str]:
    return frozenset(_globals(_FUNCTIONS[name].__code__)) & _FUNCTIONS.keys()


def _globals(code: CodeType) -> Iterator[str]:
    """The global names that a function reads, in its comprehensions too."""
    yield from (i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL")
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _globals(inner)


@cache
def _source(name: str) -> str:
    return inspect.getsource(_FUNCTIONS[name]).rstrip()


def helpers(nodes: Iterable[Node]) -> dict[str, str]:
    """By name, the source of the functions that nodes call, and of those that these call."""
    new: set[str] = set()
    for node in nodes:
        if node.op.kind == "elementwise":
            new |= called(spelling(node, node.op.numpy) or "")
    wanted = set(new)
    while new:
        new = set().union(*map(_needs, new)) - wanted
        wanted |= new
    return {name: _source(name) for name in _FUNCTIONS if name in wanted}


def imports(carried: Mapping[str, str]) -> list[str]:
    needs_math = any("math." in text for text in carried.values())
    return (["import math", ""] if needs_math else []) + ["import numpy as np"]
