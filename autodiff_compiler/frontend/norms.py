"""np.linalg.norm, of vectors and matrices, in all its orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.graph import Value
from ..ir.types import F64, FLOATS, Array
from ..ops import elementwise as ew
from ..ops import reduce as red
from . import known, linear_algebra
from .arrays import convert, operand, strong, wrap
from .contract import turned
from .frames import PythonRaises
from .reductions import check_not_empty, keep, reduce_value
from .registry import flag, given, handles, one_axis, sequence
from .reshaping import flat_value
from .state import State
from .ufuncs import emit
from .values import Abstract, Num, Static, TupleVal


@handles(np.linalg.norm)
def norm(
    st: State, x: Abstract, ord: Abstract | None = None, axis: Abstract | None = None,
    keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value = strong(operand(st, x)).value
    value = value if value.type.dtype in FLOATS else convert(st, value, F64)
    rank = value.type.rank
    order = _order(st, ord)
    if given(axis):
        over = [one_axis(st, k, rank) for k in sequence(st, axis)]
    else:
        over = list(range(rank))
    if order is None and not given(axis):
        found = _root_of_squares(st, value, over)
    elif len(over) == 1:
        found = _vector_norm(st, value, order, over)
    elif len(over) == 2:
        if over[0] == over[1]:
            raise PythonRaises("Duplicate axes given.")
        found = _matrix_norm(st, value, order, over)
    else:
        raise PythonRaises("Improper number of dimensions to norm.")
    return wrap(st, keep(st, found, sorted(over)) if flag(st, keepdims) else found)


def _order(st: State, ord: Abstract | None) -> Any:
    if not given(ord):
        return None
    if isinstance(ord, Static) and isinstance(ord.value, (int, float, str, np.number)):
        return ord.value
    literal = st.b.constants.get(ord.value) if isinstance(ord, Num) else None
    if literal is None:
        st.refuse("the order of a norm must be known at compile time")
    return literal


def _root_of_squares(st: State, value: Value, over: Sequence[int]) -> Value:
    if not isinstance(value.type, Array):
        return st.b.emit(ew.abs_, value)
    square = st.b.emit(ew.mul, value, value)
    return st.b.emit(ew.sqrt, reduce_value(st, red.sum_, square, sorted(over), False))


def _extreme(st: State, value: Value, over: Sequence[int], largest: bool) -> Value:
    check_not_empty(st, value, over)
    return st.b.emit(red.max_ if largest else red.min_, value, axes=tuple(over))


def _vector_norm(st: State, value: Value, order: Any, over: Sequence[int]) -> Value:
    axes = tuple(over)
    if order is None or order == 2:
        return _root_of_squares(st, value, over)
    if isinstance(order, str):
        raise PythonRaises(f"Invalid norm order '{order}' for vectors")
    size = st.b.emit(ew.abs_, value)
    if order in (np.inf, -np.inf):
        return _extreme(st, size, over, order > 0)
    dtype = value.type.dtype
    if order == 0:
        nonzero = st.b.emit(ew.ne, value, known.const(st, 0, dtype))
        return st.b.emit(red.sum_, convert(st, nonzero, dtype), axes=axes)
    if order == 1:
        return st.b.emit(red.sum_, size, axes=axes)
    powers = emit(st, ew.pow_, [size, known.const(st, float(order), dtype)])
    total = st.b.emit(red.sum_, powers, axes=axes)
    return emit(st, ew.pow_, [total, known.const(st, 1.0 / float(order), dtype)])


def _matrix_norm(st: State, value: Value, order: Any, over: Sequence[int]) -> Value:
    if order in (None, "fro", "f"):
        return _root_of_squares(st, value, over)
    rows, columns = over
    if order in (1, -1, np.inf, -np.inf):
        summed, left = (rows, columns) if abs(order) == 1 else (columns, rows)
        sums = st.b.emit(red.sum_, st.b.emit(ew.abs_, value), axes=(summed,))
        return _extreme(st, sums, [left - (left > summed)], order > 0)
    if order not in (2, -2, "nuc"):
        raise PythonRaises("Invalid norm order for matrices.")
    rest = [k for k in range(value.type.rank) if k not in over]
    spectrum = linear_algebra.singular_values(st, turned(st, value, [*rest, rows, columns]))
    last = spectrum.type.rank - 1
    if order == "nuc":
        return st.b.emit(red.sum_, spectrum, axes=(last,))
    return _extreme(st, spectrum, [last], order > 0)


def vector_norm(
    st: State, x: Abstract, *, axis: Abstract | None = None, keepdims: Abstract | None = None,
    ord: Abstract | None = None,
) -> Abstract:  # fmt: skip
    """np.linalg.vector_norm: of no axis, of the flattened array."""
    if given(axis):
        if len(sequence(st, axis)) != 1:
            st.refuse("np.linalg.vector_norm over several axes is not supported")
        return norm(st, x, ord if given(ord) else Static(2), axis, keepdims)
    if flag(st, keepdims):
        st.refuse("np.linalg.vector_norm with keepdims= and no axis is not supported")
    value = strong(operand(st, x)).value
    flat = wrap(st, flat_value(st, value)) if value.type.rank > 1 else x
    return norm(st, flat, ord if given(ord) else Static(2))


def matrix_norm(
    st: State, x: Abstract, *, keepdims: Abstract | None = None, ord: Abstract | None = None
) -> Abstract:
    """np.linalg.matrix_norm: over the last two axes."""
    axes = TupleVal((Static(-2), Static(-1)))
    return norm(st, x, ord if given(ord) else Static("fro"), axes, keepdims)


if hasattr(np.linalg, "vector_norm"):  # since NumPy 2.0
    handles(np.linalg.vector_norm)(vector_norm)
    handles(np.linalg.matrix_norm)(matrix_norm)
