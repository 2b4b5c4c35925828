"""The matrix product, in all of NumPy's ranks. What else sums over products is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import Op, register
from ..ir.types import Array, Scalar, Type, broadcast_dims
from .elementwise import broadcast_known
from .shape import expand_dims, reshape, squeeze, transpose


def _infer_matmul(attrs: Mapping[str, Any], a: Type, b: Type) -> tuple[Type, ...]:
    if not isinstance(a, Array) or not isinstance(b, Array) or a.dtype != b.dtype:
        raise TypeError(f"multiplies arrays of one dtype, not {a} and {b}")
    if a.rank < 1 or b.rank < 1:
        raise TypeError(f"multiplies vectors, matrices and stacks of them, not {a} and {b}")
    dims = _joined(a.dims, b.dims, batch_types(a, b))
    return (Array(a.dtype, dims) if dims else Scalar(a.dtype),)


def batch_types(*operands: Type) -> tuple[int | None, ...]:
    """The dims in front of the matrices, broadcast."""
    return broadcast_dims(*(Array(t.dtype, t.dims[:-2]) for t in operands))


def batch_known(*dims: Sequence[KnownDim]) -> tuple[KnownDim, ...]:
    return broadcast_known({}, (), [d[:-2] for d in dims])[0]


def _joined(a: Sequence[Any], b: Sequence[Any], batch: Sequence[Any]) -> tuple[Any, ...]:
    """Batch dims, rows of a, columns of b; a vector has neither rows nor columns."""
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _matmul_dims(
    attrs: Mapping[str, Any], operands: Sequence[Value], dims: Sequence[Sequence[KnownDim]]
) -> tuple[tuple[KnownDim, ...], ...]:
    a, b = dims
    return (_joined(a, b, batch_known(a, b)),)


def swapped(x: Any) -> Any:
    """Matrices turned over: the last two axes trade places."""
    rank = x.rank
    return transpose(x, perm=(*range(rank - 2), rank - 1, rank - 2))


def column(x: Any) -> Any:
    return expand_dims(x, axes=(x.rank,))


def row(x: Any) -> Any:
    return expand_dims(x, axes=(x.rank - 1,))


def _rows(x: Any) -> Any:
    """A stack of matrices as one matrix of all their rows."""
    count = x.sizes[0]
    for n in x.sizes[1:-1]:
        count = count * n
    return reshape(x, count, x.sizes[-1], ones=(False, x.type.dims[-1] == 1))


def _matmul_vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
    if a.rank == 1 and b.rank == 1:
        return [g * b, g * a]
    if b.rank == 1:
        return [column(g) * b, matmul(swapped(a), g) if a.rank == 2 else _vector_share(g, a)]
    if a.rank == 1:
        share = matmul(b, g) if b.rank == 2 else squeeze(matmul(b, column(g)), axes=(b.rank - 1,))
        return [share, column(a) * row(g)]
    if b.rank == 2 and a.rank > 2:
        # One product over all rows: per matrix there would be as many gradients to be added up.
        return [matmul(g, swapped(b)), matmul(swapped(_rows(a)), _rows(g))]
    return [matmul(g, swapped(b)), matmul(swapped(a), g)]


def _vector_share(g: Any, a: Any) -> Any:
    rows = _rows(a)
    return matmul(swapped(rows), reshape(g, rows.sizes[0], ones=(False,)))


#: As `@`: vectors, matrices, stacks of them. The inner dims agree (checked before, a 1 is not
#: stretched); the dims in front broadcast.
matmul = register(
    Op(
        "matmul", "contract", _infer_matmul, dims=_matmul_dims,
        evaluate=lambda attrs, a, b: np.matmul(a, b), vjp=_matmul_vjp, infix="@", cost=2,
        spellings=("operator @", "np.matmul", "np.dot", "ndarray.dot"),
    )
)  # fmt: skip
