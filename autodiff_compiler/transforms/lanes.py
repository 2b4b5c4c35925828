"""Lanes: the trips of a loop that do not meet, side by side.

`for j in range(i, n): A[i, j] -= A[i, :i] @ A[:i, j]` becomes `A[i, i:n] -= A[i, :i] @ A[:i, i:n]`:
a value that differs from trip to trip gets one dim more, its last, with a place for each trip. What
follows then sees arrays where there were scalars: the gradient's tape holds blocks, the C runs along
rows, and a product of matrices is known for one. Which loops qualify, `lanes_plan` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.build import KnownDim, Rewriter
from ..ir.graph import (
    CHECK,
    COND,
    CONST,
    DIM,
    FOR,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    slot_params,
    slot_yields,
    walk,
)
from ..ir.types import BOOL, I64, Array, Scalar
from ..ops import TABLE
from ..ops.contract import matmul
from ..ops.index import add_at, load, parts, slice_, store
from ..ops.reduce import all_, sum_
from ..ops.shape import broadcast_to, copy, expand_dims, full, iota, reshape, squeeze, transpose
from .indices import Indices
from .lanes_plan import ADD, INDEX, SUB, WRAP, NotSideBySide, Plan, Planner

_LT, _SELECT, _MUL, _NEG = (TABLE[n] for n in ("lt", "select", "mul", "neg"))
#: How many trips are done side by side where only sums are left of them.
STRIP = 256
_IADD, _ISUB, _IMUL, _IPOW = (TABLE[n] for n in ("iadd", "isub", "imul", "ipow"))


def lanes(function: Function) -> Function:
    """The same function, with the trips of loops done side by side where they do not meet."""
    return _Lanes(function).run(function)


class _Lanes(Rewriter):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.known = Indices(function)
        self.planner = Planner(self.known)
        self.plan: Plan | None = None
        #: while a loop is being written side by side: how many trips, and the counter's range
        self.width = self.start = self.stop = Value(Scalar(I64))
        #: how deep the block is that the trips are written to
        self.depth = 0
        #: sums that nothing was added to yet
        self.untouched: set[Value] = set()
        #: copies of arrays with the axis put last along which the trips lie
        self.turned: dict[tuple[Value, int, int], Value] = {}

    def node(self, node: Node) -> None:
        if self.plan is not None:
            self.lane_node(node, self.plan)
        elif node.op is not FOR or not self.side_by_side(node):
            super().node(node)

    # -- the loop ---------------------------------------------------------------------------------

    def side_by_side(self, node: Node) -> bool:
        """Writes the trips of the loop side by side, if that can be done."""
        plan = self.planner.plan(node)
        if plan is None or self.inner_is_better(plan):
            return False
        b, names, depth = self.b, dict(self.env), self.b.depth
        start, stop = (self.env[v] for v in node.operands[:2])
        init = [self.env[v] for v in carried_init(node)]
        write = (
            self.in_strips if all(p in plan.partial for p in slot_params(node)) else self.at_once
        )
        self.plan = plan
        try:
            results = write(node, plan, start, stop, init)
        except NotSideBySide:
            while b.depth > depth:
                b.discard()
            self.env = names
            return False
        finally:
            self.plan = None
            self.untouched.clear()
        self.env = names
        self.bind(node.results, results)
        return True

    def in_strips(
        self, node: Node, plan: Plan, start: Value, stop: Value, init: Sequence[Value]
    ) -> tuple[Value, ...]:
        """Where only sums are left of a trip: as many trips at a time as the caches hold."""
        b = self.b
        first = b.param(Scalar(I64), node.blocks[0].params[0].name)
        slots = [b.param(i.type, p.name) for i, p in zip(init, slot_params(node))]
        strip = b.const(STRIP)
        b.open()
        left = b.emit(_ISUB, stop, first)
        self.start = first
        self.width = b.emit(_SELECT, b.emit(_LT, left, strip), left, strip)
        self.stop = b.emit(_IADD, first, self.width)
        block = b.close([first, *slots], self.trips(node, plan, slots))
        b.span = node.span
        return b.for_((start, stop, strip), init, block, {"sums": True})

    def at_once(
        self, node: Node, plan: Plan, start: Value, stop: Value, init: Sequence[Value]
    ) -> tuple[Value, ...]:
        """All trips, as straight-line code under `if there are any`."""
        b = self.b
        runs = b.emit(_LT, start, stop)
        b.open()
        self.start, self.stop = start, stop
        self.width = stop if b.constants.get(start) == 0 else b.emit(_ISUB, stop, start)
        then = b.close([], self.trips(node, plan, init))
        b.open()
        otherwise = b.close([], init)
        b.span = node.span
        return b.cond(runs, then, otherwise)

    def inner_is_better(self, plan: Plan) -> bool:
        """Has the body a loop of its own kind that writes what comes from outside?"""
        for inner in walk(plan.loop.blocks[0]):
            if inner.op is FOR:
                found = self.planner.plan(inner)
                if found is not None and any(plan.shared(p) for p in found.own):
                    return True
        return False

    def trips(self, node: Node, plan: Plan, init: Sequence[Value]) -> list[Value]:
        for p, i in zip(slot_params(node), init):
            if p in plan.partial:
                self.untouched.add(p)
            else:
                self.env[p] = i
        self.depth = self.b.depth
        self.turned.clear()
        for load_node, axis in plan.turned.items():
            self.turn(load_node, axis, plan)
        self.nodes(node.blocks[0].nodes)
        self.b.span = node.span
        results = []
        for p, y, i in zip(slot_params(node), slot_yields(node), init):
            if p not in plan.partial:
                results.append(self.env[y])
            elif y in self.untouched:
                results.append(i)
            else:
                results.append(self.b.emit(ADD, i, self.b.emit(sum_, self.env[y], axes=(0,))))
        return results

    # -- values with lanes ------------------------------------------------------------------------

    def is_laned(self, v: Value) -> bool:
        assert self.plan is not None
        return v in self.plan.laned

    def use(self, v: Value) -> Value:
        """The value in the copy. The counter, and what is counted from it, is made when asked for."""
        assert self.plan is not None
        if v in self.untouched:
            zero = self.b.const(0.0, v.type.dtype)
            return self.b.emit(full, zero, self.width, ones=(False,))
        if v in self.env or not self.is_laned(v):
            return self.env[v]
        k = self.planner.offset(self.plan, v)
        if k is None:
            raise NotSideBySide
        first = self.place(k)
        numbers = self.b.emit(iota, self.width, dtype=I64)
        if self.b.constants.get(first) != 0:
            numbers = self.b.emit(TABLE["add"], numbers, first)
        if self.b.depth == self.depth:  # what an inner block makes, only that block can read
            self.env[v] = numbers
        return numbers

    def place(self, k: int) -> Value:
        """Where the counter plus k starts."""
        return self.counted(self.start, k)

    def counted(self, v: Value, k: int) -> Value:
        known = self.b.constants.get(v)
        if known is not None:
            return self.b.const(int(known) + k)
        return self.b.emit(_IADD, v, self.b.const(k)) if k else v

    def laned(self, v: Value) -> Value:
        """The value with a place for each trip, the same in all if it does not differ."""
        value = self.use(v)
        return value if self.is_laned(v) else self.spread(value)

    def spread(self, value: Value) -> Value:
        b = self.b
        if isinstance(value.type, Scalar):
            return b.emit(full, value, self.width, ones=(False,))
        rank = value.type.rank
        sizes, ones = self.sizes(b.dims[value])
        column = b.emit(expand_dims, value, axes=(rank,))
        return b.emit(broadcast_to, column, *sizes, self.width, ones=(*ones, False))

    def sizes(self, dims: Sequence[KnownDim]) -> tuple[list[Value], tuple[bool, ...]]:
        sizes = [self.b.const(d) if isinstance(d, int) else d for d in dims]
        return sizes, tuple(isinstance(d, int) for d in dims)

    def beside(self, v: Value) -> Value:
        """An operand that broadcasts against values with lanes."""
        value = self.use(v)
        if self.is_laned(v) or isinstance(value.type, Scalar):
            return value
        return self.b.emit(expand_dims, value, axes=(value.type.rank,))

    # -- nodes ------------------------------------------------------------------------------------

    def lane_node(self, node: Node, plan: Plan) -> None:
        if node in plan.silent:
            return
        self.one_node(node, plan)
        for r in node.results:
            if r in self.env and not self.env[r].name:
                self.env[r].name = r.name

    def one_node(self, node: Node, plan: Plan) -> None:
        if node in plan.adds:
            self.add_all(node, plan)
        elif node.op is FOR:
            self.inner_loop(node)
        elif node.op is COND:
            self.branch(node)
        elif node.op is load and self.is_laned(node.result):
            self.env[node.result] = self.load(node, plan)
        elif node.op in (store, add_at) and self.touches_lanes(node, plan):
            self.env[node.result] = self.store(node, plan)
        elif not any(self.is_laned(v) for v in (*node.operands, *node.results)):
            self.simple(node, [self.env[v] for v in node.operands])
        elif node.op is not full and not any(map(self.is_laned, node.operands)):
            # Something is written into it that differs from trip to trip.
            self.simple(node, [self.env[v] for v in node.operands])
            for r in node.results:
                self.env[r] = self.spread(self.env[r])
        else:
            self.with_lanes(node, plan)

    def touches_lanes(self, node: Node, plan: Plan) -> bool:
        return plan.root[node.result] in plan.own or self.is_laned(node.result)

    def with_lanes(self, node: Node, plan: Plan) -> None:
        """A plain node some of whose operands differ from trip to trip."""
        op, operands, b = node.op, node.operands, self.b
        rank = operands[0].type.rank if operands else 0
        if op in (INDEX, WRAP):
            self.check_ends(node, plan)
        elif op in (_IADD, _ISUB) and self.planner.offset(plan, node.result) is not None:
            return  # counted from the counter: made when asked for
        elif op in (_IADD, _ISUB, _IMUL, _IPOW):
            raise NotSideBySide
        elif op in (ADD, SUB) and node.result in plan.partial:
            self.running_sum(node)
        elif op.kind == "elementwise":
            self.env[node.result] = b.emit(op, *map(self.beside, operands), **node.attrs)
        elif op is CHECK:
            every = tuple(range(rank + 1))
            b.emit(CHECK, b.emit(all_, self.use(operands[0]), axes=every), **node.attrs)
        elif op.kind == "reduce" and "better" not in op.c:
            self.env[node.result] = b.emit(op, self.laned(operands[0]), **node.attrs)
        elif op is matmul:
            self.env[node.result] = self.product(*operands)
        elif op is DIM:
            self.env[node.result] = b.dim(self.use(operands[0]), node.attrs["axis"])
        elif op is transpose:
            perm = (*node.attrs["perm"], rank)
            self.env[node.result] = b.emit(transpose, self.laned(operands[0]), perm=perm)
        elif op in (expand_dims, squeeze, copy):
            self.env[node.result] = b.emit(op, self.laned(operands[0]), **node.attrs)
        elif op in (reshape, broadcast_to):
            self.env[node.result] = self.sized(op, self.laned(operands[0]), node)
        elif op is full and not self.is_laned(operands[0]):
            self.env[node.result] = self.sized(full, self.env[operands[0]], node)
        elif op is full:
            self.env[node.result] = self.sized(broadcast_to, self.use(operands[0]), node)
        else:
            raise NotSideBySide

    def sized(self, op: Any, value: Value, node: Node) -> Value:
        sizes = node.operands[1:]
        if any(self.is_laned(n) for n in sizes):
            raise NotSideBySide
        ones = (*node.attrs["ones"], False)
        return self.b.emit(op, value, *(self.env[n] for n in sizes), self.width, ones=ones)

    def check_ends(self, node: Node, plan: Plan) -> None:
        """An index that moves with the counter is checked at its last place; the first is not negative."""
        i, n = node.operands
        k = self.planner.offset(plan, node.result)
        if k is None or self.is_laned(n) or isinstance(i.type, Array):
            raise NotSideBySide
        if node.op is INDEX:
            self.b.emit(INDEX, self.counted(self.stop, k - 1), self.env[n])

    def running_sum(self, node: Node) -> None:
        """A sum that all trips add to: each has its own part of it."""
        assert self.plan is not None
        x, y = node.operands
        so_far, more = (x, y) if x in self.plan.partial else (y, x)
        if so_far not in self.untouched:
            self.env[node.result] = self.b.emit(node.op, *map(self.beside, node.operands))
            return
        part = self.laned(more)
        self.env[node.result] = self.b.emit(_NEG, part) if node.op is SUB else part

    def product(self, a: Value, b: Value) -> Value:
        ranks = a.type.rank, b.type.rank
        if max(ranks) > 2:
            raise NotSideBySide
        if not self.is_laned(a) and ranks[1] == 1:
            return self.b.emit(matmul, self.use(a), self.use(b))
        if not self.is_laned(b) and ranks[0] == 1:
            other = self.use(b)
            if ranks[1] == 2:
                other = self.b.emit(transpose, other, perm=(1, 0))
            return self.b.emit(matmul, other, self.use(a))
        x, y = self.beside(a), self.beside(b)
        if ranks == (2, 1):
            y = self.b.emit(expand_dims, y, axes=(0,))
        elif ranks == (1, 2):
            x = self.b.emit(expand_dims, x, axes=(1,))
        elif ranks != (1, 1):
            raise NotSideBySide
        return self.b.emit(sum_, self.b.emit(_MUL, x, y), axes=(1 if ranks == (2, 1) else 0,))

    # -- places -----------------------------------------------------------------------------------

    def turn(self, node: Node, axis: int, plan: Plan) -> None:
        """Makes a copy of what the trips read of an array, with the axis put last that they move.

        It takes what is there: that all of it is there is checked where the elements are read.
        """
        base, b = node.operands[0], self.b
        k = self.planner.offset(plan, node.operands[1 + axis])
        if k is None:
            raise NotSideBySide
        if (base, axis, k) in self.turned:
            return
        zero, one, array = b.const(0), b.const(1), self.env[base]
        index: list[Value] = []
        for other in range(base.type.rank):
            size = b.dim(array, other)
            low = (self.place(k), self.counted(self.stop, k), one, size)
            part = b.emit(slice_, *low, lo=True, hi=True) if other == axis else (zero, size)
            index += [*part, one]
        letters = "s" * base.type.rank
        found = b.emit(load, array, *index, index=letters, ones=node.attrs["ones"])
        perm = (*(x for x in range(base.type.rank) if x != axis), axis)
        turned = b.emit(copy, b.emit(transpose, found, perm=perm), name=base.name)
        self.turned[base, axis, k] = turned

    def region(self, node: Node, plan: Plan) -> tuple[str, list[Value], int | None]:
        """(letters, index, which of the region's axes the lanes lie along) of an access."""
        first = 1 if node.op is load else 2
        base, letters, index = node.operands[0], node.attrs["index"], node.operands[first:]
        zero, one = self.b.const(0), self.b.const(1)
        out: list[Value] = []
        lane: int | None = None
        letters_out, slices = "", 0
        for letter, p in zip(letters, parts(letters, index)):
            moved = any(self.is_laned(v) for v in p)
            if not moved:
                letters_out += letter
                out += [self.env[v] for v in p]
                slices += letter == "s"
                continue
            k = self.planner.offset(plan, p[0]) if letter == "i" else None
            if k is None or lane is not None or "a" in letters or not plan.shared(base):
                raise NotSideBySide
            lane, slices, letters_out = slices, slices + 1, letters_out + "s"
            out += [self.place(k), self.width, one]
        if not plan.shared(base) and self.is_laned(base):
            # an array of the trip's own: all lanes of it
            lane, letters_out = letters_out.count("s"), letters_out + "s"
            if "a" in letters:
                raise NotSideBySide
            out += [zero, self.width, one]
        return letters_out, out, lane

    def load(self, node: Node, plan: Plan) -> Value:
        letters, index, lane = self.region(node, plan)
        base = node.operands[0]
        axis = plan.turned.get(node)
        if axis is not None:
            # One letter an axis, and what belongs to it: `i` has one value, the lanes' `s` has three.
            k = self.planner.offset(plan, node.operands[1 + axis])
            assert k is not None
            index = [
                *index[:axis],
                *index[axis + 3 :],
                self.b.const(0),
                self.width,
                self.b.const(1),
            ]
            attrs = {**node.attrs, "index": letters[:axis] + letters[axis + 1 :] + "s"}
            return self.b.emit(load, self.turned[base, axis, k], *index, **attrs)
        attrs = {**node.attrs, "index": letters}
        found = self.b.emit(load, self.use(base), *index, **attrs)
        if lane is None:
            return self.spread(found)
        rank = found.type.rank
        if lane == rank - 1:
            return found
        perm = (*(k for k in range(rank) if k != lane), lane)
        return self.b.emit(transpose, found, perm=perm)

    def store(self, node: Node, plan: Plan) -> Value:
        letters, index, lane = self.region(node, plan)
        base, v = node.operands[:2]
        value = self.beside(v)
        if lane is None:
            raise NotSideBySide
        rank = letters.count("s")
        if not isinstance(value.type, Scalar):
            if value.type.rank < rank:
                value = self.b.emit(expand_dims, value, axes=tuple(range(rank - value.type.rank)))
            if lane != rank - 1:
                perm = (*range(lane), rank - 1, *range(lane, rank - 1))
                value = self.b.emit(transpose, value, perm=perm)
        attrs = {**node.attrs, "index": letters}
        return self.b.emit(node.op, self.use(base), value, *index, **attrs)

    def add_all(self, node: Node, plan: Plan) -> None:
        """`a[i] += v` at a place that all trips share: the sum over the trips is added."""
        first, total, which = plan.adds[node]
        base, *index = node.operands[:1] + node.operands[2:]
        if any(self.is_laned(v) for v in index):
            raise NotSideBySide
        more = node.operands[1] if node.op is add_at else total.operands[which]
        value = self.laned(more)
        value = self.b.emit(sum_, value, axes=(value.type.rank - 1,))
        where = [self.env[v] for v in index]
        if node.op is store:
            old = self.b.emit(load, self.env[base], *where, **node.attrs)
            value = self.b.emit(total.op, old, value)
        self.env[node.result] = self.b.emit(node.op, self.env[base], value, *where, **node.attrs)

    # -- loops and branches inside ----------------------------------------------------------------

    def inner_loop(self, node: Node) -> None:
        b = self.b
        if any(self.is_laned(v) for v in node.operands[:3]):
            raise NotSideBySide
        body = node.blocks[0]
        bounds = [self.env[v] for v in node.operands[:3]]
        init = [self.handed(i, p) for i, p in zip(carried_init(node), slot_params(node))]
        counter, names = b.param(Scalar(I64), body.params[0].name), dict(self.env)
        self.env[body.params[0]] = counter
        params = []
        for p, i in zip(slot_params(node), init):
            params.append(b.param(i.type, p.name, b.dims.get(i)))
            self.env[p] = params[-1]
        b.open()
        self.nodes(body.nodes)
        yields = [self.handed(y, p) for y, p in zip(slot_yields(node), slot_params(node))]
        block = b.close([counter, *params], yields)
        # What was made when it was asked for in the loop is no value outside of it.
        self.env, b.span = names, node.span
        self.bind(node.results, b.for_(bounds, init, block))

    def handed(self, v: Value, to: Value) -> Value:
        return self.laned(v) if self.is_laned(to) else self.env[v]

    def branch(self, node: Node) -> None:
        if self.is_laned(node.operands[0]):
            self.both_arms(node)
            return
        b = self.b
        blocks = []
        for arm in node.blocks:
            b.open()
            untouched, names = set(self.untouched), dict(self.env)
            self.nodes(arm.nodes)
            results = [self.handed(v, r) for v, r in zip(arm.results, node.results)]
            self.untouched, self.env = untouched, names
            blocks.append(b.close([], results))
        b.span = node.span
        self.bind(node.results, b.cond(self.env[node.operands[0]], *blocks))

    def both_arms(self, node: Node) -> None:
        """A branch that the trips take differently: both arms, and a choice."""
        for arm in node.blocks:
            self.harmless(arm)
            self.nodes(arm.nodes)
        pred = self.use(node.operands[0])
        for k, r in enumerate(node.results):
            a, c = (self.laned(arm.results[k]) for arm in node.blocks)
            self.env[r] = self.b.emit(_SELECT, pred, a, c)
            if not self.env[r].name:
                self.env[r].name = r.name

    @staticmethod
    def harmless(arm: Block) -> None:
        for n in arm.nodes:
            if n.op is not CONST and (n.op.kind != "elementwise" or n.op.effect):
                raise NotSideBySide
            if n.op in (_IADD, _ISUB, _IMUL, _IPOW) or any(
                r.type.dtype not in ("f64", "f32", BOOL) for r in n.results
            ):
                raise NotSideBySide
