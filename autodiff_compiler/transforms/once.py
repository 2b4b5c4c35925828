"""Loops of sums that are gone through once, where forward and reverse sweep would each do it.

The reverse of a loop of which only sums remain does each trip again, forwards and backwards. If the
cotangents of the sums do not hang on the sums (a mean of losses, say), that loop can add up the sums
as well: the loop of the forward sweep goes, and what reads its sums moves behind the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ir.build import Rewriter
from ..ir.graph import Function, Node, Value, consumed_values, free_values

__all__ = ["Pair", "once"]


class Pair(NamedTuple):
    """The same sums, as the loop of the forward sweep gives them, and as its reverse does."""

    first: tuple[Value, ...]
    again: tuple[Value, ...]


def once(function: Function, pairs: Sequence[Pair]) -> Function:
    """The function with each loop of `pairs` done once, where that is possible."""
    nodes = list(function.block.nodes)
    done: list[Pair] = []
    for pair in pairs:
        order = _merged(nodes, pair, done)
        if order is not None:
            nodes = order
            done.append(pair)
    if not done:
        return function
    return _Merge(nodes, done).run(function)


class _Merge(Rewriter):
    """Copies the nodes in their new order, of which the first loop of each pair is none."""

    def __init__(self, nodes: Sequence[Node], pairs: Sequence[Pair]):
        super().__init__()
        self.order = nodes
        self.first = {p.again[0]: p for p in pairs}

    def run(self, function: Function) -> Function:
        params = [self.b.function_param(p.type, p.name) for p in function.params]
        self.env.update(zip(function.params, params))
        for node in self.order:
            self.nodes([node])
            for r in node.results:
                if r in self.first:
                    pair = self.first[r]
                    self.env.update((a, self.env[b]) for a, b in zip(*pair))
        results = [self.env[v] for v in function.results]
        return function.with_block(self.b.close(params, results))


def _merged(nodes: Sequence[Node], pair: Pair, done: Sequence[Pair]) -> list[Node] | None:
    """The nodes without the first loop, and what hangs on its sums behind the second; None if the
    second loop does, too, or if what would move reads an array that is no longer there then.

    `done`: pairs of which the second loop gives both sums now.
    """
    places = {r: k for k, node in enumerate(nodes) for r in node.results}
    if pair.first[0] not in places or pair.again[0] not in places:
        return None
    start, stop = places[pair.first[0]], places[pair.again[0]]
    late: set[Value] = set(pair.first)
    gives = {p.again[0]: p.first for p in done}
    stay, move = [], []
    for node in nodes[start + 1 : stop + 1]:
        if late.isdisjoint(_reads(node)):
            stay.append(node)
        else:
            late.update(node.results)
            late.update(v for r in node.results for v in gives.get(r, ()))
            move.append(node)
    if nodes[stop] in move:
        return None
    gone = consumed_values(stay)
    if any(not gone.isdisjoint(_reads(node)) for node in move):
        return None
    return [*nodes[:start], *stay, *move, *nodes[stop + 1 :]]


def _reads(node: Node) -> list[Value]:
    return [*node.operands, *(v for block in node.blocks for v in free_values(block))]
