"""What of the primal the reverse sweep needs, and how it gets each piece: the tape, planned.

In this order of preference a needed value is
    at hand     a constant, a counter of the reversed loop, or a value of the outermost block;
    a version   of an array that the sweep carries backwards: stores are undone from a log;
    recomputed  from cheap things at hand; a load counts, if its array is at that version there;
    saved       where it is defined: pushed on a tape in the forward sweep, popped in the reverse.
A store is logged if and only if the sweep must get behind it, and what was there matters (`fresh`). In the outermost block an old version
is one `copy` instead.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import UnsupportedError
from ..ir.graph import COND, CONST, FOR, WHILE, Block, Node, Value, slot_params, slot_yields
from ..ir.types import Array, Scalar, Stack
from ..ops import TABLE
from ..ops.index import add_at, load
from .fresh import Fresh
from .structure import Place, Structure

Uses = dict[Value, list[Place]]

#: How many cheap operations may be done again instead of keeping their result.
_BUDGET = 8
_RECOMPUTED_KINDS = ("elementwise", "shape", "create", "index")
_INDEX = TABLE["index"]


@dataclass(eq=False, slots=True)
class Plan:
    """The decisions. Values and nodes are those of the primal."""

    saved: dict[Value, None] = field(default_factory=dict)
    recomputed: set[Value] = field(default_factory=set)
    versions: set[Value] = field(default_factory=set)
    logged: dict[Node, None] = field(default_factory=dict)
    #: stores that are not undone, though the sweep gets behind them
    left: dict[Node, None] = field(default_factory=dict)
    #: slots of loops through which the sweep carries a primal array; results of branches likewise
    carried: dict[tuple[Node, int], None] = field(default_factory=dict)
    #: versions of the outermost block that are copied before they are overwritten
    copies: set[Value] = field(default_factory=set)
    kept_results: frozenset[Value] = frozenset()

    def touches(self, node: Node) -> bool:
        """Is there anything to restore or to pop inside a control node?"""
        return node in self._busy

    def loses(self, structure: Structure, node: Node, v: Value) -> bool:
        """Is `v`, which the loop consumes, not what the sweep has when it comes out of the loop?"""
        kin = structure.kin(v)
        return any(
            structure.within(node, structure.node_place[n].block)
            and structure.kin(n.operands[0]) is kin
            for n in self.left
        )

    _busy: set[Node] = field(default_factory=set)


def logged_whole(node: Node) -> bool:
    """Is the log of this update the whole array? Index arrays may name an element twice; put back
    twice, it would count twice in the derivative of the gradient."""
    return node.op is add_at and "a" in node.attrs["index"]


def plan_residuals(structure: Structure, uses: Uses, kept_results: Sequence[Value]) -> Plan:
    """Decides for every value that the sweep reads, and for what those decisions need in turn."""
    held: set[Value] = set()
    forced: set[Value] = set()
    while True:
        planner = _Planner(structure, uses, held, forced)
        planner.run()
        invalid = planner.invalid_loads()
        if not invalid:
            break
        forced |= held & invalid
        held |= invalid
    plan = planner.plan
    plan.kept_results = frozenset(kept_results)
    _mark_busy(plan, structure)
    return plan


def _mark_busy(plan: Plan, structure: Structure) -> None:
    places = [structure.place[v] for v in plan.saved]
    places += [structure.node_place[n] for n in plan.logged]
    for place in places:
        block = place.block
        while block in structure.parent:
            node = structure.parent[block]
            plan._busy.add(node)
            block = structure.node_place[node].block
    plan._busy.update(node for node, _ in plan.carried)


class _Planner:
    """`held`: loads from which nothing else is recomputed, so that they are needed where they stand
    and no later. `forced`: those of them that are to be saved even so."""

    def __init__(self, structure: Structure, uses: Uses, held: set[Value], forced: set[Value]):
        self.s = structure
        self.held = held
        self.forced = forced
        self.fresh = Fresh(structure)
        self.plan = Plan()
        self.uses: dict[Value, dict[Place, None]] = {}
        self.queue: list[tuple[int, Value]] = []
        self.decided: set[Value] = set()
        self.loads: dict[Value, None] = {}
        for v, places in uses.items():
            self.need(v, places)

    def run(self) -> None:
        while self.queue:
            v = heapq.heappop(self.queue)[2]  # type: ignore[misc]
            if v not in self.decided:
                self.decided.add(v)
                self.decide(v)
        self.copy_what_is_lost()

    def need(self, v: Value, places: Sequence[Place]) -> None:
        """`v` is read by the adjoints of the nodes at these places."""
        known = self.uses.setdefault(v, {})
        new = [p for p in places if p not in known]
        known.update(dict.fromkeys(new))
        if v not in self.decided:
            # Later definitions first: what they are recomputed from is then still open.
            heapq.heappush(self.queue, (-self.s.order[v], id(v), v))  # type: ignore[misc]
        elif new and (v in self.plan.recomputed or v in self.loads or v in self.plan.saved):
            self.operands_too(v, new)

    def operands_too(self, v: Value, places: Sequence[Place]) -> None:
        if v in self.plan.recomputed:
            node = self.s.producer[v]
            for x in self.inputs(node):
                self.need(x, places)
        else:
            self.need_sizes(v, places)

    # -- one value -----------------------------------------------------------------------------

    def decide(self, v: Value) -> None:
        places = list(self.uses[v])
        if isinstance(v.type, Stack):
            self.decide_stack(v)
        elif self.is_version(v):
            self.require(v)
        elif self.s.is_top(v) or self.free(v):
            pass
        elif v not in self.forced and self.can_recompute(v, _BUDGET):
            self.plan.recomputed.add(v)
            self.operands_too(v, places)
        else:
            self.save(v, places)

    def decide_stack(self, v: Value) -> None:
        if not self.s.is_top(v) or v in self.s.eaters:
            raise UnsupportedError(
                "this use of a growing list cannot be reversed", hint="write into an array instead"
            )

    def free(self, v: Value) -> bool:
        """A constant, or the counter of a loop."""
        node = self.s.producer.get(v)
        if node is not None:
            return node.op is CONST
        block = self.s.place[v].block
        parent = self.s.parent.get(block)
        return parent is not None and parent.op is FOR and v is block.params[0]

    def is_version(self, v: Value) -> bool:
        """Is it an array that is written in place somewhere, or one that a loop carries?"""
        if not isinstance(v.type, Array):
            return False
        return v in self.s.eaters or self.s.root[v] is not v or v in self.s.slot_of

    def save(self, v: Value, places: Sequence[Place]) -> None:
        self.plan.saved[v] = None
        self.need_sizes(v, places)

    def need_sizes(self, v: Value, places: Sequence[Place]) -> None:
        for d in self.s.dims.get(v, ()):
            if isinstance(d, Value):
                self.need(d, places)

    # -- doing it again ------------------------------------------------------------------------

    def inputs(self, node: Node) -> list[Value]:
        """What the node is done again from; a length of an axis is asked of the array's dims."""
        return list(node.operands)

    def can_recompute(self, v: Value, budget: int) -> bool:
        node = self.s.producer.get(v)
        if node is None or node.op in (FOR, WHILE, COND) or node.op.name in ("dim", "nonzero"):
            return False
        if node.op is load:
            base, *index = node.operands
            return self.carriable(base) and all(self.at_hand(x, budget - 1) for x in index)
        if node.op is not _INDEX and node.op.kind not in _RECOMPUTED_KINDS:
            return False
        if node.op.cost > 1 or node.op.consumes is not None:
            return False
        return all(self.at_hand(x, budget - 1) for x in node.operands)

    def at_hand(self, v: Value, budget: int) -> bool:
        if v in self.uses and v not in self.held or self.free(v):
            return not isinstance(v.type, Stack)
        if self.is_version(v):
            return False
        if self.s.is_top(v):
            return True
        return budget > 0 and v not in self.held and self.can_recompute(v, budget)

    def carriable(self, base: Value) -> bool:
        """Can the sweep have this array at this version?"""
        return isinstance(base.type, Array)

    def invalid_loads(self) -> set[Value]:
        """Recomputed values that read an array which is already another version at some use."""
        return {
            v
            for v in self.plan.recomputed
            for x in self.s.producer[v].operands
            if isinstance(x.type, Array) and self.is_version(x) and self.overwritten(x, v)
        }

    def overwritten(self, array: Value, v: Value) -> bool:
        """Is `array` consumed between its reading by `v` and a use of `v`?"""
        eaters = [self.s.node_place[e] for e in self.s.eaters.get(array, ())]
        return any(self.comes_before(eater, use) for eater in eaters for use in self.uses[v])

    def comes_before(self, eater: Place, use: Place) -> bool:
        """Has the node at `eater` (or the branch around it) run before the sweep comes to `use`?"""
        place = eater
        while not self.holds(place.block, use.block):
            place = self.s.node_place[self.s.parent[place.block]]
        index = self.s.index_in(place.block, use)
        if index != place.index:
            return index > place.index
        # In the other arm of a branch the array is untouched; at the branch itself it is not.
        return place is eater or use.block is place.block

    def holds(self, outer: Block, inner: Block) -> bool:
        while inner is not outer:
            if inner not in self.s.parent:
                return False
            inner = self.s.node_place[self.s.parent[inner]].block
        return True

    # -- versions of arrays --------------------------------------------------------------------

    def require(self, v: Value) -> None:
        """The sweep must have this version when it comes to where the version is current."""
        todo = [v]
        while todo:
            v = todo.pop()
            if v in self.plan.versions:
                continue
            self.plan.versions.add(v)
            eaters = self.s.eaters.get(v, ())
            if not self.s.is_top(v) and any(self.dropped(v, node) for node in eaters):
                self.save(v, list(self.uses.get(v, ())) or [self.s.place[v]])
                continue
            for node in eaters:
                todo += self.behind(v, node)
            if not eaters:
                todo += self.last_version(v)
            elif not self.s.is_top(v):
                # An arm that does not write it hands it on.
                todo += self.handed_on(v, eaters)

    def behind(self, v: Value, node: Node) -> list[Value]:
        """What it takes to get from what `node` makes of `v` back to `v`."""
        place = self.s.node_place[node]
        if place.block is self.s.top:
            return []
        if self.s.is_top(v) and v not in self.s.slot_of:
            # Consumed in an arm of a branch of the outermost block: copied, unless carried anyway.
            return []
        if node.op is FOR or node.op is WHILE:
            return self.carry_slots(node, v)
        if isinstance(v.type, Array) and self.fresh(node):
            self.plan.left[node] = None
        elif isinstance(v.type, Array):
            self.plan.logged[node] = None
            first = 2
            for x in node.operands[first:]:
                self.need(x, [place])
            if logged_whole(node):
                self.need_sizes(v, [place])
        return [node.results[0]]

    def carry_slots(self, node: Node, v: Value) -> list[Value]:
        out: list[Value] = []
        inits = node.operands[3:] if node.op is FOR else node.operands
        for k, init in enumerate(inits):
            if init is v and node in self.s.eaters.get(v, ()):
                out += self.carry(node, k)
        return out

    def carry(self, node: Node, k: int) -> list[Value]:
        """The sweep carries the array in slot (or result) k of a control node."""
        if (node, k) in self.plan.carried:
            return []
        self.plan.carried[(node, k)] = None
        out = [node.results[k]]
        if node.op is not COND:
            out.append(slot_params(node)[k])
            self.need_trips(node)
        else:
            self.need(node.operands[0], [self.s.node_place[node]])
        return out

    def need_trips(self, node: Node) -> None:
        place = self.s.node_place[node]
        if node.op is FOR:
            for bound in node.operands[:3]:
                self.need(bound, [place])
        if node in self.s.trips:
            self.need(self.s.trips[node], [place])

    def last_version(self, v: Value) -> list[Value]:
        """Nothing in its block overwrites `v`: where does the sweep get it from?"""
        block = self.s.place[v].block
        if block is self.s.top:
            return []
        node = self.s.parent[block]
        if node.op is COND:
            slots = [k for k, y in enumerate(block.results) if y is v]
            if slots:
                return self.carry(node, slots[0])
        elif self.s.kin(v) in {self.s.kin(p) for p in block.params}:
            slots = [k for k, y in enumerate(slot_yields(node)) if y is v]
            if slots:
                return self.carry(node, slots[0])
        self.save(v, list(self.uses.get(v, ())) or [Place(block, len(block.nodes))])
        return []

    def handed_on(self, v: Value, eaters: Sequence[Node]) -> list[Value]:
        out: list[Value] = []
        block = self.s.place[v].block
        for node in eaters:
            inner = self.s.node_place[node].block
            while inner is not block:
                parent = self.s.parent[inner]
                if parent.op is COND:
                    for arm in parent.blocks:
                        for k, y in enumerate(arm.results):
                            if y is v:
                                out += self.carry(parent, k)
                inner = self.s.node_place[parent].block
        return out

    def dropped(self, v: Value, node: Node) -> bool:
        """Is there an arm, beside the one in which `node` consumes `v`, after which `v` is gone?"""
        inner = self.s.node_place[node].block
        while inner is not self.s.place[v].block:
            parent = self.s.parent[inner]
            for arm in parent.blocks if parent.op is COND else ():
                eats = any(self.holds(arm, self.s.node_place[e].block) for e in self.s.eaters[v])
                if not eats and v not in arm.results:
                    return True
            inner = self.s.node_place[parent].block
        return False

    def copy_what_is_lost(self) -> None:
        """In the outermost block: required versions that are overwritten, and not given back."""
        for v in self.plan.versions:
            if not self.s.is_top(v) or v not in self.s.eaters:
                continue
            if not all(self.given_back(v, node) for node in self.s.eaters[v]):
                self.plan.copies.add(v)

    def given_back(self, v: Value, node: Node) -> bool:
        at_top = self.s.node_place[node].block is self.s.top
        if at_top and (node.op is FOR or node.op is WHILE):
            inits = node.operands[3:] if node.op is FOR else node.operands
            carried = any((node, k) in self.plan.carried for k, i in enumerate(inits) if i is v)
            return carried and not self.plan.loses(self.s, node, v)
        return False


__all__ = ["Plan", "Uses", "plan_residuals", "Scalar"]
