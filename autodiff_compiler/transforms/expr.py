"""What derivative rules compute with: graph values that understand `*`, `+` and friends.

A rule sees the primal's operands as `Expr`s that are looked up only when the rule uses them, so
that what a rule does not touch is not kept for the reverse sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..ir.build import Builder, KnownDim
from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import Scalar, Type
from ..ops import TABLE

Number = int | float


class Expr:
    """A value in a derivative rule. Nothing is emitted, nor is the primal looked up, before `value`
    is asked for: the cotangents of operands that carry no derivative cost nothing."""

    __slots__ = ("builder", "type", "_find", "_sizes", "_value")

    def __init__(
        self,
        builder: Builder,
        type: Type,
        find: Callable[[], Value],
        sizes: Callable[[], Sequence[KnownDim]],
    ):
        self.builder = builder
        self.type = type
        self._find = find
        self._sizes = sizes
        self._value: Value | None = None

    @classmethod
    def of(cls, builder: Builder, value: Value) -> Expr:
        return cls(builder, value.type, lambda: value, lambda: builder.dims.get(value, ()))

    @property
    def value(self) -> Value:
        if self._value is None:
            self._value = self._find()
        return self._value

    @property
    def rank(self) -> int:
        return self.type.rank

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def sizes(self) -> list[Expr]:
        """Its dims, as integers of the graph."""
        b = self.builder
        return [Expr.of(b, b.const(d) if isinstance(d, int) else d) for d in self._sizes()]

    def apply(self, op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """The op on these operands; plain numbers among them take the dtype of their partner.

        An op of several results gives a tuple; it is emitted once, when the first of them is used.
        """
        b = self.builder
        first = 1 if op is TABLE["select"] else 0
        partner = next((e for e in operands[first:] if isinstance(e, Expr)), self)
        types = [e.type if isinstance(e, Expr) else Scalar(partner.dtype) for e in operands]
        emitted: list[tuple[Value, ...]] = []

        def find(k: int) -> Value:
            if not emitted:
                values = [
                    e.value if isinstance(e, Expr) else b.const(e, partner.dtype) for e in operands
                ]
                made = b.emit(op, *values, **attrs)
                emitted.append(made if isinstance(made, tuple) else (made,))
            return emitted[0][k]

        results = tuple(
            Expr(b, t, lambda k=k: find(k), lambda k=k: b.dims.get(find(k), ()))
            for k, t in enumerate(op.infer(attrs, *types))
        )
        return results[0] if len(results) == 1 else results

    def _binary(self, name: str, other: Expr | Number, swapped: bool = False) -> Expr:
        pair = (other, self) if swapped else (self, other)
        return self.apply(TABLE[name], pair, {})

    def __add__(self, other: Expr | Number) -> Expr:
        return self._binary("add", other)

    def __radd__(self, other: Number) -> Expr:
        return self._binary("add", other, True)

    def __sub__(self, other: Expr | Number) -> Expr:
        return self._binary("sub", other)

    def __rsub__(self, other: Number) -> Expr:
        return self._binary("sub", other, True)

    def __mul__(self, other: Expr | Number) -> Expr:
        return self._binary("mul", other)

    def __rmul__(self, other: Number) -> Expr:
        return self._binary("mul", other, True)

    def __truediv__(self, other: Expr | Number) -> Expr:
        return self._binary("div", other)

    def __rtruediv__(self, other: Number) -> Expr:
        return self._binary("div", other, True)

    def __neg__(self) -> Expr:
        return self.apply(TABLE["neg"], (self,), {})

    def __gt__(self, other: Expr | Number) -> Expr:
        return self._binary("gt", other)

    def __lt__(self, other: Expr | Number) -> Expr:
        return self._binary("lt", other)

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return self._binary("eq", other)  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]
