"""What is known of integers: intervals, and upper bounds relative to other values.

Serves two ends: an index that is provably inside its axis needs no check, and neither does an
addition of Python ints that cannot overflow. All facts are sound; what is not known is not guessed.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir.graph import CONST, DIM, FOR, Block, Function, Node, Value
from ..ir.types import BOOL, I64, Scalar

__all__ = ["Ranges", "LONGEST"]

SMALLEST, LARGEST = -(2**63), 2**63 - 1
#: No axis is longer: an address has 47 bits.
LONGEST = 2**47


class Ranges:
    """`low`, `high`: intervals of i64 scalars. `upper(v, base)`: the c of v <= base + c, or None."""

    def __init__(self, function: Function) -> None:
        self._low: dict[Value, int] = {}
        self._high: dict[Value, int] = {}
        self._below: dict[Value, dict[Value, int]] = {}
        self._shifted: dict[Value, tuple[Value, int]] = {}
        self._block(function.block)

    def low(self, v: Value) -> int:
        return self._low.get(v, SMALLEST)

    def high(self, v: Value) -> int:
        return self._high.get(v, LARGEST)

    def upper(self, v: Value, base: Value) -> int | None:
        return 0 if v is base else self._below.get(v, {}).get(base)

    def inside(self, i: Value, n: Value) -> bool:
        """Is 0 <= i < n certain?"""
        if self.low(i) < 0:
            return False
        bound = self.upper(i, n)
        return (bound is not None and bound < 0) or self.high(i) < self.low(n)

    def affine(self, v: Value) -> tuple[Value, int]:
        """v as another value plus a constant."""
        shift = 0
        while v in self._shifted:
            v, by = self._shifted[v]
            shift += by
        return v, shift

    def fits(self, node: Node) -> bool:
        """Is it certain that an `iadd`, `isub` or `imul` does not overflow?"""
        rule = _ARITHMETIC.get(node.op.name)
        if rule is None:
            return False
        low, high = rule(*self._interval(node.operands[0]), *self._interval(node.operands[1]))
        return SMALLEST <= low and high <= LARGEST

    def _interval(self, v: Value) -> tuple[int, int]:
        return self.low(v), self.high(v)

    def _know(self, v: Value, low: int, high: int, below: dict[Value, int] | None = None) -> None:
        if SMALLEST <= low and high <= LARGEST:
            self._low[v], self._high[v] = low, high
        elif v.type.dtype != I64:
            return
        if below:
            self._below[v] = below

    def _bounds(self, v: Value, shift: int) -> dict[Value, int]:
        """Upper bounds of v + shift."""
        return {v: shift, **{base: c + shift for base, c in self._below.get(v, {}).items()}}

    def _block(self, block: Block) -> None:
        for node in block.nodes:
            if node.op is FOR:
                self._counter(node)
            for inner in node.blocks:
                self._block(inner)
            if not node.blocks and node.results:
                self._node(node)

    def _counter(self, node: Node) -> None:
        start, stop, step = node.operands[:3]
        counter = node.blocks[0].params[0]
        if self.low(step) >= 1:
            self._know(counter, self.low(start), self.high(stop) - 1, self._bounds(stop, -1))
        elif self.high(step) <= -1:
            self._know(counter, self.low(stop) + 1, self.high(start), self._bounds(start, 0))

    def _node(self, node: Node) -> None:
        name, results, x = node.op.name, node.results, node.operands
        if node.op is CONST:
            if node.attrs["dtype"] in (I64, "i32"):
                self._know(results[0], node.attrs["value"], node.attrs["value"])
        elif node.op is DIM or name == "length":
            self._know(results[0], 0, LONGEST)
        elif name == "slice":
            for r in results:
                self._know(r, 0, self.high(x[-1]), self._bounds(x[-1], 0))
        elif name in ("index", "wrap") and isinstance(results[0].type, Scalar):
            below = self._bounds(x[1], -1) if name == "index" else {}
            if self.low(x[0]) >= 0:
                self._shifted[results[0]] = (x[0], 0)
                self._know(
                    results[0], self.low(x[0]), self.high(x[0]), self._bounds(x[0], 0) | below
                )
            elif name == "index":
                self._know(results[0], 0, self.high(x[1]) - 1, below)
        elif name in ("pyint", "stop_gradient"):
            self._know(results[0], *self._interval(x[0]), self._bounds(x[0], 0))
            self._shifted[results[0]] = (x[0], 0)
        elif name == "cast" and x[0].type.dtype == BOOL:
            self._know(results[0], 0, 1)
        elif results[0].type == Scalar(I64) and name in _ARITHMETIC:
            self._arithmetic(node)
        elif results[0].type == Scalar(I64) and name == "floordiv" and self.low(x[1]) > 0:
            if self.low(x[0]) >= 0:
                high = self.high(x[0]) // self.low(x[1])
                self._know(results[0], 0, high, self._bounds(x[0], 0))

    def _arithmetic(self, node: Node) -> None:
        a, b = node.operands
        low, high = _ARITHMETIC[node.op.name](*self._interval(a), *self._interval(b))
        checked = node.op.name.startswith("i")
        if not (SMALLEST <= low and high <= LARGEST):
            if not checked:  # it wraps, so nothing is known
                return
            low, high = max(low, SMALLEST), min(high, LARGEST)
        below: dict[Value, int] = {}
        if node.op.name in ("iadd", "add"):
            below = {**self._bounds(b, self.high(a)), **self._bounds(a, self.high(b))}
        elif node.op.name in ("isub", "sub"):
            below = self._bounds(a, -self.low(b))
        self._know(node.result, low, high, below)
        if self.low(b) == self.high(b):
            shift = self.low(b) if node.op.name in ("iadd", "add") else -self.low(b)
            if node.op.name not in ("imul", "mul"):
                self._shifted[node.result] = (a, shift)


def _product(al: int, ah: int, bl: int, bh: int) -> tuple[int, int]:
    corners = (al * bl, al * bh, ah * bl, ah * bh)
    return min(corners), max(corners)


_ARITHMETIC: dict[str, Callable[[int, int, int, int], tuple[int, int]]] = {
    "iadd": lambda al, ah, bl, bh: (al + bl, ah + bh),
    "isub": lambda al, ah, bl, bh: (al - bh, ah - bl),
    "imul": _product,
}
_ARITHMETIC |= {name[1:]: rule for name, rule in _ARITHMETIC.items()}
