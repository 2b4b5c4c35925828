"""The graph that one call of the twin leaves behind: its nodes, and the user's lines they come from."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .twin import Twin

__all__ = ["Recording", "Seen", "record"]

#: A line of the user's: its file, "" for the function's own, and its number.
Place = tuple[str, int]

_COMMENT = re.compile(r"# (?:([^\s,]+), )?line (\d+)(?::.*)?$")
_LEADING = re.compile(r"\s*# (?:([^\s,]+), )?line (\d+)(?::.*)?$")


@dataclass(frozen=True)
class Seen:
    """A tensor as PyTorch reports it, and whether it is `active` in the static graph.

    `grad_fn`: the name of the node that made it, or None.
    """

    name: str
    given: bool
    active: bool
    is_leaf: bool
    requires_grad: bool
    grad_fn: str | None


@dataclass(frozen=True)
class Recording:
    """`nodes`: how many of each name the backward run goes through, leaves' `AccumulateGrad` too.

    `created`: how many the forward run made. `passes`: how often a line ran. `seen`: parameters, then
    named values as the call left them. `gradients`: NumPy arrays, by leaf.
    """

    value: Any
    gradients: tuple[Any, ...]
    nodes: Counter[str]
    edges: int
    depth: int
    created: int
    by_line: dict[Place, Counter[str]]
    passes: Counter[Place]
    seen: tuple[Seen, ...]

    @property
    def total(self) -> int:
        return sum(self.nodes.values())


def record(twin: Twin, args: Sequence[Any]) -> Recording:
    """Runs the twin once, watched, and walks what it has recorded."""
    import torch

    inputs = twin.inputs(args)
    watch = _Watch(twin)
    results = watch.run(inputs)
    value = None if twin.seed is None else results[twin.seed]
    root = value.grad_fn if torch.is_tensor(value) else None
    graph = _reachable(root)
    _, gradients = twin.gradients(inputs)
    return Recording(
        value.item() if torch.is_tensor(value) else value,
        tuple(g.detach().numpy() for g in gradients),
        Counter(_name(node) for node in graph),
        sum(len(_next(node)) for node in graph),
        _depth(graph),
        watch.created,
        watch.lines(graph),
        watch.passes,
        tuple(watch.seen(inputs)),
    )


def _name(node: Any) -> str:
    return node.name().rpartition("::")[2]


def _next(node: Any) -> list[Any]:
    return [other for other, _ in node.next_functions if other is not None]


def _reachable(root: Any) -> list[Any]:
    """All nodes below, in the order in which they were recorded; leaves first."""
    found = {} if root is None else {root: None}
    work = list(found)
    while work:
        for other in _next(work.pop()):
            if other not in found:
                found[other] = None
                work.append(other)
    leaves = [n for n in found if _name(n) == "AccumulateGrad"]
    made = sorted((n for n in found if _name(n) != "AccumulateGrad"), key=_number)
    return leaves + made


def _number(node: Any) -> int:
    return node._sequence_nr()


def _depth(graph: Sequence[Any]) -> int:
    """The nodes on the longest way from the result to a leaf."""
    depth: dict[Any, int] = {}
    for node in graph:
        depth[node] = 1 + max((depth.get(other, 0) for other in _next(node)), default=0)
    return max(depth.values(), default=0)


class _Watch:
    """Notes, while the twin runs, which of its lines is at work when a node is recorded."""

    def __init__(self, twin: Twin):
        self.twin = twin
        self.code = twin.run.__wrapped__.__code__  # type: ignore[attr-defined]
        self.places, self.heads = _places(twin.source.text)
        self.marks: list[tuple[int, Place | None]] = []
        self.passes: Counter[Place] = Counter()
        self.values: dict[str, Any] = {}
        self.created = 0
        self._last: Place | None = None

    def run(self, inputs: Sequence[Any]) -> tuple:
        before = sys.gettrace()
        start = _sequence()
        sys.settrace(self._call)
        try:
            results = self.twin.run(*inputs)
        finally:
            sys.settrace(before)
        self.created = _sequence() - start
        return results

    def _call(self, frame: Any, event: str, arg: Any) -> Any:
        return self._line if frame.f_code is self.code else None

    def _line(self, frame: Any, event: str, arg: Any) -> Any:
        if event == "line":
            place = self.places.get(frame.f_lineno)
            self.marks.append((_sequence(), place))
            if place is not None and place != self._last and frame.f_lineno in self.heads:
                self.passes[place] += 1
            self._last = place
        elif event == "return":
            self.values = dict(frame.f_locals)
        return self._line

    def lines(self, graph: Sequence[Any]) -> dict[Place, Counter[str]]:
        """The nodes by the user's line."""
        found: dict[Place, Counter[str]] = {}
        at = 0
        for node in graph:
            if _name(node) == "AccumulateGrad":
                continue
            while at + 1 < len(self.marks) and self.marks[at + 1][0] <= _number(node):
                at += 1
            place = self.marks[at][1] if self.marks else None
            if place is not None:
                found.setdefault(place, Counter())[_name(node)] += 1
        return found

    def seen(self, inputs: Sequence[Any]) -> Iterator[Seen]:
        import torch

        for name, x in zip(self.twin.names, inputs):
            if torch.is_tensor(x):
                yield _seen(name, x, True, name in self.twin.active_leaves)
        names = self.twin.value_names
        for name, x in self.values.items():
            if name in names and torch.is_tensor(x) and not any(x is y for y in inputs):
                yield _seen(name, x, False, name in self.twin.active_names)


def _seen(name: str, x: Any, given: bool, active: bool) -> Seen:
    grad_fn = None if x.grad_fn is None else _name(x.grad_fn)
    return Seen(name, given, active, x.is_leaf, x.requires_grad, grad_fn)


def _sequence() -> int:
    import torch

    return torch._C._autograd._get_sequence_nr()


def _places(text: str) -> tuple[dict[int, Place], set[int]]:
    """The user's line for each line of the twin, from its comments; and the first lines of each."""
    found: dict[int, Place] = {}
    heads: set[int] = set()
    place: Place | None = None
    for number, line in enumerate(text.splitlines(), 1):
        above = _LEADING.match(line)
        comment = above or _COMMENT.search(line)
        if comment:
            place = (comment[1] or "", int(comment[2]))
            heads.add(number + 1 if above else number)
        if place is not None:
            found[number] = place
    return found, heads
