"""Matrix products: `@`, np.dot and their kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.graph import Value
from ..ir.types import NUMPY_DTYPE, Array
from ..ops import elementwise as ew
from ..ops.reduce import matmul as matmul_op
from ..ops.shape import expand_dims, transpose
from . import ufuncs
from .arrays import Operand, fresh_array, operand, strong, to_dtype, wrap
from .frames import PythonRaises
from .reshaping import flat_value
from .state import State
from .values import Abstract

MISMATCH = "matmul: the inner dimensions do not agree"


def matmul(st: State, a: Abstract, b: Abstract) -> Abstract:
    """`a @ b` of vectors and matrices."""
    x, y = _common(st, a, b)
    if not isinstance(x.type, Array) or not isinstance(y.type, Array):
        raise PythonRaises("`@` takes arrays, not numbers")
    return _product(st, x, y)


def _common(st: State, a: Abstract, b: Abstract) -> tuple[Value, Value]:
    """Both in one dtype. These functions make arrays of Python's numbers first."""
    x, y = (strong(operand(st, v)) for v in (a, b))
    dtype = ufuncs.common_dtype(st, [x, y])
    return to_dtype(st, x, dtype), to_dtype(st, y, dtype)


def _product(st: State, x: Value, y: Value) -> Abstract:
    if x.type.rank > 2 or y.type.rank > 2:
        st.refuse(
            "products of arrays of rank 3 or more are not supported", "loop over the first axis"
        )
    if x.type.dtype == "bool":
        st.refuse("products of boolean matrices are not supported", "convert to float or int first")
    inner_x, inner_y = st.b.dims[x][-1], st.b.dims[y][-2 if y.type.rank == 2 else -1]
    st.check_same(inner_x, inner_y, MISMATCH)
    return wrap(st, st.b.emit(matmul_op, x, y))


def dot(st: State, a: Abstract, b: Abstract) -> Abstract:
    """np.dot: of scalars the product."""
    x, y = _common(st, a, b)
    if not isinstance(x.type, Array) or not isinstance(y.type, Array):
        return _scaled(st, x, y)
    return _product(st, x, y)


def _scaled(st: State, x: Value, y: Value) -> Abstract:
    operands = [Operand(v, NUMPY_DTYPE[v.type.dtype]) for v in (x, y)]
    return wrap(st, ufuncs.compute(st, np.multiply, operands))


def inner(st: State, a: Abstract, b: Abstract) -> Abstract:
    """np.inner: sums over the last axes."""
    x, y = _common(st, a, b)
    if not isinstance(x.type, Array) or not isinstance(y.type, Array):
        return _scaled(st, x, y)
    if y.type.rank == 2:
        y = st.b.emit(transpose, y, perm=(1, 0))
    return _product(st, x, y)


def vdot(st: State, a: Abstract, b: Abstract) -> Abstract:
    """np.vdot: the dot product of the flattened arrays."""
    x, y = _common(st, a, b)
    return _product(st, flat_value(st, x), flat_value(st, y))


def outer(st: State, a: Abstract, b: Abstract) -> Abstract:
    """np.outer: every product of an entry of one with an entry of the other."""
    x, y = _common(st, a, b)
    column = st.b.emit(expand_dims, flat_value(st, x), axes=(1,))
    row = st.b.emit(expand_dims, flat_value(st, y), axes=(0,))
    op: Any = ew.and_ if x.type.dtype == "bool" else ew.mul
    made = fresh_array(st, st.b.emit(op, column, row))
    made.object.c_order = True
    return made
