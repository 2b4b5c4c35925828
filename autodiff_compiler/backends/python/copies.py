"""Puts a `copy` wherever an update in place would otherwise change a value that is still alive.

After this pass the printer may print windows as windows and updates as updates, and never think of
sharing again. Where a copy can stand in several places, the window that was taken is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...ir.build import Rewriter
from ...ir.graph import COND, FOR, WHILE, Block, Function, Node, Value, free_values
from ...ops.shape import copy
from .dialect import Dialect
from .program import Needed, Program
from .sharing import Sharing, bits
from .tidy import Tidy

#: After so many rounds, whatever is updated in place is copied first, which always helps.
_PATIENT_ROUNDS = 6


def insert_copies(function: Function, dialect: Dialect) -> tuple[Program, Sharing, Needed]:
    """The function with its copies, and what is known of it."""
    tidy = Tidy()
    program = Program(tidy.run(function), tidy.b, dialect)
    rounds = 0
    while True:
        sharing = Sharing(program)
        needed = Needed(program, writes_to_arguments(program, sharing))
        fixes = _Hazards(program, sharing, needed, patient=rounds < _PATIENT_ROUNDS).fixes
        if not fixes.any():
            dialect.keep(program, sharing, needed, fixes)
        if not fixes.any():
            return program, sharing, needed
        assert rounds < 100, "the copies do not settle"
        rewriter = _Inserter(fixes)
        program = Program(rewriter.run(program.function), rewriter.b, dialect)
        rounds += 1


def writes_to_arguments(program: Program, sharing: Sharing) -> list[Node]:
    """The updates that the caller sees."""
    caller = 0
    for param in program.function.params:
        caller |= sharing.bits_of(param)
    caller &= ~sharing.immortal
    found = []
    for node in program.block_of:
        cell = sharing.written(node)
        if cell is not None and sharing.mask[cell] & caller:
            found.append(node)
    return found


class Fixes:
    """Where copies go: behind definitions, before operands, before results of blocks."""

    def __init__(self) -> None:
        self.behind: set[Value] = set()
        self.operands: set[tuple[Node, int]] = set()
        self.results: set[tuple[Block, int]] = set()

    def any(self) -> bool:
        return bool(self.behind or self.operands or self.results)


class _Hazards:
    """Walks backwards with the cells that are still to be read, and looks at every update."""

    def __init__(self, program: Program, sharing: Sharing, needed: Needed, patient: bool):
        self.program = program
        self.sharing = sharing
        self.needed = needed
        self.patient = patient
        self.fixes = Fixes()
        block = program.function.block
        self._returned(block)
        self._scan(block, self._bits(block.results))

    def _bits(self, values: Sequence[Value]) -> int:
        found = 0
        for v in values:
            found |= self.sharing.bits_of(v)
        return found

    def _returned(self, block: Block) -> None:
        """Results share memory neither with the caller's arguments nor with each other."""
        if self.program.dialect.keeps_arguments:
            return
        earlier = 0
        for k, value in enumerate(block.results):
            reach = self.sharing.reach(value)
            if reach & (self.sharing.immortal | earlier):
                self.fixes.results.add((block, k))
            earlier |= self.sharing.bits_of(value)

    # -- the walk ---------------------------------------------------------------------------------

    def _scan(self, block: Block, live: int) -> int:
        """The cells alive before a block, from those alive behind it."""
        for node in reversed(block.nodes):
            if node in self.needed.nodes:
                live = self._node(node, live)
        return live

    def _node(self, node: Node, live: int) -> int:
        if node.op is FOR or node.op is WHILE:
            return self._loop(node, live)
        if node.op is COND:
            live &= ~self._bits(node.results)
            before = 0
            for block in node.blocks:
                yields = [y for _, y in self.needed.yields(node, block)]
                before |= self._scan(block, live | self._bits(yields))
            return before
        cell = self.sharing.written(node)
        if cell is not None:
            self._update(node, cell, live)
        return live & ~self._bits(node.results) | self._bits(node.operands)

    def _loop(self, node: Node, live: int) -> int:
        slots = self.needed.slots(node)
        params = self._bits([s.param for s in slots])
        # Another trip may follow, and reads again what comes from outside.
        live &= ~params
        for block in node.blocks:
            live |= self._bits(
                [v for v in free_values(block) if self.program.of(v) in self.needed.values]
            )
        if node.op is WHILE:
            self._scan(node.blocks[0], live | params)
        self._scan(node.blocks[-1], live | self._bits([s.again for s in slots]))
        return live | self._bits([s.init for s in slots])

    def _update(self, node: Node, cell: int, live: int) -> None:
        others = self.sharing.mask[cell] & ~(1 << cell) & (live | self.sharing.immortal)
        for other in bits(others):
            self._part(node, cell, other)
        for k in self.program.dialect.read_late(node):
            if self.sharing.reach(node.operands[k]) >> cell & 1:
                self.fixes.operands.add((node, k))

    # -- choosing the place -----------------------------------------------------------------------

    def _part(self, node: Node, cell: int, other: int) -> None:
        """Makes the updated cell and another one different memory."""
        assert node.op.consumes is not None
        if self.patient:
            for one, two in ((other, cell), (cell, other)):
                # What goes round a loop may seem to be parted by a copy that nobody has made.
                if self._part_at_birth(one, two, set()) and self.fixes.any():
                    return
        self.fixes.operands.add((node, node.op.consumes))

    def _part_at_birth(self, cell: int, other: int, seen: set[int]) -> bool:
        """Tries to copy where `cell` comes to share the memory of `other`, as early as possible."""
        if cell in seen:
            return True
        seen.add(cell)
        owner = self.sharing.owner[cell]
        if owner is None:
            return False
        if self.sharing.cells[owner][0] != cell:
            return self._part_elements(cell, other)
        if owner in self.program.slot_of:
            return self._part_slot(owner, other, seen)
        maker = self.program.maker(owner)
        if maker is None:
            return False
        if maker.op is COND:
            k = maker.results.index(owner)
            flows = [
                (
                    b.results[k],
                    self._rival_in_arm(maker, b, other),
                    lambda b=b: self.fixes.results.add((b, k)),
                )
                for b in maker.blocks
            ]
            return self._part_flows(flows, seen)
        if maker.op.consumes is not None or self._is_taken(maker):
            self.fixes.behind.add(owner)
            return True
        return False

    def _part_slot(self, param: Value, other: int, seen: set[int]) -> bool:
        slot = self.program.slot_of[param]
        node, body = slot.node, slot.node.blocks[-1]
        first = 3 if node.op is FOR else 0
        skip = 1 if node.attrs.get("stops") else 0
        before, after = (node, first + slot.number), (body, skip + slot.number)
        return self._part_flows(
            [
                (
                    slot.init,
                    self._rival(node, other, True),
                    lambda: self.fixes.operands.add(before),
                ),
                (
                    slot.again,
                    self._rival(node, other, False),
                    lambda: self.fixes.results.add(after),
                ),
            ],
            seen,
        )

    def _rival_in_arm(self, node: Node, arm: Block, other: int) -> int:
        """What a rival result of the same branch is in one arm; else the rival itself."""
        owner = self.sharing.owner[other]
        if owner is None or owner not in node.results:
            return other
        k = self.sharing.cells[owner].index(other)
        return self.sharing.cells[self.program.of(arm.results[node.results.index(owner)])][k]

    def _rival(self, node: Node, other: int, entry: bool) -> int:
        """What a rival slot of the same loop is made of; else the rival itself."""
        owner = self.sharing.owner[other]
        slot = self.program.slot_of.get(owner) if owner is not None else None
        if owner is None or slot is None or slot.node is not node:
            return other
        k = self.sharing.cells[owner].index(other)
        return self.sharing.cells[self.program.of(slot.init if entry else slot.again)][k]

    def _part_flows(
        self, flows: Sequence[tuple[Value, int, Callable[[], None]]], seen: set[int]
    ) -> bool:
        """(what flows in, what it may not share with, how to copy it here)"""
        done = False
        for source, rival, copy_here in flows:
            cell = self.sharing.cells[self.program.of(source)][0]
            if self.sharing.mask[cell] >> rival & 1:
                if cell == rival or not self._part_at_birth(cell, rival, seen):
                    copy_here()
                done = True
        return done

    def _window_copied(self, value: Value) -> bool:
        """If the value was taken as a window, copies it there."""
        maker = self.program.maker(value)
        if maker is None or maker.op in (COND, FOR, WHILE) or maker.op.consumes is not None:
            return False
        if not self._is_taken(maker):
            return False
        self.fixes.behind.add(value)
        return True

    def _is_taken(self, maker: Node) -> bool:
        return maker.op.name == "peek" or bool(self.program.dialect.windows(maker))

    def _part_elements(self, cell: int, other: int) -> bool:
        """Copies what is put into the list whose elements `cell` is, if it may be `other`."""
        owner = self.sharing.owner[cell]
        assert owner is not None
        same_list = self.sharing.mask[self.sharing.cells[owner][0]]
        done = False
        for node in self.needed.nodes:
            name = node.op.name
            if name in ("push", "poke"):
                lists = self.sharing.cells[self.program.of(node.operands[0])]
                if same_list >> lists[0] & 1 and self.sharing.reach(node.operands[1]) >> other & 1:
                    if not self._window_copied(node.operands[1]):
                        self.fixes.operands.add((node, 1))
                    done = True
            elif name == "from_array" and same_list >> self.sharing.cells[node.results[0]][0] & 1:
                if self.sharing.reach(node.operands[0]) >> other & 1:
                    self.fixes.operands.add((node, 0))
                    done = True
        return done


