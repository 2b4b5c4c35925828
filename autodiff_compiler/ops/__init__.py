"""The table of ops, one record each, grouped by kind. `TABLE` is keyed by name."""

from ..ir.op import NON_DIFFERENTIABLE, TABLE, Op
from . import contract, elementwise, index, linalg, reduce, shape, stack

__all__ = [
    "NON_DIFFERENTIABLE", "TABLE", "Op", "contract", "elementwise", "index", "linalg", "reduce",
    "shape", "stack",
]  # fmt: skip
