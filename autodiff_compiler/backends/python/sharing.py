"""Which values may share memory once they are NumPy arrays and Python lists.

In the IR every array is a value; in NumPy a slice, a transpose or a reshape is a window on another
array's memory, and a list holds its elements by reference. A `cell` stands for the memory behind a
value: an array has one, a stack two (the list itself, and its elements). The versions of an array
or a list that is updated in place share one cell. The relation "may share" is kept per pair of cells, because
two slots that swap their arrays have the same possible arrays and yet never the same one at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.graph import COND, FOR, WHILE, Block, Node, Value, consumed_values
from ...ir.types import Stack
from .program import Program


def bits(mask: int) -> list[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


class Sharing:
    """Cells of values, and which cells may be the same memory at a moment when both are alive."""

    def __init__(self, program: Program):
        self.program = program
        self.cells: dict[Value, tuple[int, ...]] = {}
        #: per cell, the cells that it may share memory with, itself among them
        self.mask: list[int] = []
        self.owner: list[Value | None] = []
        #: memory that must never be written: the caller's, and stretched arrays
        self.immortal = 0
        self._extra: dict[Value, int] = {}
        self._first: dict[Node, int] = {}
        self._changed = False
        eaten = consumed_values(program.function.block.nodes)
        for p in program.function.params:
            self._own(p)
            if program.dialect.keeps_arguments:
                self._stretched(p)
            elif p not in eaten and self.cells[p]:
                self.immortal |= self.bits_of(p)
        self._settle(program.function.block)

    def bits_of(self, value: Value) -> int:
        """The value's own cells, as a mask."""
        return sum(1 << c for c in self.cells.get(self.program.of(value), ()))

    def reach(self, value: Value) -> int:
        """Everything that the value may share memory with, itself included."""
        found = 0
        for cell in self.cells.get(self.program.of(value), ()):
            found |= self.mask[cell]
        return found

    def written(self, node: Node) -> int | None:
        """The cell that a simple node changes in place."""
        if node.op.consumes is None or node.op in (FOR, WHILE, COND):
            return None
        return self.cells[self.program.of(node.operands[node.op.consumes])][0]

    # -- building the relation ------------------------------------------------------------------

    def _cell(self, owner: Value | None) -> int:
        self.mask.append(1 << len(self.mask))
        self.owner.append(owner)
        return len(self.mask) - 1

    def _own(self, value: Value) -> tuple[int, ...]:
        value = self.program.of(value)
        if value not in self.cells:
            holds = self.program.dialect.holds_memory(value.type)
            count = 2 if isinstance(value.type, Stack) else int(holds)
            self.cells[value] = tuple(self._cell(value) for _ in range(count))
        return self.cells[value]

    def _link(self, cell: int, others: int) -> None:
        new = others & ~self.mask[cell]
        if not new:
            return
        self._changed = True
        self.mask[cell] |= new
        for other in bits(new):
            self.mask[other] |= 1 << cell

    def _settle(self, block: Block) -> None:
        """Goes through a block until nothing more is learnt (loops teach backwards)."""
        while True:
            self._changed = False
            self._block(block)
            if not self._changed:
                return

    def _block(self, block: Block) -> None:
        for node in block.nodes:
            if node.op is FOR or node.op is WHILE:
                self._loop(node)
            elif node.op is COND:
                self._cond(node)
            else:
                self._simple(node)

    def _simple(self, node: Node) -> None:
        name = node.op.name
        if node.op.consumes is not None:
            kept = self._own(node.operands[node.op.consumes])
            if len(kept) == 2:
                self._grown(node, kept)
            else:
                self.cells[node.results[0]] = kept
            return
        for result in node.results:
            self._own(result)
        if not node.results or not self.cells[node.results[0]]:
            return
        cells = self.cells[node.results[0]]
        if name == "from_array":
            self._link(cells[1], self.mask[self._own(node.operands[0])[0]])
        elif name == "peek":
            self._link(cells[0], self.mask[self._own(node.operands[0])[1]])
        elif name == "copy" and len(cells) == 2:
            self._link(cells[1], self.mask[self._own(node.operands[0])[1]])
            return
        for seen in self.program.dialect.windows(node):
            self._link(cells[0], self.mask[self._own(seen)[0]])
            if name == "broadcast_to":
                self._stretched(node.results[0])

    def _grown(self, node: Node, old: tuple[int, ...]) -> None:
        """The same list, holding other elements than before: those have a cell per version."""
        result = node.results[0]
        if result not in self.cells:
            self.cells[result] = (old[0], self._cell(result))
        elements = self.cells[result][1]
        # The old version is not read any more.
        self._link(elements, self.mask[old[1]] & ~(1 << old[1]))
        if node.op.name in ("push", "poke"):
            for cell in self._own(node.operands[1]):
                self._link(elements, self.mask[cell])
        for extra in node.results[1:]:  # what is popped
            for cell in self._own(extra):
                self._link(cell, self.mask[old[1]] & ~(1 << old[1]) | 1 << elements)

    def _stretched(self, value: Value) -> None:
        """NumPy lets nobody write to a stretched array: as if its memory were the caller's."""
        if not self.cells[value]:
            return
        if value not in self._extra:
            self._extra[value] = self._cell(None)
            self.immortal |= 1 << self._extra[value]
        self._link(self.cells[value][0], 1 << self._extra[value])

    def _loop(self, node: Node) -> None:
        slots = self.program.slots[node]
        params = [self._own(s.param) for s in slots]
        first = self._first.setdefault(
            node, min((c for p in params for c in p), default=len(self.mask))
        )
        self._flow(params, [self._own(s.init) for s in slots], first)
        for block in node.blocks:
            self._block(block)
        self._flow(params, [self._own(s.again) for s in slots], first)

    def _cond(self, node: Node) -> None:
        first = self._first.setdefault(node, len(self.mask))
        for block in node.blocks:
            self._block(block)
        results = [self._own(r) for r in node.results]
        for block in node.blocks:
            self._flow(results, [self._own(y) for y in block.results], first)

    def _flow(
        self, targets: Sequence[tuple[int, ...]], sources: Sequence[tuple[int, ...]], first: int
    ) -> None:
        """Targets take the places of sources at once. Cells from `first` on end with the block."""
        outer = (1 << first) - 1 | self.immortal
        pairs = [p for t, s in zip(targets, sources) for p in zip(t, s)]
        reach = [self.mask[s] for _, s in pairs]
        for (target, _), known in zip(pairs, reach):
            self._link(target, known & outer)
        for j, (target, _) in enumerate(pairs):
            for k, (other, source) in enumerate(pairs):
                if j != k and reach[j] >> source & 1:
                    self._link(target, 1 << other)
