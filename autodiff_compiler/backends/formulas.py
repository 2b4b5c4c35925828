"""Derivative rules written down: operands that note what a rule does with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..ir.op import TABLE, Op
from ..ir.types import F64, Array
from .text import PYTHON, Text, fill, infix

__all__ = ["Formula", "number"]


class Formula:
    """An operand of a derivative rule that writes down what is done with it."""

    type: Any = Array(F64, (None,))
    rank, dtype = 1, F64

    def __init__(self, text: str | Text):
        self.text = Text(text) if isinstance(text, str) else text

    def __str__(self) -> str:
        return str(self.text)

    def apply(self, op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Formula:
        texts = [x.text if isinstance(x, Formula) else number(x) for x in operands]
        if op.name == "cast":
            return Formula(Text(f"{texts[0].at(100)}.astype({attrs['dtype']})"))
        template = op.numpy.get("array") if isinstance(op.numpy, Mapping) else op.numpy
        if template is None:
            assert op.infix is not None, op
            return Formula(infix(op.infix, texts[0], texts[1], PYTHON))
        return Formula(fill(template, dict(zip("xyz", texts)), PYTHON))

    def _pair(self, name: str, other: Any, swapped: bool = False) -> Formula:
        return self.apply(TABLE[name], (other, self) if swapped else (self, other), {})

    def __add__(self, other: Any) -> Formula:
        return self._pair("add", other)

    def __radd__(self, other: Any) -> Formula:
        return self._pair("add", other, True)

    def __sub__(self, other: Any) -> Formula:
        return self._pair("sub", other)

    def __rsub__(self, other: Any) -> Formula:
        return self._pair("sub", other, True)

    def __mul__(self, other: Any) -> Formula:
        return self._pair("mul", other)

    def __rmul__(self, other: Any) -> Formula:
        return self._pair("mul", other, True)

    def __truediv__(self, other: Any) -> Formula:
        return self._pair("div", other)

    def __rtruediv__(self, other: Any) -> Formula:
        return self._pair("div", other, True)

    def __neg__(self) -> Formula:
        return self.apply(TABLE["neg"], (self,), {})

    def __gt__(self, other: Any) -> Formula:
        return self._pair("gt", other)

    def __lt__(self, other: Any) -> Formula:
        return self._pair("lt", other)

    def __ge__(self, other: Any) -> Formula:
        return self._pair("ge", other)

    def __le__(self, other: Any) -> Formula:
        return self._pair("le", other)

    def __eq__(self, other: object) -> Formula:  # type: ignore[override]
        return self._pair("eq", other)

    __hash__ = None  # type: ignore[assignment]


def number(x: float) -> Text:
    text = repr(x)
    return Text(text, PYTHON.levels["u-"] if text.startswith("-") else 100)
