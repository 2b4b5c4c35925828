"""Divisions of whole rows by one number, in adjoints: its inverse is taken once.

A division costs as much as eight multiplications. `g / s` for the elements of a row becomes
`g * (1 / s)`, which may differ from it in the last place. Only what the reverse pass wrote is
changed: what users wrote may hang on the last place (`np.floor(x / dx)`). Numbers so small or so
large that their inverse is none are scaled first.

The adjoint of `y = 1 / x` is `-(g * y) / x`, and that is `-(g * y) * y`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.build import Rewriter
from ..ir.graph import Function, Node, Value
from ..ir.types import F64, Array, Scalar
from ..ops import TABLE

__all__ = ["inverted"]

_DIV, _MUL, _NEG = TABLE["div"], TABLE["mul"], TABLE["neg"]
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
        #: by inverse 1 / x: x
        self.inverted: dict[Value, Value] = {}
        #: by product, or product with another sign: its factors
        self.factors: dict[Value, tuple[Value, ...]] = {}

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if node.op is _DIV and node.span.sweep and (inverse := self.factor(*operands)) is not None:
            self.bind(node.results, [self.b.emit(_MUL, operands[0], inverse)])
            return
        self.divide(node, operands)
        if node.op is _DIV and self.b.constants.get(operands[0]) == 1.0:
            self.inverted[self.env[node.result]] = operands[1]
        elif node.op is _MUL:
            self.factors[self.env[node.result]] = tuple(operands)
        elif node.op is _NEG:
            self.factors[self.env[node.result]] = self.factors.get(operands[0], ())

    def factor(self, a: Value, b: Value) -> Value | None:
        """The inverse of `b`, if `a` has it as a factor: whatever it lacks, `a` lacks already."""
        return next((x for x in self.factors.get(a, ()) if self.inverted.get(x) is b), None)

    def divide(self, node: Node, operands: Sequence[Value]) -> None:
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
