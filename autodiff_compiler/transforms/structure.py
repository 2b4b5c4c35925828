"""Where everything stands in a function: blocks around values, versions of objects, who consumes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..ir.build import KnownDim, Rewriter
from ..ir.graph import (
    COND,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    body_of,
    carried_init,
    consumed_slots,
    count_reads,
    free_values,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.types import I64, Scalar, Stack
from ..ops.stack import from_array, length, pop, push


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """A node's place: its block and its index there. A block's parameters stand at index -1."""

    block: Block
    index: int


class _Named(Rewriter):
    """Copies a function so that the dims of its arrays and the lengths of its lists are values."""

    def __init__(self) -> None:
        super().__init__()
        self.lengths: dict[Value, Value] = {}

    def node(self, node: Node) -> None:
        super().node(node)
        self.name_lengths(self.env[r] for r in node.results)

    def block(self, block: Block, params: Sequence[Value]) -> Block:
        self.b.open()
        self.name_lengths(params)
        self.nodes(block.nodes)
        return self.b.close(params, [self.env[v] for v in block.results])

    def name_lengths(self, values: Iterable[Value]) -> None:
        for v in values:
            if isinstance(v.type, Stack) and not v.type.tape and v not in self.lengths:
                self.lengths[v] = self.b.emit(length, v)


class Structure:
    """Facts of one function, read off once.

    function  the function, its dims named
    dims      the dims of each array
    lengths   the length of each growing list
    place     where a value is defined
    root      what a value is a version of, within the blocks that its chain of stores runs through
    eaters    the nodes that consume a value (one; or one in each arm of a branch)
    kin       the storage that a version lives in, as far as it is handed through loops and branches
    trips     a stand-in, per loop, for the number of its trips
    """

    def __init__(self, function: Function):
        named = _Named()
        self.function = named.run(function)
        self.lengths = named.lengths
        self.top = self.function.block
        self.dims: dict[Value, tuple[KnownDim, ...]] = named.b.dims
        self.place: dict[Value, Place] = {}
        self.node_place: dict[Node, Place] = {}
        self.producer: dict[Value, Node] = {}
        self.parent: dict[Block, Node] = {}
        self.root: dict[Value, Value] = {}
        self.eaters: dict[Value, list[Node]] = {}
        self._kin: dict[Value, Value] = {}
        self.trips: dict[Node, Value] = {}
        self.trips_of: dict[Value, Node] = {}
        self.order: dict[Value, int] = {}
        self.slot_of: dict[Value, tuple[Node, int]] = {}
        #: by loop of sums: the reverse of one trip, and the outer values that it reads
        self.reversed_trips: dict[Node, tuple[Function, list[Value]]] = {}
        #: how often a value is read
        self.reads = count_reads(self.top)
        self._index(self.top)

    def _index(self, block: Block) -> None:
        for p in block.params:
            self._define(p, Place(block, -1))
        for k, node in enumerate(block.nodes):
            place = self.node_place[node] = Place(block, k)
            for inner in node.blocks:
                self.parent[inner] = node
                self._index(inner)
            self._consumption(node)
            for r in node.results:
                self._define(r, place)
                self.producer[r] = node
            if node.op.consumes is not None:
                self.root[node.results[0]] = self.root[node.operands[node.op.consumes]]
                self._join(node.results[0], node.operands[node.op.consumes])
            elif node.op is COND:
                self._join_arms(node)
            elif node.op is FOR or node.op is WHILE:
                self._join_slots(node)

    def element_dims(self, stack: Value) -> tuple[KnownDim, ...] | None:
        """The dims of a list's elements (all have the same), if anything here tells them."""
        kin = self.kin(stack)
        for node in self.node_place:
            if node.op is push and self.kin(node.results[0]) is kin:
                return self.dims.get(node.operands[1], ())
            if node.op is pop and self.kin(node.results[0]) is kin:
                return self.dims.get(node.results[1], ())
            if node.op is from_array and self.kin(node.result) is kin:
                return self.dims[node.operands[0]][1:]
        return None

    def _define(self, v: Value, place: Place) -> None:
        self.place[v] = place
        self.root[v] = v
        self.order[v] = len(self.order)

    def _consumption(self, node: Node) -> None:
        if node.op.consumes is not None:
            self.eaters.setdefault(node.operands[node.op.consumes], []).append(node)
        if node.op is FOR or node.op is WHILE:
            self.slot_of.update((p, (node, k)) for k, p in enumerate(slot_params(node)))
            for k in sorted(consumed_slots(node, self.eaters)):
                self.eaters.setdefault(carried_init(node)[k], []).append(node)
            if node.op is WHILE or node.attrs.get("stops"):
                trips = Value(Scalar(I64), "trips")
                self._define(trips, self.node_place[node])
                self.trips[node], self.trips_of[trips] = trips, node

    # -- storage -------------------------------------------------------------------------------

    def kin(self, v: Value) -> Value:
        while v in self._kin:
            v = self._kin[v]
        return v

    def _join(self, a: Value, b: Value) -> None:
        a, b = self.kin(a), self.kin(b)
        if a is not b:
            self._kin[a] = b

    def _join_arms(self, node: Node) -> None:
        """A branch's result is what came in, if both arms hand on one storage from outside."""
        for r, *ys in zip(node.results, *(block.results for block in node.blocks)):
            kin = self.kin(ys[0])
            same = all(self.kin(y) is kin for y in ys)
            if same and not self.within(node, self.place[kin].block):
                self._join(r, kin)

    def _join_slots(self, node: Node) -> None:
        """A loop's slots are one storage with what it hands in, if it permutes what it was handed."""
        params = slot_params(node)
        kin = {self.kin(p) for p in params}
        for k, (y, p) in enumerate(zip(slot_yields(node), params)):
            init = carried_init(node)[k]
            if self.kin(y) in kin and node in self.eaters.get(init, ()):
                self._join(p, init)
        for k, (y, p) in enumerate(zip(slot_yields(node), params)):
            if self.kin(y) is self.kin(p) or self.kin(y) in {self.kin(q) for q in params}:
                self._join(node.results[k], y)

    def is_top(self, v: Value) -> bool:
        return self.place[v].block is self.top

    def index_in(self, block: Block, place: Place) -> int:
        """The index in `block` of the node that holds this place."""
        while place.block is not block:
            place = self.node_place[self.parent[place.block]]
        return place.index

    def within(self, node: Node, block: Block) -> bool:
        """Does the block stand inside the node?"""
        while block in self.parent:
            if block in node.blocks:
                return True
            block = self.node_place[self.parent[block]].block
        return False

    def captured(self, node: Node) -> list[Value]:
        """The values of enclosing blocks that a control node's blocks read (not its operands)."""
        blocks = node.blocks if node.op is COND else (body_of(node),)
        return list(dict.fromkeys(v for block in blocks for v in free_values(block)))
