"""Divisions of whole rows by one number, in adjoints: its inverse is taken once.

A division costs as much as eight multiplications. `g / s` for the elements of a row becomes
`g * (1 / s)`, which may differ from it in the last place. Only what the reverse pass wrote is
changed: what users wrote may hang on the last place (`np.floor(x / dx)`). Numbers so small or so
large that their inverse is none are scaled first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.build import Rewriter
from ..ir.graph import Function, Node, Value
from ..ir.types import F64, Array, Scalar
from ..ops import TABLE

__all__ = ["inverted"]

_DIV, _MUL = TABLE["div"], TABLE["mul"]
#: The power of two by which a divisor is multiplied: 1 for those whose inverse has all its digits.
#: No op of the table, since no program has it before it is lowered.
_SCALE = replace(TABLE["sign"], name="divisor_scale", c="adc_scale({x})", numpy=None, spellings=())


def inverted(function: Function) -> Function:
    return _Divisors().run(function)


class _Divisors(Rewriter):
    def __init__(self) -> None:
        super().__init__()
        #: by divisor: its inverse and its scale, and the block in which they stand
        self.known: dict[Value, tuple[Value, Value, list[Node]]] = {}

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if node.op is not _DIV or not node.span.sweep or not _by_rows(node):
            super().simple(node, operands)
            return
        a, b = operands
        inverse, scale = self.inverse(b)
        scaled = a if b in self.b.constants else self.b.emit(_MUL, a, scale)
        self.bind(node.results, [self.b.emit(_MUL, scaled, inverse)])

    def inverse(self, b: Value) -> tuple[Value, Value]:
        found = self.known.get(b)
        if found is None or not self.b.is_open(found[2]):
            found = self.known[b] = (*self.made(b), self.b.nodes)
        return found[0], found[1]

    def made(self, b: Value) -> tuple[Value, Value]:
        scale = self.b.emit(_SCALE, b)
        return self.b.emit(_DIV, self.b.const(1.0), self.b.emit(_MUL, b, scale)), scale


def _by_rows(node: Node) -> bool:
    """Is every element of a row divided by the same double?"""
    result, (a, b) = node.result, node.operands
    if not isinstance(result.type, Array) or any(v.type.dtype != F64 for v in (a, b)):
        return False
    if isinstance(b.type, Scalar):
        return True
    return bool(b.type.dims) and b.type.dims[-1] == 1 and result.type.dims[-1] != 1
