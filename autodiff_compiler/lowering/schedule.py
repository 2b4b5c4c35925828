"""Order of nodes: what reads a part of an array goes before the store that overwrites the part, and
what adds to an array goes next to what adds to it last.

The reverse sweep takes a cotangent out of an array, clears it there, and uses it afterwards. Used
first, it need not be kept anywhere. What it adds to shifted parts of one array can be written as one
pass over the array, if nothing stands between.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir.graph import CONST, Block, Function, Node, Value, free_values, walk
from ..ir.types import Array
from ..ops.index import add_at, store

__all__ = ["readers_in", "replaced", "same_part", "scheduled"]


def scheduled(function: Function) -> Function:
    constants = [n for n in walk(function.block) if n.op is CONST]
    zeros = {n.result for n in constants if n.attrs["value"] == 0}
    return function.with_block(_block(function.block, zeros))


def _block(block: Block, zeros: set[Value]) -> Block:
    nodes = [
        replace(n, blocks=tuple(_block(b, zeros) for b in n.blocks)) if n.blocks else n
        for n in block.nodes
    ]
    at = 0
    readers = readers_in(block, nodes)
    while at < len(nodes):
        node = nodes[at]
        if node.op.name in ("store", "add_at"):
            at += _move_readers(nodes, at, readers)
        at += 1
    _clear_late(nodes, readers, zeros)
    _gather_adds(nodes, readers, zeros)
    return replace(block, nodes=tuple(nodes))


def readers_in(block: Block, nodes: list[Node]) -> dict[Value, list[Node]]:
    """Who reads each value; a result of the block counts as read twice, by nobody that could move."""
    readers: dict[Value, list[Node]] = {}
    for node in nodes:
        inner = [v for b in node.blocks for v in free_values(b)]
        for v in (*node.operands, *inner):
            readers.setdefault(v, []).append(node)
    for v in block.results:
        readers.setdefault(v, []).extend([nodes[-1]] * 2 if nodes else [])
    return readers


def _move_readers(nodes: list[Node], at: int, readers: dict[Value, list[Node]]) -> int:
    """Moves the only readers of loads from what `nodes[at]` consumes in front of it; says how many."""
    base = nodes[at].operands[0]
    loads = [n for n in readers.get(base, ()) if n.op.name == "load" and n.operands[0] is base]
    if not loads:
        return 0
    later = {r for n in nodes[at:] for r in n.results}
    constants = {n.result: n for n in nodes[at:] if n.op is CONST}
    moved = 0
    for load in loads:
        v = load.result
        if not isinstance(v.type, Array) or len(readers.get(v, ())) != 1:
            continue
        (reader,) = readers[v]
        if reader.op.kind != "elementwise" or reader.result not in later:
            continue
        if any(x in later and x not in constants for x in reader.operands):
            continue
        along = {constants[x] for x in reader.operands if x in later}
        for moving in [n for n in nodes[at:] if n in along] + [reader]:
            nodes.remove(moving)
            nodes.insert(at + moved, moving)
            moved += 1
            later.discard(moving.result)
    return moved


def _clear_late(nodes: list[Node], readers: dict[Value, list[Node]], zeros: set[Value]) -> None:
    """Moves the zero that replaces a part behind the adds of what stood there, as it is or scaled.

    They then read it in its place, and nobody need keep it.
    """
    for node in reversed(list(nodes)):
        if node.op is not store or node.operands[1] not in zeros:
            continue
        at, base = nodes.index(node), node.operands[0]
        loads = [n for n in readers.get(base, ()) if n.op.name == "load" and n.operands[0] is base]
        adds = [add for load in loads for add in _adds_of(load, readers)]
        last = max((nodes.index(add) for add in adds if add is not None), default=-1)
        if last < at or None in adds:
            continue
        between = nodes[at + 1 : last + 1]
        used = {v for n in between for v in (*n.operands, *_touched(n))}
        if node.result not in used and all(base not in _touched(n) for n in between):
            nodes.insert(last + 1, node)
            del nodes[at]


def _adds_of(node: Node, readers: dict[Value, list[Node]]) -> list[Node | None]:
    """The adds that read what the node makes, as it is or scaled; None: something else does."""
    found: list[Node | None] = []
    for reader in readers.get(node.result, ()):
        if node.result not in reader.operands:  # a result of the block, or read within an inner one
            found.append(None)
        elif reader.op is add_at and reader.operands[0] is not node.result:
            found.append(reader)
        elif reader.op.name in ("mul", "neg") and isinstance(reader.result.type, Array):
            found += _adds_of(reader, readers)
        else:
            found.append(None)
    return found


def _gather_adds(nodes: list[Node], readers: dict[Value, list[Node]], zeros: set[Value]) -> None:
    """Moves each add to a part of an array down to the next one, which is all that reads its result.

    So with the zero that one of the adds replaces.
    """
    for node in reversed(list(nodes)):
        if node.op is not add_at and not _is_replaced(node, zeros, readers):
            continue
        if "s" not in node.attrs["index"]:
            continue
        users = readers.get(node.result, [])
        if len(users) != 1 or users[0].op is not add_at or users[0].operands[0] is not node.result:
            continue
        first, last = nodes.index(node), nodes.index(users[0])
        needed = set(node.operands[1:])
        if all(needed.isdisjoint(_touched(n)) for n in nodes[first + 1 : last]):
            nodes.insert(last, node)
            del nodes[first]


def _is_replaced(node: Node, zeros: set[Value], readers: dict[Value, list[Node]]) -> bool:
    """Does the node clear a part, and one of the adds that follow add to just that part?"""
    clears = node.op is store and node.operands[1] in zeros
    return clears and replaced(node, node.result, readers)


def replaced(clear: Node, cleared: Value, readers: dict[Value, list[Node]]) -> bool:
    """Of the adds to `cleared`, of which `clear` clears a part: does one add to just that part?"""
    users = readers.get(cleared, [])
    while len(users) == 1 and users[0].op is add_at:
        if same_part(users[0], clear):
            return True
        users = readers.get(users[0].result, [])
    return False


def same_part(a: Node, b: Node) -> bool:
    """Do two nodes write to the same part of their arrays?"""
    return a.operands[2:] == b.operands[2:] and a.attrs["index"] == b.attrs["index"]


def _touched(node: Node) -> set[Value]:
    """What the node may overwrite."""
    if node.blocks:
        return set(node.operands).union(*(free_values(b) for b in node.blocks))
    return set() if node.op.consumes is None else {node.operands[node.op.consumes]}
