"""Sums over products: `@`, np.dot and their kin. Whatever they sum over, the matrix product does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.graph import Value
from ..ir.types import Array
from ..ops import elementwise as ew
from ..ops.contract import matmul as matmul_op
from ..ops.shape import expand_dims, transpose
from . import known, ufuncs
from .arrays import BROADCAST, operand, strong, to_dtype, wrap
from .frames import PythonRaises
from .reshaping import reshaped
from .state import State
from .values import Abstract

MISMATCH = "matmul: the inner dimensions do not agree"
BOOLEAN = ("products of boolean matrices are not supported", "convert to float or int first")


def common(st: State, *given_: Abstract) -> list[Value]:
    """All in one dtype. These functions make arrays of Python's numbers first."""
    operands = [strong(operand(st, v)) for v in given_]
    dtype = ufuncs.common_dtype(st, operands)
    return [to_dtype(st, x, dtype) for x in operands]


def matmul(st: State, a: Abstract, b: Abstract) -> Abstract:
    """`a @ b` of vectors, matrices and stacks of matrices."""
    x, y = common(st, a, b)
    if not isinstance(x.type, Array) or not isinstance(y.type, Array):
        raise PythonRaises("`@` takes arrays, not numbers")
    return wrap(st, product(st, x, y))


def product(st: State, x: Value, y: Value) -> Value:
    """`x @ y`, checked."""
    if x.type.dtype == "bool":
        st.refuse(*BOOLEAN)
    xs, ys = st.b.dims[x], st.b.dims[y]
    st.check_same(xs[-1], ys[-2 if len(ys) > 1 else -1], MISMATCH)
    for d, e in zip(reversed(xs[:-2]), reversed(ys[:-2])):
        if d != 1 and e != 1:
            st.check_same(d, e, BROADCAST)
    return st.b.emit(matmul_op, x, y)


# --- over any axes --------------------------------------------------------------------------------


def turned(st: State, x: Value, perm: Sequence[int]) -> Value:
    """The axes in another order."""
    if tuple(perm) == tuple(range(len(perm))):
        return x
    return st.b.emit(transpose, x, perm=tuple(perm))


def contracted(
    st: State, x: Value, y: Value, over_x: Sequence[int], over_y: Sequence[int],
    reason: str = "shapes are not aligned",
) -> Value:  # fmt: skip
    """The sum over pairs of axes of products; what is left: the other axes of x, then those of y."""
    if x.type.dtype == "bool":
        st.refuse(*BOOLEAN)
    xs, ys = st.b.dims.get(x, ()), st.b.dims.get(y, ())
    for i, j in zip(over_x, over_y):
        st.check_same(xs[i], ys[j], reason)
    free_x = [k for k in range(len(xs)) if k not in over_x]
    free_y = [k for k in range(len(ys)) if k not in over_y]
    if not over_x:
        return outer_value(st, x, y)
    left = turned(st, x, (*free_x, *over_x))
    right = turned(st, y, (*over_y, *free_y))
    rows, columns = [xs[k] for k in free_x], [ys[k] for k in free_y]
    if len(over_x) > 1:
        inner = known.product(st, [xs[k] for k in over_x])
        left = reshaped(st, left, [*rows, inner])
        right = reshaped(st, right, [inner, *columns])
    if len(columns) < 2:
        return st.b.emit(matmul_op, left, right)
    inner = st.b.dims[right][0]
    out = st.b.emit(matmul_op, left, reshaped(st, right, [inner, known.product(st, columns)]))
    return reshaped(st, out, [*rows, *columns])


def outer_value(st: State, x: Value, y: Value) -> Value:
    """Every product of an entry of x with an entry of y, over the axes of x, then those of y."""
    rank = y.type.rank
    if rank and isinstance(x.type, Array):
        x = st.b.emit(expand_dims, x, axes=tuple(range(x.type.rank, x.type.rank + rank)))
    op: Any = ew.and_ if x.type.dtype == "bool" else ew.mul
    return st.b.emit(op, x, y)
