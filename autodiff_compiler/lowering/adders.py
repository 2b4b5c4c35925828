"""Loops whose trips only add to what they carry: they can be done in parts, each with sums of its own."""

from __future__ import annotations

from ..ir.graph import FOR, Block, Node, Value, carried_init, free_values, slot_params, slot_yields
from ..ir.types import FLOATS, Array, Scalar
from ..ops import TABLE
from ..ops.index import add_at

__all__ = ["only_adds"]

_ADD = TABLE["add"]


def only_adds(loop: Node) -> bool:
    """Is every slot a float, or an array of floats, to which each trip adds and which it never reads?"""
    if loop.op is not FOR or loop.attrs.get("stops") or not loop.results:
        return False
    return all(
        isinstance(p.type, (Scalar, Array))
        and p.type.dtype in FLOATS
        and _is_added_to(loop.blocks[0], p, y)
        for p, y in zip(slot_params(loop), slot_yields(loop))
    )


def _is_added_to(block: Block, p: Value, y: Value) -> bool:
    """Is `y` what is left of `p` after additions, and is nothing on the way used otherwise?"""
    current = p
    while True:
        readers = [n for n in block.nodes if current in n.operands or _inside(n, current)]
        leaves = block.results.count(current)
        if current is y:
            return not readers and leaves == 1
        if len(readers) != 1 or leaves:
            return False
        following = _sum_behind(readers[0], current)
        if following is None:
            return False
        current = following


def _sum_behind(node: Node, v: Value) -> Value | None:
    """The sum after a node that adds to `v`, or None if that is not all that it does with it."""
    if list(node.operands).count(v) != 1 or _inside(node, v):
        return None
    if node.op is _ADD:
        return node.result
    if node.op is add_at:
        return node.result if node.operands[0] is v else None
    if node.op is FOR and v in carried_init(node):
        k = list(carried_init(node)).index(v)
        body = node.blocks[0]
        good = _is_added_to(body, slot_params(node)[k], slot_yields(node)[k])
        return node.results[k] if good else None
    return None


def _inside(node: Node, v: Value) -> bool:
    return any(v in free_values(block) for block in node.blocks)
