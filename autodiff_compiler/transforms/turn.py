"""Arrays that loops go through along their last axis are kept with that axis first.

`for k: c[:, :, k] = a[:, :, k] * c[:, :, k - 1]` takes one number out of every row, and so a line of
memory for each. Turned, what a trip reads and writes lies side by side, and so does it in the
gradient, whose adjoints have the arrays' own layout. What comes from outside, or is used otherwise,
is turned on the way: a pass over the array, which must be worth it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.build import Rewriter
from ..ir.graph import (
    COND,
    DIM,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    consumed_values,
    slot_params,
    slot_yields,
)  # fmt: skip
from ..ir.types import Array, Type
from ..ops import TABLE
from ..ops.index import add_at, load, parts, store
from ..ops.shape import copy, full, transpose
from .indices import Indices

_ACCESSES = (load, store, add_at)
#: Reductions that do not ask in which order they meet the elements.
_UNORDERED = tuple(TABLE[name] for name in ("sum", "max", "min"))
#: How many trips a loop is taken to have: what stands in one counts so much more.
_TRIPS = 8.0


def turn(function: Function) -> Function:
    """The same function, with the last axis of arrays first where loops run along it."""
    layouts = _Layouts(function)
    return _Turn(layouts).run(function) if layouts.turned else function


class _Layouts:
    """Which arrays are to be turned. Versions of an array, and what one slot holds, go together."""

    def __init__(self, function: Function):
        self.known = Indices(function)
        self._up: dict[Value, Value] = {}
        #: by array: passes over it that would be saved, less those that turning it takes
        self.gain: dict[Value, float] = {}
        self.barred: set[Value] = set()
        #: arrays along whose last axis a loop runs
        self.walked: set[Value] = set()
        #: what loops and branches hand on, in the layout in which they get it
        self.carried: set[Value] = set()
        self.eaten = consumed_values(function.block.nodes)
        members: list[Value] = []
        for p in function.params:
            self._define(p, None, 1.0, members)
            if p in self.eaten:
                self._bar(p)  # the caller's own array
        self._block(function.block, 1.0, members)
        for v in function.results:
            self._use(v, 1.0)
        self.turned = {v for v in members if self._worth(self._find(v))}

    def _worth(self, root: Value) -> bool:
        return root in self.walked and root not in self.barred and self.gain[root] >= 0.0

    # -- which go together -----------------------------------------------------------------------

    def _find(self, v: Value) -> Value:
        while v in self._up:
            v = self._up[v]
        return v

    def _join(self, a: Value, b: Value) -> None:
        a, b = self._find(a), self._find(b)
        if a is b or not isinstance(a.type, Array):
            return
        self._up[b] = a
        self.gain[a] = self.gain.get(a, 0.0) + self.gain.pop(b, 0.0)
        for found in (self.barred, self.walked):
            if b in found:
                found.add(a)

    def _add(self, v: Value, gain: float) -> None:
        root = self._find(v)
        self.gain[root] = self.gain.get(root, 0.0) + gain

    def _bar(self, v: Value) -> None:
        self.barred.add(self._find(v))

    # -- what is done with them --------------------------------------------------------------------

    def _define(self, v: Value, node: Node | None, runs: float, members: list[Value]) -> None:
        if not isinstance(v.type, Array):
            return
        members.append(v)
        if v.type.rank < 2 or v.type.dims[-1] == 1:
            self._bar(v)
        if node is None or node.op not in (full, copy, store, add_at, FOR, WHILE, COND):
            self._add(v, -runs)

    def _use(self, v: Value, runs: float) -> None:
        """A use of the array as it stands."""
        if isinstance(v.type, Array):
            self._add(v, -runs)

    def _block(self, block: Block, runs: float, members: list[Value]) -> None:
        for node in block.nodes:
            for r in node.results:
                self._define(r, node, runs, members)
            if node.blocks:
                self.carried.update(node.results)
            if node.op in _ACCESSES:
                self._access(node, runs)
            elif node.op is FOR or node.op is WHILE:
                self._loop(node, runs, members)
            elif node.op is COND:
                for arm in node.blocks:
                    self._block(arm, runs, members)
                    for r, y in zip(node.results, arm.results):
                        self._join(r, y)
            elif node.op is not DIM and not _in_any_order(node):
                for v in node.operands:
                    self._use(v, runs)

    def _loop(self, node: Node, runs: float, members: list[Value]) -> None:
        for v in node.operands[: len(node.operands) - len(carried_init(node))]:
            self._use(v, runs)
        for blk in node.blocks:
            for p in blk.params:
                if isinstance(p.type, Array):
                    members.append(p)
        slots = zip(node.results, carried_init(node), slot_params(node), slot_yields(node))
        for together in slots:
            for v in together[1:]:
                self._join(together[0], v)
        if node.op is WHILE:
            for p, q in zip(node.blocks[0].params, node.results):
                self._join(q, p)
        for blk in node.blocks:
            self._block(blk, _TRIPS * runs, members)

    def _access(self, node: Node, runs: float) -> None:
        base, letters = node.operands[0], node.attrs["index"]
        if node.op is not load:
            self._join(node.result, base)
            self._use(node.operands[1], runs)
        index = parts(letters, node.operands[1 if node.op is load else 2 :])
        if "a" in letters:
            self._bar(base)
        elif letters == "s" * (len(letters) - 1) + "i":
            if self._counts(index[-1][0]):
                self._add(base, runs / _TRIPS)
                self.walked.add(self._find(base))
        else:
            self._use(base, runs / (_TRIPS if "i" in letters and runs > 1.0 else 1.0))

    def _counts(self, i: Value) -> bool:
        """Is this the counter of a loop of more than a few trips, a constant added or not?"""
        base, _ = self.known.affine(self.known.bare(i))
        if base is None:
            return False
        loop = self.known.counter_of.get(self.known.bare(base))
        if loop is None:
            return False
        return any(self.known.literal(v) is None for v in loop.operands[:2])


def _in_any_order(node: Node) -> bool:
    """A reduction of the whole array, for which it may lie as it likes."""
    return node.op in _UNORDERED and not isinstance(node.result.type, Array)


def _first(x: Sequence[Any]) -> tuple[Any, ...]:
    """The last one, and the others behind it."""
    return (*x[-1:], *x[:-1])


def _turned_type(type: Type) -> Type:
    return Array(type.dtype, _first(type.dims)) if isinstance(type, Array) else type


class _Turn(Rewriter):
    """Copies the function; `env` has arrays of `turned` with their last axis first."""

    def __init__(self, layouts: _Layouts):
        super().__init__()
        self.layouts = layouts
        self.turned = layouts.turned
        #: arrays that are only read, as they were before they were turned
        self.before: dict[Value, Value] = {}

    def run(self, function: Function) -> Function:
        params = [self.b.function_param(p.type, p.name) for p in function.params]
        self.bind(function.params, params)
        self.nodes(function.block.nodes)
        results = [self.owned(v) for v in function.results]
        return function.with_block(self.b.close(params, results))

    # -- this way round, and that -------------------------------------------------------------------

    def bind(self, old: Sequence[Value], new: Sequence[Value]) -> None:
        """New values, as the program has them but for what loops and branches hand on."""
        made = []
        for o, n in zip(old, new):
            if o in self.turned and o not in self.layouts.carried:
                if o not in self.layouts.eaten:
                    self.before[o] = n
                n = self.to_turned(n)
            made.append(n)
        super().bind(old, made)

    def bind_turned(self, old: Value, new: Value) -> None:
        super().bind((old,), (new,))

    def to_turned(self, v: Value) -> Value:
        rank = v.type.rank
        return self.b.emit(copy, self.b.emit(transpose, v, perm=_first(range(rank))), name=v.name)

    def straight(self, v: Value) -> Value:
        """The value as the program has it; what it is made of may lie turned."""
        if v not in self.turned:
            return self.env[v]
        if v in self.before:
            return self.before[v]
        return self.b.emit(transpose, self.env[v], perm=(*range(1, v.type.rank), 0))

    def owned(self, v: Value) -> Value:
        new = self.straight(v)
        return new if v in self.before or v not in self.turned else self.b.emit(copy, new)

    # -- nodes ----------------------------------------------------------------------------------------

    def node(self, node: Node) -> None:
        if node.blocks:
            super().node(node)
        elif node.op is DIM:
            v = node.operands[0]
            axis, rank = node.attrs["axis"], v.type.rank
            at = (axis + 1) % rank if v in self.turned else axis
            super().bind(node.results, [self.b.dim(self.env[v], at)])
        elif node.op in _ACCESSES:
            self.access(node)
        elif node.op is full and node.result in self.turned:
            value, *sizes = (self.env[v] for v in node.operands)
            ones = {"ones": _first(node.attrs["ones"])}
            made = self.b.emit(full, value, *_first(sizes), **{**node.attrs, **ones})
            self.bind_turned(node.result, made)
        elif node.op is copy and node.result in self.turned:
            x = node.operands[0]
            again = x in self.turned
            made = self.b.emit(copy, self.env[x]) if again else self.to_turned(self.env[x])
            self.bind_turned(node.result, made)
        elif _in_any_order(node) and node.operands[0] in self.turned:
            self.simple(node, [self.env[node.operands[0]]])
        else:
            self.simple(node, [self.straight(v) for v in node.operands])

    def access(self, node: Node) -> None:
        base, letters = node.operands[0], node.attrs["index"]
        first = 1 if node.op is load else 2
        stored = [self.straight(v) for v in node.operands[1:first]]
        index = [self.env[v] for v in node.operands[first:]]
        if base not in self.turned:
            self.simple(node, [self.env[base], *stored, *index])
            return
        index = [v for part in _first(parts(letters, index)) for v in part]
        rank = len(letters)
        attrs = {
            **node.attrs,
            "index": "".join(_first(letters)),
            "ones": tuple(sorted((k + 1) % rank for k in node.attrs.get("ones", ()))),
        }
        sliced = letters.count("s")
        moves = letters[-1] == "s" and sliced > 1  # the region's last axis is turned, too
        if node.op is load:
            made = self.b.emit(load, self.env[base], *index, **attrs)
            if moves:
                made = self.b.emit(transpose, made, perm=(*range(1, sliced), 0))
            self.bind(node.results, [made])
            return
        if moves and isinstance(stored[0].type, Array):
            stored[0] = self.b.emit(transpose, stored[0], perm=_first(range(sliced)))
        made = self.b.emit(node.op, self.env[base], *stored, *index, **attrs)
        self.bind_turned(node.result, made)

    def slots(self, params: Sequence[Value], init: Sequence[Value]) -> list[Value]:
        made = []
        for p, i in zip(params, init):
            type = _turned_type(p.type) if p in self.turned else p.type
            made.append(self.b.param(type, p.name, self.b.dims.get(i)))
        self.env.update(zip(params, made))
        return made
