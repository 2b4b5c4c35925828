"""Slices that do not change in a loop are worked out before it, and once.

The forward loop and the reversed one cut the same rows out of the same arrays. A length that both
read from one value is known to be one length: their arrays agree, and loops over them can be joined.
What is moved is integer arithmetic without a check, which may as well be done where nobody needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.build import Rewriter
from ..ir.graph import CONST, Block, Function, Node, Value
from ..ops import TABLE
from .ranges import Ranges

__all__ = ["settled"]

_SLICE = TABLE["slice"]
#: What else a bound may be made of, if it is certain not to overflow.
_ARITHMETIC = {TABLE[name] for name in ("iadd", "isub", "imul")}


def settled(function: Function) -> Function:
    return _Invariants(Ranges(function)).run(function)


class _Invariants(Rewriter):
    """Emits each slice in the outermost block that has its bounds."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self.ranges = ranges
        #: of values of the copy: how deep the block is that defines them; else they are outermost
        self.depth: dict[Value, int] = {}
        #: of values of the source that can be moved: what makes them, and to which depth they can go
        self.made: dict[Value, Node] = {}
        self.reach: dict[Value, int] = {}
        #: per open block: what has been moved there
        self.known: list[dict[Any, tuple[Value, ...]]] = [{}]

    def node(self, node: Node) -> None:
        super().node(node)
        for r in node.results:
            self.depth.setdefault(self.env[r], self.b.depth)

    def block(self, block: Block, params: Sequence[Value]) -> Block:
        inside = self.b.depth + 1
        self.depth.update((p, inside) for p in params)
        self.known.append({})
        try:
            return super().block(block, params)
        finally:
            self.known.pop()

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if node.op is _SLICE or node.op in _ARITHMETIC and self.ranges.fits(node):
            least = max(map(self.least, node.operands), default=1)
            for r in node.results:
                self.made[r], self.reach[r] = node, least
            if node.op is _SLICE:
                self.bind(node.results, self.again(node, least))
                return
        elif node.op is CONST:
            self.made[node.result], self.reach[node.result] = node, 1
        super().simple(node, operands)

    def least(self, v: Value) -> int:
        """How far out the value could be made."""
        here = self.depth.get(self.env[v], 1)
        return min(here, self.reach.get(v, here))

    def again(self, node: Node, depth: int) -> tuple[Value, ...]:
        """The results of the node, made in the block that is open at `depth`."""
        if node.op is CONST:
            key: Any = (CONST, node.attrs["dtype"], repr(node.attrs["value"]))
            operands: list[Value] = []
        else:
            operands = [self.at(v, depth) for v in node.operands]
            attrs = tuple(sorted((k, repr(v)) for k, v in node.attrs.items()))
            key = (node.op, attrs, *(self.b.constants.get(v, v) for v in operands))
        found = self.known[depth - 1].get(key)
        if found is not None:
            return found
        with self.b.at(depth):
            if node.op is CONST:
                made: Any = self.b.const(node.attrs["value"], node.attrs["dtype"])
            else:
                made = self.b.emit(node.op, *operands, **node.attrs)
        results = made if isinstance(made, tuple) else (made,)
        for new, old in zip(results, node.results):
            new.name = old.name
            self.depth[new] = depth
        self.known[depth - 1][key] = results
        return results

    def at(self, v: Value, depth: int) -> Value:
        """The value, where the block at `depth` has it."""
        if self.depth.get(self.env[v], 1) <= depth:
            return self.env[v]
        node = self.made[v]
        return self.again(node, depth)[node.results.index(v)]
