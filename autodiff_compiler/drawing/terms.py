"""Values as text in the field's terms: `w * x`, `L[i, :j] @ L[j, :j]`, `sqrt(d)`.

The spelling is that of the Python back end, whose texts come from the op records, without what only
a machine needs: conversions between Python's and NumPy's scalars, the module's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..backends.python.expressions import UNARY, Expressions
from ..backends.python.numbers import Numbers
from ..backends.python.program import Program, spelling
from ..backends.python.statements import Statements
from ..backends.text import ATOM, LOWEST, Text
from ..ir.graph import CHECK, CONST, Node, Value
from ..ir.types import Array

_MODULE = re.compile(r"\bnp\.(?:linalg\.)?(?=[A-Za-z_])")
_BARE = ("index", "wrap")
#: As many digits as anyone reads in a picture.
_DIGITS = 6


class Terms(Expressions):
    """Prints values. `shown(value)`: the name to print instead of an expression, or None."""

    def __init__(self, program: Program, shown: Callable[[Value], str | None]):
        self.shown = shown
        super().__init__(program, Numbers(program), self, lambda v: shown(v) or "·")
        self.statements = Statements(program, self, _NoNumbers())

    # -- what `Expressions` asks of a choice --------------------------------------------------------

    def named(self, value: Value) -> bool:
        value = self.program.of(value)
        return self.program.maker(value) is None or self.shown(value) is not None

    def bare(self, value: Value) -> bool:
        node = self.program.maker(value)
        return node is not None and node.op.name in _BARE

    # -- without a machine's worries ----------------------------------------------------------------

    def operands(self, node: Node) -> list[Text]:
        return [self.value(v, weak=True) for v in node.operands]

    def _elementwise(self, node: Node, value: Value) -> Text:
        if node.op.name == "cast":
            x = self.value(node.operands[0])
            return x if not isinstance(value.type, Array) else self._cast(node)
        short = self._known(node) or self._twice_not(node)
        if short is not None:
            return short
        text = spelling(node, node.op.numpy)
        return self._sum(node) or self._apply(node.op, text, self.operands(node))

    def _known(self, node: Node) -> Text | None:
        """Sums and products of integers as one would write them: `0 - 1` as -1, `n * 1` as n."""
        if node.op.name not in ("iadd", "isub", "imul"):
            return None
        known = [self.program.constant(v) for v in node.operands]
        if None not in known:
            value = node.op.evaluate(node.attrs, *known)  # type: ignore[misc]
            return Text(str(value), UNARY if value < 0 else ATOM)
        neutral = 1 if node.op.name == "imul" else 0
        if known[1] == neutral:
            return self.value(node.operands[0])
        return (
            self.value(node.operands[1]) if known[0] == neutral and node.op.name != "isub" else None
        )

    def _twice_not(self, node: Node) -> Text | None:
        """`not not x`, which a check of what must not hold would say, as `x`."""
        inner = self.program.maker(self.program.of(node.operands[0]))
        if node.op.name != "not" or inner is None or inner.op.name != "not":
            return None
        return None if self.named(node.operands[0]) else self.value(inner.operands[0])

    def made(self, value: Value, weak: bool = False) -> Text:
        node = self.program.definition[value]
        if node.op is CONST and isinstance(node.attrs["value"], float):
            text = repr(node.attrs["value"])
            if len(text) > _DIGITS + 2 and "e" not in text:
                text = f"{node.attrs['value']:.{_DIGITS}g}"
            return Text(text, UNARY if text.startswith("-") else ATOM)
        return super().made(value, weak)

    def _wrapped(self, node: Node, value: Value) -> Text:
        return self.value(node.operands[0])

    # -- for pictures -------------------------------------------------------------------------------

    def expression(self, value: Value) -> str:
        """What makes a value, or the value itself where nothing does."""
        value = self.program.of(value)
        if self.program.maker(value) is None:
            return self.name(value)
        return plain(self.made(value).at(LOWEST))

    def use(self, value: Value) -> str:
        """A value where it is used."""
        return plain(self.loose(value))

    def statement(self, node: Node, targets: list[str | None]) -> list[str]:
        """A simple node as statements that give its results these names."""
        if node.op is CHECK:
            if self.program.constant(node.operands[0]) is False:
                return [f"stops: {node.attrs.get('reason') or 'the program raises'}"]
            return [f"check {self.use(node.operands[0])}"]
        if node.op.name == "index":
            i, n = (self.use(v) for v in node.operands)
            return [f"check {i} < {n}"]
        if node.op is CONST:
            return []
        if node.op.name == "add_at":
            base, value, *index = node.operands
            inside = self.subscripts.text(base, node.attrs["index"], index)
            place = f"{self.tight(base)}[{inside}]"
            taken = self.opposite(value)
            return [plain(f"{place} -= {taken}" if taken else f"{place} += {self.loose(value)}")]
        return [plain(line) for line in self.statements.lines(node, targets)]


class _NoNumbers(dict[Node, int]):
    """Checks need no numbers here."""

    def __missing__(self, key: Node) -> int:
        return 0


def plain(text: str) -> str:
    """`np.exp(x)` as `exp(x)`."""
    return _MODULE.sub("", text)


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
