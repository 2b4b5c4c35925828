"""Which loops have trips that do not meet, so that they can be done side by side.

A loop qualifies if all that its trips share is of one of these kinds:

- a sum: a float that each trip adds to, and that nothing else looks at meanwhile;
- an array in which each trip writes at its own place along one axis, at the counter (plus a
  constant), and reads either there or provably where no trip writes;
- an array in which each trip adds to the same elements, and that nothing else looks at.

What a body makes for itself belongs to its trip. Everything else refuses the loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..ir.graph import COND, DIM, FOR, WHILE, Block, Node, Value, slot_params, slot_yields, walk
from ..ir.types import FLOATS, Array, Scalar, Stack
from ..ops import TABLE
from ..ops.index import add_at, load, parts, slice_, store
from .indices import Affine, Indices

INDEX, WRAP = TABLE["index"], TABLE["wrap"]
ADD, SUB = TABLE["add"], TABLE["sub"]
#: A loop this short is not worth the temporaries.
SHORT = 8
#: What one strided access costs, in operations.
STRIDED = 4
#: How much more often an inner loop's body runs, in the estimate.
TRIPS = 10


class NotSideBySide(Exception):
    """The loop stays a loop."""


@dataclass(slots=True)
class Plan:
    """What was found of a loop. Values and roots are those of the function before the pass."""

    loop: Node
    #: the storage of every array of the body: a slot's parameter, an outer array, or what made it
    root: dict[Value, Value] = field(default_factory=dict)
    #: values that differ from trip to trip
    laned: set[Value] = field(default_factory=set)
    #: the running values of sums that are slots
    partial: set[Value] = field(default_factory=set)
    #: arrays that each trip writes at its own place: along which axis, and how far from the counter
    own: dict[Value, tuple[int, int]] = field(default_factory=dict)
    #: `a[i] += v` at a place that all trips share, by its three nodes, and all loads and sums of those
    adds: dict[Node, tuple[Node, Node, int]] = field(default_factory=dict)
    silent: set[Node] = field(default_factory=set)
    #: loads that inner loops repeat, and the axis along which the trips lie: of a copy that is turned
    turned: dict[Node, int] = field(default_factory=dict)

    @property
    def counter(self) -> Value:
        return self.loop.blocks[0].params[0]

    def shared(self, v: Value) -> bool:
        """Is this a version of an array that comes from outside the loop?"""
        r = self.root.get(v, v)
        return r not in self.root or r in slot_params(self.loop)


class Planner:
    def __init__(self, known: Indices) -> None:
        self.known = known

    def plan(self, loop: Node) -> Plan | None:
        """How to do the trips of the loop side by side, or None."""
        try:
            return self._plan(loop)
        except NotSideBySide:
            return None

    def _plan(self, loop: Node) -> Plan:
        if loop.attrs.get("stops") or self.known.literal(loop.operands[2]) != 1:
            raise NotSideBySide
        self._not_short(loop)
        for node in walk(loop.blocks[0]):
            if node.op is WHILE or node.attrs.get("stops") or node.op.kind == "stack":
                raise NotSideBySide
        plan = Plan(loop)
        self._roots(plan)
        for slot, (p, y) in enumerate(zip(slot_params(loop), slot_yields(loop))):
            if isinstance(p.type, Stack):
                raise NotSideBySide
            if isinstance(p.type, Array):
                if plan.root.get(y) is not p:
                    raise NotSideBySide
            else:
                plan.partial |= _Sum(loop.blocks[0], p.type).running(p, slot)
        self._shared_sums(plan)
        self._find_laned(plan)
        for p in slot_params(loop):
            if isinstance(p.type, Array):
                self._own_places(plan, p)
        for inner in plan.loop.blocks[0].nodes:
            if inner.op is FOR:
                self._turned(plan, inner)
        self._worthwhile(plan)
        return plan

    def _not_short(self, loop: Node) -> None:
        start, stop = (self.known.literal(v) for v in loop.operands[:2])
        if start is not None and stop is not None and stop - start < SHORT:
            raise NotSideBySide

    # -- storage ----------------------------------------------------------------------------------

    def _roots(self, plan: Plan) -> None:
        root = plan.root
        for p in plan.loop.blocks[0].params:
            root[p] = p

        def of(v: Value) -> Value:
            return root.get(v, v)

        def block(blk: Block) -> None:
            for node in blk.nodes:
                if node.op is store or node.op is add_at:
                    root[node.result] = of(node.operands[0])
                elif node.op is FOR:
                    inner(node)
                elif node.op is COND:
                    for arm in node.blocks:
                        block(arm)
                    for k, r in enumerate(node.results):
                        a, b = (of(arm.results[k]) for arm in node.blocks)
                        root[r] = a if a is b else r
                        if a is not b and isinstance(r.type, Array) and (written(a) or written(b)):
                            raise NotSideBySide
                else:
                    for r in node.results:
                        root[r] = r

        def written(r: Value) -> bool:
            return r in stored

        def inner(node: Node) -> None:
            """An inner loop's slot is the storage that it begins with, if each trip hands that on."""
            init = node.operands[3:]
            for p, i in zip(slot_params(node), init):
                root[p] = of(i)
            body = node.blocks[0]
            root[body.params[0]] = body.params[0]
            block(body)
            for p, i, y, r in zip(slot_params(node), init, slot_yields(node), node.results):
                if isinstance(p.type, Array) and of(y) is not of(i):
                    # another array each trip: fine as long as nobody writes into any of them
                    if written(of(i)) or written(of(y)):
                        raise NotSideBySide
                    root[p] = p
                root[r] = root[p] if isinstance(p.type, Array) else r

        stored: set[Value] = set()
        # Twice: what is written may be found behind where it matters.
        for _ in range(2):
            block(plan.loop.blocks[0])
            stored = {
                root[n.result] for n in walk(plan.loop.blocks[0]) if n.op is store or n.op is add_at
            }
        inside = set(root)
        for r in stored:
            if r not in inside:
                raise NotSideBySide

    # -- what all trips add to --------------------------------------------------------------------

    def _shared_sums(self, plan: Plan) -> None:
        """Fills in `adds`: storage that only ever sees `a[i] += v`."""
        body = plan.loop.blocks[0]
        uses = _uses(body)
        for p in slot_params(plan.loop):
            if not isinstance(p.type, Array):
                continue
            found: dict[Node, tuple[Node, Node, int]] = {}
            loads: set[Node] = set()
            whole = True
            for node in walk(body):
                if node.op is add_at and plan.root[node.result] is p:
                    found[node] = (node, node, 1)
                elif node.op is store and plan.root[node.result] is p:
                    pair = self._pair(node, uses)
                    if pair is None:
                        whole = False
                        break
                    found[node] = pair
                    loads.add(pair[0])
            if not whole or not found:
                continue
            others = [
                n
                for n in walk(body)
                if n.op is load and plan.root.get(n.operands[0]) is p and n not in loads
            ]
            moves = any(self.offset(plan, v) is not None for n in found for v in n.operands[2:])
            if others or moves or _read_whole(plan, p):
                continue
            plan.adds |= found
            for s, (first, total, _) in found.items():
                if s.op is store:
                    plan.silent |= {first, total}

    def _pair(self, node: Node, uses: dict[Value, int]) -> tuple[Node, Node, int] | None:
        """(load, add, which operand is added) of a store that adds to its own place."""
        base, value, *index = node.operands
        total = self.known.producer.get(value)
        if total is None or total.op not in (ADD, SUB) or uses.get(value) != 1:
            return None
        for k in (0, 1) if total.op is ADD else (0,):
            first = self.known.producer.get(total.operands[k])
            if (
                first is not None
                and first.op is load
                and first.operands[0] is base
                and tuple(first.operands[1:]) == tuple(index)
                and first.attrs["index"] == node.attrs["index"]
                and uses.get(first.result) == 1
                and total.operands[0] is not total.operands[1]
                and total.result.type == first.result.type
            ):
                return first, total, 1 - k
        return None

    # -- what differs from trip to trip -----------------------------------------------------------

    def _find_laned(self, plan: Plan) -> None:
        laned = plan.laned
        laned.add(plan.counter)
        laned |= plan.partial
        nodes = list(walk(plan.loop.blocks[0]))
        size = -1
        while size != len(laned):
            size = len(laned)
            for node in nodes:
                self._spread(plan, node)
            storage = {plan.root[v] for v in laned if v in plan.root and not plan.shared(v)}
            laned |= {
                v
                for v, r in plan.root.items()
                if r in storage and isinstance(v.type, Array) and not plan.shared(v)
            }

    def _spread(self, plan: Plan, node: Node) -> None:
        laned = plan.laned
        if node in plan.silent:
            return
        if node.op is load:
            base, *index = node.operands
            if any(v in laned for v in index) or base in laned and not plan.shared(base):
                laned.add(node.result)
        elif node.op is store or node.op is add_at:
            if not plan.shared(node.result) and any(v in laned for v in node.operands[1:]):
                laned.add(node.result)
        elif node.op is FOR:
            if any(v in laned for v in node.operands[:3]):
                raise NotSideBySide
            slots = zip(node.operands[3:], slot_params(node), slot_yields(node), node.results)
            for i, p, y, r in slots:
                if not self._is_shared_array(plan, p) and (laned & {i, p, y, r}):
                    laned |= {p, r}
        elif node.op is COND:
            for k, r in enumerate(node.results):
                if self._is_shared_array(plan, r):
                    if node.operands[0] in laned:
                        raise NotSideBySide
                elif node.operands[0] in laned or any(b.results[k] in laned for b in node.blocks):
                    laned.add(r)
        elif any(v in laned for v in node.operands):
            laned.update(node.results)

    @staticmethod
    def _is_shared_array(plan: Plan, v: Value) -> bool:
        return isinstance(v.type, Array) and plan.shared(v)

    # -- places -----------------------------------------------------------------------------------

    def offset(self, plan: Plan, v: Value) -> int | None:
        """k, if v is the counter plus k and not negative."""
        made = self.known.producer.get(v)
        if made is not None and made.op in (INDEX, WRAP):
            v = made.operands[0]
            if not self.known.not_negative(v):
                return None
        base, k = self.known.affine(v)
        return k if base is plan.counter else None

    def _own_places(self, plan: Plan, storage: Value) -> None:
        """Fills in `own` for an array that the trips write at their own places."""
        if _read_whole(plan, storage):
            raise NotSideBySide
        accesses = [n for n in walk(plan.loop.blocks[0]) if n.op in (load, store, add_at)]
        writes = [n for n in accesses if n.op is not load and plan.root[n.result] is storage]
        if any(n in plan.adds for n in writes):
            if any(v in plan.laned for n in writes for v in n.operands[2:]):
                raise NotSideBySide
            return
        if not writes:
            raise NotSideBySide
        for axis, letter in enumerate(writes[0].attrs["index"]):
            if letter == "i":
                k = self.offset(plan, parts(*_index(writes[0]))[axis][0])
                if k is not None:
                    break
        else:
            raise NotSideBySide
        for n in accesses:
            if plan.root.get(n.operands[0]) is not storage:
                continue
            here = self._at(plan, n, axis)
            if here == k and self._only(plan, n, axis):
                continue
            if n.op is not load or not all(self._apart(plan, n, w) for w in writes):
                raise NotSideBySide
        plan.own[storage] = (axis, k)

    def _at(self, plan: Plan, node: Node, axis: int) -> int | None:
        if node.attrs["index"][axis] != "i":
            return None
        return self.offset(plan, parts(*_index(node))[axis][0])

    def _only(self, plan: Plan, node: Node, axis: int) -> bool:
        """Does the counter move the access along this axis alone?"""
        if "a" in node.attrs["index"]:
            return False
        per_axis = parts(*_index(node))
        return all(v not in plan.laned for b, p in enumerate(per_axis) if b != axis for v in p)

    # -- two accesses that never meet --------------------------------------------------------------

    def _apart(self, plan: Plan, read: Node, written: Node) -> bool:
        letters = read.attrs["index"]
        if "a" in letters or "a" in written.attrs["index"]:
            return False
        pairs = zip(letters, parts(*_index(read)), written.attrs["index"], parts(*_index(written)))
        return any(self._disjoint(plan, *pair) for pair in pairs)

    def _disjoint(
        self, plan: Plan, letter: str, p: tuple[Value, ...], other: str, q: tuple[Value, ...]
    ) -> bool:
        for a in self._fixed_extents(plan, letter, p):
            for b in self._fixed_extents(plan, other, q):
                if self._before(a[1], b[0]) or self._before(b[1], a[0]):
                    return True
        return False

    def _before(self, end: Affine | None, first: Affine | None) -> bool:
        return end is not None and first is not None and self.known.at_most(end, first)

    def _fixed_extents(
        self, plan: Plan, letter: str, p: tuple[Value, ...]
    ) -> Iterator[tuple[Affine | None, Affine | None]]:
        """The same, without bounds that change while the loop runs."""
        for low, high in self._extents(plan, letter, p):
            yield tuple(b if b is not None and b[0] not in plan.root else None for b in (low, high))

    def _extents(
        self, plan: Plan, letter: str, p: tuple[Value, ...]
    ) -> Iterator[tuple[Affine | None, Affine | None]]:
        """Lower and upper bounds (exclusive) of what an index touches along an axis, in all trips."""
        if letter == "s":
            yield from self._slice_extent(p)
            return
        (v,) = p
        made = self.known.producer.get(v)
        if made is not None and made.op in (INDEX, WRAP):
            if not self.known.not_negative(made.operands[0]):
                yield (v, 0), (v, 1)
                return
            v = made.operands[0]
        base, k = self.known.affine(v)
        if base is not plan.counter:
            yield (base, k), (base, k + 1)
        loop = None if base is None else self.known.counter_of.get(base)
        if loop is not None and self.known.literal(loop.operands[2]) == 1:
            low, high = (self.known.affine(x) for x in loop.operands[:2])
            yield (low[0], low[1] + k), (high[0], high[1] + k)

    def _slice_extent(self, p: tuple[Value, ...]) -> Iterator[tuple[Affine | None, Affine | None]]:
        first, length, step = p
        if self.known.literal(step) != 1:
            return
        made = self.known.producer.get(length)
        if made is not None and made.op is slice_ and made.results[1] is length:
            bounds = list(made.operands)
            low: Affine | None = (None, 0)
            if made.attrs["lo"]:
                lo = bounds.pop(0)
                low = self.known.affine(lo) if self.known.not_negative(lo) else None
                if first is not made.results[0]:
                    return
            elif first is not made.results[0] and self.known.literal(first) != 0:
                return
            high: Affine | None = None
            if made.attrs["hi"] and self.known.not_negative(bounds[0]):
                high = self.known.affine(bounds[0])
            if self.known.literal(bounds[-2]) == 1:
                yield low, high
            return
        if self.known.literal(first) == 0:
            yield (None, 0), self.known.affine(length)

    # -- is it worth it? --------------------------------------------------------------------------

    def _worthwhile(self, plan: Plan) -> None:
        """Lanes should lie side by side in memory, and a body that has unit stride keeps it."""
        work, strided = 0, 0

        def block(blk: Block, weight: int) -> None:
            nonlocal work, strided
            for node in blk.nodes:
                for inner in node.blocks:
                    block(inner, weight * (TRIPS if node.op is FOR else 1))
                if node.op in (load, store, add_at):
                    strided += weight * self._is_strided(plan, node)
                elif any(r in plan.laned for r in node.results):
                    work += weight * (10 if node.op.cost > 1 else 1)

        block(plan.loop.blocks[0], 1)
        if STRIDED * strided > work:
            raise NotSideBySide

    def _turned(self, plan: Plan, loop: Node) -> None:
        """Fills in `turned`: what an inner loop reads down a column is worth a copy that is turned."""
        for node in walk(loop.blocks[0]):
            if node.op is not load or node.operands[0] in plan.root:
                continue  # what is written cannot be copied beforehand
            letters, index = _index(node)
            per_axis = parts(letters, index)
            moved = [b for b, p in enumerate(per_axis) if any(v in plan.laned for v in p)]
            if set(letters) == {"i"} and len(moved) == 1 and moved[0] != len(letters) - 1:
                plan.turned[node] = moved[0]

    def _is_strided(self, plan: Plan, node: Node) -> bool:
        """Does the counter move this access along another axis than the last?"""
        if not plan.shared(node.operands[0]) or node in plan.turned:
            return False
        letters, index = _index(node)
        per_axis = parts(letters, index)
        moved = [b for b, p in enumerate(per_axis) if any(v in plan.laned for v in p)]
        if not moved or moved == [len(letters) - 1]:
            return False
        if letters[-1] == "s":
            raise NotSideBySide
        return True


