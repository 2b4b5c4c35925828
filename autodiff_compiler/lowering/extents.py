"""Where along an axis an index may stand: enough to see that two rows, or two slices, never meet.

`a[2 * i]` and `a[2 * i + 1]` are two rows, and `w[b : 2 * b]` ends where `w[2 * b :]` begins. Bounds are
compared as multiples of one value plus a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.graph import CONST, Node, Value
from .ranges import Ranges

__all__ = ["Extent", "Extents"]


@dataclass(frozen=True, slots=True)
class _Linear:
    """times * base + more, for a base within low..high."""

    base: Value | None
    times: int
    more: int
    low: int = 0
    high: int = 0

    def scaled(self, times: int, more: int = 0) -> _Linear:
        return _Linear(self.base, self.times * times, self.more * times + more, self.low, self.high)

    def at_most(self, other: _Linear) -> bool:
        """Is self <= other certain?"""
        if self.times and other.times and self.base is not other.base:
            return False
        times, more = other.times - self.times, other.more - self.more
        bounds = self if self.times else other
        return (times * (bounds.low if times > 0 else bounds.high) if times else 0) + more >= 0


@dataclass(frozen=True, slots=True)
class Extent:
    """All positions p have first <= p < end; no `end`: nothing is known of it."""

    first: _Linear
    end: _Linear | None

    def before(self, other: Extent) -> bool:
        return self.end is not None and self.end.at_most(other.first)

    def apart(self, other: Extent) -> bool:
        return self.before(other) or other.before(self)


class Extents:
    def __init__(self, made: Mapping[Value, Node], ranges: Ranges) -> None:
        self._made = made
        self._ranges = ranges

    def point(self, v: Value) -> Extent:
        """Of one index, counted from the front."""
        at = self._linear(v)
        return Extent(at, at.scaled(1, 1))

    def part(self, start: Value, length: Value, step: Value) -> Extent | None:
        """Of a slice."""
        low = self._ranges.low
        if low(step) != 1 or self._ranges.high(step) != 1:
            return None
        node = self._made.get(start)
        if node is None or node.op is CONST:
            first = self._linear(start)
            return (
                None if first.times else Extent(first, self._longest(length).scaled(1, first.more))
            )
        if node.op.name != "slice" or node.results[0] is not start:
            return None
        # What lies beyond the axis is clipped: all that is left is within the bounds as they stand.
        bounds = list(node.operands[:-2])
        first, end = _Linear(None, 0, 0), None
        if any(low(bound) < 0 for bound in bounds):
            return None  # counted from the end
        if node.attrs["lo"]:
            first = self._linear(bounds.pop(0))
        if node.attrs["hi"]:
            end = self._linear(bounds.pop(0))
        return Extent(first, end)

    def _longest(self, length: Value) -> _Linear:
        """A bound of a length: that of `[:n]` is n at most."""
        node = self._made.get(length)
        if node is not None and node.op.name == "slice" and node.results[1] is length:
            if node.attrs["hi"] and not node.attrs["lo"]:
                end, step = node.operands[:2]
                if self._ranges.low(end) >= 0 and self._ranges.low(step) >= 1:
                    return self._linear(end)
        return self._linear(length)

    def _linear(self, v: Value) -> _Linear:
        node = self._made.get(v)
        name = "" if node is None else node.op.name
        low, high = self._ranges.low, self._ranges.high
        if node is not None and node.op is CONST:
            return _Linear(None, 0, node.attrs["value"])
        if node is not None and name in ("iadd", "isub", "imul"):
            for x, k in (node.operands, node.operands[::-1]):
                if low(k) == high(k) and (name != "isub" or k is node.operands[1]):
                    n = low(k)
                    by = {"iadd": (1, n), "isub": (1, -n), "imul": (n, 0)}[name]
                    return self._linear(x).scaled(*by)
        if node is not None and name in ("index", "wrap") and low(node.operands[0]) >= 0:
            return self._linear(node.operands[0])
        return _Linear(v, 1, 0, low(v), high(v))
