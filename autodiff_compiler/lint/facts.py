"""What can be known of the size of numbers: intervals, from how they are made and from conditions.

Everything said here holds of numbers that neither overflow nor vanish by rounding, and of sums that are
not empty; what is not known is the interval of all numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..ir.graph import (
    CHECK,
    COND,
    CONST,
    DIM,
    Block,
    Function,
    Node,
    Value,
)
from ..ir.types import BOOL, FLOATS

__all__ = ["Facts", "Interval"]

_INF = math.inf


@dataclass(frozen=True)
class Interval:
    """low to high; `open_low`: low itself is excluded. `nonzero`: 0 is."""

    low: float = -_INF
    high: float = _INF
    open_low: bool = False
    open_high: bool = False
    nonzero: bool = False

    def holds(self, sign: str, number: float) -> bool:
        """Is `x sign number` certain of every x in here?"""
        if sign == ">":
            return self.low > number or (self.low == number and self.open_low)
        if sign == ">=":
            return self.low >= number
        if sign == "<":
            return self.high < number or (self.high == number and self.open_high)
        if sign == "<=":
            return self.high <= number
        away = self.holds(">", number) or self.holds("<", number)
        return away or (number == 0 and self.nonzero)

    def joined(self, other: Interval) -> Interval:
        """What holds of a number that is in one or the other."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Interval(
            low, high,
            all(x.open_low or x.low > low for x in (self, other)),
            all(x.open_high or x.high < high for x in (self, other)),
            self.holds("!=", 0) and other.holds("!=", 0),
        )  # fmt: skip

    def met(self, other: Interval) -> Interval:
        """What holds of a number that is in both."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(
            low, high,
            any(x.open_low and x.low == low for x in (self, other)),
            any(x.open_high and x.high == high for x in (self, other)),
            self.nonzero or other.nonzero,
        )  # fmt: skip

    def negated(self) -> Interval:
        return Interval(-self.high, -self.low, self.open_high, self.open_low, self.nonzero)


ALL = Interval()
NOT_NEGATIVE, POSITIVE = Interval(0.0), Interval(0.0, open_low=True)


def _plus(a: Interval, b: Interval) -> Interval:
    return Interval(
        a.low + b.low, a.high + b.high, a.open_low or b.open_low, a.open_high or b.open_high
    )


def _times(a: Interval, b: Interval) -> Interval:
    if a.low >= 0 and b.low >= 0:
        strict = a.holds(">", 0) and b.holds(">", 0)
        low = a.low * b.low if _INF not in (a.low, b.low) else 0.0
        high = _INF if _INF in (a.high, b.high) else a.high * b.high
        return Interval(low, high, strict and low == 0)
    if a.high <= 0 or b.high <= 0:
        other = (a.negated(), b) if a.high <= 0 else (a, b.negated())
        if all(x.low >= 0 for x in other):
            return _times(*other).negated()
    return Interval(nonzero=a.holds("!=", 0) and b.holds("!=", 0))


def _over(a: Interval, b: Interval) -> Interval:
    if not b.holds(">", 0):
        return ALL
    if a.low >= 0:
        return POSITIVE if a.holds(">", 0) else NOT_NEGATIVE
    return Interval(high=0.0) if a.high <= 0 else ALL


def _root(a: Interval) -> Interval:
    return POSITIVE if a.holds(">", 0) else NOT_NEGATIVE


def _size(a: Interval) -> Interval:
    if a.low >= 0 or a.high <= 0:
        return a if a.low >= 0 else a.negated()
    return POSITIVE if a.nonzero else NOT_NEGATIVE


def _larger(a: Interval, b: Interval) -> Interval:
    best = max((a, b), key=lambda x: (x.low, x.open_low))
    return Interval(best.low, max(a.high, b.high), best.open_low)


def _smaller(a: Interval, b: Interval) -> Interval:
    return _larger(a.negated(), b.negated()).negated()


_RULES: dict[str, Callable[..., Interval]] = {
    "neg": Interval.negated, "add": _plus, "iadd": _plus, "mul": _times, "imul": _times, "div": _over,
    "sub": lambda a, b: _plus(a, b.negated()), "isub": lambda a, b: _plus(a, b.negated()),
    "exp": lambda a: POSITIVE, "exp2": lambda a: POSITIVE, "sqrt": _root, "abs": _size,
    "cosh": lambda a: Interval(1.0), "tanh": lambda a: Interval(-1.0, 1.0),
    "expit": lambda a: Interval(0.0, 1.0, True), "sin": lambda a: Interval(-1.0, 1.0),
    "cos": lambda a: Interval(-1.0, 1.0), "hypot": lambda a, b: NOT_NEGATIVE,
    "maximum": _larger, "minimum": _smaller, "fmax": lambda a, b: a.joined(b),
    "fmin": lambda a, b: a.joined(b),
    "select": lambda m, a, b: a.joined(b), "sum": lambda a: a if a.low == a.high == 0 else (
        POSITIVE if a.holds(">", 0) else        NOT_NEGATIVE if a.low >= 0 else Interval(high=0.0) if a.high <= 0 else ALL),
    "pow": lambda a, b: POSITIVE if a.holds(">", 0) else NOT_NEGATIVE if a.low >= 0 else ALL,
    "length": lambda s: NOT_NEGATIVE,
}  # fmt: skip
#: Ops whose results hold entries of their first operand, and nothing else.
_SAME = frozenset(
    "cast pyint pyfloat stop_gradient copy reshape transpose expand_dims squeeze broadcast_to full load "
    "max min".split()
)
_TURNED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


class Facts:
    """`interval(v)` is good at the place that is being visited; `assuming(v, holds)` adds a condition."""

    def __init__(self, function: Function):
        self.made: dict[Value, Node] = {}
        #: Values that are computed alike from the same ones stand for one.
        self._alike: dict[Any, Value] = {}
        self._first: dict[Value, Value] = {}
        self._note(function.block)
        self._known: dict[Value, Interval] = {}
        self._told: dict[Value, Interval] = {}

    def _note(self, block: Block) -> None:
        for node in block.nodes:
            self.made.update((r, node) for r in node.results)
            for inner in node.blocks:
                self._note(inner)
            if len(node.results) == 1 and not node.blocks and not node.op.effect:
                if node.op.consumes is None and node.op.kind != "stack":
                    operands = tuple(self.same(v) for v in node.operands)
                    key = (node.op.name, repr(sorted(node.attrs.items())), operands)
                    self._first[node.result] = self._alike.setdefault(key, node.result)

    def same(self, v: Value) -> Value:
        """The first value that is computed as this one is."""
        return self._first.get(v, v)

    def interval(self, v: Value) -> Interval:
        v = self.same(v)
        told = self._told.get(v, ALL)
        if v not in self._known:
            self._known[v] = ALL  # what depends on itself is not known
            self._known[v] = self._derived(v, self._plain)
        own = (
            self._known[v]
            if not self._told
            else self._derived(v, self._shallow).met(self._known[v])
        )
        return own.met(told)

    def _plain(self, v: Value) -> Interval:
        v = self.same(v)
        if v not in self._known:
            self._known[v] = ALL
            self._known[v] = self._derived(v, self._plain)
        return self._known[v]

    def _shallow(self, v: Value, depth: int = 6) -> Interval:
        """As `interval`, through as many steps: under conditions nothing is kept."""
        v = self.same(v)
        told = self._told.get(v, ALL).met(self._plain(v))
        if depth == 0:
            return told
        return self._derived(v, lambda x: self._shallow(x, depth - 1)).met(told)

    def _derived(self, v: Value, of: Callable[[Value], Interval]) -> Interval:
        node = self.made.get(v)
        if node is None:
            return ALL
        if node.op is CONST:
            x = float(node.attrs["value"])
            return Interval(x, x, nonzero=x != 0) if not math.isnan(x) else ALL
        if node.op is DIM:
            return NOT_NEGATIVE
        if node.op is COND:
            k = node.results.index(v)
            return of(node.blocks[0].results[k]).joined(of(node.blocks[1].results[k]))
        if v.type.dtype == BOOL or len(node.results) != 1 or node.blocks:
            return ALL
        twice = len(node.operands) == 2 and len({self.same(x) for x in node.operands}) == 1
        if node.op.name == "mul" and twice:
            return POSITIVE if of(node.operands[0]).holds("!=", 0) else NOT_NEGATIVE
        if node.op.name == "matmul" and twice:
            return NOT_NEGATIVE if not v.type.rank else ALL
        if node.op.name in _SAME:
            if node.op.name == "cast" and node.operands[0].type.dtype == BOOL:
                return Interval(0.0, 1.0)
            whole = v.type.dtype not in FLOATS and node.operands[0].type.dtype in FLOATS
            return ALL if whole else of(node.operands[0])
        rule = _RULES.get(node.op.name)
        return rule(*map(of, node.operands)) if rule else ALL

    # --- conditions -------------------------------------------------------------------------------

    @contextmanager
    def assuming(self, condition: Value, holds: bool = True) -> Iterator[None]:
        before = self._told
        self._told = dict(before)
        self._tell(condition, holds)
        try:
            yield
        finally:
            self._told = before

    def learn(self, node: Node) -> None:
        """A check that stands holds from here on, in the block that is being visited."""
        if node.op is CHECK:
            self._told = dict(self._told)
            self._tell(node.operands[0], True)

    def _tell(self, condition: Value, holds: bool) -> None:
        for v, interval in list(self._conditions(condition, holds)):
            v = self.same(v)
            self._told[v] = self._told.get(v, ALL).met(interval)

    @contextmanager
    def visiting(self) -> Iterator[None]:
        before = self._told
        try:
            yield
        finally:
            self._told = before

    def _conditions(self, condition: Value, holds: bool) -> Iterator[tuple[Value, Interval]]:
        node = self.made.get(condition)
        if node is None:
            return
        name, x = node.op.name, node.operands
        if name == "not":
            yield from self._conditions(x[0], not holds)
        elif name == ("and" if holds else "or"):
            for part in x:
                yield from self._conditions(part, holds)
        elif name == "cast" and x[0].type.dtype == BOOL or name == "broadcast_to":
            yield from self._conditions(x[0], holds)
        elif name in _SIGNS and x[0].type.dtype in FLOATS:
            sign = _SIGNS[name] if holds else _TURNED[_SIGNS[name]]
            yield x[0], _limited(sign, self.interval(x[1]))
            yield x[1], _limited(_MIRRORED[sign], self.interval(x[0]))


def _limited(sign: str, other: Interval) -> Interval:
    """What `x sign y` says of x, if y is in `other`."""
    if sign in (">", ">="):
        return Interval(other.low, open_low=sign == ">" or other.open_low)
    if sign in ("<", "<="):
        return Interval(high=other.high, open_high=sign == "<" or other.open_high)
    if sign == "==":
        return other
    return Interval(nonzero=other.low == other.high == 0)


def holds(test: str, operands: Mapping[str, Interval]) -> bool:
    """Is a comparison such as "x > 0" certain?"""
    letter, sign, number = test.split()
    return letter in operands and operands[letter].holds(sign, float(number))
