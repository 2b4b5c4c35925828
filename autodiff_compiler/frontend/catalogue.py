"""Which functions a program may call, by the names that users write."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ..ir.op import TABLE
from . import math_calls, numpy_calls, special_calls, ufuncs
from .registry import HANDLERS

__all__ = ["FOLDED", "MODULES", "accepted", "names", "written_in_others"]

MODULES = ("np", "np.linalg", "math", special_calls.MODULE)
#: Functions that need integers which are known when the program is compiled: nothing is left of them.
FOLDED = (math.comb, math.factorial, math.gcd, math.isqrt, math.lcm, math.perm)
#: Python's own version decides whether these exist.
_NOT_EVERYWHERE = {"math.sumprod"}


def _module(name: str) -> ModuleType | None:
    found = {"np": np, "np.linalg": np.linalg, "math": math}
    return found.get(name) or sys.modules.get(name)


def accepted(function: Any) -> bool:
    """Is there something that traces calls of this function?"""
    special_calls.discover()
    try:
        hash(function)
    except TypeError:
        return False
    if isinstance(function, np.ufunc):
        return function in HANDLERS or ufuncs.supported(function)
    return (
        function in HANDLERS
        or function in math_calls.OPS
        or numpy_calls.is_scalar_type(function)
        or function in FOLDED
    )


def names(module: str) -> Iterator[tuple[str, Any]]:
    """The functions of a module that are accepted, each under one name: its own, if it has that."""
    home = _module(module)
    found: list[tuple[str, Any]] = []
    for name in sorted(dir(home)) if home else ():
        function = getattr(home, name, None)
        if name.startswith("_") or not callable(function) or not accepted(function):
            continue
        own = getattr(function, "__name__", name)
        name = own if getattr(home, own, None) is function else name
        if not any(function is other for _, other in found):
            found.append((name, function))
    yield from sorted(found, key=lambda pair: pair[0])


def written_in_others() -> dict[str, list[str]]:
    """By module, the accepted functions that are spelled in no op's record."""
    spelled = {s for op in TABLE.values() for s in op.spellings}
    found: dict[str, list[str]] = {}
    for module in MODULES[:-1]:
        full = (f"{module}.{name}" for name, _ in names(module))
        found[module] = [n for n in full if n not in spelled and n not in _NOT_EVERYWHERE]
    twins = set(special_calls.spelled()) | set(special_calls.NAMED)
    found[special_calls.MODULE] = sorted(
        f"{special_calls.MODULE}.{n}" for n in twins if f"{special_calls.MODULE}.{n}" not in spelled
    )
    return found
