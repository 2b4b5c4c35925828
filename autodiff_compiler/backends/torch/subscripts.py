"""Subscripts of tensors: steps are positive there, and an integer beside index tensors is none of them."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import UnsupportedError
from ...ir.graph import Node, Value
from ...ops.index import layout, parts
from ..python.subscripts import Subscripts
from ..text import LOWEST


class TorchSubscripts(Subscripts):
    def _items(self, base: Value, letters: str, operands: Sequence[Value]) -> list[str]:
        items = super()._items(base, letters, operands)
        if "a" in letters and "i" in letters:
            advanced = [k for k, x in enumerate(letters) if x != "s"]
            if advanced[-1] - advanced[0] + 1 != len(advanced):
                # NumPy takes the integer for an index array; here it has to be one.
                items = [f"torch.tensor([{t}])" if x == "i" else t for t, x in zip(items, letters)]
        return items

    def _slice(self, n: Value | int, start: Value, length: Value, step: Value) -> str:
        if self._forward(step):
            return super()._slice(n, start, length, step)
        return self._mirrored(n, start, length, step)

    def _forward(self, step: Value) -> bool:
        known = self.program.constant(step)
        return known is not None and known > 0

    def _mirrored(self, n: Value | int, start: Value, length: Value, step: Value) -> str:
        """The entries of a slice with a negative step, in the order in which they lie."""
        if self.reversed(n, start, length, step):
            return ":"
        by = self.program.constant(step)
        if by is None:
            return ":"  # picked out by `index_select` afterwards
        begin, count = self.expressions.value(start), self.expressions.value(length)
        low = f"{begin.at(66)} + 1 - {count.at(71)}" if by == -1 else (
            f"{begin.at(66)} - ({count.at(66)} - 1) * {-int(by)}"
        )  # fmt: skip
        return f"{low}:{begin.at(66)} + 1" + ("" if by == -1 else f":{-int(by)}")

    def reversed(self, n: Value | int, start: Value, length: Value, step: Value) -> bool:
        """`::-1`, all of the axis backwards?"""
        node = self.origin(n, start, length, step)
        if node is None or node.attrs["lo"] or node.attrs["hi"]:
            return False
        return self.program.constant(step) == -1

    def turned(self, base: Value, letters: str, operands: Sequence[Value], node: Node) -> list[int]:
        """The dims of the region along which its slice goes backwards."""
        slices, before = layout(letters)
        arrays = max((p[0].type.rank for x, p in zip(letters, parts(letters, operands)) if x == "a"),
                     default=0)  # fmt: skip
        found = []
        for axis, (letter, p) in enumerate(zip(letters, parts(letters, operands))):
            if letter != "s" or self._forward(p[2]):
                continue
            if self.program.constant(p[2]) is None:
                raise self.no_spelling("a slice whose step is known only when it runs", node)
            k = slices.index(axis)
            found.append(k if k < before else k + arrays)
        return found

    def tensors(
        self, base: Value, letters: str, operands: Sequence[Value], node: Node
    ) -> list[str]:
        """The index as tensors, `None` for a whole axis."""
        out = []
        for axis, (letter, p) in enumerate(zip(letters, parts(letters, operands))):
            if letter == "s":
                if self._slice(self.program.dims(base)[axis], *p) != ":" or not self._forward(p[2]):
                    raise self.no_spelling("an addition at index arrays beside a slice", node)
                out.append("None")
            else:
                text = self.expressions.index(p[0]).at(LOWEST)
                out.append(f"torch.tensor([{text}])" if letter == "i" else text)
        return out

    @staticmethod
    def no_spelling(what: str, node: Node) -> UnsupportedError:
        return UnsupportedError(f"{what} has no spelling in PyTorch here", node.span)
