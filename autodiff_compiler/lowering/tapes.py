"""Arrays that are computed straight into their place on a tape.

What a trip saves is mostly computed in that very trip, and only read afterwards. Its place on the
tape is claimed before it is computed, and serves as the array as long as the trip lasts: the stack
does not grow again before the next one.
"""

from __future__ import annotations

from ..ir.graph import Block, Function, Node, Value, free_values
from ..ir.types import Array, Stack

__all__ = ["born_on_tapes", "lone_moves"]

#: What claims memory for one array of a known shape, and then computes it.
_MAKES = {"elementwise", "reduce", "contract", "shape", "create"}


def lone_moves(function: Function) -> set[Node]:
    """Pushes and pops that are all that their block does with that tape, but for handing it on."""
    found: set[Node] = set()
    _search(function.block, found)
    return found


def _search(block: Block, found: set[Node]) -> None:
    made = {r for n in block.nodes for r in n.results}
    touched: set[Value] = set()
    for node in block.nodes:
        touched.update(node.operands)
        for inner in node.blocks:
            touched.update(free_values(inner))
            _search(inner, found)
    for node in block.nodes:
        if node.op.name in ("push", "pop"):
            tape = node.operands[0]
            assert isinstance(tape.type, Stack)
            if tape.type.tape and tape not in made and node.results[0] not in touched:
                found.add(node)


def born_on_tapes(function: Function, lone: set[Node]) -> dict[Value, Node]:
    """By array: the push on whose place it may be computed. Nothing but reading is done to it then."""
    born: dict[Value, Node] = {}
    _births(function.block, lone, born)
    return born


def _births(block: Block, lone: set[Node], born: dict[Value, Node]) -> None:
    here = {r for n in block.nodes if n.op.kind in _MAKES or n.op.name == "load" for r in n.results}
    leaves: set[Value] = set(block.results)
    for node in block.nodes:
        for inner in node.blocks:
            leaves.update(inner.results)
            _births(inner, lone, born)
        if node.blocks:
            leaves.update(node.operands)
    for node in block.nodes:
        if node in lone and node.op.name == "push":
            v = node.operands[1]
            if isinstance(v.type, Array) and v in here and v not in leaves:
                born.setdefault(v, node)
