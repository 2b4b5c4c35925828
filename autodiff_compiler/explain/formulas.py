"""Derivatives as text: the op records' rules applied to names, with ones and signs worked out.

A `Term` is a number times factors over divisors. Rules that multiply, divide and negate stay terms, so
that the derivative of `w * x` by `w` reads `x` and not `1 * x`; whatever else they do becomes one factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..backends.formulas import Formula, number
from ..backends.text import ATOM, PYTHON, Text, fill, infix
from ..ir.op import NON_DIFFERENTIABLE, Op
from ..ir.types import F64, Scalar

__all__ = ["Term", "ONE", "local_terms", "spelled", "total"]


class Term(Formula):
    """coef * num[0] * num[1] ... / den[0] / den[1] ... of scalars."""

    type: Any = Scalar(F64)
    rank, dtype = 0, F64

    def __init__(self, coef: float = 1.0, num: Sequence[Text] = (), den: Sequence[Text] = ()):
        self.coef = coef
        self.num, self.den = _cancelled(num, den)

    @classmethod
    def of(cls, text: Text | str) -> Term:
        return cls(1.0, (Text(text) if isinstance(text, str) else text,))

    @property
    def is_number(self) -> bool:
        return not self.num and not self.den or self.coef == 0

    @property
    def text(self) -> Text:  # type: ignore[override]
        if self.coef == 0:
            return Text("0")
        size, factors = abs(self.coef), list(self.num)
        if size != 1 or not factors:
            factors.insert(0, Text(shortest(size)))
        made = factors[0]
        for factor in factors[1:]:
            made = infix("*", made, factor, PYTHON)
        for divisor in self.den:
            made = infix("/", made, divisor, PYTHON)
        return Text(f"-{made}", min(made.level, PYTHON.levels["u-"])) if self.coef < 0 else made

    def apply(self, op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Term:
        terms = [_term(x) for x in operands]
        if op.name in ("cast", "pyfloat"):
            return terms[0]
        if op.name == "neg":
            return Term(-terms[0].coef, terms[0].num, terms[0].den)
        if op.name == "mul":
            a, b = terms
            return Term(a.coef * b.coef, (*a.num, *b.num), (*a.den, *b.den))
        if op.name == "div" and terms[1].coef != 0:
            a, b = terms
            if abs(b.coef) == 1:
                return Term(a.coef * b.coef, (*a.num, *b.den), (*a.den, *b.num))
            return Term(a.coef, (*a.num, *b.den), (*a.den, Text(shortest(b.coef)), *b.num))
        if op.name in ("add", "sub"):
            return _sum(terms[0], terms[1], op.name == "sub")
        return Term(1.0, (spelled(op, [t.text for t in terms], self.type),))


def _cancelled(num: Sequence[Text], den: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    above, below = list(num), []
    for d in den:
        if d in above:
            above.remove(d)
        else:
            below.append(d)
    return above, below


def _term(x: Any) -> Term:
    if isinstance(x, Term):
        return x
    return Term.of(x.text) if isinstance(x, Formula) else Term(float(x))


def _sum(a: Term, b: Term, subtracted: bool) -> Term:
    sign = -1.0 if subtracted else 1.0
    if sorted(map(str, a.num)) == sorted(map(str, b.num)) and a.den == b.den:
        return Term(a.coef + sign * b.coef, a.num, a.den)
    if a.coef == 0:
        return Term(sign * b.coef, b.num, b.den)
    if b.coef == 0:
        return a
    if b.coef < 0:
        b, subtracted = Term(-b.coef, b.num, b.den), not subtracted
    return Term.of(infix("-" if subtracted else "+", a.text, b.text, PYTHON))


def total(terms: Sequence[Term]) -> Term:
    out = terms[0]
    for term in terms[1:]:
        out = _sum(out, term, False)
    return out


ONE = Term()


def shortest(x: float) -> str:
    """A number as one would write it: `2`, not `2.0`."""
    if not math.isfinite(x):
        return f"np.{x}"
    return str(int(x)) if x == int(x) and abs(x) < 1e15 else repr(x)


def spelled(op: Op, texts: Sequence[Text], type: Any) -> Text:
    """An elementwise op applied to texts, as the Python back end would print it."""
    if isinstance(op.numpy, Mapping):
        kinds = ("scalar b", "scalar") if isinstance(type, Scalar) else ("array",)
        template = next((op.numpy[k] for k in kinds if k in op.numpy), None)
    else:
        template = op.numpy
    if template is None:
        assert op.infix is not None, op
        return infix(op.infix, texts[0], texts[1], PYTHON)
    return fill(template, dict(zip("xyz", texts)), PYTHON)


def local_terms(
    op: Op, attrs: Mapping[str, Any], out: Text, operands: Sequence[Term], g: Term = ONE
) -> list[Term | None]:
    """The shares of an elementwise op's operands of the cotangent `g`, as terms."""
    if op.vjp is NON_DIFFERENTIABLE or op.vjp is None:
        return [None] * len(operands)
    rule = op.vjp(g, Term.of(out), *operands, **attrs)
    return [None if c is None else _term(c) for c in rule]


def constant(x: Any) -> Text:
    """A number of the user's, as the back end prints it."""
    return number(x) if isinstance(x, (float, int)) and not isinstance(x, bool) else Text(repr(x))


def loose(text: str) -> Text:
    """A piece of the user's own text: it takes parentheses unless it is one word or one subscript."""
    plain = text.replace("_", "a").replace(".", "a").isalnum()
    subscript = text.endswith("]") and text.count("[") == 1 and " " not in text.split("[")[0]
    return Text(text, ATOM if plain or subscript else 0)
