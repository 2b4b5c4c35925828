"""Sums, means, extrema and their kin: functions that take axes away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import BOOL, DTYPE_NAME, F64, FLOATS, I32, I64, Array
from ..ops import elementwise as ew
from ..ops import reduce as red
from ..ops.shape import copy, expand_dims
from . import folding, known, ufuncs
from .arrays import as_bool, convert, named_dtype, numpy_number, operand, wrap
from .frames import PythonRaises
from .narrow import narrow_array
from .registry import axes, dtype_argument, flag, given, handles, one_axis
from .reshaping import flat_value
from .state import State
from .ufuncs import emit
from .values import Abstract


def _value(st: State, a: Abstract, dtype: Abstract | None = None) -> Value:
    """The operand of a reduction, in the dtype that is asked for."""
    x = operand(st, a)
    named_dtype(st, x.dtype)
    wanted = dtype_argument(st, dtype)
    return x.value if wanted is None else convert(st, x.value, wanted)


def _summable(st: State, value: Value, dtype: Abstract | None) -> Value:
    """Sums and products of small integers are int64."""
    if value.type.dtype in (BOOL, I32) and not given(dtype):
        return convert(st, value, I64)
    return value


def reduce_value(st: State, op: Op, value: Value, over: Sequence[int], keepdims: bool) -> Value:
    """The reduced value; a scalar stays what it is."""
    if not isinstance(value.type, Array):
        return value
    result = st.b.emit(op, value, axes=tuple(over)) if over or value.type.rank == 0 else value
    return keep(st, result, over) if keepdims else result


def keep(st: State, value: Value, over: Sequence[int]) -> Value:
    return st.b.emit(expand_dims, value, axes=tuple(over)) if over else value


def _own(st: State, result: Value, source: Value) -> Abstract:
    """A result that may be its operand, as an object of its own."""
    if result is source:
        array = isinstance(result.type, Array)
        result = st.b.emit(copy, result) if array else numpy_number(st, result)
    return wrap(st, result)


@handles(np.sum, methods=["sum"])
def sum_(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    x = operand(st, a)
    if x.dtype not in DTYPE_NAME and not given(dtype):
        over = axes(st, axis, x.value.type.rank)
        total = reduce_value(st, red.sum_, x.value, over, flag(st, keepdims))
        return wrap(st, total) if x.dtype.kind == "i" else narrow_array(st, total, np.dtype("u8"))
    value = _summable(st, _value(st, a, dtype), dtype)
    if value.type.dtype == BOOL:
        return any_(st, a, axis, None, keepdims)
    over = axes(st, axis, value.type.rank)
    return _own(st, reduce_value(st, red.sum_, value, over, flag(st, keepdims)), value)


@handles(np.prod, methods=["prod"])
def prod(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value = _summable(st, _value(st, a, dtype), dtype)
    over = axes(st, axis, value.type.rank)
    if value.type.dtype not in FLOATS:
        return _own(st, reduce_value(st, red.prod, value, over, flag(st, keepdims)), value)
    if not isinstance(value.type, Array) or not over:
        return _own(st, value, value)
    result = folding.product(st, value, over)
    return wrap(st, keep(st, result, over) if flag(st, keepdims) else result)


def count(st: State, value: Value, over: Sequence[int], dtype: str) -> Value:
    """How many entries a reduction runs over, as a number of `dtype`."""
    dims = st.b.dims.get(value, ())
    return convert(st, known.value(st, known.product(st, [dims[k] for k in over])), dtype)


def mean_value(st: State, value: Value, over: Sequence[int], keepdims: bool) -> Value:
    total = reduce_value(st, red.sum_, value, over, keepdims)
    return st.b.emit(ew.div, total, count(st, value, over, value.type.dtype))


def _inexact(st: State, a: Abstract, dtype: Abstract | None) -> Value:
    """Means of integers are float64."""
    wanted = dtype_argument(st, dtype)
    value = operand(st, a).value
    value = value if wanted is None else convert(st, value, wanted)
    return value if value.type.dtype in FLOATS else convert(st, value, F64)


@handles(np.mean, methods=["mean"])
def mean(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value = _inexact(st, a, dtype)
    over = axes(st, axis, value.type.rank)
    return wrap(st, mean_value(st, value, over, flag(st, keepdims)))


@handles(np.average)
def average(
    st: State, a: Abstract, axis: Abstract | None = None, weights: Abstract | None = None
) -> Abstract:
    if weights is None or not given(weights):
        return mean(st, a, axis)
    x, w = operand(st, a), operand(st, weights)
    if w.value.type.rank != x.value.type.rank:
        st.refuse(
            "np.average with weights of another shape is not supported",
            "use `np.sum(w * a) / np.sum(w)`",
        )
    product = ufuncs.apply(st, np.multiply, [a, weights])
    return ufuncs.apply(st, np.divide, [sum_(st, product, axis), sum_(st, weights, axis)])


def _variance(
    st: State, a: Abstract, axis: Abstract | None, ddof: Abstract | None, keepdims: Abstract | None,
    dtype: Abstract | None,
) -> Value:  # fmt: skip
    value = _inexact(st, a, dtype)
    over = axes(st, axis, value.type.rank)
    centred = emit(st, ew.sub, [value, mean_value(st, value, over, True)])
    total = reduce_value(
        st, red.sum_, st.b.emit(ew.mul, centred, centred), over, flag(st, keepdims)
    )
    dtype_name = value.type.dtype
    n = count(st, value, over, dtype_name)
    if given(ddof):
        n = st.b.emit(ew.sub, n, convert(st, operand(st, ddof).value, dtype_name))
        n = st.b.emit(ew.maximum, n, known.const(st, 0, dtype_name))
    return st.b.emit(ew.div, total, n)


@handles(np.var, methods=["var"])
def var(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, ddof: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return wrap(st, _variance(st, a, axis, ddof, keepdims, dtype))


@handles(np.std, methods=["std"])
def std(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, ddof: Abstract | None = None, keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return wrap(st, st.b.emit(ew.sqrt, _variance(st, a, axis, ddof, keepdims, dtype)))


# --- extrema --------------------------------------------------------------------------------------


def check_not_empty(st: State, value: Value, over: Sequence[int]) -> None:
    dims = st.b.dims.get(value, ())
    for k in over:
        literal = known.constant(st, dims[k])
        if literal is None:
            some = known.shared(st, ew.gt, dims[k], known.const(st, 0))
            st.check(some, "zero-size array to reduction operation which has no identity")
        elif literal == 0:
            raise PythonRaises("zero-size array to reduction operation which has no identity")


def _extremum(
    st: State, op: Op, on_bool: Op, a: Abstract, axis: Abstract | None, keepdims: Abstract | None
) -> Abstract:
    value = operand(st, a).value
    over = axes(st, axis, value.type.rank)
    check_not_empty(st, value, over)
    op = on_bool if value.type.dtype == BOOL else op
    result = reduce_value(st, op, value, over, flag(st, keepdims))
    dtype = operand(st, a).dtype
    return _own(st, result, value) if dtype in DTYPE_NAME else narrow_array(st, result, dtype)


@handles(np.max, np.amax, methods=["max"])
def max_(
    st: State, a: Abstract, axis: Abstract | None = None, out: Abstract | None = None,
    keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _extremum(st, red.max_, red.any_, a, axis, keepdims)


@handles(np.min, np.amin, methods=["min"])
def min_(
    st: State, a: Abstract, axis: Abstract | None = None, out: Abstract | None = None,
    keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _extremum(st, red.min_, red.all_, a, axis, keepdims)


@handles(np.ptp)
def ptp(
    st: State, a: Abstract, axis: Abstract | None = None, keepdims: Abstract | None = None
) -> Abstract:
    return ufuncs.apply(
        st, np.subtract, [max_(st, a, axis, None, keepdims), min_(st, a, axis, None, keepdims)]
    )


def _where_extremum(
    st: State, op: Op, a: Abstract, axis: Abstract | None, keepdims: Abstract | None
) -> Abstract:
    value = operand(st, a).value
    if not isinstance(value.type, Array):
        return wrap(st, known.const(st, 0))
    rank = value.type.rank
    if value.type.dtype == BOOL:
        value = convert(st, value, I64)
    if given(axis):
        over: tuple[int, ...] = (one_axis(st, axis, rank),)
        check_not_empty(st, value, over)
        result = st.b.emit(op, value, axes=over)
    else:
        over = tuple(range(rank))
        check_not_empty(st, value, over)
        result = st.b.emit(op, flat_value(st, value), axes=(0,))
    return wrap(st, keep(st, result, over) if flag(st, keepdims) else result)


@handles(np.argmax, methods=["argmax"])
def argmax(
    st: State, a: Abstract, axis: Abstract | None = None, out: Abstract | None = None,
    keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _where_extremum(st, red.argmax, a, axis, keepdims)


@handles(np.argmin, methods=["argmin"])
def argmin(
    st: State, a: Abstract, axis: Abstract | None = None, out: Abstract | None = None,
    keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _where_extremum(st, red.argmin, a, axis, keepdims)


# --- truth ----------------------------------------------------------------------------------------


def _truths(
    st: State, op: Op, a: Abstract, axis: Abstract | None, keepdims: Abstract | None
) -> Abstract:
    value = as_bool(st, operand(st, a).value)
    over = axes(st, axis, value.type.rank)
    return _own(st, reduce_value(st, op, value, over, flag(st, keepdims)), value)


@handles(np.any, methods=["any"])
def any_(
    st: State, a: Abstract, axis: Abstract | None = None, out: Abstract | None = None,
    keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _truths(st, red.any_, a, axis, keepdims)


@handles(np.all, methods=["all"])
def all_(
    st: State, a: Abstract, axis: Abstract | None = None, out: Abstract | None = None,
    keepdims: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _truths(st, red.all_, a, axis, keepdims)


@handles(np.count_nonzero)
def count_nonzero(
    st: State, a: Abstract, axis: Abstract | None = None, keepdims: Abstract | None = None
) -> Abstract:
    value = convert(st, as_bool(st, operand(st, a).value), I64)
    over = axes(st, axis, value.type.rank)
    return _own(st, reduce_value(st, red.sum_, value, over, flag(st, keepdims)), value)
