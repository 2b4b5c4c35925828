"""Frames of inlined calls, and snapshots of all that control flow may change."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

from ..errors import Span
from .scopes import Names, Scope
from .templates import Element
from .values import Abstract, Object

#: Pseudo-names of a frame: has it returned, and what.
RETURNED, RESULT = "<returned>", "<result>"
#: All pseudo-names begin so; they are live wherever they are bound.
HIDDEN = "<"


class PythonRaises(Exception):
    """What is being traced raises an exception in Python, so that nothing after it runs.

    It ends at the statement or the arm, which becomes a check that fails. Users never see it.
    """

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


@dataclass(eq=False)
class LoopFrame:
    """A loop that is being traced. `broken`, `skipped`: pseudo-names of its flags."""

    broken: str
    skipped: str
    live_broken: Names
    live_skipped: Names


@dataclass(eq=False)
class Frame:
    """One call that is being traced: its names, and where names that are not its own are found.

    `outer`: the frame of the function around a nested one. `function`: the Python function, whose
    cells and globals answer for what no frame binds.
    """

    name: str
    scope: Scope
    filename: str
    function: FunctionType | None = None
    outer: Frame | None = None
    class_name: str = ""
    env: dict[str, Abstract] = field(default_factory=dict)
    loops: list[LoopFrame] = field(default_factory=list)
    #: where in the caller the call stands
    span: Span | None = None
    node: ast.AST | None = None
    #: code of the package itself, traced like the user's; its lines are shown to nobody
    library: bool = False
    comprehension: bool = False

    def globals_of(self) -> FunctionType | MethodType:
        frame: Frame | None = self
        while frame is not None:
            if frame.function is not None:
                return frame.function
            frame = frame.outer
        raise AssertionError("a frame without a function")


@dataclass
class Snapshot:
    """Names, heap and locks at one point."""

    env: dict[str, Abstract]
    heap: dict[Object, Any]
    locks: dict[Object, str]
    elements: dict[Object, Element]
    mutated: set[int]
