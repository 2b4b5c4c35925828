"""Subscripts as the user would write them: `i`, `lo:hi:step`, `:`, index arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.graph import Node, Value
from ...ops.index import parts
from ..text import LOWEST, PYTHON, Text, infix
from .program import Program

if TYPE_CHECKING:
    from .expressions import Expressions


class Subscripts:
    """Prints what stands between the brackets of a load or a store."""

    def __init__(self, program: Program, expressions: Expressions):
        self.program = program
        self.expressions = expressions

    def text(self, base: Value, letters: str, operands: Sequence[Value]) -> str:
        """The subscript; ":" alone if it takes everything."""
        items = self._items(base, letters, operands)
        while len(items) > 1 and items[-1] == ":":
            items.pop()
        return ", ".join(items) or "()"

    def argument(self, base: Value, letters: str, operands: Sequence[Value]) -> str:
        """The same as an argument of a function."""
        items = self._items(base, letters, operands)
        if "s" in letters:
            return f"np.s_[{', '.join(items)}]"
        return items[0] if len(items) == 1 else f"({', '.join(items)})"

    def _items(self, base: Value, letters: str, operands: Sequence[Value]) -> list[str]:
        items = []
        for axis, (letter, p) in enumerate(zip(letters, parts(letters, operands))):
            if letter == "s":
                items.append(self._slice(self.program.dims(base)[axis], *p))
            else:
                items.append(self.expressions.index(p[0]).at(LOWEST))
        return items

    def _slice(self, n: Value | int, start: Value, length: Value, step: Value) -> str:
        node = self.origin(n, start, length, step)
        if node is not None:
            return self._as_written(node)
        known = self.program.constant
        if known(start) == 0 and known(step) == 1 and self.program.same(length, n):
            return ":"
        if known(step) == 1:
            trimmed = self._trimmed(n, start, length)
            if trimmed is not None:
                return trimmed
            if known(start) == 0:
                return f":{self.expressions.loose(length)}"
        return self._computed(start, length, step)

    def _trimmed(self, n: Value | int, start: Value, length: Value) -> str | None:
        """`2:` or `1:-1`, where so much is known to remain of an axis.

        A slice with constant bounds leaves max(n - c, 0) entries; as many from `start` on end at
        c - start before the end of the axis.
        """
        node, first = self.program.maker(length), self.program.constant(start)
        if (
            node is None
            or node.op.name != "slice"
            or length is not node.results[1]
            or first is None
        ):
            return None
        known = [self.program.constant(v) for v in node.operands[:-1]]
        if not self.program.same(node.operands[-1], n) or known.pop() != 1 or None in known:
            return None
        lo = known.pop(0) if node.attrs["lo"] else 0
        hi = known.pop(0) if node.attrs["hi"] else None
        if lo < 0 or (hi is not None and hi >= 0):  # type: ignore[operator]
            return None
        behind = lo - (hi or 0) - first  # type: ignore[operator]
        if first < 0 or behind < 0:
            return None
        return f"{first or ''}:{-behind or ''}"

    def origin(self, n: Value | int, start: Value, length: Value, step: Value) -> Node | None:
        """The `slice` node whose region this is, made for an axis of this length."""
        node = self.program.maker(length)
        if node is None or node.op.name != "slice" or length is not node.results[1]:
            return None
        if start is not node.results[0] and not self._starts_at(node, start):
            return None
        fits = self.program.same(node.operands[-1], n) and self.program.same(
            node.operands[-2], step
        )
        return node if fits else None

    def _starts_at(self, node: Node, start: Value) -> bool:
        """Is a constant where the slice starts, unless it is empty?"""
        first, step = self.program.constant(start), self.program.constant(node.operands[-2])
        if first is None or step is None or step < 0:
            return False
        lo = self.program.constant(node.operands[0]) if node.attrs["lo"] else 0
        return lo == first and first >= 0

    def _as_written(self, node: Node) -> str:
        bounds = list(node.operands[:-2])
        lo = self.expressions.loose(bounds.pop(0)) if node.attrs["lo"] else ""
        hi = self.expressions.loose(bounds.pop(0)) if node.attrs["hi"] else ""
        step = node.operands[-2]
        if self.program.constant(step) == 1:
            return f"{lo}:{hi}"
        return f"{lo}:{hi}:{self.expressions.loose(step)}"

    def _computed(self, start: Value, length: Value, step: Value) -> str:
        known = self.program.constant
        first, by = known(start), known(step)
        begin, count = self.expressions.value(start), self.expressions.value(length)
        if known(length) is not None and by is not None:
            width = known(length) * by  # type: ignore[operator]
            distance = Text(str(width), PYTHON.levels["u-"] if width < 0 else Text("").level)
        elif by == 1:
            distance = count
        else:
            distance = infix("*", count, self.expressions.value(step), PYTHON)
        if first is not None and distance.text.isdigit():
            stop = Text(str(int(first) + int(distance.text)))
        elif first == 0:
            stop = distance
        else:
            stop = infix("+", begin, distance, PYTHON)
        if by == 1:
            return f"{begin}:{stop}"
        if by is None or by < 0:
            # Before index 0 a slice ends at None; a negative stop would count from the end.
            nonnegative = infix(">=", stop, Text("0"), PYTHON)
            stop = Text(f"{stop} if {nonnegative} else None", PYTHON.levels["if"])
        return f"{begin}:{stop}:{self.expressions.loose(step)}"

    def slice_part(self, node: Node, part: int) -> str:
        """The start or the length of a slice, where it is used for anything else."""
        taken = f"range({self.expressions.loose(node.operands[-1])})[{self._as_written(node)}]"
        # An empty slice starts at 0.
        return f"len({taken})" if part else f"next(iter({taken}), 0)"
