"""Variables: which values share one, and what it is called.

Two values may share a variable if they are never alive at once. The parts of a slot, a branch's
result with what it is made of, and the versions of an array want to share; values of one user's
name do too, as they did in the user's program.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from ...ir.graph import COND, FOR, WHILE, Block, Node, Value
from ...ir.types import BOOL, I64, Array, Scalar, Stack
from ..text import PYTHON, Names
from .choice import Choices
from .numbers import Numbers
from .program import Program
from .sharing import bits


class _Events:
    """The printed program as a flow graph: what each step reads and assigns, and what may follow it."""

    def __init__(self, program: Program, choices: Choices, numbers: Numbers):
        self.program = program
        self.choices = choices
        self.needed = choices.needed
        self.values: list[Value] = []
        self._ids: dict[Value, int] = {}
        self.uses: list[int] = []
        self.defs: list[int] = []
        self.next: list[list[int]] = []
        self._open: list[int] = []
        self._asked = 0
        dialect = program.dialect
        self._expressions = dialect.expressions(program, numbers, choices, self._ask)
        self._statements = dialect.statements(program, self._expressions, choices.checks)
        self._add(0, self._mask(program.function.params))
        self._block(program.function.block)
        self._add(self._leaves(program.function.results), 0)

    def _id(self, value: Value) -> int:
        value = self.program.of(value)
        if value not in self._ids:
            self._ids[value] = len(self.values)
            self.values.append(value)
        return self._ids[value]

    def _ask(self, value: Value) -> str:
        self._asked |= 1 << self._id(value)
        return value.name or "t0"

    def _mask(self, values: Iterable[Value]) -> int:
        found = 0
        for v in values:
            found |= 1 << self._id(v)
        return found

    def _leaves(self, values: Iterable[Value]) -> int:
        """The named values that printing these asks for."""
        self._asked = 0
        for v in values:
            self._expressions.value(v)
        return self._asked

    def _add(self, uses: int, defs: int) -> int:
        event = len(self.uses)
        self.uses.append(uses)
        self.defs.append(defs)
        self.next.append([])
        for before in self._open:
            self.next[before].append(event)
        self._open = [event]
        return event

    def _block(self, block: Block) -> None:
        for node in block.nodes:
            if node in self.needed.nodes:
                self._node(node)

    def _node(self, node: Node) -> None:
        if node.op is FOR:
            self._for(node)
        elif node.op is WHILE:
            self._while(node)
        elif node.op is COND and node not in self.choices.ternaries:
            self._branch(node)
        else:
            self._simple(node)

    def _simple(self, node: Node) -> None:
        targets = targets_of(node, self.choices, lambda v: "t0")
        if targets is None:
            return
        self._asked = 0
        if node.op is COND:
            for target, result in zip(targets, node.results):
                if target:
                    self._expressions.made(result)
        else:
            self._statements.lines(node, targets)
        uses = self._asked
        if node.op.consumes is not None:
            uses |= self._mask([node.operands[node.op.consumes]])
        results = [r for r in node.results if r in self.needed.values and self.choices.named(r)]
        self._add(uses, self._mask(results))

    def _branch(self, node: Node) -> None:
        fork = self._add(self._leaves([node.operands[0]]), 0)
        ends = []
        for block in node.blocks:
            self._open = [fork]
            self._block(block)
            flows = self.needed.yields(node, block)
            ends.append(
                self._add(self._leaves(y for _, y in flows), self._mask(r for r, _ in flows))
            )
        self._open = ends

    def _enter(self, node: Node) -> int:
        slots = self.needed.slots(node)
        self._add(self._leaves(s.init for s in slots), self._mask(s.param for s in slots))
        return self._add(self._leaves(node.operands[:3] if node.op is FOR else ()), 0)

    def _again(self, node: Node, head: int) -> int:
        slots = self.needed.slots(node)
        body = node.blocks[-1]
        read = [s.again for s in slots]
        if node.attrs.get("stops"):
            read.append(body.results[0])
        end = self._add(self._leaves(read), self._mask(s.param for s in slots))
        self.next[end].append(head)
        return end

    def _for(self, node: Node) -> None:
        self._enter(node)
        head = self._add(0, 0)
        self._add(0, self._mask(node.blocks[0].params[:1]))
        self._block(node.blocks[0])
        end = self._again(node, head)
        self._open = [head, end] if node.attrs.get("stops") else [head]

    def _while(self, node: Node) -> None:
        head = self._enter(node)
        test, body = node.blocks
        self._block(test)
        fork = self._add(self._leaves(test.results), 0)
        self._block(body)
        self._again(node, head)
        self._open = [fork]

    def occupied(self) -> list[int]:
        """Per value, the events after which its variable must hold it, or has just been given it."""
        alive = [0] * len(self.uses)  # before each event
        changed = True
        while changed:
            changed = False
            for e in range(len(self.uses) - 1, -1, -1):
                after = 0
                for follower in self.next[e]:
                    after |= alive[follower]
                before = after & ~self.defs[e] | self.uses[e]
                if before != alive[e]:
                    alive[e] = before
                    changed = True
        found = [0] * len(self.values)
        for e in range(len(self.uses)):
            after = self.defs[e]
            for follower in self.next[e]:
                after |= alive[follower]
            for value in bits(after):
                found[value] |= 1 << e
        return found


def targets_of(node: Node, choices: Choices, name) -> list[str | None] | None:
    """Names for the results of a simple node (or ternary); None if it prints nothing here."""
    targets = [
        name(r) if r in choices.needed.values and choices.named(r) else None for r in node.results
    ]
    if node.op.kind == "linalg":
        # What is printed inside another line runs there; what nobody reads may still raise.
        read = any(r in choices.needed.values for r in node.results)
        return targets if any(targets) or (node.op.effect and not read) else None
    if node.op.effect:
        if node.results and node not in choices.apart:
            return None
        return targets
    if node.op.consumes is not None:
        return targets
    return targets if any(targets) else None


class _Class:
    """Values that share a variable."""

    __slots__ = ("members", "occupied", "hint", "fixed")

    def __init__(self, member: int, occupied: int, hint: str, fixed: bool):
        self.members = [member]
        self.occupied = occupied
        self.hint = hint
        self.fixed = fixed


class Variables:
    """`name(value)` for every named value. `apart`: flows whose two ends have different variables."""

    def __init__(
        self, program: Program, choices: Choices, numbers: Numbers, param_names: Sequence[str],
        reserved: Iterable[str],
    ):  # fmt: skip
        self.program = program
        self.choices = choices
        events = _Events(program, choices, numbers)
        self._values = events.values
        self._ids = {v: k for k, v in enumerate(events.values)}
        occupied = events.occupied()
        self._params = set(program.function.params)
        self._class = [
            _Class(k, occupied[k], self._hint(v), v in self._params)
            for k, v in enumerate(events.values)
        ]
        self.apart: list[Value] = []
        for updated, result in self._versions():
            self._merge(updated, result, any_hint=True)
        for source, target in self._flows():
            if not self._merge(source, target) and source not in program.counters:
                self.apart.append(source)
        self._merge_namesakes(events.values)
        self._names = self._name_all(events.values, param_names, reserved)

    def name(self, value: Value) -> str:
        return self._names[self._class[self._ids[self.program.of(value)]]]

    def spare(self, hint: str) -> str:
        """A name that nothing else has."""
        return self._fresh.fresh(hint)

    def _hint(self, value: Value) -> str:
        return unicodedata.normalize("NFKC", value.name)

    # -- sharing ----------------------------------------------------------------------------------

    def _versions(self) -> list[tuple[Value, Value]]:
        found = []
        for node in self.program.block_of:
            if node in self.choices.needed.nodes and node.op.consumes is not None:
                found.append((self.program.of(node.operands[node.op.consumes]), node.results[0]))
        return found

    def _flows(self) -> list[tuple[Value, Value]]:
        """(source, target) wherever a value becomes part of a slot or of a branch's result."""
        found = []
        needed = self.choices.needed
        for node in self.program.block_of:
            if node not in needed.nodes or node in self.choices.ternaries:
                continue
            if node.op is FOR or node.op is WHILE:
                for slot in needed.slots(node):
                    found.append((self.program.of(slot.again), slot.param))
                    found.append((self.program.of(slot.init), slot.param))
            elif node.op is COND:
                for block in node.blocks:
                    found += [(self.program.of(y), r) for r, y in needed.yields(node, block)]
        return found

    def _merge(self, one: Value, two: Value, any_hint: bool = False) -> bool:
        """Gives two values one variable, if they are never alive at once and no name is lost."""
        if one not in self._ids or two not in self._ids:
            return False
        a, b = self._class[self._ids[one]], self._class[self._ids[two]]
        if a is b:
            return True
        if a.occupied & b.occupied or (a.fixed and b.fixed):
            return False
        if not any_hint and not self._agree(one, two, a, b):
            return False
        self._unite(a, b)
        return True

    def _agree(self, one: Value, two: Value, a: _Class, b: _Class) -> bool:
        if one in self.program.counters or two in self.program.counters:
            return False
        return not a.hint or not b.hint or a.hint == b.hint

    def _unite(self, a: _Class, b: _Class) -> None:
        a.members += b.members
        a.occupied |= b.occupied
        a.hint = b.hint if b.fixed or not a.hint else a.hint
        a.fixed = a.fixed or b.fixed
        for member in b.members:
            self._class[member] = a

    def _merge_namesakes(self, values: Sequence[Value]) -> None:
        groups: dict[str, list[_Class]] = {}
        for k in range(len(values)):
            mine = self._class[k]
            if not mine.hint:
                continue
            group = groups.setdefault(mine.hint, [])
            if any(mine is other for other in group):
                continue
            for other in group:
                if self._counts(mine) is not self._counts(other):
                    continue
                if not mine.occupied & other.occupied and not (mine.fixed and other.fixed):
                    self._unite(other, mine)
                    break
            else:
                group.append(mine)

    def _counts(self, mine: _Class) -> bool:
        """Is it the variable of loops' counters, which nobody else assigns?"""
        return self._values[mine.members[0]] in self.program.counters

    # -- names ------------------------------------------------------------------------------------

    def _name_all(
        self, values: Sequence[Value], param_names: Sequence[str], reserved: Iterable[str]
    ) -> dict[_Class, str]:
        names = self._fresh = Names(PYTHON, reserved)
        found: dict[_Class, str] = {}
        for param, wanted in zip(self.program.function.params, param_names):
            mine = self._class[self._ids[param]]
            found[mine] = names.fresh(unicodedata.normalize("NFKC", wanted), "x")
        hints = {c.hint for c in self._class} | {*found.values()}
        classes = dict.fromkeys(self._class[k] for k in range(len(values)))
        # What the user has named comes first, so that it has its name to itself.
        for mine in sorted(classes, key=lambda c: not c.hint):
            if mine not in found:
                first = values[mine.members[0]]
                hint = self._short(first, mine.hint, hints)
                found[mine] = names.fresh(hint, self._otherwise(first))
        return found

    def _short(self, value: Value, hint: str, hints: set[str]) -> str:
        """`n` for a length; nothing for a counter whose name belongs to what it counts."""
        if value in self.program.counters:
            shared = any(c.hint == hint and c.members[0] != self._ids[value] for c in self._class)
            return "" if shared and not self._only_counters(hint) else hint
        node = self.program.maker(value)
        if node is None or node.op.name != "dim" or (hint and "_n" not in hint):
            return hint
        short = "nmk"[node.attrs["axis"]] if node.attrs["axis"] < 3 else "n"
        if short in hints:
            return hint
        hints.add(short)
        return short

    def _only_counters(self, hint: str) -> bool:
        members = {m for c in self._class if c.hint == hint for m in c.members}
        counters = {self._ids[v] for v in self.program.counters if v in self._ids}
        return members <= counters

    def _otherwise(self, value: Value) -> str:
        """A name for what the user has not named."""
        if value in self.program.counters:
            return "i"
        if isinstance(value.type, Stack):
            return "tape"
        if isinstance(value.type, Array) and value.type.dtype == BOOL:
            return "mask"
        if isinstance(value.type, Array) and value.type.dtype == I64:
            return "idx"
        if value.type == Scalar(BOOL):
            return "flag"
        return "k" if value.type == Scalar(I64) else "t"
