"""What PyTorch's graph keeps for its backward pass may not be written in place afterwards.

An update of an array whose part, or whose whole, an earlier operation has kept is an error at run
time there. So what is kept is copied where it is taken: a copy of what was read, never of the array
that is updated, which would make each store in a loop cost as much as the array.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.build import Builder
from ...ir.graph import COND, CONST, FOR, WHILE, Node, Value
from ...ir.op import NON_DIFFERENTIABLE
from ...ir.types import FLOATS, Array, Scalar
from ...transforms.expr import Expr
from ..python.copies import Fixes
from ..python.program import Needed, Program
from ..python.sharing import Sharing, bits

#: Kinds of ops that keep none of their operands' values: indices and sizes at most.
_KEEP_NOTHING = {"control", "check", "stack", "index", "create", "shape", "undefined", "order"}


def keep(program: Program, sharing: Sharing, needed: Needed, fixes: Fixes) -> None:
    """Notes the copies without which an update would change what the graph has kept."""
    memory = _Memory(program, sharing, needed)
    if not memory.writes:
        return
    for node in program.block_of:
        if node not in needed.nodes or node.op.kind in _KEEP_NOTHING:
            continue
        places, result = _kept(program, node)
        for k in places:
            value = program.of(node.operands[k])
            if memory.written_after(node, value):
                maker = program.maker(value)
                if maker is not None and maker.op is not COND and _taken(program, maker):
                    fixes.behind.add(value)
                else:
                    fixes.operands.add((node, k))
        if result:
            found = [v for v in node.results if memory.written_after(node, v)]
            fixes.behind.update(found)


def _taken(program: Program, maker: Node) -> bool:
    return maker.op.name in ("peek", "pop") or bool(program.dialect.windows(maker))


def _kept(program: Program, node: Node) -> tuple[list[int], bool]:
    """The places of the operands that the derivative reads, and whether it reads the result.

    What the rules here do not read, PyTorch's do not keep either, but where they read the result,
    as of a quotient, PyTorch's may read the operands instead.
    """
    op = node.op
    floats = [
        k for k, v in enumerate(node.operands)
        if v.type.dtype in FLOATS and not _literal(program, v)
    ]  # fmt: skip
    if op.vjp is None or op.vjp is NON_DIFFERENTIABLE or not floats:
        return [], False
    read = _read_by_rule(node, floats)
    result = -1 in read
    return [k for k in floats if result or k in read], result


def _read_by_rule(node: Node, active: Sequence[int]) -> set[int]:
    """The operands that the cotangents of the active ones read; -1 for a result."""
    b = Builder()
    read: set[int] = set()

    def watched(value: Value, place: int) -> Expr:
        fresh = b.function_param(value.type, "")

        def find() -> Value:
            read.add(place)
            return fresh

        return Expr(b, value.type, find, lambda: b.dims.get(fresh, ()))

    operands = [watched(v, k) for k, v in enumerate(node.operands)]
    results = tuple(watched(v, -1) for v in node.results)
    given = tuple(Expr.of(b, b.function_param(v.type, "")) for v in node.results)
    g, y = (given[0], results[0]) if len(node.results) == 1 else (given, results)
    cotangents = node.op.vjp(g, y, *operands, **node.attrs)
    for k in active:
        if isinstance(cotangents[k], Expr):
            _ = cotangents[k].value
    return read


def _literal(program: Program, value: Value) -> bool:
    """A number that no derivative reaches: a constant, or an integer as a float."""
    maker = program.maker(program.of(value))
    if maker is None or not isinstance(value.type, Scalar):
        return False
    return maker.op is CONST or (
        maker.op.name == "cast" and maker.operands[0].type.dtype not in FLOATS
    )


class _Memory:
    """Which arrays may ever be the same memory, and what is written there when."""

    def __init__(self, program: Program, sharing: Sharing, needed: Needed):
        self.program = program
        self.sharing = sharing
        self.writes: dict[int, list[Node]] = {}
        self._parent = list(range(len(sharing.mask)))
        self._join_all()
        self._first: dict[int, int] = {}
        for value, cells in sharing.cells.items():
            for cell in cells:
                root = self._root(cell)
                born = self._birth(value)
                self._first[root] = min(born, self._first.get(root, born))
        for node in program.block_of:
            written = sharing.written(node) if node in needed.nodes else None
            if written is not None and isinstance(node.results[0].type, Array):
                if node.results[0].type.dtype in FLOATS:
                    self.writes.setdefault(self._root(written), []).append(node)

    def written_after(self, node: Node, value: Value) -> bool:
        """May the value's memory be written after the node has run?"""
        return any(
            self._may_follow(node, write, root)
            for cell in self.sharing.cells.get(self.program.of(value), ())
            for root in [self._root(cell)]
            for write in self.writes.get(root, ())
        )

    def _may_follow(self, node: Node, write: Node, root: int) -> bool:
        start, finish = self.program.start, self.program.finish
        if start[write] > start[node]:
            return True
        for holder, _ in self.program.path(self.program.block_of[node]):
            if holder.op in (FOR, WHILE) and start[holder] < start[write] < finish[holder]:
                # In the next trip, unless each trip has an array of its own.
                if self._first[root] <= start[holder]:
                    return True
        return False

    def _birth(self, value: Value) -> int:
        """Where a value is defined; a slot, at its loop."""
        slot = self.program.slot_of.get(value)
        if slot is not None:
            return self.program.start[slot.node]
        node = self.program.definition.get(value)
        return 0 if node is None else self.program.start[node]

    # -- classes ----------------------------------------------------------------------------------

    def _root(self, cell: int) -> int:
        while self._parent[cell] != cell:
            self._parent[cell] = self._parent[self._parent[cell]]
            cell = self._parent[cell]
        return cell

    def _join(self, one: Value, two: Value) -> None:
        cells = self.sharing.cells
        pairs = zip(cells.get(self.program.of(one), ()), cells.get(self.program.of(two), ()))
        for a, b in pairs:
            self._parent[self._root(a)] = self._root(b)

    def _join_all(self) -> None:
        for cell, mask in enumerate(self.sharing.mask):
            for other in bits(mask):
                self._parent[self._root(cell)] = self._root(other)
        for slots in self.program.slots.values():
            for slot in slots:
                self._join(slot.param, slot.init)
                self._join(slot.param, slot.again)
        for node in self.program.block_of:
            if node.op is COND:
                for block in node.blocks:
                    for result, arm in zip(node.results, block.results):
                        self._join(result, arm)
            elif node.op.consumes is not None:
                self._join(node.results[0], node.operands[node.op.consumes])
