"""Integer arithmetic in dtypes that graphs have not: int8, int16 and the unsigned ones.

Such arrays arrive as int64, and so they are computed with; where NumPy would wrap, the kernel stops.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir.graph import Value
from ..ir.types import I64, Scalar
from ..ops import elementwise as ew
from ..ops.reduce import all_
from ..ops.shape import full
from . import known
from .arrays import Operand, check_broadcast, convert, fresh_array
from .state import State
from .values import ArrayRef

_OPS = {
    np.add: ew.add, np.subtract: ew.sub, np.multiply: ew.mul, np.floor_divide: ew.floordiv,
    np.remainder: ew.mod, np.maximum: ew.maximum, np.minimum: ew.minimum, np.negative: ew.neg,
    np.absolute: ew.abs_, np.bitwise_and: ew.and_, np.bitwise_or: ew.or_, np.bitwise_xor: ew.xor,
    np.sign: ew.sign,
}  # fmt: skip
#: What may leave the range of the dtype.
_WRAPS = (np.add, np.subtract, np.multiply, np.floor_divide, np.negative, np.absolute)
OUT_OF_RANGE = "an integer of this width would wrap"


def computes(ufunc: np.ufunc, dtype: np.dtype) -> bool:
    """Is this such an operation, on integers narrower than 64 bits?"""
    return ufunc in _OPS and dtype.kind in "iu" and dtype.itemsize < 8


def compute(st: State, ufunc: np.ufunc, operands: Sequence[Operand], dtype: np.dtype) -> ArrayRef:
    """`ufunc(*operands)` with a result of `dtype`; a number comes as a 0-d array."""
    values = [convert(st, x.value, I64) for x in operands]
    for x, value in zip(operands, values):
        if x.weak is int:
            check_range(st, value, dtype)
    check_broadcast(st, values)
    result = st.b.emit(_OPS[ufunc], *values)
    if ufunc in _WRAPS:
        check_range(st, result, dtype)
    return narrow_array(st, result, dtype)


def narrow_array(st: State, value: Value, dtype: np.dtype) -> ArrayRef:
    """An int64 value as an array of another width; a scalar as a 0-d array."""
    if isinstance(value.type, Scalar):
        value = st.b.emit(full, value, ones=())
    return fresh_array(st, value, dtype.name)


def check_range(st: State, value: Value, dtype: np.dtype) -> None:
    limits = np.iinfo(dtype)
    low = st.b.emit(ew.ge, value, known.const(st, int(limits.min)))
    high = st.b.emit(ew.le, value, known.const(st, int(limits.max)))
    inside = st.b.emit(ew.and_, low, high)
    if inside.type.rank:
        inside = st.b.emit(all_, inside, axes=tuple(range(inside.type.rank)))
    st.check(inside, OUT_OF_RANGE)
