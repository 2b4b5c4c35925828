"""Privatisation: an array that every trip of a loop fills before it reads it belongs to the trip.

`main = np.empty(K)` in front of `for i in range(n)`, each trip of which writes all of `main` and then
reads it, becomes an array made in the loop's body. No trip then depends on another through it, so
that the trips can be done side by side, and a gradient need not put back what a trip overwrote.
"""

from __future__ import annotations

from ..ir.build import Rewriter
from ..ir.graph import (
    CONST,
    DIM,
    FOR,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    count_reads,
    free_values,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.types import Array
from ..ops.index import add_at, load, parts, slice_, store
from ..ops.shape import full
from .indices import Indices


def privatise(function: Function) -> Function:
    """The same function, with arrays that serve one trip at a time made in their loops' bodies."""
    while True:
        step = _Privatise(function)
        function = step.run(function)
        if not step.changed:
            return function


class _Seen(Exception):
    """A trip may see what was in the array before."""


class _Privatise(Rewriter):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.known = Indices(function)
        self.changed = False
        self.read = count_reads(function.block)

    def node(self, node: Node) -> None:
        if node.op is FOR:
            for slot, p in enumerate(slot_params(node)):
                made = self.origin(carried_init(node)[slot])
                if made is not None and self.serves_one_trip(node, slot, p, made):
                    node = _without(node, slot, made)
                    self.changed = True
                    break  # the other slots have other numbers now: they are for the next round
        super().node(node)

    def origin(self, v: Value) -> Node | None:
        """The `full` that made the array of which this is a version."""
        while isinstance(v.type, Array):
            made = self.known.producer.get(v)
            if made is None or made.op is full:
                return made
            if made.op is store or made.op is add_at:
                v = made.operands[0]
            elif made.op is FOR:
                v = carried_init(made)[made.results.index(v)]
            else:
                return None
        return None

    def serves_one_trip(self, loop: Node, slot: int, p: Value, made: Node) -> bool:
        if self.read[loop.results[slot]]:
            return False
        try:
            self.filled(loop.blocks[0], p, slot_yields(loop)[slot], made)
        except _Seen:
            return False
        return True

    # -- is the array filled before it is read? ----------------------------------------------------

    def filled(self, block: Block, v: Value, leaves: Value, made: Node) -> bool:
        """Whether the block fills the array `v`; raises _Seen if something may see what was in it.

        `leaves`: the result of the block that may hand on what is not filled.
        """
        for node in block.nodes:
            if node.op is DIM:
                continue
            if node.op is store and node.operands[0] is v and v not in node.operands[1:]:
                if self.covers(node, made, {}):
                    return True
                v = node.result
            elif node.op is FOR and v in carried_init(node):
                slot = _only_slot(node, v)
                if self.sweeps(node, slot, made, {}):
                    return True
                body = node.blocks[0]
                self.filled(body, slot_params(node)[slot], slot_yields(node)[slot], made)
                v = node.results[slot]
            elif _mentions(node, v):
                raise _Seen
        if sum(r is v for r in block.results) != (v is leaves):
            raise _Seen
        return False

    def sweeps(self, loop: Node, slot: int, made: Node, counters: dict[Value, Value]) -> bool:
        """Does the loop write every element, one trip after the other, and look at no other?"""
        start, stop, step = loop.operands[:3]
        if loop.attrs.get("stops") or self.known.literal(start) != 0:
            return False
        if self.known.literal(step) != 1:
            return False
        v = slot_params(loop)[slot]
        within = {**counters, loop.blocks[0].params[0]: stop}
        index: tuple[Value, ...] | None = None
        done = False
        for node in loop.blocks[0].nodes:
            if node.op is DIM or not _mentions(node, v):
                continue
            if not done and node.op is FOR and v in carried_init(node):
                inner = _only_slot(node, v)
                if not self.sweeps(node, inner, made, within):
                    return False
                done, v = True, node.results[inner]
            elif node.op is store and node.operands[0] is v and v not in node.operands[1:]:
                if not done and not self.covers(node, made, within):
                    return False
                if done and node.operands[2:] != index:
                    return False
                done, index, v = True, node.operands[2:], node.result
            elif not (node.op is load and done and node.operands[1:] == index):
                return False
        return done and slot_yields(loop)[slot] is v

    def covers(self, node: Node, made: Node, counters: dict[Value, Value]) -> bool:
        """Is all of the array stored to, once each of the counters has run from 0 to its stop?"""
        letters, index = node.attrs["index"], node.operands[2:]
        used = []
        for axis, (letter, p) in enumerate(zip(letters, parts(letters, index))):
            size = made.operands[1 + axis]
            if letter == "i":
                counter = self.known.bare(p[0])
                if counter not in counters or not self.same(counters[counter], size):
                    return False
                used.append(counter)
            elif letter != "s" or not self.whole(p, size):
                return False
        return len(used) == len(set(used)) == len(counters)

    def whole(self, p: tuple[Value, ...], size: Value) -> bool:
        first, length, step = p
        if self.known.literal(step) != 1:
            return False
        cut = self.known.producer.get(length)
        if cut is not None and cut.op is slice_ and cut.results[1] is length:
            bounded = cut.attrs["lo"] or cut.attrs["hi"]
            return not bounded and self.same(cut.operands[-1], size)
        return self.known.literal(first) == 0 and self.same(length, size)

    def same(self, a: Value, b: Value) -> bool:
        return self.known.affine(a) == self.known.affine(b)


def _only_slot(node: Node, v: Value) -> int:
    """The slot that an array starts, if nothing else in the loop looks at it."""
    if node.operands.count(v) != 1 or any(v in free_values(b) for b in node.blocks):
        raise _Seen
    return carried_init(node).index(v)


def _mentions(node: Node, v: Value) -> bool:
    return v in node.operands or any(v in free_values(b) for b in node.blocks)


def _without(loop: Node, slot: int, made: Node) -> Node:
    """The loop without the slot, whose array is made at the beginning of the body."""
    body, stop = loop.blocks[0], 1 if loop.attrs.get("stops") else 0
    p = slot_params(loop)[slot]
    value = made.operands[0]
    zero = Value(value.type)
    attrs = {"value": 0.0 if value.type.dtype in ("f64", "f32") else 0, "dtype": value.type.dtype}
    lead = (
        Node(CONST, (), (zero,), attrs, (), loop.span),
        Node(full, (zero, *made.operands[1:]), (p,), made.attrs, (), made.span),
    )

    def cut(items: tuple[Value, ...], at: int) -> tuple[Value, ...]:
        return items[:at] + items[at + 1 :]

    block = Block(cut(body.params, 1 + slot), (*lead, *body.nodes), cut(body.results, stop + slot))
    return Node(
        FOR, cut(loop.operands, 3 + slot), cut(loop.results, slot), loop.attrs, (block,), loop.span
    )
