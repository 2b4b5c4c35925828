"""Running an operation along an axis: what no single op does is read from `library`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir.graph import Value
from ..ir.types import BOOL, I32, I64
from ..ops.shape import copy, full, transpose
from . import known, library, ufuncs
from .arrays import Operand, as_array, convert, fresh_array, named_dtype, operand
from .registry import dtype_argument, given, handles, one_axis
from .reshaping import flat_value, reshaped
from .values import Abstract, Num, Static
from .views import read, transposed

if TYPE_CHECKING:
    from .tracer import Tracer

_ACCUMULATE = {
    np.add: library.accumulate_add, np.multiply: library.accumulate_multiply,
    np.subtract: library.accumulate_subtract, np.maximum: library.accumulate_maximum,
    np.minimum: library.accumulate_minimum,
}  # fmt: skip


def rows_of(st: Tracer, value: Value, over: Sequence[int]) -> Value:
    """The axes `over` as one first axis, in an array of its own."""
    dims = st.b.dims[value]
    kept = [k for k in range(value.type.rank) if k not in over]
    perm = (*over, *kept)
    if perm != tuple(range(value.type.rank)):
        value = st.b.emit(transpose, value, perm=perm)
    count = known.product(st, [dims[k] for k in over])
    rows = reshaped(st, value, [count, *(dims[k] for k in kept)])
    return st.b.emit(copy, rows) if rows is value else rows


def product(st: Tracer, value: Value, over: Sequence[int]) -> Value:
    """The product over axes, by a loop: its derivative is right where factors are zero, too."""
    dims = st.b.dims[value]
    inner = [dims[k] for k in range(value.type.rank) if k not in over]
    rows = rows_of(st, value, over)
    one = known.const(st, 1, value.type.dtype)
    if not inner:
        total = st.inline_source(library.multiply_all, (Num(one, False), fresh_array(st, rows)))
        return operand(st, total).value
    sizes = [known.value(st, d) for d in inner]
    ones = fresh_array(st, st.b.emit(full, one, *sizes, ones=known.ones_of(inner)))
    return read(st, st.inline_source(library.multiply_rows, (ones, fresh_array(st, rows))))


def own_rows(st: Tracer, ufunc: np.ufunc, a: Abstract, dtype: Abstract | None) -> Value:
    """The operand of a reduction or accumulation by a ufunc that keeps its dtype."""
    x = operand(st, a)
    named_dtype(st, x.dtype)
    if not ufuncs.supported(ufunc) or ufunc.nin != 2 or given(dtype):
        st.refuse(f"this reduction by np.{ufunc.__name__} is not supported", "write it as a loop")
    strong = Operand(x.value, x.dtype)
    if not x.value.type.rank or ufuncs.loop_dtypes(st, ufunc, [strong, strong])[-1] != x.dtype:
        st.refuse(
            f"this reduction by np.{ufunc.__name__} changes the dtype, which is not supported",
            "convert the array before: `.astype(float)`",
        )
    return x.value


def accumulate(
    st: Tracer, ufunc: np.ufunc, a: Abstract, axis: Abstract | None, dtype: Abstract | None
) -> Abstract:
    """`ufunc.accumulate(a, axis)`; of no axis, along the flattened array."""
    if ufunc not in _ACCUMULATE:
        return _accumulate_any(st, ufunc, own_rows(st, ufunc, a, dtype), axis)
    named_dtype(st, operand(st, a).dtype)
    value = as_array(st, a, dtype_argument(st, dtype))
    if value.type.dtype in (BOOL, I32) and not given(dtype) and ufunc in (np.add, np.multiply):
        value = convert(st, value, I64)
    if not given(axis):
        value = flat_value(st, value)
    along = one_axis(st, axis, value.type.rank) if given(axis) else 0
    out = fresh_array(st, st.b.emit(copy, value))
    order = (along, *(k for k in range(value.type.rank) if k != along))
    turned = transposed(st, out, order) if along else out
    st.inline_source(_ACCUMULATE[ufunc], (turned,))
    return out


def _accumulate_any(st: Tracer, ufunc: np.ufunc, value: Value, axis: Abstract | None) -> Abstract:
    along = one_axis(st, axis, value.type.rank) if given(axis) else 0
    out = fresh_array(st, st.b.emit(copy, value))
    order = (along, *(k for k in range(value.type.rank) if k != along))
    turned = transposed(st, out, order) if along else out
    st.inline_source(library.accumulate_any, (Static(ufunc), turned))
    return out


@handles(np.cumsum, methods=["cumsum"])
def cumsum(
    st: Tracer, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return accumulate(st, np.add, a, axis, dtype)


@handles(np.cumprod, methods=["cumprod"])
def cumprod(
    st: Tracer, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return accumulate(st, np.multiply, a, axis, dtype)
