"""The tracer: a walk over a function's tree that builds its graph.

It interprets the program on abstract values. Straight-line code is walked once; branches and loops
stay branches and loops in the graph; calls of the user's functions are traced where they stand.
The parts of the work stand in modules of functions that take the tracer; this class holds what
they share and how they call each other.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from ..errors import Span, UnsupportedError
from ..ir.graph import CHECK, Value
from ..ops.elementwise import and_, gt, lt, or_
from . import calls, captures, expressions, objects, statements
from .building import ScopedBuilder
from .captures import CALLERS
from .frames import Frame, PythonRaises, Snapshot
from .numbers import number_value
from .state import State
from .values import Abstract, Object, Static, Unset

#: Nodes emitted in all, those of discarded rounds included.
BUDGET = 400_000
RAISED = "<raised>"


class Tracer(State):
    """One trace: its frames, and what the function was found to depend on."""

    def __init__(self, derive: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.b: ScopedBuilder = ScopedBuilder(BUDGET, self._too_big)
        # The outermost block receives what belongs to the function's beginning, at any time.
        self.b.open()
        self.derive = derive
        self.frames: list[Frame] = []
        self.unset = Unset()
        #: arrays, lists and dicts from outside: they exist from the beginning, wherever they are met
        self.everywhere: dict[Object, Any] = {}
        self.loop_hints: dict[Any, Any] = {}
        self.captures: captures.Captures = captures.Captures()
        #: comprehensions as loops, and lists of numbers as arrays, each made once
        self.comprehensions: dict[int, tuple[ast.AST, ast.stmt]] = {}
        self.rows: dict[int, tuple[ast.AST, ast.stmt, str, str]] = {}
        self.packed: dict[int, tuple[tuple[Abstract, ...], Value]] = {}
        self._steps: list[Any] = []
        self._unique = 0

    def _too_big(self) -> NoReturn:
        self.refuse(
            "this program becomes too large when its calls are traced in place",
            "loop over an array instead of a long tuple or list, or split the function",
        )

    # -- where we are -------------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def at(self, node: Any) -> Span:
        # What happens in the package's own code happens, for the user, where he called it.
        if self.frames and self.frame.library:
            return self.b.span
        return super().at(node)

    def enter(self, frame: Frame) -> None:
        frame.span = self.b.span
        self.frames.append(frame)
        self.filename = frame.filename

    def leave(self) -> None:
        frame = self.frames.pop()
        if self.frames:
            self.filename = self.frame.filename
        if frame.span is not None:
            self.b.span = frame.span

    def is_entry(self) -> bool:
        """Is the function that is traced itself about to be entered?"""
        return len(self.frames) == 1

    def mangled(self, name: str) -> str:
        """Names like `__x` are private to the class around the function."""
        owner = self.frame.class_name.lstrip("_")
        private = name.startswith("__") and not name.endswith("__")
        return f"_{owner}{name}" if private and owner else name

    def call_path(self) -> tuple[Any, ...]:
        """Which of the inlined calls, and which step of unrolled loops, this is."""
        return (*(id(f.node) for f in self.frames), *self._steps)

    @contextmanager
    def step(self, k: Any) -> Iterator[None]:
        self._steps.append(id(k) if isinstance(k, ast.AST) else k)
        yield
        self._steps.pop()

    def unique(self, what: str) -> str:
        """A pseudo-name that nothing else has."""
        self._unique += 1
        return f"<{what} {self._unique}>"

    def snapshot(self) -> Snapshot:
        return Snapshot(
            dict(self.frame.env), dict(self.heap), {made: made.locked for made in self.heap},
            dict(self.elements), set(self.mutated),
        )  # fmt: skip

    def restore(self, state: Snapshot) -> None:
        self.frame.env = dict(state.env)
        self.heap = dict(state.heap)
        for made, reason in state.locks.items():
            made.locked = reason
        self.elements = dict(state.elements)
        self.mutated = set(state.mutated)
        self.complete(state)
        for made, entry in self.everywhere.items():
            self.heap.setdefault(made, entry)

    def complete(self, state: Snapshot) -> None:
        """What was met for the first time after a snapshot was there all the same."""
        for made, entry in self.everywhere.items():
            if made not in state.heap:
                state.heap[made] = entry
                state.locks[made] = CALLERS if isinstance(entry, (tuple, dict)) else ""

    # -- raising ------------------------------------------------------------------------------

    def raise_here(self, reason: str) -> None:
        """Python raises here: the kernel stops, and nothing after this runs."""
        self.b.emit(CHECK, self.b.const(False), reason=reason)
        self.frame.env[RAISED] = Static(True)

    def guarded(self, act: Callable[[], Any]) -> Any:
        """Runs a part of the trace; if Python raises there, this path ends."""
        mark = self._mark()
        try:
            return act()
        except PythonRaises as error:
            self._unwind(mark)
            self.raise_here(error.reason)
            return None

    def attempt(self, act: Callable[[], Any]) -> tuple[Any, UnsupportedError | None]:
        """Tries something. If it is refused, all is as before, and the refusal is given."""
        before, span, mark = self.snapshot(), self.b.span, self._mark()
        length = len(self.b.nodes)
        try:
            return act(), None
        except UnsupportedError as error:
            self._unwind(mark)
            self.b.truncate(length)
            self.restore(before)
            self.b.span = span
            return None, error

    def _mark(self) -> tuple[int, int, int, int]:
        return self.b.depth, len(self.frames), len(self._steps), len(self.frame.loops)

    def _unwind(self, mark: tuple[int, int, int, int]) -> None:
        """Leaves the blocks, calls and loops that were entered since."""
        depth, frames, steps, loops = mark
        while self.b.depth > depth:
            self.b.discard()
        while len(self.frames) > frames:
            self.leave()
        del self._steps[steps:], self.frame.loops[loops:]

    def raised(self) -> bool:
        return RAISED in self.frame.env

    # -- the parts ----------------------------------------------------------------------------

    def run(self, body: Sequence[ast.stmt]) -> None:
        statements.run(self, body)

    def eval(self, node: ast.expr) -> Abstract:
        return expressions.evaluate(self, node)

    def truth(self, x: Abstract) -> Value | bool:
        """Python's truth of a value: known, or a bool of the graph."""
        return expressions.truth(self, x)

    def both(self, pred: Value, test: Callable[[], Abstract]) -> Abstract:
        """`pred and test()`."""
        return expressions.both(self, pred, test)

    def call_function(
        self,
        callee: Abstract,
        args: Sequence[Abstract],
        kwargs: Mapping[str, Abstract] | None = None,
    ) -> Abstract:
        return calls.call(self, callee, list(args), dict(kwargs or {}))

    def choose(self, pred: Value, then: Abstract, otherwise: Abstract) -> Abstract:
        """`then if pred else otherwise`, of values that are at hand."""
        return expressions.chosen(self, pred, then, otherwise)

    def attribute(self, x: Abstract, name: str) -> Abstract:
        """`x.name`."""
        return objects.attribute(self, x, name)

    def inline_source(self, function: Any, args: Sequence[Abstract]) -> Abstract:
        """Traces a function of the package itself, written in plain NumPy Python."""
        return calls.inline_library(self, function, list(args))

    # -- small things ---------------------------------------------------------------------------

    def number_value(self, x: Abstract, dtype: str) -> Value:
        return number_value(self, x, dtype)

    def has_trips(self, bounds: tuple[Value, Value, Value]) -> Value:
        """Is a range not empty?"""
        start, stop, step = bounds
        zero = self.b.const(0)
        up = self.b.emit(and_, self.b.emit(gt, step, zero), self.b.emit(lt, start, stop))
        down = self.b.emit(and_, self.b.emit(lt, step, zero), self.b.emit(gt, start, stop))
        return self.b.emit(or_, up, down)
