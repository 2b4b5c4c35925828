"""Which slots of a loop may hand their buffers to each other, and which are made anew in its body."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..ir.graph import (
    COND,
    FOR,
    WHILE,
    Block,
    Node,
    Value,
    body_of,
    carried_init,
    slot_params,
    slot_yields,
)
from ..ir.types import Scalar

__all__ = ["born_directly", "rings"]


def born_directly(body: Block, v: Value) -> Value | None:
    """The array, made whole by a node of the body itself, that updates in place lead from to `v`."""
    made = {r: n for n in body.nodes for r in n.results}
    while v in made:
        node = made[v]
        if node.blocks:
            return None
        if node.op.consumes is None:
            return v if node.op.name != "reshape" else None
        if v is not node.results[0]:
            return None
        v = node.operands[node.op.consumes]
    return None


def rings(
    body: Block, params: Sequence[Value], yields: Sequence[Value], memory: list[int]
) -> dict[int, int]:
    """Slots that may hand buffers to each other share a number."""
    ring = {k: k for k in memory}
    made = {r: n for n in _nodes(body) for r in n.results}
    place = {params[k]: k for k in memory}
    for k in memory:
        for p in _sources(yields[k], made, set()):
            if p in place:
                old, new = ring[k], ring[place[p]]
                ring = {j: new if r == old else r for j, r in ring.items()}
    return ring


def _nodes(block: Block) -> Iterable[Node]:
    for node in block.nodes:
        yield node
        for inner in node.blocks:
            yield from _nodes(inner)


def _sources(v: Value, made: dict[Value, Node], seen: set[Value]) -> set[Value]:
    """The values whose buffer `v` may have: a guess on the safe side."""
    if v in seen:
        return set()
    seen.add(v)
    node = made.get(v)
    if node is None:
        return {v}
    k = node.results.index(v)
    before: list[Value] = []
    if node.op is FOR or node.op is WHILE:
        before = _ring_of(node, k)
    elif node.op is COND:
        before = [b.results[k] for b in node.blocks]
    elif node.op.consumes is not None:
        before = [node.operands[node.op.consumes]]
    elif node.op.name in ("reshape", "copy"):
        before = [node.operands[0]]
    return set().union(*(_sources(b, made, seen) for b in before))


def _ring_of(node: Node, k: int) -> list[Value]:
    """The initial values of the slots that may hand their buffers to slot k."""
    params = slot_params(node)
    memory = [j for j, p in enumerate(params) if not isinstance(p.type, Scalar)]
    inner = rings(body_of(node), params, slot_yields(node), memory)
    return [carried_init(node)[j] for j in memory if inner[j] == inner[k]]
