"""Sums, means, extrema and their kin: functions that take axes away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import BOOL, DTYPE_NAME, F64, FLOATS, I32, I64, Array
from ..ops import elementwise as ew
from ..ops import reduce as red
from ..ops.shape import copy, expand_dims, full
from . import folding, known, ufuncs
from .arrays import as_bool, convert, named_dtype, numpy_number, operand, wrap
from .frames import PythonRaises
from .narrow import narrow_array
from .registry import axes, dtype_argument, flag, given, handles, one_axis
from .reshaping import flat_value
from .state import State
from .ufuncs import emit
from .values import Abstract, Static

if TYPE_CHECKING:
    from .tracer import Tracer


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


def masked(st: State, a: Abstract, where: Abstract | None, neutral: Abstract) -> Abstract:
    """`where=`: what is left out of a reduction is made its neutral element."""
    if where is None or not given(where) or where == Static(True):
        return a
    mask, own = (st.b.dims.get(operand(st, x).value, ()) for x in (where, a))
    stretched = any(d != 1 and n == 1 for d, n in zip(reversed(mask), reversed(own)))
    if len(mask) > len(own) or stretched:
        st.refuse("`where=` of another shape than the array is not supported")
    return ufuncs.select(st, where, a, neutral)


def _begun(st: State, ufunc: np.ufunc, result: Abstract, initial: Abstract | None) -> Abstract:
    """`initial=`: one more entry, before all others."""
    if initial is None or not given(initial):
        return result
    return ufuncs.apply(st, ufunc, [result, initial])


@handles(np.sum, methods=["sum"])
def sum_(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, keepdims: Abstract | None = None, initial: Abstract | None = None,
    where: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if given(initial) or given(where):
        begun = sum_(st, masked(st, a, where, Static(0)), axis, dtype, out, keepdims)
        return _begun(st, np.add, begun, initial)
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
    st: Tracer, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, keepdims: Abstract | None = None, initial: Abstract | None = None,
    where: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if given(initial) or given(where):
        total = prod(st, masked(st, a, where, Static(1)), axis, dtype, out, keepdims)
        return _begun(st, np.multiply, total, initial)
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


def _all_true(st: State, a: Abstract) -> Abstract:
    """A mask of the array's shape that leaves nothing out."""
    value = operand(st, a).value
    yes = known.const(st, True, BOOL)
    if not isinstance(value.type, Array):
        return wrap(st, yes)
    dims = st.b.dims[value]
    sizes = [known.value(st, d) for d in dims]
    return wrap(st, st.b.emit(full, yes, *sizes, ones=known.ones_of(dims)))


def _inexact(st: State, a: Abstract, dtype: Abstract | None) -> Value:
    """Means of integers are float64."""
    wanted = dtype_argument(st, dtype)
    value = operand(st, a).value
    value = value if wanted is None else convert(st, value, wanted)
    return value if value.type.dtype in FLOATS else convert(st, value, F64)


@handles(np.mean, methods=["mean"])
def mean(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, keepdims: Abstract | None = None, *,
    where: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if where is not None and given(where):
        inside = wrap(st, _inexact(st, a, dtype))
        mask = ufuncs.apply(st, np.logical_and, [where, _all_true(st, inside)])
        total = sum_(st, masked(st, inside, where, Static(0.0)), axis, None, None, keepdims)
        name = operand(st, total).value.type.dtype
        n = convert(st, operand(st, count_nonzero(st, mask, axis, keepdims)).value, name)
        return ufuncs.apply(st, np.divide, [total, wrap(st, n)])
    value = _inexact(st, a, dtype)
    over = axes(st, axis, value.type.rank)
    return wrap(st, mean_value(st, value, over, flag(st, keepdims)))


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
    out: Abstract | None = None, ddof: Abstract | None = None, keepdims: Abstract | None = None, *,
    correction: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return wrap(
        st, _variance(st, a, axis, correction if given(correction) else ddof, keepdims, dtype)
    )


@handles(np.std, methods=["std"])
def std(
    st: State, a: Abstract, axis: Abstract | None = None, dtype: Abstract | None = None,
    out: Abstract | None = None, ddof: Abstract | None = None, keepdims: Abstract | None = None, *,
    correction: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return wrap(
        st,
        st.b.emit(
            ew.sqrt,
            _variance(st, a, axis, correction if given(correction) else ddof, keepdims, dtype),
        ),
    )


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
    st: State, op: Op, on_bool: Op, a: Abstract, axis: Abstract | None, keepdims: Abstract | None,
    initial: Abstract | None, where: Abstract | None,
) -> Abstract:  # fmt: skip
    if given(where) and not given(initial):
        raise PythonRaises(
            "reduction operation does not have an identity, so `where` needs `initial`"
        )
    if given(initial):
        ufunc = np.maximum if op is red.max_ else np.minimum
        inside = masked(st, a, where, initial)  # type: ignore[arg-type]
        return _begun(
            st, ufunc, _extremum(st, op, on_bool, inside, axis, keepdims, None, None), initial
        )
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
    keepdims: Abstract | None = None, initial: Abstract | None = None,
    where: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _extremum(st, red.max_, red.any_, a, axis, keepdims, initial, where)


@handles(np.min, np.amin, methods=["min"])
def min_(
    st: State, a: Abstract, axis: Abstract | None = None, out: Abstract | None = None,
    keepdims: Abstract | None = None, initial: Abstract | None = None,
    where: Abstract | None = None,
) -> Abstract:  # fmt: skip
    return _extremum(st, red.min_, red.all_, a, axis, keepdims, initial, where)


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
