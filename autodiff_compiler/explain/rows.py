"""One step of a run as text: what it made of what, and what its adjoint becomes on the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..backends.text import Text
from ..errors import Span
from ..ir.graph import CONST, Node, Value
from ..ir.types import Scalar, Stack, is_float
from ..ops.index import add_at, load, store
from ..ops.stack import new, peek
from .adjoints import Share
from .formulas import Term, local_terms
from .naming import Labels, source_text
from .numbers import Digits
from .record import Item, Step
from .rules_text import adjoint_lines, defining_text
from .running import Explained

__all__ = ["Row", "ShareRow", "Rows"]

#: Stands around the numbers of values in texts; no source holds it.
_MARK = "\x00"


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One operand's share. `slope`: `dz/dw`; `formula` and `partial`: what it is, as text and as a
    number; arrays have `rule` instead. `outgoing`: the share; `target`: whose adjoint it adds to.
    """

    operand: Item
    slope: str
    formula: str
    partial: str
    rule: str
    product: str
    outgoing: str
    target: str


@dataclass(frozen=True, slots=True)
class Row:
    """A step. `made_by`: the op on labels; `expression`: the user's text; `adjoint`: incoming."""

    step: Step
    item: Item
    span: Span
    label: str
    made_by: str
    expression: str
    value: str
    needs: bool
    adjoint_name: str
    adjoint: str
    shares: tuple[ShareRow, ...]


class Rows:
    def __init__(self, explained: Explained, labels: Labels, digits: Digits):
        self.explained = explained
        self.labels = labels
        self.digits = digits
        self._made: dict[Step, Row] = {}
        self._texts: dict[Node, str] = {}
        self._rules: dict[Node, dict[int, str]] = {}

    def shown(self, step: Step) -> bool:
        """Numbers are shown; constants and the arithmetic of indices are not."""
        floats = [r for r in step.results if is_float(r.value.type)]
        return (
            step.node.op not in (CONST, new)
            and bool(floats)
            and not self.labels.is_only_cast(floats[0])
        )

    def row(self, step: Step) -> Row:
        if step not in self._made:
            self._made[step] = self._row(step)
        return self._made[step]

    def slope(self, top: Item | str, bottom: Item | str) -> str:
        a = top if isinstance(top, str) else self.labels(top)
        b = bottom if isinstance(bottom, str) else self.labels(bottom)
        return f"d{a}/d{b}"

    def adjoint(self, item: Item) -> str:
        """The adjoint of an item; empty if nothing comes to it."""
        held = self.explained.back.adjoints.get(item)
        return "" if held is None else self.digits.data(held)

    def adjoint_name(self, item: Item) -> str:
        return self.slope(self.labels.top, item)

    def _row(self, step: Step) -> Row:
        item = next(r for r in reversed(step.results) if is_float(r.value.type))
        shares = self.explained.back.shares.get(step, [])
        return Row(
            step, item, step.node.span, self.labels(item), self.made_by(step, item),
            source_text(step.node.span), self.digits.data(item.data), item.needs,
            self.adjoint_name(item), self.adjoint(item),
            tuple(self._share(step, item, s) for s in shares),
        )  # fmt: skip

    # -- forward ---------------------------------------------------------------------------------

    def made_by(self, step: Step, item: Item) -> str:
        """The op on the labels of its operands."""
        if step.node.op.kind == "elementwise":
            return str(self.labels.definition(item))
        if step.node not in self._texts:
            self._texts[step.node] = self._static_text(step)
        return self._filled(self._texts[step.node], step)

    def _static_text(self, step: Step) -> str:
        own = source_text(step.node.span) or step.node.op.name
        kind, op = step.node.op.kind, step.node.op
        name = self._name_in(step)
        if op is load:
            return name(step.node.operands[0]) + self.labels.subscript(step, 1)
        if op is store or op is add_at:
            base, v = step.node.operands[:2]
            sign = "=" if op is store else "+="
            return f"{name(base)}{self.labels.subscript(step, 2)} {sign} {name(v)}"
        if op is peek:
            return f"{name(step.node.operands[0])}[{name(step.node.operands[1])}]"
        if kind in ("index", "stack", "check", "create") or len(step.results) != 1:
            return own
        if any(isinstance(v.type, Stack) for v in step.node.operands):
            return own
        held = {v: i for v, i in zip(step.node.operands, step.operands)}
        return defining_text(step.node, name, lambda v: _known(held[v])) or own

    def _name_in(self, step: Step) -> Callable[[Value], str]:
        """Stand-ins for the labels of a node's values, which differ from trip to trip."""
        values = [*step.node.operands, *step.node.results]
        return lambda v: f"{_MARK}{values.index(v)}{_MARK}"

    def _filled(self, text: str, step: Step) -> str:
        items = [*step.operands, *step.results]
        return re.sub(f"{_MARK}(\\d+){_MARK}", lambda m: self.labels(items[int(m[1])]), text)

    # -- backward --------------------------------------------------------------------------------

    def _share(self, step: Step, item: Item, share: Share) -> ShareRow:
        operand = step.operands[share.operand]
        scalars = isinstance(item.value.type, Scalar) and isinstance(operand.value.type, Scalar)
        outgoing = self.digits.data(share.data)
        slope = self.slope(item, operand)
        target = self.adjoint_name(operand)
        if not scalars or step.node.op.kind != "elementwise":
            return ShareRow(
                operand, slope, "", "", self._rule(step, share.operand), "", outgoing, target
            )
        partial = self.explained.back.partial(step, share.operand)
        formula = self._formula(step, item, share.operand)
        number = "" if partial is None else self.digits.number(partial)
        incoming = self.explained.back.adjoints[item]
        if partial is not None and not np.isfinite(partial) and np.isfinite(share.data):
            # The reverse pass goes under a mask there: the slope is not asked for.
            outgoing = f"{outgoing} (of an arm that was not taken)"
            return ShareRow(operand, slope, formula, number, "", "", outgoing, target)
        product = f"{self.digits.number(incoming)} * {self.digits.factor(partial or 0.0)}"
        return ShareRow(operand, slope, formula, number, "", product, outgoing, target)

    def _formula(self, step: Step, item: Item, operand: int) -> str:
        texts: Sequence[Term] = [self.labels.term(i, Text(self.labels(i))) for i in step.operands]
        terms = local_terms(step.node.op, step.node.attrs, Text(self.labels(item)), texts)
        term = terms[operand]
        return "" if term is None else str(term)

    def _rule(self, step: Step, operand: int) -> str:
        if step.node not in self._rules:
            first = 1 if step.node.op is load else 2
            part = step.node.op in (load, store, add_at)
            index = self.labels.subscript(step, first) if part else ""
            self._rules[step.node] = adjoint_lines(step.node, self._name_in(step), index)
        return self._filled(self._rules[step.node].get(operand, ""), step)


def _known(item: Item) -> object:
    step = item.step
    return step.node.attrs["value"] if step is not None and step.node.op is CONST else None
