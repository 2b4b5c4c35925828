"""What the printer must know of a function before it prints: definitions, places, what is needed.

A loop's slot is one value here: its parameters in both blocks and its result are the same variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...ir.build import Builder, KnownDim
from ...ir.graph import (
    CHECK,
    COND,
    CONST,
    FOR,
    WHILE,
    Block,
    Function,
    Node,
    Value,
    carried_init,
    slot_params,
    slot_yields,
)  # fmt: skip
from ...ir.types import Scalar

if TYPE_CHECKING:
    from .dialect import Dialect


@dataclass(frozen=True, eq=False, slots=True)
class Slot:
    """A value carried round a loop."""

    node: Node
    number: int
    param: Value
    init: Value
    again: Value


class Program:
    """A function with its places numbered, in the order in which it is printed, and in which dialect."""

    def __init__(self, function: Function, builder: Builder, dialect: Dialect):
        self.dialect = dialect
        self.function = function
        self.builder = builder
        self.canon: dict[Value, Value] = {}
        self.definition: dict[Value, Node] = {}
        self.slot_of: dict[Value, Slot] = {}
        self.slots: dict[Node, list[Slot]] = {}
        self.counters: set[Value] = set()
        self.block_of: dict[Node, Block] = {}
        #: the control node that holds a block; None for the function's own
        self.holder: dict[Block, Node | None] = {function.block: None}
        self.start: dict[Node, int] = {}
        self.finish: dict[Node, int] = {}
        self.end: dict[Block, int] = {}
        self._places = 0
        self._equal: dict[Value, Value] = {}
        self._number(function.block)
        self._note_checked_equal(function.block)

    def _next(self) -> int:
        self._places += 1
        return self._places

    def _number(self, block: Block) -> None:
        for node in block.nodes:
            self.block_of[node] = block
            self.start[node] = self._next()
            for result in node.results:
                self.definition[result] = node
            if node.op is FOR or node.op is WHILE:
                self._loop(node)
            for inner in node.blocks:
                self.holder[inner] = node
                self._number(inner)
            self.finish[node] = self._next()
        self.end[block] = self._next()

    def _loop(self, node: Node) -> None:
        made = []
        rows = zip(slot_params(node), carried_init(node), slot_yields(node), node.results)
        for k, (param, init, again, result) in enumerate(rows):
            slot = Slot(node, k, param, init, again)
            self.canon[result] = param
            if node.op is WHILE:
                self.canon[node.blocks[0].params[k]] = param
            self.slot_of[param] = slot
            made.append(slot)
        self.slots[node] = made
        if node.op is FOR:
            self.counters.add(node.blocks[0].params[0])

    def of(self, value: Value) -> Value:
        """The one value that stands for all parts of a slot."""
        return self.canon.get(value, value)

    def maker(self, value: Value) -> Node | None:
        """The simple or cond node that defines a value; None for parameters and slots."""
        return self.definition.get(value) if value not in self.canon else None

    def constant(self, value: Value | int) -> float | int | bool | None:
        """The value of a constant, else None."""
        if isinstance(value, int):
            return value
        node = self.maker(value)
        return node.attrs["value"] if node is not None and node.op is CONST else None

    def dims(self, value: Value) -> tuple[KnownDim, ...]:
        return self.builder.dims.get(value, ())

    def _note_checked_equal(self, block: Block) -> None:
        """Integers that the function's own block checks to be equal are so wherever it matters."""
        for node in block.nodes:
            if node.op is not CHECK:
                continue
            pred = self.maker(node.operands[0])
            if pred is not None and pred.op.name == "eq" and pred.operands[0].type == Scalar("i64"):
                a, b = map(self._checked, pred.operands)
                if a is not b:
                    self._equal[a] = b

    def _checked(self, value: Value) -> Value:
        while value in self._equal:
            value = self._equal[value]
        return value

    def same(self, a: Value | int, b: Value | int) -> bool:
        """Are two integers known to be equal?"""
        if isinstance(a, Value):
            a = self._checked(a)
        if isinstance(b, Value):
            b = self._checked(b)
        if a is b:
            return True
        x, y = self.constant(a), self.constant(b)
        if x is not None or y is not None:
            return x == y
        m, n = self.maker(a), self.maker(b)
        if m is None or n is None or m.op.name != "dim" or n.op.name != "dim":
            return False
        return m.operands == n.operands and m.attrs == n.attrs

    def path(self, block: Block) -> list[tuple[Node, Block]]:
        """The control nodes around a block and their block that leads to it, innermost first."""
        found = []
        holder = self.holder[block]
        while holder is not None:
            found.append((holder, block))
            block = self.block_of[holder]
            holder = self.holder[block]
        return found

    def spelling(self, node: Node) -> str | None:
        """How the dialect writes the node's op, for the dtype and rank of its first result."""
        return spelling(node, self.dialect.spelling(node))

    def effect(self, node: Node) -> bool:
        """Must the node run although nothing reads its results? A `while` may never end."""
        return node.op.effect or node.op is WHILE


