"""Plans on disk, found by the world of their function.

An entry of the cache holds one of three things, as JSON:

    {"free": slots}   look again, under the values of all numbers of the world but these
    {"ask": path}     the integer at this place of the arguments must be known: ask with its value
    {"plan": ..., "library": key, "symbol": ...}

Most numbers are captured, that is read at every call, and free to change. Which ones, a trace finds
out; so the way to a plan leads over an entry that says so. A number that no trace has captured must
be what it was: it may have been looked at.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .._version import __version__
from ..errors import checking
from ..runtime.build import LoadedKernel, find_kernel
from ..runtime.cache import default_cache, digest
from ..runtime.compiler import find_compiler
from ..runtime.plan import Plan, still_holds
from ..runtime.threads import with_threads
from ..signature import Request, Spec
from .code import constant
from .plans import Unstorable, decode, decode_value, encode, encode_value, slots_of
from .world import World, look

__all__ = ["Place", "place_of"]

_FILE = "plan.json"
_FORMAT = "1"
#: How many entries may lead to a plan.
_STEPS = 8
_SETTINGS = "AUTODIFF_COMPILER_"
#: Settings that say where things are, not what is made; the compiler has an identity of its own.
_ELSEWHERE = ("AUTODIFF_COMPILER_CACHE_", "AUTODIFF_COMPILER_CHECK=", "AUTODIFF_COMPILER_CC=")
_WRONG = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError)

Slot = tuple[int, str]


def place_of(
    function: Any, request: Request, specs: Sequence[Spec], backend: str, threads: int = 1
) -> Place | None:  # fmt: skip
    """Where the plan for these calls is kept, or None if it can be kept nowhere."""
    compiler = find_compiler()
    if backend != "c" or compiler is None or checking():
        return None
    world = look(function, tuple(specs), repr(request))
    if world is None:
        return None
    return Place(
        world, digest("plan", _FORMAT, str(threads), *_environment(), compiler.identity, *compiler.vector_math, world.digest), threads
    )  # fmt: skip


class Place:
    """The world of a specialisation, and what the cache has of it."""

    def __init__(self, world: World, key: str, threads: int):
        self.world = world
        self.key = key
        self.threads = threads
        #: what the call itself hands over: the defaults of the function
        function = world.root
        defaults = (*(getattr(function, "__kwdefaults__", None) or {}), *_with_default(function))
        self.bound = {s for n in defaults for s in slots_of(world, ("default", function, n))}

    def find(self, params: tuple[Spec, ...]) -> Plan | tuple[Any, ...] | None:
        """The plan; the place of an argument whose value must be known; or None."""
        key = self.key
        try:
            for _ in range(_STEPS):
                told = _read(key)
                if told is None:
                    return None
                if "ask" in told:
                    return tuple(decode_value(self.world, step) for step in told["ask"])
                if "plan" in told:
                    return self._plan(told, params)
                key = self._next(key, _slots(told["free"]))
        except _WRONG:
            pass
        return None

    def _plan(self, told: dict[str, Any], params: tuple[Spec, ...]) -> Plan | None:
        with with_threads() if self.threads > 1 else nullcontext():
            loaded = find_kernel(told["library"], told["symbol"])
        if loaded is None:
            return None
        plan = decode(self.world, told["plan"], params, loaded.address)
        return plan if still_holds(plan) else None

    def keep(self, plan: Plan, loaded: LoadedKernel, looked: Sequence[tuple[Any, str]]) -> None:
        """Writes a plan down, if it can be."""
        try:
            if not plan.native or not all(self._walked(*pair) for pair in looked):
                return
            told = {
                "plan": encode(self.world, plan),
                "library": loaded.key,
                "symbol": loaded.symbol,
            }
            free = self.bound.union(*(slots_of(self.world, c.source) for c in plan.captures))
            free -= {s for g in plan.guards for s in slots_of(self.world, g.source)}
            self._publish(told, free)
        except (Unstorable, *_WRONG):
            return

    def keep_question(self, path: Sequence[Any]) -> None:
        try:
            told = [encode_value(self.world, step) for step in path]
            self._publish({"ask": told}, set(self.world.slots))
        except (Unstorable, *_WRONG):
            return

    def _walked(self, holder: Any, name: str) -> bool:
        """Has the walk seen what the trace has found in `holder` under this name?"""
        if isinstance(holder, (str, np.dtype, np.finfo, np.iinfo)):
            return True
        number = self.world.number_of(holder)
        if number is None or isinstance(holder, ModuleType) and number not in self.world.modules:
            return False
        return isinstance(holder, type) or (
            name in self.world.names and (number, name) not in self.world.opaque
        )

    def _next(self, key: str, free: set[Slot]) -> str:
        fixed = (
            f"{holder} {name} {_number(value)}"
            for (holder, name), value in self.world.slots.items()
            if (holder, name) not in free
        )
        return digest("values", key, *fixed)

    def _publish(self, told: dict[str, Any], free: set[Slot]) -> None:
        """Puts it at the end of a way on which every number that is not free has been looked at."""
        key, sure = self.key, free >= set(self.world.slots)
        for _ in range(_STEPS):
            found = _read(key)
            if found is None and sure:
                _write(key, told)
                return
            if found is None:
                _write(key, {"free": sorted(free)})
                found = {"free": sorted(free)}
            if "free" not in found:
                return
            known = _slots(found["free"])
            key, sure = self._next(key, known), known <= free


def _with_default(function: Any) -> tuple[str, ...]:
    code, defaults = getattr(function, "__code__", None), getattr(function, "__defaults__", None)
    if code is None or not defaults:
        return ()
    return code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]


def _slots(told: Any) -> set[Slot]:
    return {(int(holder), str(name)) for holder, name in told}


def _number(value: Any) -> str:
    if isinstance(value, np.generic):
        return f"{type(value).__name__} {value.tobytes().hex()}"
    return constant(value)


# --- entries ---------------------------------------------------------------------------------------


def _read(key: str) -> dict[str, Any] | None:
    data = default_cache().read(key, _FILE)
    told = None if data is None else json.loads(data)
    return told if isinstance(told, dict) else None


def _write(key: str, told: dict[str, Any]) -> None:
    cache = default_cache()
    with cache.workspace() as folder:
        (folder / _FILE).write_text(json.dumps(told), "ascii")
        cache.publish(key, folder, [_FILE])


_stamps: list[str] = []


def _environment() -> tuple[str, ...]:
    """What every trace depends on, whatever the function."""
    if not _stamps:
        _stamps.append(_own_files())
    scipy = sys.modules.get("scipy")
    settings = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith(_SETTINGS))
    return (
        *(setting for setting in settings if not setting.startswith(_ELSEWHERE)),
        __version__, _stamps[0], sys.version, str(sys.flags.optimize), np.__version__,
        str(getattr(scipy, "__version__", "")),
    )  # fmt: skip


def _own_files() -> str:
    """Sizes and dates of this package's files: it may be under development."""
    found = []
    folders = [str(Path(__file__).parent.parent)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".c")):
                    status = entry.stat()
                    found.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
                elif entry.is_dir() and entry.name != "__pycache__":
                    folders.append(entry.path)
    return digest(*sorted(found))
