"""Where arrays and stacks live: a plan of buffers, made before any text is written.

A `Buffer` is a pointer variable of the emitted program. Updates in place stay in their operand's
buffer; loops swap pointers instead of copying; a value that is only read may share another's buffer
(it *borrows* it). A borrowed buffer is copied at the moment when it would be written, and so is an
owned one that somebody still borrows: a plan is right without knowing why the sharing came about.

Levels: what is allocated in a loop's body is given back when that trip ends. Level 0 is the
function, level k the body of the k-th loop around. What a loop carries lives at a lower level than
its body; the buffers of one *ring* (slots that exchange buffers, and their spares) share a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    free_values,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.types import Array, Scalar, Stack, Type
from .buffers import BranchPlan, Buffer, Copy, LoopPlan, Slot
from .fusion import Fusion, consumed_in
from .rings import born_directly
from .rings import rings as find_rings
from .shapes import Shaped
from .tapes import born_on_tapes, lone_moves, tape_rows, unsettled

__all__ = ["Storage"]


@dataclass(slots=True)
class _Frame:
    block: Block
    at: int
    #: Does the block run once for each time that the one around it does?
    once: bool


def _puts(node: Node) -> bool:
    """Does the node, or one inside it, put anything on a stack?"""
    return node.op.name in ("push", "poke") or any(
        _puts(n) for block in node.blocks for n in block.nodes
    )


def _is_memory(t: Type) -> bool:
    return not isinstance(t, Scalar)


class Storage:
    """`where[value]`: its buffer (for arrays and stacks that are not inlined).

    `births[value]`: the buffer to allocate at its definition. `before[node]`: the copy of its
    consumed operand to make first. `shares`: reshapes and copies that are only another view.
    `stays`: popped arrays that are read where they lie on the stack. `on_tape[value]`: the push on
    whose place the array is computed. `rows[block]`: what a trip of it has on one tape.
    """

    def __init__(
        self, shaped: Shaped, fusion: Fusion, inplace: Iterable[int], results: Iterable[int]
    ) -> None:
        self._dims = shaped.dims
        self._fusion = fusion
        self._stack: list[_Frame] = []
        self._level = 0
        self._loops: list[LoopPlan] = []
        self._destination: dict[Value, Buffer] = {}
        self._borrowers: dict[Value, list[Value]] = {}
        self._home: dict[Value, Block] = {}
        self.where: dict[Value, Buffer] = {}
        self.owned: dict[Value, bool] = {}
        self.births: dict[Value, Buffer] = {}
        self.before: dict[Node, Copy] = {}
        self.shares: set[Value] = set()
        self.stays: set[Value] = set()
        self.lone = lone_moves(shaped.function)
        self._on_tapes = born_on_tapes(shaped.function, self.lone)
        self.on_tape: dict[Value, Node] = {}
        self.loops: dict[Node, LoopPlan] = {}
        self.branches: dict[Node, BranchPlan] = {}
        self._function(shaped.function, set(inplace), list(results))

    def _function(self, function: Function, inplace: set[int], results: list[int]) -> None:
        for k, p in enumerate(function.params):
            self._home[p] = function.block
            if _is_memory(p.type):
                self.where[p] = self._buffer(p, 0)
                self.where[p].param = k
                self.where[p].written = k in inplace
                self.owned[p] = k in inplace
        self._counting = [n for n in function.block.nodes if n.op.name == "nonzero"]
        self._block(function.block, True)
        for k in results:
            v = function.results[k]
            if isinstance(v.type, Array) and v in self.where:
                buffer = self.where[v]
                straight = self.owned[v] and not buffer.swapped and self._dims[v] == buffer.dims
                if straight and buffer in self._born_on_top and buffer.output is None:
                    buffer.output = k
        restless = unsettled(self.where, self.before.values(), self.loops, self.branches.values())
        self.rows = tape_rows(
            function, self._dims, self.lone, self.where, restless, self._fusion.live
        )

    # --- helpers ----------------------------------------------------------------------------------

    @property
    def _born_on_top(self) -> set[Buffer]:
        """Memory set aside at the top, of a size that is known then: `nonzero` counts first."""
        counted = {r for n in self._counting for r in n.results}
        return {self.births[v] for v in self.births if v in self._top and v not in counted}

    def _buffer(self, v: Value, level: int, name: str = "") -> Buffer:
        return Buffer(v.type, self._dims.get(v, ()), level, name or v.name)

    def _alive(self, v: Value, skip: Value | None = None) -> bool:
        """Does anything read the value, or what borrows from it, after the current node?"""
        return self._read_later(v, False) or any(
            b is not skip and (self._read_later(b, True) or self._alive(b, skip))
            for b in self._borrowers.get(v, ())
        )

    def _read_later(self, v: Value, now: bool) -> bool:
        """`now`: reading by the current node itself counts too."""
        for frame in reversed(self._stack):
            last = self._fusion.last_use[frame.block].get(v, -1)
            if last > frame.at or (now and last == frame.at and frame is self._stack[-1]):
                return True
            if self._home.get(v) is frame.block:
                return False
            if not frame.once and last >= 0:
                return True
        return False

    def _borrow(self, v: Value, lender: Value, buffer: Buffer) -> None:
        self.where[v] = buffer
        self.owned[v] = False
        self._borrowers.setdefault(lender, []).append(v)

    def _movable(self, v: Value) -> bool:
        return self.owned[v] and not self._alive(v)

    # --- blocks -----------------------------------------------------------------------------------

    def _block(self, block: Block, once: bool) -> None:
        frame = _Frame(block, -1, once)
        self._stack.append(frame)
        for at, node in enumerate(block.nodes):
            frame.at = at
            for r in node.results:
                self._home[r] = block
            if node in self._fusion.live:
                self._node(node)
        frame.at = len(block.nodes)
        if len(self._stack) == 1:
            self._top = {r for n in block.nodes if not n.blocks for r in n.results}
        else:
            self._stack.pop()

    def _node(self, node: Node) -> None:
        if node.op is FOR or node.op is WHILE:
            self._loop(node)
        elif node.op is COND:
            self._cond(node)
        elif node.op.consumes is not None:
            base = node.operands[node.op.consumes]
            self.where[node.results[0]] = self._writable(node, base)
            if node in self.before:
                self._off_tape(node)
            self.owned[node.results[0]] = True
            for r in node.results[1:]:
                if self._may_stay(node, r):
                    self.where[r], self.owned[r] = self._buffer(r, self._level), False
                    self.stays.add(r)
                else:
                    self._birth(r)
        else:
            for r in node.results:
                if _is_memory(r.type) and r not in self._fusion.inlined:
                    if not self._share(node, r):
                        self._birth(r)

    def _may_stay(self, node: Node, v: Value) -> bool:
        """May a popped array be read where it lies on its stack? Until something is pushed there."""
        frame = self._stack[-1]
        nodes = frame.block.nodes
        last = self._fusion.last_use[frame.block].get(v, -1)
        return (
            node.op.name == "pop"
            and isinstance(v.type, Array)
            and v not in self._destination
            and last < len(nodes)
            and not any(_puts(n) for n in nodes[frame.at + 1 : last + 1])
        )

    def _birth(self, v: Value) -> None:
        if not _is_memory(v.type):
            return
        buffer = self._destination.get(v)
        push = self._on_tapes.get(v)
        if buffer is None and push in self._fusion.live and self.owned.get(push.operands[0]):
            buffer = self._buffer(v, self._level)
            self.on_tape[v] = push
        elif buffer is None:
            buffer = self._buffer(v, self._level)
            self.births[v] = buffer
            self._allocates()
        buffer.written = True
        self.where[v] = buffer
        self.owned[v] = v not in self.on_tape

    def _off_tape(self, push: Node) -> None:
        """The stack is not at hand where the array is computed, which needs memory of its own then."""
        for v in [v for v, node in self.on_tape.items() if node is push]:
            del self.on_tape[v]
            self.births[v] = self.where[v]
            self._allocates()

    def _allocates(self) -> None:
        if self._loops:
            self._loops[-1].releases = True

    def _writable(self, node: Node, base: Value) -> Buffer:
        """The buffer that the node may write: the operand's own, or a copy."""
        if self._movable(base):
            self.where[base].written = True
            self.where[base].name = self.where[base].name or node.results[0].name
            return self.where[base]
        copy = self._buffer(base, self._level)
        copy.written = True
        self._allocates()
        self.before[node] = Copy(copy, base)
        return copy

    def _share(self, node: Node, v: Value) -> bool:
        """A reshape is another way to look at a buffer; a copy of what nobody needs any more, too."""
        if node.op.name not in ("reshape", "copy"):
            return False
        x = node.operands[0]
        if x not in self.where or v in self._destination:
            return False
        if self._movable(x):
            self.where[v] = self.where[x]
            self.owned[v] = True
        elif node.op.name == "reshape":
            self._borrow(v, x, self.where[x])
        else:
            return False
        self.shares.add(v)
        return True

    # --- loops ------------------------------------------------------------------------------------

    def _loop(self, node: Node) -> None:
        plan = LoopPlan()
        self.loops[node] = plan
        body = body_of(node)
        init, params, yields = carried_init(node), slot_params(node), slot_yields(node)
        inside = set().union(*(free_values(b) for b in node.blocks))
        memory = [k for k, p in enumerate(params) if _is_memory(p.type)]
        rings = find_rings(body, params, yields, memory)
        written = self._written_slots(body, params, yields, rings)
        for k, i in enumerate(init):
            if k not in memory and self._continues(i, node, inside):
                plan.continued.add(k)
        for ring in {rings[k] for k in memory}:
            members = [k for k in memory if rings[k] == ring]
            self._enter_ring(node, plan, members, ring, ring in written, inside)
        self._bind_params(node, plan, memory)
        spares = self._spares(plan, body, params, yields, memory)
        self._level += 1
        self._loops.append(plan)
        for block in node.blocks:
            for p in block.params:
                self._home[p] = block
            self._block(block, False)
        self._loops.pop()
        self._level -= 1
        self._leave(plan, body, params, yields, memory, spares)
        for k in memory:
            result, slot = node.results[k], plan.slots[k]
            if slot.owned:
                self.where[result], self.owned[result] = slot.buffer, True
            else:
                ring_inits = [init[j] for j in memory if plan.slots[j].ring == slot.ring]
                for lender in ring_inits:
                    self._borrow(result, lender, slot.buffer)

    def _continues(self, i: Value, node: Node, inside: set[Value]) -> bool:
        return (
            node.operands.count(i) == 1
            and i not in inside
            and i in self._home
            and not self._read_later(i, False)
        )

    @staticmethod
    def _written_slots(
        body: Block, params: Sequence[Value], yields: Sequence[Value], rings: dict[int, int]
    ) -> set[int]:
        """The rings in which some buffer is written or born: they own their buffers."""
        eaten = consumed_in(body)
        known = set(params)
        return {r for k, r in rings.items() if params[k] in eaten or yields[k] not in known}

    def _enter_ring(
        self, node: Node, plan: LoopPlan, members: list[int], ring: int, owns: bool,
        inside: set[Value],
    ) -> None:  # fmt: skip
        init = carried_init(node)
        params = slot_params(node)
        if not owns:
            for k in members:
                single = slot_yields(node)[k] is params[k]
                buffer = self.where[init[k]] if single else self._buffer(params[k], self._level)
                buffer.alias = buffer.alias or not single
                plan.slots[k] = Slot(buffer, "same" if single else "point", False, ring)
            return
        movable = {
            k
            for k in members
            if init.count(init[k]) == 1 and init[k] not in inside and self._movable(init[k])
        }
        levels = (
            {self.where[init[k]].level for k in members} if len(movable) == len(members) else set()
        )
        level = levels.pop() if len(levels) == 1 else self._level
        for k in members:
            if k in movable and self.where[init[k]].level == level:
                plan.slots[k] = Slot(self.where[init[k]], "same", True, ring)
            else:
                buffer = self._buffer(params[k], level)
                buffer.dims = self._dims.get(params[k], ())
                plan.slots[k] = Slot(buffer, "copy", True, ring)
                self._allocates()
            plan.slots[k].buffer.written = True
            plan.slots[k].buffer.name = plan.slots[k].buffer.name or params[k].name

    def _bind_params(self, node: Node, plan: LoopPlan, memory: list[int]) -> None:
        for block in node.blocks:
            params = block.params[1:] if node.op is FOR else block.params
            for k in memory:
                last = block is node.blocks[-1]
                self.where[params[k]] = plan.slots[k].buffer
                self.owned[params[k]] = plan.slots[k].owned and last

    def _spares(
        self, plan: LoopPlan, body: Block, params: Sequence[Value], yields: Sequence[Value],
        memory: list[int],
    ) -> list[tuple[Buffer, int]]:  # fmt: skip
        """A second buffer for each slot whose next array is made whole by a node of the body."""
        spares: list[tuple[Buffer, int]] = []
        for k in memory:
            slot = plan.slots[k]
            born = born_directly(body, yields[k]) if isinstance(params[k].type, Array) else None
            if born is None or not slot.owned or born in self._destination:
                continue
            if born in self._fusion.inlined:
                continue
            spare = Buffer(params[k].type, slot.buffer.dims, slot.buffer.level, slot.buffer.name)
            spare.name = f"{params[k].name}_next" if params[k].name else ""
            spare.swapped = slot.buffer.swapped = spare.written = True
            self._destination[born] = spare
            spares.append((spare, slot.ring))
            self._allocate_at(spare, plan)
        return spares

    def _allocate_at(self, buffer: Buffer, plan: LoopPlan) -> None:
        """Before the loop that stands in the body of the buffer's level."""
        home = plan if buffer.level == self._level else self._loops[buffer.level]
        home.allocate.append(buffer)
        if buffer.level:
            self._loops[buffer.level - 1].releases = True

    def _leave(
        self, plan: LoopPlan, body: Block, params: Sequence[Value], yields: Sequence[Value],
        memory: list[int], spares: list[tuple[Buffer, int]],
    ) -> None:  # fmt: skip
        """The end of a trip: which buffer each slot goes on with."""
        for ring in {plan.slots[k].ring for k in memory}:
            members = [k for k in memory if plan.slots[k].ring == ring]
            own = [s for s, r in spares if r == ring]
            if not plan.slots[members[0]].owned:
                plan.moves += [
                    (plan.slots[k].buffer, self.where[yields[k]])
                    for k in members
                    if plan.slots[k].buffer is not self.where[yields[k]]
                ]
                continue
            self._leave_ring(plan, body, members, yields, own)

    def _leave_ring(
        self, plan: LoopPlan, body: Block, members: list[int], yields: Sequence[Value],
        spares: list[Buffer],
    ) -> None:  # fmt: skip
        holders = [plan.slots[k].buffer for k in members] + spares
        goes_on: dict[int, Buffer] = {}
        for k in members:
            v = yields[k]
            held = self.where[v]
            if self.owned[v] and held in holders and held not in goes_on.values():
                goes_on[k] = held
        held_by_slots = {s.buffer for s in plan.slots.values()} | set(spares)
        copied = [k for k in members if k not in goes_on]
        # Its own buffer first: most often that is the one to be written over.
        for k in copied:
            own = plan.slots[k].buffer
            if own not in goes_on.values():
                goes_on[k] = own
        free = [h for h in holders if h not in goes_on.values()]
        for k in copied:
            if k not in goes_on:
                goes_on[k] = free.pop(0)
        for k in copied:
            v = yields[k]
            inner = self._home.get(v) is body and self.where[v].level > plan.slots[k].buffer.level
            taken = sum(y is v for y in yields) == 1 and self.owned[v] and inner
            careful = self.where[v] in held_by_slots or self.where[v].alias
            plan.copies.append(Copy(goes_on[k], v, steal=taken, careful=careful))
        plan.moves += [
            (plan.slots[k].buffer, goes_on[k])
            for k in members
            if plan.slots[k].buffer is not goes_on[k]
        ]
        kept = [s for s in spares if s not in goes_on.values()]
        left = [h for h in free if h not in kept and h not in goes_on.values()]
        for spare in spares:
            if spare not in kept:
                plan.moves.append((spare, left.pop(0)))
        if len(members) + len(spares) > 1:
            for h in holders:
                h.swapped = True

    # --- branches ---------------------------------------------------------------------------------

    def _cond(self, node: Node) -> None:
        plan = BranchPlan()
        self.branches[node] = plan
        for block in node.blocks:
            self._block(block, True)
        memory = [k for k, r in enumerate(node.results) if _is_memory(r.type)]
        pairs = {k: (node.blocks[0].results[k], node.blocks[1].results[k]) for k in memory}
        moves = {k: tuple(self._ends(node, s, k) for s in (0, 1)) for k in memory}
        left = [k for k in memory if not self._stays(node, plan, k, pairs[k], moves[k])]
        if self._exchange(node, plan, left, pairs, moves):
            left = []
        for k in left:
            self._join(node, plan, k, pairs[k], moves[k], memory)
        for k, r in enumerate(node.results):
            if k not in memory:
                self._continue_scalar(node, plan, k, r)

    def _ends(self, node: Node, side: int, k: int) -> bool:
        """Is the branch's result its own to give away?"""
        block = node.blocks[side]
        v = block.results[k]
        if not self.owned[v] or v in block.results[:k]:
            return False
        if any(self._alive_outside(b, block) for b in self._borrowers.get(v, ())):
            return False
        return self._home.get(v) is block or not self._alive(v)

    def _alive_outside(self, v: Value, block: Block) -> bool:
        """A borrower inside the branch matters only if the branch also yields it."""
        return v in block.results or any(
            self._alive_outside(b, block) for b in self._borrowers.get(v, ())
        )

    def _stays(
        self, node: Node, plan: BranchPlan, k: int, values: tuple[Value, Value],
        ends: tuple[bool, ...],
    ) -> bool:  # fmt: skip
        first, second = (self.where[v] for v in values)
        if first is not second:
            return False
        result = node.results[k]
        first.name = first.name or result.name
        if all(ends):
            self.where[result], self.owned[result] = first, True
        else:
            for v in values:
                self._borrow(result, v, first)
        return True

    def _exchange(
        self, node: Node, plan: BranchPlan, left: list[int], pairs: dict, ends: dict
    ) -> bool:
        """Branches that yield the same buffers in another order trade pointers."""
        if len(left) < 2 or not all(all(ends[k]) for k in left):
            return False
        first = [self.where[pairs[k][0]] for k in left]
        second = [self.where[pairs[k][1]] for k in left]
        if set(first) != set(second) or len(set(first)) != len(left):
            return False
        if len({b.level for b in first}) != 1:
            return False
        for k, a, b in zip(left, first, second):
            plan.moves[0].append((b, a))
            a.swapped = b.swapped = True
            self.where[node.results[k]], self.owned[node.results[k]] = b, True
        return True

    def _join(
        self, node: Node, plan: BranchPlan, k: int, values: tuple[Value, Value],
        ends: tuple[bool, ...], memory: list[int],
    ) -> None:  # fmt: skip
        result = node.results[k]
        buffers = tuple(self.where[v] for v in values)
        for side in (0, 1):
            if self._copies_into(node, side, k, values, ends, buffers, memory):
                target, other = buffers[side], values[1 - side]
                steal = ends[1 - side] and isinstance(result.type, Stack)
                copy = Copy(target, other, steal=steal, careful=buffers[1 - side].alias)
                plan.copies[1 - side].append(copy)
                target.written = True
                self.where[result], self.owned[result] = target, True
                return
        joined = self._buffer(result, self._level)
        plan.declare.append(joined)
        mine = all(e and b.level == self._level for e, b in zip(ends, buffers))
        joined.alias = not mine
        if mine:
            joined.written = True
            self.where[result], self.owned[result] = joined, True
        for side, v in enumerate(values):
            plan.moves[side].append((joined, buffers[side]))
            if not mine:
                self._borrow(result, v, joined)

    def _copies_into(
        self, node: Node, side: int, k: int, values: Sequence[Value], ends: Sequence[bool],
        buffers: Sequence[Buffer], memory: list[int],
    ) -> bool:  # fmt: skip
        """May the other branch write its result into the buffer that this branch yields?"""
        if not ends[side] or buffers[side].level == self._level:
            return False
        if not self._same_size(values[0], values[1]):
            return False
        other = node.blocks[1 - side]
        return all(
            j == k
            or self._ends(node, 1 - side, j)
            and self.where[other.results[j]] is not buffers[side]
            for j in memory
        )

    def _same_size(self, a: Value, b: Value) -> bool:
        return isinstance(a.type, Stack) or self._dims.get(a) == self._dims.get(b)

    def _continue_scalar(self, node: Node, plan: BranchPlan, k: int, result: Value) -> None:
        for block in node.blocks:
            v = block.results[k]
            if v in self._home and self._home[v] is not block and not self._read_later(v, False):
                if sum(y is v for b in node.blocks for y in b.results) == 1:
                    plan.continued[k] = v
                    return
