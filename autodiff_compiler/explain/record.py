"""The record of one run: the graph evaluated node by node, with every value of every trip kept.

Loops and branches leave a tree of what happened (which trips, which arm); beside it stands the flat
list of the steps in the order in which they ran. A value that a loop carries, or that comes out of a
branch, is the very item that was made inside, so that the flat list is straight-line code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CheckFailed, UnsupportedError
from ..ir.graph import CHECK, COND, CONST, FOR, WHILE, Block, Function, Node, Value
from ..ir.op import NON_DIFFERENTIABLE
from ..ir.types import NUMPY_DTYPE, Array, Scalar, is_float

__all__ = ["Item", "Step", "Loop", "Trip", "Branch", "Event", "Run", "record"]

#: A run that does more is not explained: nobody could read it, and every value is kept.
MAX_STEPS = 60_000
MAX_BYTES = 1 << 29


@dataclass(eq=False, slots=True)
class Item:
    """One value of the run. `needs`: it depends on a parameter that is differentiated by.

    `value`: the value of the graph that it was made as (in a loop, one per trip).
    """

    number: int
    value: Value
    data: Any
    needs: bool
    step: Step | None = None


@dataclass(eq=False, slots=True)
class Step:
    """A node that ran."""

    node: Node
    operands: tuple[Item, ...]
    results: tuple[Item, ...]
    number: int = 0


@dataclass(eq=False, slots=True)
class Trip:
    """One trip of a loop: the values of its slots as it began, and what it did."""

    number: int
    counter: int | None
    slots: tuple[Item, ...]
    events: list[Event] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Loop:
    node: Node
    trips: list[Trip] = field(default_factory=list)
    #: what the last test of a `while` did, which is no trip
    last_test: list[Event] = field(default_factory=list)
    results: tuple[Item, ...] = ()


@dataclass(eq=False, slots=True)
class Branch:
    """`taken`: 0 for the first arm. `results`: what came out of it."""

    node: Node
    taken: int
    events: list[Event]
    results: tuple[Item, ...] = ()


Event = Step | Loop | Branch


@dataclass(eq=False, slots=True)
class Run:
    """`steps`: flat, as they ran; `events`: the same as a tree. `constants` are items of constants."""

    function: Function
    params: tuple[Item, ...]
    events: list[Event]
    steps: list[Step]
    items: list[Item]
    results: tuple[Item, ...]


def record(function: Function, args: Sequence[Any], wrt: Sequence[int]) -> Run:
    """Runs the function on `args` (flat, one per parameter), by the ops' reference semantics.

    Raises CheckFailed at a check that does not hold, UnsupportedError for a run too long to keep.
    """
    with np.errstate(all="ignore"):
        return _Recorder(function).run(args, set(wrt))


class _Recorder:
    def __init__(self, function: Function):
        self.function = function
        self.items: list[Item] = []
        self.steps: list[Step] = []
        self.env: dict[Value, Item] = {}
        self.bytes = 0

    def run(self, args: Sequence[Any], wrt: set[int]) -> Run:
        pairs = enumerate(zip(self.function.params, args, strict=True))
        params = tuple(self.item(p, _typed(a, p), k in wrt) for k, (p, a) in pairs)
        events: list[Event] = []
        results = self.block(self.function.block, events)
        return Run(self.function, params, events, self.steps, self.items, results)

    def item(self, value: Value, data: Any, needs: bool) -> Item:
        self.bytes += _size(data)
        made = Item(len(self.items), value, data, needs)
        self.items.append(made)
        self.env[value] = made
        return made

    def block(self, block: Block, events: list[Event]) -> tuple[Item, ...]:
        for node in block.nodes:
            self.node(node, events)
        return tuple(self.env[v] for v in block.results)

    def node(self, node: Node, events: list[Event]) -> None:
        if node.op is FOR or node.op is WHILE:
            loop = Loop(node)
            events.append(loop)
            loop.results = self.for_(node, loop) if node.op is FOR else self.while_(node, loop)
            self.env.update(zip(node.results, loop.results, strict=True))
        elif node.op is COND:
            branch = Branch(node, 0 if self.env[node.operands[0]].data else 1, [])
            events.append(branch)
            branch.results = self.block(node.blocks[branch.taken], branch.events)
            self.env.update(zip(node.results, branch.results, strict=True))
        elif node.op is CHECK:
            if not self.env[node.operands[0]].data:
                raise CheckFailed(0)
        else:
            events.append(self.simple(node))

    def simple(self, node: Node) -> Step:
        operands = tuple(self.env[v] for v in node.operands)
        assert node.op.evaluate is not None
        try:
            out = node.op.evaluate(node.attrs, *(i.data for i in operands))
        except (IndexError, np.linalg.LinAlgError):
            raise CheckFailed(0) from None
        made = list(out) if len(node.results) > 1 else [out] if node.results else []
        passes = node.op.vjp is not NON_DIFFERENTIABLE and any(i.needs for i in operands)
        results = tuple(
            self.item(v, _typed(x, v), passes and is_float(v.type))
            for v, x in zip(node.results, made, strict=True)
        )
        step = Step(node, operands, results, len(self.steps))
        for r in results:
            r.step = step
        self.steps.append(step)
        if len(self.steps) > MAX_STEPS or self.bytes > MAX_BYTES:
            raise UnsupportedError(
                "this run is too long to be explained: every value of it would be kept",
                node.span,
                "pass smaller arguments or fewer iterations",
            )
        return step

    def for_(self, node: Node, loop: Loop) -> tuple[Item, ...]:
        body = node.blocks[0]
        start, stop, step, *rest = (self.env[v] for v in node.operands)
        carried = tuple(rest)
        for i in range(int(start.data), int(stop.data), int(step.data)):
            trip = Trip(len(loop.trips) + 1, i, carried)
            loop.trips.append(trip)
            self.item(body.params[0], np.int64(i), False)
            self.env.update(zip(body.params[1:], carried, strict=True))
            carried = self.block(body, trip.events)
            if node.attrs.get("stops"):
                leave, carried = carried[0], carried[1:]
                if leave.data:
                    break
        return carried

    def while_(self, node: Node, loop: Loop) -> tuple[Item, ...]:
        test, body = node.blocks
        carried = tuple(self.env[v] for v in node.operands)
        while True:
            self.env.update(zip(test.params, carried, strict=True))
            events: list[Event] = []
            if not self.block(test, events)[0].data:
                loop.last_test = events
                return carried
            trip = Trip(len(loop.trips) + 1, None, carried, events)
            loop.trips.append(trip)
            self.env.update(zip(body.params, carried, strict=True))
            carried = self.block(body, trip.events)


def _typed(x: Any, value: Value) -> Any:
    if isinstance(value.type, Scalar):
        return NUMPY_DTYPE[value.type.dtype].type(x)
    if isinstance(value.type, Array):
        return np.asarray(x, dtype=NUMPY_DTYPE[value.type.dtype])
    return x


def _size(data: Any) -> int:
    # A longer stack shares its elements with the shorter one.
    return len(data) * 8 if isinstance(data, tuple) else int(np.asarray(data).nbytes)


def all_steps(events: Sequence[Event]) -> Iterator[Step]:
    """The steps below these events, in order."""
    for event in events:
        if isinstance(event, Step):
            yield event
        elif isinstance(event, Branch):
            yield from all_steps(event.events)
        else:
            for trip in event.trips:
                yield from all_steps(trip.events)
            yield from all_steps(event.last_test)


def is_constant(item: Item) -> bool:
    return item.step is not None and item.step.node.op is CONST
