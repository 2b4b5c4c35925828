"""The reverse of loops and branches. A loop runs backwards; a branch takes the arm that was taken.

The reversed loop carries the adjoints of the slots and of every array or scalar that the body reads
from outside, so that contributions are added in place, never to fresh zeros. What else it carries
(the primal arrays that it restores, the tapes that it pops) is the source's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ir.build import Builder, Inline
from ..ir.graph import (
    COND,
    FOR,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.types import I64, Array, Scalar, Stack
from ..ops import TABLE
from ..ops.elementwise import floordiv, iadd, imul, isub, select, sign
from .adjoints import Adjoint, Adjoints, fit, zero_stack, zeros
from .structure import Structure


class ControlSweep:
    """Mixed into `Sweep`, whose attributes and methods these are."""

    b: Builder
    structure: Structure
    active: set[Value]
    source: Any
    adjoints: Adjoints
    block: Callable[[Block], None]
    own: Callable[[Adjoint], Value]
    reversed_trip: Callable[[Node, Sequence[Value]], tuple[Function, list[Value]]]
    #: loops of sums at the top, and their sums as the reversed loops have made them again
    repeated: list[tuple[Node, tuple[Value, ...]]]

    def control(self, node: Node) -> None:
        if node.op is COND:
            self.branch(node)
        elif node.attrs.get("sums"):
            self.sums(node)
        else:
            self.loop(node)

    # -- loops ---------------------------------------------------------------------------------

    def loop(self, node: Node) -> None:
        slots = [
            k
            for k, (r, p) in enumerate(zip(node.results, slot_params(node)))
            if r in self.active or p in self.active
        ]
        captured = self.captured_roots(node)
        if not (slots or captured or self.source.restores(node)):
            return
        b, outer = self.b, self.adjoints
        init = [self.incoming(node.results[k], slot_params(node)[k]) for k in slots]
        init += [self.array_or_scalar(c) for c in captured]
        extra = self.source.enter_loop(node)
        bounds, counter_name = self.backwards(node)

        body = node.blocks[-1]
        b.open()
        counter = b.param(Scalar(I64), counter_name)
        params = [self.adjoint_param(v) for v in init]
        extra_params = [b.param(v.type, v.name, b.dims.get(v)) for v in extra]
        self.adjoints = Adjoints(b)
        self.source.begin_loop(node, counter, extra_params)
        for c, p in zip(captured, params[len(slots) :]):
            self.adjoints.put(c, p, True)
        for k, p in zip(slots, params):
            self.adjoints.contribute(self.structure.root[slot_yields(node)[k]], p, True)
        self.block(body)
        handed_on = [slot_params(node)[k] for k in slots] + captured
        yields = self.outgoing(handed_on, params)
        yields += self.source.end_loop(node)
        block = b.close([counter, *params, *extra_params], yields)

        self.adjoints = outer
        b.span = node.span
        results = b.for_(bounds, [*init, *extra], block)
        for c, r in zip(captured, results[len(slots) : len(init)]):
            outer.put(c, r, True)
        for k, r in zip(slots, results):
            first = carried_init(node)[k]
            if first in self.active:
                value = fit(b, r, first.type, self.source.sizes(first)) if is_dense(first) else r
                outer.contribute(self.structure.root[first], value, True)
        self.source.leave_loop(node, results[len(init) :])

    def captured_roots(self, node: Node) -> list[Value]:
        """The active objects that the blocks of a node read from outside."""
        free = [v for v in self.structure.captured(node) if v in self.active]
        return list(dict.fromkeys(self.structure.root[v] for v in free))

    def adjoint_param(self, init: Value) -> Value:
        return self.b.param(init.type, init.name, self.b.dims.get(init))

    def incoming(self, result: Value, like: Value) -> Value:
        """The adjoint with which the last trip begins: that of the loop's result."""
        return self.array_or_scalar(result, like)

    def array_or_scalar(self, v: Value, like: Value | None = None) -> Value:
        """The adjoint of `v` taken out of the table, owned; zero if there is none yet."""
        name = f"d_{v.name}" if v.name else ""
        adjoint = self.adjoints.take(v)
        if adjoint is not None:
            return self.own(adjoint)
        if isinstance(v.type, Stack):
            return self.zero_stack(v)
        return zeros(self.b, (like or v).type, self.source.sizes(v), name)

    def zero_stack(self, v: Value) -> Value:
        assert isinstance(v.type, Stack)
        count = self.structure.lengths.get(v)
        length = None if count is None else self.source.look(count)
        dims = self.structure.element_dims(v)
        if dims is None or not all(isinstance(d, int) or self.structure.is_top(d) for d in dims):
            dims = () if isinstance(v.type.element, Scalar) else None
        sizes = (
            None
            if dims is None
            else [d if isinstance(d, int) else self.source.look(d) for d in dims]
        )
        return zero_stack(self.b, v.type, length, sizes)

    def outgoing(self, handed_on: Sequence[Value], slots: Sequence[Value]) -> list[Value]:
        """What the slots hand to the trip before: the adjoints of these, of the slots' types.

        A trip ends here, so that an array that it made needs no owner, as long as it leaves once.
        """
        here = {r for n in self.b.nodes for r in n.results} | set(slots)
        out: list[Value] = []
        for v, slot in zip(handed_on, slots):
            adjoint = self.adjoints.take(self.structure.root[v])
            if adjoint is None and isinstance(v.type, Stack):
                out.append(self.zero_stack(v))
            elif adjoint is None:
                out.append(zeros(self.b, slot.type, self.b.dims.get(slot, ()), slot.name))
            elif adjoint.value in here and adjoint.value not in out:
                out.append(adjoint.value)
            else:
                out.append(self.own(adjoint))
        return out

    def backwards(self, node: Node) -> tuple[Sequence[Value], str]:
        """The bounds of the reversed loop, whose counter is the primal's own where it has one."""
        b = self.b
        zero, one = b.const(0), b.const(1)
        if node.op is not FOR:
            return (zero, self.source.trips(node), one), ""
        start, stop, step = (self.source.look(v) for v in node.operands[:3])
        name = node.blocks[0].params[0].name
        known = self.known_step(node)
        if node.attrs.get("stops"):
            trips = self.source.trips(node)
        elif known in (1, -1):
            back = b.const(-known)
            return (b.emit(isub, stop, step), b.emit(isub, start, step), back), name
        else:
            trips = self.range_length(start, stop, step)
        last = b.emit(iadd, start, b.emit(imul, b.emit(isub, trips, one), step))
        return (last, b.emit(isub, start, step), b.emit(isub, zero, step)), name

    def known_step(self, node: Node) -> int | None:
        producer = self.structure.producer.get(node.operands[2])
        return producer.attrs["value"] if producer and producer.op.name == "const" else None

    def range_length(self, start: Value, stop: Value, step: Value) -> Value:
        """len(range(start, stop, step))."""
        b = self.b
        span = b.emit(isub, b.emit(iadd, b.emit(isub, stop, start), step), b.emit(sign, step))
        count = b.emit(floordiv, span, step)
        zero = b.const(0)
        return b.emit(select, b.emit(TABLE["gt"], count, zero), count, zero)

    # -- loops of which only sums remain ---------------------------------------------------------

    def sums(self, node: Node) -> None:
        """Each trip is done again, and reversed at once: it leaves nothing on a tape.

        All trips have the same cotangents, and none waits for another, so they run as they did. On the
        way the sums are made again (see `once`).
        """
        b = self.b
        pairs = zip(node.results, carried_init(node))
        cotangents = {r: (self.adjoints.take(r), first) for r, first in pairs}
        if not any(adjoint for adjoint, _ in cotangents.values()):
            return
        captured = [v for v in self.structure.captured(node) if v in self.active]
        roots = [self.structure.root[v] for v in captured]
        trip, rest = self.reversed_trip(node, captured)
        bounds = [self.source.look(v) for v in node.operands[:3]]
        outer = [self.source.look(v) for v in rest]
        zero = [b.const(0.0, r.type.dtype) for r in node.results]
        g = [adjoint.value if adjoint else z for (adjoint, _), z in zip(cotangents.values(), zero)]
        init = [self.array_or_scalar(root) for root in roots]

        b.open()
        counter = b.param(Scalar(I64), node.blocks[0].params[0].name)
        total = [b.param(r.type, r.name) for r in node.results]
        params = [self.adjoint_param(v) for v in init]
        yields = Inline(b).call(trip, [counter, *total, *outer, *g, *params])
        b.span = node.span
        body = b.close([counter, *total, *params], yields)
        at_top = self.structure.node_place[node].block is self.structure.top
        at_top = at_top and all(map(self.source.has, rest))
        start = [self.source.look(first) for first in carried_init(node)] if at_top else zero
        results = b.for_(bounds, [*start, *init], body)
        if at_top:
            self.repeated.append((node, results[: len(total)]))
        for root, r in zip(roots, results[len(total) :]):
            self.adjoints.put(root, r, True)
        for adjoint, first in cotangents.values():
            if adjoint and first in self.active:
                self.adjoints.contribute(self.structure.root[first], adjoint.value, True)

    # -- branches ------------------------------------------------------------------------------

    def branch(self, node: Node) -> None:
        slots = [k for k, r in enumerate(node.results) if r in self.active and r in self.adjoints]
        captured = self.captured_roots(node)
        if not (slots or self.source.restores(node)):
            return
        b, outer = self.b, self.adjoints
        incoming = {k: outer.take(node.results[k]) for k in slots}
        held = {c: self.own(entry) if (entry := outer.take(c)) else None for c in captured}
        pred = self.source.look(node.operands[0])
        self.source.enter_branch(node)
        blocks: list[Block] = []
        reached: list[set[Value]] = []
        for k, arm in enumerate(node.blocks):
            b.open()
            self.adjoints = Adjoints(b)
            self.source.begin_arm(node, k)
            for c, value in held.items():
                if value is not None:
                    self.adjoints.put(c, value, True)
            for slot, adjoint in incoming.items():
                y = arm.results[slot]
                if y in self.active and adjoint is not None:
                    value = adjoint.value
                    if is_dense(y):
                        value = fit(b, value, y.type, self.source.sizes(y))
                    owned = adjoint.owned or value is not adjoint.value
                    self.adjoints.contribute(self.structure.root[y], value, owned)
            self.block(arm)
            reached.append({c for c in captured if c in self.adjoints})
            yields = [self.held_back(c) for c in captured]
            yields += self.source.end_arm(node, k)
            blocks.append(b.close([], yields))
        self.adjoints = outer
        b.span = node.span
        results = b.cond(pred, *blocks)
        for c, r in zip(captured, results):
            if held[c] is not None or any(c in arm for arm in reached):
                outer.put(c, r, True, self.arm_taken(pred, [c in arm for arm in reached]))
        self.source.leave_branch(node, results[len(captured) :])

    def arm_taken(self, pred: Value, reached: list[bool]) -> Value | None:
        """The mask of an adjoint that only one arm has: the zero of the other is no number that an
        infinite slope could turn into a NaN."""
        if all(reached):
            return None
        return pred if reached[0] else self.b.emit(TABLE["not"], pred)

    def held_back(self, c: Value) -> Value:
        """The adjoint of a captured object at the end of an arm."""
        return self.array_or_scalar(c)


def is_dense(v: Value) -> bool:
    return isinstance(v.type, (Scalar, Array))