class _Sum:
    """The running values of one float slot that is only ever added to."""

    def __init__(self, body: Block, type: Scalar) -> None:
        if not isinstance(type, Scalar) or type.dtype not in FLOATS:
            raise NotSideBySide
        self.body = body
        self.users: dict[Value, list[Node]] = {}
        for node in walk(body):
            for v in node.operands:
                self.users.setdefault(v, []).append(node)
        self.ends: dict[Value, int] = {}
        for blk in _blocks(body):
            for v in blk.results:
                self.ends[v] = self.ends.get(v, 0) + 1

    def running(self, param: Value, slot: int) -> set[Value]:
        found: set[Value] = set()
        if self._follow(self.body, param, found) != slot:
            raise NotSideBySide
        return found

    def _follow(self, block: Block, v: Value, found: set[Value]) -> int:
        """Follows a running value to the end of its block; gives its place among the results."""
        while True:
            found.add(v)
            users, ends = self.users.get(v, []), self.ends.get(v, 0)
            branch = self._branch(block, v)
            if branch is not None:
                if any(n in block.nodes for n in users):
                    raise NotSideBySide
                arms = {self._arm(arm, v, found) for arm in branch.blocks}
                if len(arms) != 1:
                    raise NotSideBySide
                v = branch.results[arms.pop()]
                continue
            if not users and ends == 1 and v in block.results:
                return block.results.index(v)
            if len(users) != 1 or ends or users[0] not in block.nodes:
                raise NotSideBySide
            (node,) = users
            if node.op is ADD or node.op is SUB and node.operands[1] is not v:
                if node.operands[0] is node.operands[1] or node.result.type != v.type:
                    raise NotSideBySide
                v = node.result
            elif node.op is FOR and v not in node.operands[:3] and node.operands.count(v) == 1:
                slot = node.operands.index(v) - 3
                if self._follow(node.blocks[0], slot_params(node)[slot], found) != slot:
                    raise NotSideBySide
                v = node.results[slot]
            else:
                raise NotSideBySide

    def _branch(self, block: Block, v: Value) -> Node | None:
        """The one branch of this block in whose arms the value is used, if it is used in arms."""
        if v in block.results:
            return None
        holders = [n for n in block.nodes if any(_mentions(inner, v) for inner in n.blocks)]
        if len(holders) > 1 or any(n.op is not COND for n in holders):
            raise NotSideBySide
        return holders[0] if holders else None

    def _arm(self, arm: Block, v: Value, found: set[Value]) -> int:
        """Follows the value through one arm; `users` and `ends` count what is outside of it too."""
        users = [n for n in arm.nodes if v in n.operands]
        deeper = [n for n in arm.nodes if any(_mentions(b, v) for b in n.blocks)]
        if deeper:
            raise NotSideBySide
        if not users:
            if arm.results.count(v) != 1:
                raise NotSideBySide
            return arm.results.index(v)
        if len(users) != 1 or v in arm.results:
            raise NotSideBySide
        (node,) = users
        if node.op is not ADD and not (node.op is SUB and node.operands[1] is not v):
            raise NotSideBySide
        if node.operands[0] is node.operands[1] or node.result.type != v.type:
            raise NotSideBySide
        return self._follow(arm, node.result, found)


def _read_whole(plan: Plan, storage: Value) -> bool:
    """Does anything look at the array other than element by element?"""
    return any(
        n.op not in (load, store, add_at, FOR, COND, DIM)
        and any(plan.root.get(v) is storage for v in n.operands)
        or n.op in (store, add_at)
        and any(plan.root.get(v) is storage for v in n.operands[1:])
        for n in walk(plan.loop.blocks[0])
    )


def _mentions(block: Block, v: Value) -> bool:
    return v in block.results or any(
        v in n.operands or any(_mentions(b, v) for b in n.blocks) for n in block.nodes
    )


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for node in walk(block):
        yield from node.blocks


def _uses(block: Block) -> dict[Value, int]:
    """How often each value is read, as an operand or as a block's result."""
    out: dict[Value, int] = {}
    for node in walk(block):
        for v in node.operands:
            out[v] = out.get(v, 0) + 1
    for blk in _blocks(block):
        for v in blk.results:
            out[v] = out.get(v, 0) + 1
    return out


def _index(node: Node) -> tuple[str, tuple[Value, ...]]:
    return node.attrs["index"], node.operands[1 if node.op is load else 2 :]
