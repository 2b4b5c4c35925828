"""Sums that a loop need not repeat: scalars are taken out of sums, and invariant sums out of loops.

In `for col: d_m[col] += sum(-(d_y * w[col]))`, the cotangents `d_y` of a row are added up anew for
each column. `sum(-(d_y * w))` is `-(w * sum(d_y))`, and that sum is the same in every trip.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.build import Rewriter
from ..ir.graph import COND, CONST, Block, Function, Node, Value
from ..ir.types import Array, Scalar
from ..ops import TABLE
from ..ops.reduce import sum_
from ..ops.shape import squeeze
from .simplify import simplify

_DIV, _MUL, _NEG = TABLE["div"], TABLE["mul"], TABLE["neg"]
_GT, _SELECT = TABLE["gt"], TABLE["select"]
#: What is done again outside for the sake of a sum that is moved there.
_PLAIN = ("elementwise", "shape")
_MOVED = ("reduce", "contract")


def hoist(function: Function) -> Function:
    """The same function, with sums of scaled arrays scaled afterwards, and sums that do not change in
    a loop made before it."""
    return simplify(_Hoist().run(_Factor().run(function)))


class _Factor(Rewriter):
    """sum(x * s) is sum(x) * s for an s that the sum does not run over; likewise x / s and -x.

    Only in what the reverse pass wrote: sums of users' may overflow one way and not the other, and an
    infinite `s` meets each element by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[Value, Node] = {}

    def node(self, node: Node) -> None:
        if node.op is sum_ and node.span.sweep:
            self.bind(node.results, [self.factored(node, node.operands[0])])
            return
        super().node(node)
        self.made.update((r, node) for r in node.results)

    def factored(self, node: Node, x: Value) -> Value:
        made, b, axes = self.made.get(x), self.b, node.attrs["axes"]
        if made is not None and made.op is _NEG:
            return b.emit(_NEG, self.factored(node, made.operands[0]))
        if made is not None and made.op in (_MUL, _DIV):
            pairs = [made.operands, made.operands[::-1]] if made.op is _MUL else [made.operands]
            for rest, s in pairs:
                if rest.type == x.type and _is_same(s, x, axes):
                    factor = self.env[s]
                    if isinstance(s.type, Array):
                        factor = b.emit(squeeze, factor, axes=axes)
                    total = self.factored(node, rest)
                    return b.emit(made.op, total, self.unless_empty(factor, x, axes))
        return b.emit(sum_, self.env[x], **node.attrs)

    def unless_empty(self, factor: Value, x: Value, axes: Sequence[int]) -> Value:
        """The factor, or 1 if there is nothing to add up: that is 0, whatever the factor is."""
        b = self.b
        if factor in b.constants:
            return factor
        for k in axes:
            size = b.dims[self.env[x]][k]
            if not isinstance(size, int):
                some = b.emit(_GT, size, b.const(0))
                factor = b.emit(_SELECT, some, factor, b.const(1.0, factor.type.dtype))
        return factor


def _is_same(s: Value, x: Value, axes: Sequence[int]) -> bool:
    """Is `s` one number along all the axes of `x` that are summed over?"""
    if s.type.dtype != x.type.dtype or s.type.rank not in (0, x.type.rank):
        return False
    return isinstance(s.type, Scalar) or all(s.type.dims[k] == 1 for k in axes)


class _Hoist(Rewriter):
    """Emits each reduction in the outermost loop's body that has all that it is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[Value, Node] = {}
        #: of values of the copy: how deep the block is that defines them
        self.depth: dict[Value, int] = {}
        #: of values of the source: the least depth at which they could be made
        self.reach: dict[Value, int] = {}
        #: how deep the innermost arm of a branch is: nothing leaves it
        self.floor = 0

    def node(self, node: Node) -> None:
        floor = self.floor
        if node.op is COND:
            self.floor = self.b.depth + 1
        super().node(node)
        self.floor = floor
        for r in node.results:
            new = self.env[r]
            self.depth.setdefault(new, self.b.depth)
            self.reach.setdefault(r, self.depth[new])

    def block(self, block: Block, params: Sequence[Value]) -> Block:
        inside = self.b.depth + 1
        self.depth.update((p, inside) for p in params)
        self.reach.update((p, inside) for p in block.params)
        return super().block(block, params)

    def simple(self, node: Node, operands: Sequence[Value]) -> None:
        if node.op is CONST:
            self.made[node.result], self.reach[node.result] = node, self.floor
        elif node.op.kind in (*_PLAIN, *_MOVED) and len(node.results) == 1:
            known = [self.reach.get(v, 0) for v in node.operands]
            least = max([self.floor, *known])
            self.made[node.result], self.reach[node.result] = node, least
            if node.op.kind in _MOVED and 0 < least < self.b.depth:
                self.env[node.result] = self.again(node, least)
                return
        super().simple(node, operands)

    def again(self, node: Node, depth: int) -> Value:
        """The node in the block that is open at `depth`, with what it needs there."""
        operands = [self.at(v, depth) for v in node.operands]
        with self.b.at(depth):
            new: Value = (
                self.b.const(node.attrs["value"], node.attrs["dtype"])
                if node.op is CONST
                else self.b.emit(node.op, *operands, name=node.result.name, **node.attrs)
            )
        self.depth[new] = depth
        return new

    def at(self, v: Value, depth: int) -> Value:
        if self.depth.get(self.env[v], 0) <= depth:
            return self.env[v]
        return self.again(self.made[v], depth)
