"""The chain rule, multiplied out: the ways from a parameter to the result, one slope per named value.

A *station* is a scalar that the user has a name for. Between two stations lies one slope, which sums
over the unnamed values between them; a way is a product of slopes, and the derivative the sum over all
ways. Where an array lies on some way there is no such product, and the contributions are listed instead.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.types import Array, Scalar
from .adjoints import Backward
from .formulas import ONE, Term, local_terms, total
from .naming import Labels
from .record import Item, Step

__all__ = ["Slope", "Way", "Ways", "Chain"]

#: Ways shown of one parameter.
SHOWN = 4
_LONGEST_FORMULA = 90


@dataclass(frozen=True, eq=False, slots=True)
class Slope:
    """d top / d bottom between neighbouring stations. `formula` is empty where it would be long."""

    top: Item
    bottom: Item
    value: float
    formula: str


@dataclass(frozen=True, eq=False, slots=True)
class Way:
    slopes: tuple[Slope, ...]
    product: float


@dataclass(frozen=True, eq=False, slots=True)
class Ways:
    """The derivative by one parameter. `count` of all ways; `rest`: the sum of those not shown."""

    shown: tuple[Way, ...]
    count: int
    rest: float
    total: float


class Chain:
    def __init__(self, back: Backward, labels: Labels, result: Item):
        self.back = back
        self.labels = labels
        self.result = result
        self._slopes: dict[Item, list[Slope] | None] = {}

    def ways(self, leaf: Item) -> Ways | None:
        """None: an array, an infinite slope or a rule without a product lies between."""
        adjoint = self.back.adjoints.get(leaf)
        if adjoint is None or not isinstance(leaf.value.type, Scalar):
            return None
        order = self._stations(leaf)
        if order is None:
            return None
        counts: dict[Item, int] = {leaf: 1}
        sums: dict[Item, float] = {leaf: 1.0}
        best: dict[Item, list[tuple[float, tuple[Slope, ...]]]] = {leaf: [(1.0, ())]}
        for station in order:
            slopes = [s for s in self._slopes[station] or [] if s.bottom in counts]
            counts[station] = sum(counts[s.bottom] for s in slopes)
            sums[station] = sum(s.value * sums[s.bottom] for s in slopes)
            found = [(s.value * p, (s, *w)) for s in slopes for p, w in best[s.bottom]]
            best[station] = heapq.nlargest(
                SHOWN, found, key=lambda pair: (abs(pair[0]), -len(pair[1]))
            )
        whole = sums[self.result]
        limit = 1e-9 * max(abs(whole), self.back.scale.get(leaf, 0.0), 1e-300)
        if not np.isfinite(whole) or abs(whole - float(adjoint)) > max(limit, self._coarse(leaf)):
            return None
        shown = tuple(Way(w, p) for p, w in best[self.result])
        rest = float(adjoint) - sum(w.product for w in shown)
        count = counts[self.result]
        return Ways(shown, count, rest if count > len(shown) else 0.0, float(adjoint))

    def _coarse(self, leaf: Item) -> float:
        f32 = any(i.value.type.dtype == "f32" for i in (leaf, self.result))
        return 1e-4 * self.back.scale.get(leaf, 0.0) if f32 else 0.0

    def _stations(self, leaf: Item) -> list[Item] | None:
        """The stations between the leaf and the result, those nearer to the leaf first; None if
        something lies between that has no slope."""
        above = self._reaching(leaf)
        if self.result not in above:
            return None
        found: set[Item] = set()
        waiting = [self.result]
        while waiting:
            station = waiting.pop()
            if station in found or station is leaf:
                continue
            if any(isinstance(i.value.type, Scalar) is False for i in self._below(station) & above):
                return None
            slopes = self.slopes(station)
            if slopes is None:
                return None
            found.add(station)
            waiting += [s.bottom for s in slopes if s.bottom in above]
        return sorted(found, key=lambda i: i.number)

    def _reaching(self, leaf: Item) -> set[Item]:
        """The items that depend on the leaf, and on which the result depends."""
        reached = {leaf}
        for step in self.back.run.steps:
            if step in self.back.shares:
                used = {step.operands[s.operand] for s in self.back.shares[step]}
                if used & reached:
                    reached.update(r for r in step.results if r in self.back.adjoints)
        return reached

    def _below(self, station: Item) -> set[Item]:
        """The unnamed items and arrays that the station is made of, down to the next stations."""
        found: set[Item] = set()
        waiting = list(station.step.operands) if station.step else []
        while waiting:
            item = waiting.pop()
            if item in found or not item.needs:
                continue
            found.add(item)
            if item.step is not None and (
                isinstance(item.value.type, Array) or not self.stops(item)
            ):
                waiting += item.step.operands
        return found

    def stops(self, item: Item) -> bool:
        return item.step is None or self.labels.named(item)

    def slopes(self, station: Item) -> list[Slope] | None:
        """The slopes of a station by the next stations below it."""
        if station not in self._slopes:
            self._slopes[station] = self._worked_out(station)
        return self._slopes[station]

    def _worked_out(self, station: Item) -> list[Slope] | None:
        """A small sweep of its own, from the station down to the next ones, in numbers and in terms."""
        numbers: dict[Item, float] = {station: 1.0}
        terms: dict[Item, list[Term] | None] = {station: [ONE]}
        waiting = [(-station.number, station)]
        seen, out = {station}, []
        while waiting:
            _, item = heapq.heappop(waiting)
            if item is not station and self.stops(item):
                out.append(self._slope(station, item, numbers[item], terms[item]))
                continue
            step = item.step
            if step is None or len(step.results) != 1 or not self._shares(step, numbers, terms):
                return None
            for operand in step.operands:
                if operand.needs and operand not in seen and operand in numbers:
                    seen.add(operand)
                    heapq.heappush(waiting, (-operand.number, operand))
        return out

    def _shares(
        self, step: Step, numbers: dict[Item, float], terms: dict[Item, list[Term] | None]
    ) -> bool:
        """Hands a step's number and term on to its operands. False: it has no slopes."""
        (item,) = step.results
        if step.node.op.kind != "elementwise" or not isinstance(item.value.type, Scalar):
            return False
        g = type(item.data)(numbers[item])
        with np.errstate(all="ignore"):
            shares = self.back.rules.shares(step, [g], [None])
        own = terms[item]
        texts = self._texts(step, total(own)) if own else None
        for share in shares:
            operand = step.operands[share.operand]
            if not operand.needs:
                continue
            numbers[operand] = numbers.get(operand, 0.0) + float(share.data)
            term = texts[share.operand] if texts else None
            before = terms.get(operand, [])
            terms[operand] = None if term is None or before is None else [*before, term]
        return True

    def _texts(self, step: Step, g: Term) -> Sequence[Term | None]:
        inside = [self.labels.term(i, self.labels.inside(i)) for i in step.operands]
        out = self.labels.inside(step.results[0])
        return local_terms(step.node.op, step.node.attrs, out, inside, g)

    def _slope(self, top: Item, bottom: Item, value: float, terms: list[Term] | None) -> Slope:
        text = str(total(terms)) if terms else ""
        return Slope(top, bottom, value, text if len(text) <= _LONGEST_FORMULA else "")