class _Inserter(Rewriter):
    """Copies the function with the fixes in it."""

    def __init__(self, fixes: Fixes):
        super().__init__()
        self._fixes = fixes

    def run(self, function: Function) -> Function:
        params = [self.b.function_param(p.type, p.name) for p in function.params]
        self.env.update(zip(function.params, params))
        self.nodes(function.block.nodes)
        return function.with_block(self.b.close(params, self._results(function.block)))

    def block(self, block: Block, params: Sequence[Value]) -> Block:
        self.b.open()
        self.nodes(block.nodes)
        return self.b.close(params, self._results(block))

    def _results(self, block: Block) -> list[Value]:
        return [
            (
                self.b.emit(copy, self.env[v], inserted=True)
                if (block, k) in self._fixes.results
                else self.env[v]
            )
            for k, v in enumerate(block.results)
        ]

    def node(self, node: Node) -> None:
        operands = list(node.operands)
        for k, v in enumerate(operands):
            if (node, k) in self._fixes.operands:
                # A value of its own, so that this operand alone is the copy.
                operands[k] = Value(v.type)
                self.env[operands[k]] = self.b.emit(copy, self.env[v], inserted=True)
        super().node(replace(node, operands=tuple(operands)))
        for v in node.results:
            if v in self._fixes.behind:
                raw = self.env[v]
                self.env[v] = self.b.emit(copy, raw, name=raw.name, inserted=True)
                raw.name = ""
