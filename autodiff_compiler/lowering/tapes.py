"""Arrays that are computed straight into their place on a tape.

What a trip saves is mostly computed in that very trip, and only read afterwards. Its place on the
tape is claimed before it is computed, and serves as the array as long as the trip lasts: the stack
does not grow again before the next one.

All that one trip saves is one row of one tape, if its sizes are known when the trip begins: a single
claim, and memory that is written and read in one stream.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..ir.build import KnownDim
from ..ir.graph import CONST, Block, Function, Node, Value, carried_init, free_values, walk
from ..ir.types import Array, Stack
from .buffers import BranchPlan, Buffer, Copy, LoopPlan

__all__ = ["Row", "born_on_tapes", "lone_moves", "tape_rows", "unsettled"]

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


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """What the trips of one block push, each on a tape of its own, and those of another block pop.

    It stands on the first one's tape. `pops` are in the order of the `pushes`.
    """

    pushes: tuple[Node, ...]
    pops: tuple[Node, ...]


def tape_rows(
    function: Function, dims: Mapping[Value, tuple[KnownDim, ...]], lone: Container[Node],
    where: Mapping[Value, Buffer], shared: Container[Buffer], live: Container[Node],
) -> dict[Block, Row]:  # fmt: skip
    """By block (the one that pushes, and the one that pops): its row. `shared`: stacks that are copied
    or change places, which are left alone."""
    uses: dict[Buffer, list[Node]] = {}
    for node in walk(function.block):
        if node in live and not node.blocks:
            for buffer in {where[v] for v in node.operands if isinstance(v.type, Stack)}:
                uses.setdefault(buffer, []).append(node)
    home: dict[Node, Block] = {}
    _homes(function.block, home)
    found: dict[tuple[Any, ...], list[tuple[Node, Node]]] = {}
    for buffer, nodes in uses.items():
        if buffer in shared or [n.op.name for n in nodes] != ["push", "pop"]:
            continue
        first, last = nodes
        if first in lone and last in lone and _known_before(first, last, home, dims):
            v = first.operands[1]
            shape = dims.get(v, ())
            # Products of lengths may be too large to be added up: those in a row are all alike.
            alike = shape if sum(d != 1 for d in shape) > 1 else ()
            key = (home[first], home[last], v.type.dtype, alike)
            found.setdefault(key, []).append((first, last))
    out: dict[Block, Row] = {}
    for (start, end, *_), pairs in found.items():
        if len(pairs) > 1 and start not in out and end not in out:
            out[start] = out[end] = Row(tuple(p for p, _ in pairs), tuple(q for _, q in pairs))
    return out


def unsettled(
    where: Mapping[Value, Buffer], before: Iterable[Copy], loops: Mapping[Node, LoopPlan],
    branches: Iterable[BranchPlan],
) -> set[Buffer]:  # fmt: skip
    """The buffers that are copied, or whose variables change."""
    copies = list(before)
    moves: list[tuple[Buffer, Buffer]] = []
    found: set[Buffer] = set()
    for node, loop in loops.items():
        copies += loop.copies
        moves += loop.moves
        for k, slot in loop.slots.items():
            if slot.init != "same":
                found |= {slot.buffer, where[carried_init(node)[k]]}
    for branch in branches:
        copies += [*branch.copies[0], *branch.copies[1]]
        moves += [*branch.moves[0], *branch.moves[1]]
        found.update(branch.declare)
    found.update(b for copy in copies for b in (copy.to, where[copy.value]))
    return found.union(*moves)


def _homes(block: Block, home: dict[Node, Block]) -> None:
    for node in block.nodes:
        home[node] = block
        for inner in node.blocks:
            _homes(inner, home)


def _known_before(
    push: Node, pop: Node, home: Mapping[Node, Block], dims: Mapping[Value, tuple[KnownDim, ...]]
) -> bool:
    """Are the sizes known where the block of the push begins, and where that of the pop does?"""
    sizes = {d for d in dims.get(push.operands[1], ()) if isinstance(d, Value)}
    return all(
        sizes.isdisjoint(home[node].params)
        and sizes.isdisjoint(r for n in home[node].nodes if n.op is not CONST for r in n.results)
        for node, sizes in ((push, sizes), (pop, set(pop.operands[1:])))
    )
