"""Which lengths are one length, by the checks that have been passed on the way to a loop.

`ADC_CHECK(n == m)` in the body of a loop holds for the rest of the body, and for all that runs only if
that body has run. The loop that goes backwards makes a trip if and only if the forward loop made one:
`for k in range(start, stop)` and `for k in range(stop - 1, start - 1, -1)` both need start < stop.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.graph import CHECK, FOR, Block, Function, Node, Value
from .ranges import Ranges

__all__ = ["Equalities"]

#: That a loop makes a trip: first + shift > second. None stands for 0.
_Trips = tuple[Value | None, Value | None, int]


@dataclass(frozen=True, slots=True)
class _Fact:
    """`pair` are equal if all these loops have made a trip."""

    pair: tuple[Value, Value]
    loops: frozenset[_Trips]


class Equalities:
    """`entering[loop]`: pairs of outermost values that are equal whenever the loop's body runs."""

    def __init__(self, function: Function, ranges: Ranges) -> None:
        self.entering: dict[Node, list[tuple[Value, Value]]] = {}
        self._ranges = ranges
        block = function.block
        self._outermost = {*block.params, *(r for n in block.nodes for r in n.results)}
        self._made: dict[Value, Node] = {}
        self._facts: list[_Fact] = []
        self._block(block, frozenset(), True)

    def _block(self, block: Block, loops: frozenset[_Trips], sure: bool) -> None:
        """`loops`: those known to have made a trip. `sure`: if they have, all of this block has run."""
        for node in block.nodes:
            self._made.update((r, node) for r in node.results)
            if node.op is CHECK and sure:
                self._check(node, loops)
            elif node.op is FOR:
                self._loop(node, loops, sure)
            else:
                for inner in node.blocks:
                    self._block(inner, loops, False)

    def _loop(self, node: Node, loops: frozenset[_Trips], sure: bool) -> None:
        trips = self._trips(node)
        inside = loops if trips is None else loops | {trips}
        self.entering[node] = [f.pair for f in self._facts if f.loops <= inside]
        self._block(node.blocks[0], inside, sure and trips is not None)

    def _check(self, node: Node, loops: frozenset[_Trips]) -> None:
        made = self._made.get(node.operands[0])
        if loops and made is not None and made.op.name == "eq":
            a, b = made.operands
            if a in self._outermost and b in self._outermost:
                self._facts.append(_Fact((a, b), loops))

    def _trips(self, node: Node) -> _Trips | None:
        """When the loop makes a trip, in terms of outermost values."""
        start, stop, step = node.operands[:3]
        by = self._ranges.low(step)
        if by != self._ranges.high(step) or by not in (1, -1):
            return None
        high, low = (stop, start) if by == 1 else (start, stop)
        (first, up), (second, down) = self._shifted(high), self._shifted(low)
        if not all(v is None or v in self._outermost for v in (first, second)):
            return None
        return first, second, up - down

    def _shifted(self, v: Value) -> tuple[Value | None, int]:
        """The value as another, or none, and a constant."""
        base, shift = self._ranges.affine(v)
        low = self._ranges.low(base)
        return (None, low + shift) if low == self._ranges.high(base) else (base, shift)
