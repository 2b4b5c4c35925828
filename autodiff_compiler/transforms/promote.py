"""Scalar replacement: `for k in range(j): a[i, j] -= a[i, k] * a[j, k]` keeps a[i, j] in a scalar.

The loop then stores once, not on every trip; so the tape of its gradient holds one number for it,
not one a trip, and the C compiler sees a reduction. Every other element of the array that the loop
reads must be provably another one: along some axis its index is the loop's counter, whose range
lies wholly below or above the index that is stored to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..ir.build import Rewriter
from ..ir.graph import (
    COND,
    FOR,
    Block,
    Function,
    Node,
    Value,
    free_values,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.types import BOOL, Scalar
from ..ops import TABLE
from ..ops.index import load, store
from .indices import Indices

_INDEX = TABLE["index"]


def promote(function: Function) -> Function:
    """The same function, with elements that a loop accumulates in held in scalars meanwhile."""
    return _Promote(function).run(function)


@dataclass(frozen=True, slots=True)
class _Candidate:
    slot: int
    store: Node
    #: the checked indices of the store that stand inside the loop, though they do not change in it
    hoisted: tuple[Node, ...]


class _Promote(Rewriter):
    def __init__(self, function: Function):
        super().__init__()
        self.known = Indices(function)
        self.producer = self.known.producer

    def node(self, node: Node) -> None:
        found = self.candidate(node) if node.op is FOR and not node.attrs.get("stops") else None
        super().node(self.promoted(node, found) if found else node)

    # -- recognition -----------------------------------------------------------------------------

    def candidate(self, node: Node) -> _Candidate | None:
        if not self.known.literal(node.operands[2]):
            return None  # it cannot be told beforehand whether the loop runs at all
        for slot, param in enumerate(slot_params(node)):
            stores = [n for n in node.blocks[0].nodes if n.op is store and n.operands[0] is param]
            if len(stores) == 1 and slot_yields(node)[slot] is stores[0].results[0]:
                hoisted = self.invariant_index(node, stores[0])
                if hoisted is not None and self.others_are_apart(node, param, stores[0]):
                    return _Candidate(slot, stores[0], hoisted)
        return None

    def invariant_index(self, loop: Node, node: Node) -> tuple[Node, ...] | None:
        """The `index` nodes to hoist, if the store is to one element that the loop does not move."""
        if set(node.attrs["index"]) != {"i"}:
            return None
        body = loop.blocks[0]
        inside = {r for n in body.nodes for r in n.results} | set(body.params)
        hoisted = []
        for v in node.operands[2:]:
            made = self.producer.get(v)
            if v not in inside:
                continue
            if made is None or made.op is not _INDEX or any(x in inside for x in made.operands):
                return None
            hoisted.append(made)
        return tuple(dict.fromkeys(hoisted))

    def others_are_apart(self, loop: Node, param: Value, chosen: Node) -> bool:
        """Is every other reading of the array either of the same element, or provably not of it?"""
        versions = (param, chosen.results[0])
        for node in loop.blocks[0].nodes:
            if node is chosen:
                continue
            for block in node.blocks:
                if any(v in versions for v in free_values(block)):
                    return False
            if not any(v in versions for v in node.operands):
                continue
            if node.op is not load or node.operands[0] not in versions:
                return False
            if not self.same_element(node, chosen) and not self.apart(loop, node, chosen):
                return False
        return True

    def same_element(self, read: Node, written: Node) -> bool:
        same = self.index_key
        return read.attrs["index"] == written.attrs["index"] and all(
            same(a) == same(b) for a, b in zip(read.operands[1:], written.operands[2:])
        )

    def index_key(self, v: Value) -> object:
        made = self.producer.get(v)
        return (made.op, made.operands) if made is not None and made.op is _INDEX else v

    def apart(self, loop: Node, read: Node, written: Node) -> bool:
        if set(read.attrs["index"]) != {"i"}:
            return False
        pairs = zip(read.operands[1:], written.operands[2:])
        return any(self.never_equal(loop, a, b) for a, b in pairs)

    def never_equal(self, loop: Node, a: Value, b: Value) -> bool:
        """Is `a` the loop's counter, and `b` an index outside the counter's range?"""
        if self.known.bare(a) is not loop.blocks[0].params[0]:
            return False
        start, stop, step = loop.operands[:3]
        forward = self.known.literal(step)
        if forward not in (1, -1):
            return False
        low, high = self.known.affine(start), self.known.affine(stop)
        if forward == -1:
            low, high = (high[0], high[1] + 1), (low[0], low[1] + 1)
        base, offset = self.known.affine(self.known.bare(b))
        if self.known.at_most(high, (base, offset)):
            # Negative counters count from the end.
            return self.known.not_negative(loop.blocks[0].params[0])
        return self.known.at_most((base, offset + 1), low) and self.known.not_negative(
            self.known.bare(b)
        )

    # -- rewriting -------------------------------------------------------------------------------

    def promoted(self, node: Node, found: _Candidate) -> Node:
        """`if the loop runs: x = a[i]; for ...: x = ...; a[i] = x`."""
        span = node.span
        lead: list[Node] = []
        trips = Value(Scalar(BOOL))
        step = self.known.literal(node.operands[2])
        assert step
        compare = TABLE["lt" if step > 0 else "gt"]
        self.producer[trips] = Node(compare, node.operands[:2], (trips,), {}, (), span)

        array = node.operands[3 + found.slot]
        index = found.store.operands[2:]
        attrs = found.store.attrs
        element = Value(Scalar(array.type.dtype), "")
        lead += found.hoisted
        lead.append(Node(load, (array, *index), (element,), attrs, (), span))

        body = self.body(node, found, array)
        others = [k for k in range(len(node.results)) if k != found.slot]
        operands = (*node.operands[:3], *(node.operands[3 + k] for k in others), element)
        results = [Value(node.results[k].type, node.results[k].name) for k in others]
        total = Value(element.type, "")
        lead.append(Node(FOR, operands, (*results, total), {}, (body,), span))
        written = Value(array.type, array.name)
        lead.append(Node(store, (array, total, *index), (written,), attrs, (), found.store.span))

        made = dict(zip(others, results))
        made[found.slot] = written
        slots = range(len(node.results))
        then = Block((), tuple(lead), tuple(made[k] for k in slots))
        otherwise = Block((), (), tuple(node.operands[3 + k] for k in slots))
        super().node(self.producer[trips])
        return Node(COND, (trips,), node.results, {}, (then, otherwise), span)

    def body(self, node: Node, found: _Candidate, array: Value) -> Block:
        """The loop's body with the element in a slot of its own."""
        old = node.blocks[0]
        param, after = slot_params(node)[found.slot], found.store.results[0]
        element = Value(Scalar(array.type.dtype), "")
        current = element
        known: dict[Value, Value] = {}
        hoisted = {n.result for n in found.hoisted}
        nodes = []
        for n in old.nodes:
            if any(r in hoisted for r in n.results):
                continue
            operands = tuple(known.get(v, v) for v in n.operands)
            if n is found.store:
                current = operands[1]
                continue
            if n.op is load and n.operands[0] in (param, after):
                if self.same_element(n, found.store):
                    known[n.results[0]] = current
                    continue
                operands = (array, *operands[1:])
            nodes.append(
                Node(n.op, operands, n.results, n.attrs, _renamed(n.blocks, known), n.span)
            )
        yields = [known.get(y, y) for k, y in enumerate(slot_yields(node)) if k != found.slot]
        kept = [p for p in slot_params(node) if p is not param]
        params = (old.params[0], *kept, element)
        return Block(params, tuple(nodes), (*yields, current))


def _renamed(blocks: Iterable[Block], known: dict[Value, Value]) -> tuple[Block, ...]:
    def renamed(block: Block) -> Block:
        nodes = tuple(
            Node(
                n.op, tuple(known.get(v, v) for v in n.operands), n.results, n.attrs,
                _renamed(n.blocks, known), n.span,
            )
            for n in block.nodes
        )  # fmt: skip
        return Block(block.params, nodes, tuple(known.get(v, v) for v in block.results))

    return tuple(renamed(block) for block in blocks)
