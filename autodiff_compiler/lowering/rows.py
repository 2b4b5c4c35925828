"""Results that a loop works out row by row: a trip has its row to itself until the row is done.

A loop over all rows of an array of one number, each trip of which touches its own row only, need not
find the array filled: each trip fills its row. Of a result larger than the processor's caches the row is
worked out aside, and then stored past the caches: what the program reads again stays in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..ir.build import Rewriter
from ..ir.graph import (
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
from ..ir.types import I64, Array, Type
from ..ops.index import add_at, load, store
from ..ops.shape import full
from .ranges import Ranges

__all__ = ["by_rows"]


def _row_type(attrs: object, base: Type, i: Type) -> tuple[Type, ...]:
    assert isinstance(base, Array)
    return (Array(base.dtype, base.dims[1:]),)


# No ops of the table: no program has them before it is lowered.
#: An array of which nothing is known but its sizes; the value says its dtype.
_BLANK = replace(full, name="blank", spellings=())
#: row(d, i): memory for row `i` of `d`, of unknown contents, in its place or aside.
_ROW = replace(
    load, name="row", infer=_row_type, dims=lambda attrs, operands, dims: (dims[0][1:],),
    evaluate=lambda attrs, base, i: base[int(i)].copy(), spellings=(),
)  # fmt: skip
#: The store that puts a row in its place.
_SET_ROW = replace(store, name="set_row", spellings=())
#: What rows were put into, for everybody to see.
_SETTLED = replace(
    store, name="settled_rows", infer=lambda attrs, base: (base,),
    evaluate=lambda attrs, base: base.copy(), spellings=(),
)  # fmt: skip


def by_rows(function: Function) -> Function:
    return _Rows(function).run(function)


@dataclass(frozen=True, eq=False, slots=True)
class _Rowwise:
    """A slot of a loop whose array is `made` as numbers. `versions`: what the array is in the body."""

    slot: int
    made: Node
    versions: frozenset[Value]


class _Rows(Rewriter):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.ranges = Ranges(function)
        self.uses = count_reads(function.block)
        self.results = set(function.results)
        made = {n.result: n for n in function.block.nodes if n.op is full}
        self.found = {n: self.rowwise(n, made) for n in function.block.nodes if n.op is FOR}
        rows = [r for found in self.found.values() for r in found]
        self.blank = {r.made for r in rows}
        self.versions = frozenset[Value]().union(*(r.versions for r in rows))

    # --- which ------------------------------------------------------------------------------------

    def rowwise(self, loop: Node, made: dict[Value, Node]) -> list[_Rowwise]:
        if loop.attrs.get("stops"):
            return []
        found = []
        slots = zip(carried_init(loop), slot_params(loop), slot_yields(loop), loop.results)
        for k, (init, p, y, result) in enumerate(slots):
            fills = made.get(init)
            if (
                fills is None
                or len(fills.operands) < 3
                or not self.all_rows(loop, fills.operands[1])
            ):
                continue
            # Nothing but the function's caller reads what the loop leaves.
            if self.uses[init] != 1 or self.uses[result] != 1 or result not in self.results:
                continue
            versions = self.chain(loop.blocks[0], p, y)
            if versions:
                found.append(_Rowwise(k, fills, frozenset(versions)))
        return found

    def all_rows(self, loop: Node, n: Value) -> bool:
        """Does the loop's counter go through 0..n-1, up or down?"""
        start, stop, step = loop.operands[:3]
        by = self.ranges.low(step)
        if by != self.ranges.high(step):
            return False
        first, end = (start, stop) if by == 1 else (stop, start)
        shift = 0 if by == 1 else -1
        base, more = self.ranges.affine(n)
        return (
            by in (1, -1)
            and self.ranges.low(first) == self.ranges.high(first) == shift
            and self.ranges.affine(end) == (base, more + shift)
        )

    def chain(self, block: Block, p: Value, y: Value) -> set[Value]:
        """The versions of the array from `p` to `y`; none if anything but the trip's row is touched."""
        versions, parts = {p}, False
        for node in block.nodes:
            mine = [v for v in node.operands if v in versions]
            if not mine:
                continue
            whole = node.op in (add_at, store, load) and mine == [node.operands[0]]
            if not whole or not self.own_row(node, block.params[0]):
                return set()
            if node.op is not load:
                versions.add(node.result)
            parts |= "s" in node.attrs["index"]
        inside = {v for n in block.nodes for b in n.blocks for v in free_values(b)}
        if versions & inside:
            return set()
        left = sum(r in versions for r in block.results)
        return versions if parts and y in versions and left == 1 else set()

    def own_row(self, node: Node, counter: Value) -> bool:
        letters = node.attrs["index"]
        at = node.operands[1 if node.op is load else 2]
        return letters[0] == "i" and "a" not in letters and self.ranges.affine(at) == (counter, 0)

    # --- what becomes of them ---------------------------------------------------------------------

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if node in self.blank:
            self.bind(node.results, [self.b.emit(_BLANK, *operands, **node.attrs)])
        elif node.operands and node.operands[0] in self.versions:
            at = 1 if node.op is load else 2
            attrs = {**node.attrs, "index": node.attrs["index"][1:]}
            attrs["ones"] = tuple(k - 1 for k in attrs.get("ones", ()))
            out = self.b.emit(node.op, *operands[:at], *operands[at + 1 :], **attrs)
            self.bind(node.results, [out])
        else:
            super().simple(node, operands)

    def node(self, node: Node) -> None:
        found = self.found.get(node, []) if node.op is FOR else []
        if not found:
            super().node(node)
            return
        body = node.blocks[0]
        operands = [self.env[v] for v in node.operands]
        counter = self.b.param(body.params[0].type, body.params[0].name)
        self.env[body.params[0]] = counter
        slots = self.slots(body.params[1:], operands[3:])
        self.b.open()
        for row in found:
            self.env[body.params[1 + row.slot]] = self.start(row, slots[row.slot], counter)
        self.nodes(body.nodes)
        ends = [self.env[v] for v in body.results]
        for row in found:
            letters, ones, index = self.region(row)
            attrs = {"index": "i" + letters, "ones": tuple(k + 1 for k in ones)}
            stored = [slots[row.slot], ends[row.slot], counter, *index]
            ends[row.slot] = self.b.emit(_SET_ROW, *stored, **attrs)
        block = self.b.close([counter, *slots], ends)
        self.b.span = node.span
        results = list(self.b.for_(operands[:3], operands[3:], block, node.attrs))
        for row in found:
            results[row.slot] = self.b.emit(_SETTLED, results[row.slot])
        self.bind(node.results, results)

    def start(self, row: _Rowwise, base: Value, counter: Value) -> Value:
        """The row as the trip finds it: filled with the array's number."""
        memory = self.b.emit(_ROW, base, counter)
        memory.name = f"{base.name}_row" if base.name else ""
        letters, ones, index = self.region(row)
        number = self.env[row.made.operands[0]]
        return self.b.emit(store, memory, number, *index, index=letters, ones=ones)

    def region(self, row: _Rowwise) -> tuple[str, tuple[int, ...], list[Value]]:
        """All of a row: the letters of the index, the axes of length 1, the index."""
        sizes = row.made.operands[2:]
        ones = tuple(k for k, one in enumerate(row.made.attrs["ones"][1:]) if one)
        zero, one = self.b.const(0, I64), self.b.const(1, I64)
        return "s" * len(sizes), ones, [x for n in sizes for x in (zero, self.env[n], one)]
