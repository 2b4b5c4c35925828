"""Divisions of whole rows by one number: its inverse is taken once.

A division costs as much as eight multiplications. In adjoints, `g / s` for the elements of a row becomes
`g * (1 / s)`, which may differ from it in the last place. What users wrote may hang on the last place
(`np.floor(x / dx)`), so a quotient of theirs is corrected by what it leaves over, and is then the one that
is nearest: with a fused multiply-add the remainder of a rounded quotient is exact (Markstein,
"Computation of elementary functions on the IBM RISC System/6000 processor", 1990). Numbers so small or
so large that their inverse is none are scaled first.

The adjoint of `y = 1 / x` is `-(g * y) / x`, and that is `-(g * y) * y`.
"""

from __future__ import annotations

import math
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
#: quotient(a, b, 1 / b): a / b to the last place.
_QUOTIENT = replace(
    _DIV, name="quotient", evaluate=lambda attrs, a, b, inverse: _DIV.evaluate(attrs, a, b),
    c="adc_quotient({x}, {y}, {z})", numpy=None, infix=None, c_infix=None, spellings=(),
)  # fmt: skip


def inverted(function: Function) -> Function:
    return _Divisors().run(function)


class _Divisors(Rewriter):
    def __init__(self) -> None:
        super().__init__()
        #: by divisor: what it is multiplied by, the product, its inverse, and the block of all three
        self.known: dict[Value, tuple[Value | None, Value, Value, list[Node]]] = {}
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
        if node.op is not _DIV or not _by_rows(node) or self.is_plain(operands[1]):
            super().simple(node, operands)
            return
        scale, divisor, inverse = self.inverse(operands[1])
        scaled = operands[0] if scale is None else self.b.emit(_MUL, operands[0], scale)
        if node.span.sweep:
            result = self.b.emit(_MUL, scaled, inverse)
        else:
            result = self.b.emit(_QUOTIENT, scaled, divisor, inverse)
        self.bind(node.results, [result])

    def is_plain(self, b: Value) -> bool:
        """Is it a power of two? C compilers multiply by its inverse themselves."""
        number = self.b.constants.get(b)
        return number is not None and abs(math.frexp(number)[0]) in (0.0, 0.5)

    def inverse(self, b: Value) -> tuple[Value | None, Value, Value]:
        found = self.known.get(b)
        if found is None or not self.b.is_open(found[3]):
            found = self.known[b] = (*self.made(b), self.b.nodes)
        return found[:3]

    def made(self, b: Value) -> tuple[Value | None, Value, Value]:
        scale, divisor = None, b
        if not 2.0**-1000 <= abs(self.b.constants.get(b, 0.0)) <= 2.0**1000:
            scale = self.b.emit(_SCALE, b)
            divisor = self.b.emit(_MUL, b, scale)
        return scale, divisor, self.b.emit(_DIV, self.b.const(1.0), divisor)


def _by_rows(node: Node) -> bool:
    """Is every element of a row divided by the same double?"""
    result, (a, b) = node.result, node.operands
    if not isinstance(result.type, Array) or any(v.type.dtype != F64 for v in (a, b)):
        return False
    if isinstance(b.type, Scalar):
        return True
    return bool(b.type.dims) and b.type.dims[-1] == 1 and result.type.dims[-1] != 1
