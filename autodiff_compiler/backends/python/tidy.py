"""Rewrites that serve only the reader: `n - 1 - 1` is `n - 2`, `np.ones(n) * x` is `x`."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.build import Rewriter
from ...ir.graph import Function, Node, Value, consumed_values, walk
from ...ir.types import Array
from ...ops.elementwise import cast, iadd, isub, mul, pyfloat
from ...ops.shape import full


class Tidy(Rewriter):
    """Gathers integers that are added one after the other; takes filled arrays for their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._sums: dict[Value, tuple[Value, int]] = {}
        self._filled: dict[Value, Value] = {}
        self._own: set[Value] = set()

    def run(self, function: Function) -> Function:
        blocks = [b for node in walk(function.block) for b in node.blocks]
        self._own = consumed_values(function.block.nodes)
        self._own.update(v for block in (function.block, *blocks) for v in block.results)
        return super().run(function)

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if node.op is iadd and operands[0] in self.b.constants:
            operands = operands[::-1]
        if node.op in (iadd, isub) and operands[1] in self.b.constants:
            self.bind(node.results, [self._sum(node, operands)])
            return
        if node.op.kind == "elementwise" and node.op is not cast and len(operands) > 1:
            operands = self._unfilled(operands)
            other = self._times_one(operands) if node.op is mul else None
            if other is not None:
                # A window, where it may not be the operand itself: copied if either is written.
                same = other if self._may_be(node) else self.b.emit(pyfloat, other)
                self.bind(node.results, [same])
                return
        super().simple(node, operands)
        if node.op is full:
            self._filled[self.env[node.result]] = operands[0]

    def _sum(self, node: Node, operands: Sequence[Value]) -> Value:
        base, more = self._sums.get(operands[0], (operands[0], 0))
        total = more + int(self.b.constants[operands[1]]) * (1 if node.op is iadd else -1)
        if not total:
            return base
        result = self.b.emit(iadd if total > 0 else isub, base, self.b.const(abs(total)))
        self._sums[result] = (base, total)
        return result

    def _unfilled(self, operands: Sequence[Value]) -> list[Value]:
        """The operands, with numbers for filled arrays where another one has all the dims."""
        out = list(operands)
        for k, v in enumerate(out):
            others = [o for j, o in enumerate(out) if j != k and isinstance(o.type, Array)]
            if v in self._filled and any(self.b.dims[o] == self.b.dims[v] for o in others):
                out[k] = self._filled[v]
        return out

    def _times_one(self, operands: Sequence[Value]) -> Value | None:
        for one, other in (operands, operands[::-1]):
            if self.b.constants.get(one) == 1 and not isinstance(one.type, Array):
                return other
        return None

    def _may_be(self, node: Node) -> bool:
        """May the product be one of its operands? Not if either is written, or handed on."""
        arrays = [v for v in (node.result, *node.operands) if isinstance(v.type, Array)]
        return self._own.isdisjoint(arrays)
