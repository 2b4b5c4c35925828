"""Simple nodes that are statements: updates, pushes and pops, checks; and assignments of the rest."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir.graph import CHECK, Node, Value
from ...ir.types import I64, Array, Scalar
from ..text import LOWEST, PYTHON, Text, infix
from .expressions import Expressions, operator_of
from .program import Program

_OPPOSITE = {"==": "!=", "!=": "=="}
_OPPOSITE_INTS = {**_OPPOSITE, "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
#: Operators that Python has with an equals sign.
AUGMENTED = {"+", "-", "*", "/", "//", "%", "**", "&", "|", "^"}


class Statements:
    """Prints one node as lines. `targets` names the results that are to be assigned, or None each."""

    def __init__(self, program: Program, expressions: Expressions, checks: Mapping[Node, int]):
        self.program = program
        self.expressions = expressions
        self.checks = checks

    def lines(self, node: Node, targets: list[str | None]) -> list[str]:
        kinds = {
            "store": self._store,
            "add_at": self._add_at,
            "push": self._push,
            "poke": self._poke,
        }
        if node.op.name in kinds:
            return [kinds[node.op.name](node)]
        if node.op is CHECK:
            return self._check(node)
        if node.op.kind == "check":
            return [*self._range_check(node), *self._assigned(node, targets)]
        if node.op.name == "pop":
            if not self.expressions.choice.named(node.results[1]):
                return []
            text = self.expressions.made(node.results[1]).text
            return [f"{targets[1]} = {text}" if targets[1] else text]
        if node.op.name == "nonzero" and len(node.results) > 1:
            found = self.expressions.places(node)
            return [f"{', '.join(t or '__' for t in targets)} = {found}"]
        if node.op.kind == "linalg" and (len(node.results) > 1 or not any(targets)):
            left = ", ".join(t or "__" for t in targets) if any(targets) else "__"
            return [f"{left} = {self.expressions.linalg_call(node)}"]
        return self._assigned(node, targets)

    def _assigned(self, node: Node, targets: list[str | None]) -> list[str]:
        return [
            self.assignment(target, result)
            for target, result in zip(targets, node.results)
            if target
        ]

    def assignment(self, target: str, value: Value) -> str:
        """`target = ...`, as an augmented assignment where that says the same."""
        if isinstance(value.type, Scalar):
            short = self._augmented(target, value)
            if short:
                return short
        return f"{target} = {self.expressions.made(value).at(LOWEST)}"

    def _augmented(self, target: str, value: Value) -> str | None:
        """A number has no aliases, so that `s += x` is `s = s + x`."""
        node = self.program.definition[value]
        if node.op.kind != "elementwise" or len(node.operands) != 2:
            return None
        operator = operator_of(node.op, self.program.spelling(node))
        if operator not in AUGMENTED:
            return None
        left, right = self.expressions.operands(node)
        if left.text != target:
            return None
        taken = self.expressions.opposite(node.operands[1]) if operator == "+" else None
        return f"{target} -= {taken}" if taken else f"{target} {operator}= {right}"

    # -- updates ----------------------------------------------------------------------------------

    def _place(self, node: Node) -> str:
        base = node.operands[0]
        inside = self.expressions.subscripts.text(base, node.attrs["index"], node.operands[2:])
        return f"{self.expressions.tight(base)}[{inside}]"

    def _store(self, node: Node) -> str:
        place = self._place(node)
        short = self._updated(node, place)
        # Nothing of f32 or i32 needs to be strong here: the array decides.
        return (
            short or f"{place} = {self.expressions.value(node.operands[1], weak=True).at(LOWEST)}"
        )

    def _updated(self, node: Node, place: str) -> str | None:
        """`a[i] op= v`, if what is stored is `a[i] op v`."""
        value = self.program.of(node.operands[1])
        maker = self.program.maker(value)
        if maker is None or self.expressions.choice.named(value) or len(maker.operands) != 2:
            return None
        operator = operator_of(maker.op, self.program.spelling(maker))
        if operator not in AUGMENTED or maker.op.kind != "elementwise":
            return None
        left = self.program.of(maker.operands[0])
        load = self.program.maker(left)
        if load is None or load.op.name != "load" or self.expressions.choice.named(left):
            return None
        same = load.operands[0] is node.operands[0] and load.operands[1:] == node.operands[2:]
        if not same or load.attrs["index"] != node.attrs["index"]:
            return None
        taken = self.expressions.opposite(maker.operands[1]) if operator == "+" else None
        if taken:
            return f"{place} -= {taken}"
        return f"{place} {operator}= {self.expressions.operands(maker)[1]}"

    def _add_at(self, node: Node) -> str:
        value = self.expressions.value(node.operands[1], weak=True).at(LOWEST)
        letters = node.attrs["index"]
        if "a" not in letters:
            taken = self.expressions.opposite(node.operands[1])
            return f"{self._place(node)} -= {taken}" if taken else f"{self._place(node)} += {value}"
        base = node.operands[0]
        inside = self.expressions.subscripts.argument(base, letters, node.operands[2:])
        return f"np.add.at({self.expressions.loose(base)}, {inside}, {value})"

    def _push(self, node: Node) -> str:
        stack, value = node.operands
        return f"{self.expressions.tight(stack)}.append({self.expressions.loose(value)})"

    def _poke(self, node: Node) -> str:
        stack, value, i = node.operands
        text = self.expressions.loose(value)
        return f"{self.expressions.tight(stack)}[{self.expressions.index(i).text}] = {text}"

    # -- checks -----------------------------------------------------------------------------------

    def _check(self, node: Node) -> list[str]:
        reason = str(node.attrs.get("reason", ""))
        return self._unless(self.negated(node.operands[0]), "ArithmeticError", node, reason)

    def _range_check(self, node: Node) -> list[str]:
        """An index that nothing else checks."""
        i, n = (self.expressions.value(v) for v in node.operands)
        low = Text(f"-{n.at(PYTHON.levels['u-'])}", PYTHON.levels["u-"])
        if isinstance(node.operands[0].type, Array):
            below, above = infix("<", i, low, PYTHON), infix(">=", i, n, PYTHON)
            bad = f"{self.expressions.module}.any(({below}) | ({above}))"
        else:
            level = PYTHON.levels["<"] + 1
            bad = f"not {low.at(level)} <= {i.at(level)} < {n.at(level)}"
        return self._unless(bad, "IndexError", node, "the index is out of bounds")

    def _unless(self, bad: str, error: str, node: Node, reason: str) -> list[str]:
        message = f"check {self.checks[node]}: {reason}"
        return [f"if {bad}:", f"    raise {error}({message!r})"]

    def negated(self, value: Value) -> str:
        """The condition under which a bool is false."""
        value = self.program.of(value)
        node = self.program.maker(value)
        if node is not None and not self.expressions.choice.named(value):
            if node.op.name == "not":
                return self.expressions.loose(node.operands[0])
            # Of floats only == has an opposite: a NaN is neither below nor above.
            whole = node.op.infix and all(v.type == Scalar(I64) for v in node.operands)
            opposite = (_OPPOSITE_INTS if whole else _OPPOSITE).get(node.op.infix or "")
            if opposite:
                left, right = (self.expressions.value(v) for v in node.operands)
                return infix(opposite, left, right, PYTHON).text
        return f"not {self.expressions.value(value).at(PYTHON.levels['not'])}"
