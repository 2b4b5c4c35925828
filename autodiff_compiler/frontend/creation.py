"""Functions that make arrays: from a shape, from a range, from other arrays' contents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import BOOL, F64, I64, NUMPY_DTYPE, Scalar
from ..ops import elementwise as ew
from ..ops.index import load, store
from ..ops.shape import copy as copy_op
from ..ops.shape import expand_dims, full
from . import known, library_shapes
from .arrays import (
    as_array,
    as_value,
    convert,
    copied,
    dtype_of,
    fresh_array,
    named_dtype,
    operand,
    to_dtype,
)
from .frames import PythonRaises
from .progressions import counting, length_of, whole_numbers
from .registry import dtype_argument, flag, given, handles, integer, sequence
from .reshaping import dim
from .state import State
from .ufuncs import common_dtype, emit
from .values import Abstract, ArrayRef, Num, Static, TupleVal
from .views import dims_of, path_of, store_path, type_of, with_new_axes

if TYPE_CHECKING:
    from .tracer import Tracer


def shape_of(st: State, shape: Abstract) -> list[KnownDim]:
    """`shape=` as dims, checked not to be negative."""
    dims = [dim(st, s) for s in sequence(st, shape)]
    for d in dims:
        if isinstance(d, int):
            if d < 0:
                raise PythonRaises("negative dimensions are not allowed")
        elif not known.nonnegative(st, d):
            st.check(
                known.shared(st, ew.ge, d, known.const(st, 0)),
                "negative dimensions are not allowed",
            )
    return [max(d, 0) if isinstance(d, int) else d for d in dims]


def filled(st: State, value: Value, dims: Sequence[KnownDim]) -> Value:
    sizes = [known.value(st, d) for d in dims]
    return st.b.emit(full, value, *sizes, ones=known.ones_of(dims))


def _constant(st: State, shape: Abstract, dtype: Abstract | None, number: int) -> ArrayRef:
    name = dtype_argument(st, dtype) or F64
    return fresh_array(st, filled(st, known.const(st, number, name), shape_of(st, shape)))


def _in_order(made: Abstract) -> Abstract:
    """An array that NumPy lays out row after row."""
    if isinstance(made, ArrayRef):
        made.object.c_order = True
    return made


@handles(np.zeros)
def zeros(st: State, shape: Abstract, dtype: Abstract | None = None) -> Abstract:
    return _in_order(_constant(st, shape, dtype, 0))


@handles(np.ones)
def ones(st: State, shape: Abstract, dtype: Abstract | None = None) -> Abstract:
    return _in_order(_constant(st, shape, dtype, 1))


@handles(np.empty, np.ndarray)
def empty(st: State, shape: Abstract, dtype: Abstract | None = None) -> Abstract:
    return _in_order(_constant(st, shape, dtype, 0))


@handles(np.full)
def full_(
    st: State, shape: Abstract, fill_value: Abstract, dtype: Abstract | None = None
) -> Abstract:
    value = as_value(st, fill_value, dtype_argument(st, dtype))
    dims = shape_of(st, shape)
    if isinstance(value.type, Scalar):
        return fresh_array(st, filled(st, value, dims))
    return _stretched(st, value, dims)


def _stretched(st: State, value: Value, dims: Sequence[KnownDim]) -> ArrayRef:
    """An array of `dims` with copies of a smaller one in it."""
    made = fresh_array(st, filled(st, known.const(st, 0, value.type.dtype), dims))

    store_path(st, made.object, path_of(st, made), value, "could not broadcast input array")
    return made


def _like(
    st: State, a: Abstract, dtype: Abstract | None, shape: Abstract | None
) -> tuple[str, list[KnownDim]]:
    name = dtype_argument(st, dtype) or named_dtype(st, dtype_of(st, a))
    if given(shape):
        return name, shape_of(st, shape)
    if isinstance(a, ArrayRef):
        return name, list(dims_of(st, a))
    return name, list(st.b.dims.get(operand(st, a).value, ()))


@handles(np.zeros_like, np.empty_like)
def zeros_like(
    st: State, a: Abstract, dtype: Abstract | None = None, *, shape: Abstract | None = None
) -> Abstract:
    name, dims = _like(st, a, dtype, shape)
    return fresh_array(st, filled(st, known.const(st, 0, name), dims))


@handles(np.ones_like)
def ones_like(
    st: State, a: Abstract, dtype: Abstract | None = None, *, shape: Abstract | None = None
) -> Abstract:
    name, dims = _like(st, a, dtype, shape)
    return fresh_array(st, filled(st, known.const(st, 1, name), dims))


@handles(np.full_like)
def full_like(
    st: State, a: Abstract, fill_value: Abstract, dtype: Abstract | None = None, *,
    shape: Abstract | None = None,
) -> Abstract:  # fmt: skip
    name, dims = _like(st, a, dtype, shape)
    value = as_value(st, fill_value, name)
    if isinstance(value.type, Scalar):
        return fresh_array(st, filled(st, value, dims))
    return _stretched(st, value, dims)


# --- contents of others ---------------------------------------------------------------------------


@handles(np.array)
def array(
    st: State, object: Abstract, dtype: Abstract | None = None, *, copy: Abstract | None = None,
    ndmin: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if given(ndmin):
        made = array(st, object, dtype, copy=copy)
        missing = integer(st, ndmin, "ndmin") - type_of(st, made).rank
        return with_new_axes(st, made, range(missing)) if missing > 0 else made
    if not flag(st, copy, True):
        st.refuse("np.array with copy=False is not supported", "write np.asarray")
    name = dtype_argument(st, dtype)
    if isinstance(object, ArrayRef) and (name is None or NUMPY_DTYPE[name] == dtype_of(st, object)):
        return copied(st, object)
    return fresh_array(st, _own(st, object, as_array(st, object, name)))


@handles(np.asarray, np.ascontiguousarray, np.asanyarray)
def asarray(st: State, a: Abstract, dtype: Abstract | None = None) -> Abstract:
    name = dtype_argument(st, dtype)
    if isinstance(a, ArrayRef) and (name is None or NUMPY_DTYPE[name] == dtype_of(st, a)):
        return a
    return fresh_array(st, _own(st, a, as_array(st, a, name)))


def _own(st: State, x: Abstract, value: Value) -> Value:
    """A value that is not the contents of another object."""
    if isinstance(x, ArrayRef) and value is st.version(x.object):
        return st.b.emit(copy_op, value)
    return value


@handles(np.copy)
def copy_(st: State, a: Abstract) -> Abstract:
    return copied(st, a)


# --- ranges ---------------------------------------------------------------------------------------


@handles(np.arange)
def arange(
    st: State, start: Abstract, stop: Abstract | None = None, step: Abstract | None = None, *,
    dtype: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if not given(stop):
        start, stop = Static(0), start
    bounds = [operand(st, x) for x in (start, stop, step if given(step) else Static(1))]
    found = common_dtype(st, bounds)
    name = dtype_argument(st, dtype)
    if found.kind in "iub":
        first, last, by = (convert(st, x.value, I64) for x in bounds)
        length = _int_length(st, first, last, by)
        name = name or named_dtype(st, found)
    else:
        first, last, by = (to_dtype(st, x, np.dtype(float)) for x in bounds)
        length = _float_length(st, first, last, by)
        name = name or named_dtype(st, found)
    return fresh_array(st, _progression(st, first, by, length, name))


def _int_length(st: State, first: Value, last: Value, by: Value) -> KnownDim:
    step = st.b.constants.get(by)
    if step is None or step == 0:
        st.check(st.b.emit(ew.ne, by, known.const(st, 0)), "Maximum allowed size exceeded")
    return length_of(st, first, last, by)


def _float_length(st: State, first: Value, last: Value, by: Value) -> KnownDim:
    step = st.b.constants.get(by)
    if step is None or step == 0:
        st.check(st.b.emit(ew.ne, by, known.const(st, 0.0, F64)), "Maximum allowed size exceeded")
    count = st.b.emit(ew.ceil, st.b.emit(ew.div, st.b.emit(ew.sub, last, first), by))
    fine = st.b.emit(ew.lt, count, known.const(st, 2.0**62, F64))
    st.check(fine, "Maximum allowed size exceeded")
    low = st.b.emit(ew.maximum, count, known.const(st, 0.0, F64))
    return st.b.emit(ew.cast, low, dtype=I64)


def _progression(st: State, first: Value, by: Value, length: KnownDim, dtype: str) -> Value:
    """first + k * by; in floats by the difference of the first two, as NumPy has it."""
    if first.type.dtype == I64:
        return _int_progression(st, first, by, length, dtype)
    delta = st.b.emit(ew.sub, st.b.emit(ew.add, first, by), first)
    steps = counting(st, length, F64)
    return convert(st, st.b.emit(ew.add, st.b.emit(ew.mul, steps, delta), first), dtype)


def _int_progression(st: State, first: Value, by: Value, length: KnownDim, dtype: str) -> Value:
    start, step = st.b.constants.get(first), st.b.constants.get(by)
    if (start, step) == (0, 1) and dtype != BOOL:
        return counting(st, length, dtype)
    return convert(st, whole_numbers(st, first, by, length), dtype)


@handles(np.linspace)
def linspace(
    st: Tracer, start: Abstract, stop: Abstract, num: Abstract | None = None,
    endpoint: Abstract | None = None, retstep: Abstract | None = None,
    dtype: Abstract | None = None,
) -> Abstract:  # fmt: skip
    ends = [operand(st, x) for x in (start, stop)]
    weak = operand(st, Static(1.0))
    found = named_dtype(st, common_dtype(st, [*ends, weak]))
    a, b = (convert(st, x.value, found) for x in ends)
    if a.type.rank or b.type.rank:
        if flag(st, retstep) or given(dtype):
            st.refuse("np.linspace between arrays takes neither retstep nor dtype here")
        count = num if given(num) else Static(50)
        closed_ = Static(flag(st, endpoint, True))
        return st.inline_source(library_shapes.linspace_between, (start, stop, count, closed_))
    n = shape_of(st, num if given(num) else Static(50))[0]
    closed = flag(st, endpoint, True)
    parts = known.calculate(st, ew.maximum, known.calculate(st, ew.sub, n, 1), 1) if closed else n
    width = st.b.emit(ew.sub, b, a)
    step = st.b.emit(ew.div, width, convert(st, known.value(st, parts), found))
    steps = counting(st, n, found)
    out = st.b.emit(ew.add, st.b.emit(ew.mul, steps, step), a)
    if closed:
        out = _with_end(st, out, n, b)
    made = fresh_array(st, convert(st, out, dtype_argument(st, dtype) or found))
    return TupleVal((made, Num(step, False))) if flag(st, retstep) else made


def _with_end(st: State, out: Value, n: KnownDim, end: Value) -> Value:
    """The last of two or more points is the end exactly."""
    literal = known.constant(st, n)
    if literal is not None:
        if literal < 2:
            return out
        last = known.const(st, literal - 1)
        return st.b.emit(store, out, end, last, index="i", ones=())
    places = counting(st, n, I64)
    at_end = st.b.emit(ew.eq, places, known.value(st, known.calculate(st, ew.sub, n, 1)))
    later = st.b.emit(ew.gt, places, known.const(st, 0))
    return st.b.emit(ew.select, st.b.emit(ew.and_, at_end, later), end, out)


# --- matrices -------------------------------------------------------------------------------------


def _grid(st: State, rows: KnownDim, columns: KnownDim, k: Abstract | None) -> tuple[Value, Value]:
    """The row numbers (plus k) as a column, the column numbers as a row."""
    down = counting(st, rows)
    shift = integer(st, k, "the diagonal") if given(k) else 0
    if shift:
        down = st.b.emit(ew.add, down, known.const(st, shift))
    across = counting(st, columns)
    return st.b.emit(expand_dims, down, axes=(1,)), st.b.emit(expand_dims, across, axes=(0,))


@handles(np.eye)
def eye(
    st: State, N: Abstract, M: Abstract | None = None, k: Abstract | None = None,
    dtype: Abstract | None = None,
) -> Abstract:  # fmt: skip
    rows = shape_of(st, N)[0]
    columns = shape_of(st, M)[0] if given(M) else rows
    on = st.b.emit(ew.eq, *_grid(st, rows, columns, k))
    name = dtype_argument(st, dtype) or F64
    return fresh_array(st, on if name == BOOL else convert(st, on, name))


@handles(np.identity)
def identity(st: State, n: Abstract, dtype: Abstract | None = None) -> Abstract:
    return eye(st, n, None, None, dtype)


@handles(np.tril)
def tril(st: State, m: Abstract, k: Abstract | None = None) -> Abstract:
    return _triangle(st, m, k, ew.ge)


@handles(np.triu)
def triu(st: State, m: Abstract, k: Abstract | None = None) -> Abstract:
    return _triangle(st, m, k, ew.le)


def _triangle(st: State, m: Abstract, k: Abstract | None, keeps: Op) -> Abstract:
    x = operand(st, m)
    named_dtype(st, x.dtype)
    if x.value.type.rank < 2:
        raise PythonRaises("a triangle is taken of a matrix")
    rows, columns = st.b.dims[x.value][-2:]
    inside = st.b.emit(keeps, *_grid(st, rows, columns, k))
    zero = known.const(st, 0, x.value.type.dtype)
    return fresh_array(st, emit(st, ew.select, [inside, x.value, zero]))


def diagonal_value(st: State, value: Value, k: int) -> Value:
    """The entries (i, i + k) of a matrix, or of each of a stack."""
    *outer, rows, columns = st.b.dims[value]
    down = known.calculate(st, ew.sub, rows, max(-k, 0))
    across = known.calculate(st, ew.sub, columns, max(k, 0))
    length = known.calculate(st, ew.minimum, down, across)
    if k:
        length = known.calculate(st, ew.maximum, length, 0)
    first = second = counting(st, length)
    if k < 0:
        first = _shifted(st, first, -k)
    elif k > 0:
        second = _shifted(st, second, k)
    index: list[Value] = []
    for d in outer:
        index += (known.const(st, 0), known.value(st, d), known.const(st, 1))
    ones = tuple(k for k, d in enumerate(outer) if isinstance(d, int) and d == 1)
    letters = "s" * len(outer) + "aa"
    return st.b.emit(load, value, *index, first, second, index=letters, ones=ones)


def _shifted(st: State, places: Value, k: int) -> Value:
    moved = st.b.emit(ew.add, places, known.const(st, k))
    st.distinct.add(moved)
    return moved


def matrix_of_diagonal(st: State, value: Value, k: int) -> Value:
    """A matrix of zeros but for (i, i + k)."""
    n = st.b.dims[value][0]
    side = known.calculate(st, ew.add, n, abs(k))
    places = counting(st, n)
    moved = _shifted(st, places, abs(k)) if k else places
    zeros_ = filled(st, known.const(st, 0, value.type.dtype), [side, side])
    index = (moved, places) if k < 0 else (places, moved)
    return st.b.emit(store, zeros_, value, *index, index="aa", ones=())