class Needed:
    """The values and nodes that the results and the effects need; all others are not printed.

    `reads` gives the values that a simple node reads; `roots` are nodes that must stay.
    """

    def __init__(
        self,
        program: Program,
        roots: Iterable[Node] = (),
        reads: Callable[[Node], Iterable[Value]] = lambda node: node.operands,
    ):
        self.program = program
        self.values: set[Value] = set()
        self.nodes: set[Node] = set()
        self._reads = reads
        self._work: list[Value | Node] = [*program.function.results, *roots]
        self._work += [n for n in program.block_of if program.effect(n)]
        while self._work:
            item = self._work.pop()
            if isinstance(item, Node):
                self._node(item)
            else:
                self._value(program.of(item))

    def _value(self, value: Value) -> None:
        if value in self.values:
            return
        self.values.add(value)
        slot = self.program.slot_of.get(value)
        if slot is not None:
            self._work += [slot.node, slot.init, slot.again]
            return
        node = self.program.definition.get(value)
        if node is None:
            return
        self._work.append(node)
        if node.op is COND:
            k = node.results.index(value)
            self._work += [block.results[k] for block in node.blocks]

    def _node(self, node: Node) -> None:
        if node in self.nodes:
            return
        self.nodes.add(node)
        holder = self.program.holder[self.program.block_of[node]]
        if holder is not None:
            self._work.append(holder)
        if node.op is FOR:
            self._work += node.operands[:3]
            if node.attrs.get("stops"):
                self._work.append(node.blocks[0].results[0])
        elif node.op is WHILE:
            self._work.append(node.blocks[0].results[0])
        elif node.op is COND:
            self._work.append(node.operands[0])
        else:
            self._work += self._reads(node)
            if node.op.consumes is not None:
                # It is there whether or not it is read: the same object under its next name.
                self.values.add(node.results[0])

    def slots(self, node: Node) -> list[Slot]:
        return [s for s in self.program.slots[node] if s.param in self.values]

    def yields(self, node: Node, block: Block) -> list[tuple[Value, Value]]:
        """(result, yield) of a cond's branch, where the result is needed."""
        return [(r, y) for r, y in zip(node.results, block.results) if r in self.values]


def dtype_class(dtype: str) -> str:
    """The letter by which op records key their spellings."""
    return "b" if dtype == "bool" else dtype[0]


def spelling(node: Node, attribute: Mapping[str, str] | str | None) -> str | None:
    """An op's spelling for the dtype and rank of a node's first result."""
    if attribute is None or isinstance(attribute, str):
        return attribute
    letter = dtype_class(node.results[0].type.dtype)
    scalar = isinstance(node.results[0].type, Scalar)
    keys = (f"scalar {letter}", "scalar", letter, "array") if scalar else (letter, "array")
    return next((attribute[key] for key in keys if key in attribute), None)
