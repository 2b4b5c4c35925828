"""The table of ops, one record each, grouped by kind. `TABLE` is keyed by name."""

from ..ir.op import NON_DIFFERENTIABLE, TABLE, Op
from . import (
    contract,
    elementwise,
    functions,
    index,
    linalg,
    order,
    reduce,
    shape,
    special,
    stack,
)

__all__ = [
    "NON_DIFFERENTIABLE", "TABLE", "Op", "contract", "elementwise", "functions", "index", "linalg",
    "order", "reduce", "shape", "special", "stack",
]  # fmt: skip
