"""Clears at the end of each trip are done at the beginning of each, and once behind the loop.

The reverse sweep of a stepper that writes two arrays in turns adds to a part of `d_B`, takes out what
has come together there, and clears the part for the trip before. Cleared just ahead of the adds, the
part need not be cleared at all: the first of them sets it. Where the array is zeros before the loop,
the two orders do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.build import Rewriter
from ..ir.graph import CONST, FOR, Block, Function, Node, Value
from ..ops.index import store
from .schedule import readers_in, replaced

__all__ = ["rotated"]


def rotated(function: Function) -> Function:
    return _Rotation().run(function)


class _Rotation(Rewriter):
    def __init__(self) -> None:
        super().__init__()
        #: values of the source: numbers that are zero, arrays of nothing else
        self.zeros: set[Value] = set()
        self.blank: set[Value] = set()

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if _is_zero(node):
            self.zeros.add(node.result)
        elif node.op.name == "full" and node.operands[0] in self.zeros:
            self.blank.add(node.result)
        super().simple(node, operands)

    def node(self, node: Node) -> None:
        late = self._late(node) if node.op is FOR and not node.attrs.get("stops") else {}
        if not late:
            super().node(node)
            return
        body = node.blocks[0]
        used = {v for clear in late.values() for v in clear.operands[1:]}
        constants = [n for n in body.nodes if n.op is CONST and n.result in used]
        self.nodes(constants)  # before the loop: what stands behind it reads them too
        left = {*constants, *late.values()}
        nodes = [n for n in body.nodes if n not in left]
        params, yields, results = list(body.params), list(body.results), list(node.results)
        behind = []
        for slot, clear in late.items():
            params[slot + 1] = _like(body.params[slot + 1])
            first = _moved(clear, params[slot + 1], body.params[slot + 1])
            nodes.insert(0, first)
            yields[slot] = clear.operands[0]
            results[slot] = _like(node.results[slot])
            behind.append(_moved(clear, results[slot], node.results[slot]))
        block = Block(tuple(params), tuple(nodes), tuple(yields))
        super().node(replace(node, blocks=(block,), results=tuple(results)))
        self.nodes(behind)

    def _late(self, node: Node) -> dict[int, Node]:
        """By slot: what clears a part of it last in each trip, if it may as well come first."""
        body = node.blocks[0]
        readers = readers_in(body, list(body.nodes))
        made = {n.result: n for n in body.nodes if n.op is store}
        inside = {*body.params, *(r for n in body.nodes if n.op is not CONST for r in n.results)}
        zeros = self.zeros | {n.result for n in body.nodes if _is_zero(n)}
        found: dict[int, Node] = {}
        for slot, (init, p, y) in enumerate(zip(node.operands[3:], body.params[1:], body.results)):
            clear = made.get(y)
            if clear is None or clear.operands[1] not in zeros or init not in self.blank:
                continue
            alone = len(readers[y]) == 2  # the end of the trip, which counts as two
            # Slices are clipped; an index is checked in the trip, of which there may be none.
            clipped = not clear.attrs["index"].strip("s")
            if (
                clipped
                and alone
                and inside.isdisjoint(clear.operands[1:])
                and replaced(clear, p, readers)
            ):
                found[slot] = clear
        return found


def _moved(clear: Node, base: Value, result: Value) -> Node:
    return replace(clear, operands=(base, *clear.operands[1:]), results=(result,))


def _like(v: Value) -> Value:
    return Value(v.type, v.name)


def _is_zero(node: Node) -> bool:
    return node.op is CONST and node.attrs["value"] == 0
