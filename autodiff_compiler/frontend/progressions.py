"""Whole numbers in steps: what np.arange gives of integers, and what NumPy makes of a `range`."""

from __future__ import annotations

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import I64
from ..ops import elementwise as ew
from ..ops.shape import iota
from . import known
from .state import State


def counting(st: State, n: KnownDim, dtype: str = I64) -> Value:
    """0, 1, ..., n - 1."""
    one = isinstance(n, int) and n == 1
    result = st.b.emit(iota, known.value(st, n), dtype=dtype, one=one)
    if dtype == I64:
        st.distinct.add(result)
    return result


def length_of(st: State, first: Value, last: Value, by: Value) -> KnownDim:
    """max(0, ceil((last - first) / by)), in integers; `by` is not 0."""
    distance = known.calculate(st, ew.sub, last, first)
    if st.b.constants.get(by) == 1:
        return known.calculate(st, ew.maximum, distance, 0)
    negative = known.calculate(st, ew.sub, 0, distance)
    trips = known.calculate(st, ew.sub, 0, known.calculate(st, ew.floordiv, negative, by))
    return known.calculate(st, ew.maximum, trips, 0)


def whole_numbers(st: State, first: Value, by: Value, length: KnownDim) -> Value:
    """first, first + by, ..., in i64."""
    out = counting(st, length)
    if st.b.constants.get(by) != 1:
        out = st.b.emit(ew.mul, out, by)
    if st.b.constants.get(first) != 0:
        out = st.b.emit(ew.add, out, first)
    return out
