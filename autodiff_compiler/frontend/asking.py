"""Functions of NumPy that ask about their arguments: shapes, dtypes, kinds. Most answers are known at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.types import BOOL
from ..ops import elementwise as ew
from . import known, methods
from .arrays import as_bool, dtype_of, is_number, operand, wrap
from .creation import filled
from .frames import PythonRaises
from .registry import given, handles, one_axis, sequence
from .reshaping import dim
from .state import State
from .ufuncs import common_dtype, emit
from .values import Abstract, ArrayRef, ListRef, Num, Static, TupleVal
from .views import dims_of


def _dims(st: State, a: Abstract) -> tuple[KnownDim, ...]:
    if isinstance(a, ArrayRef):
        return tuple(dims_of(st, a))
    return tuple(st.b.dims.get(operand(st, a).value, ()))


@handles(np.shape)
def shape(st: State, a: Abstract) -> Abstract:
    return TupleVal(tuple(methods.length(st, d) for d in _dims(st, a)))


@handles(np.size)
def size(st: State, a: Abstract, axis: Abstract | None = None) -> Abstract:
    dims = _dims(st, a)
    if not given(axis):
        return methods.length(st, known.product(st, dims))
    along = [one_axis(st, k, len(dims)) for k in sequence(st, axis)]
    return methods.length(st, known.product(st, [dims[k] for k in along]))


@handles(np.result_type)
def result_type(st: State, *arrays_and_dtypes: Abstract) -> Abstract:
    """Python's numbers are weak; dtypes may stand among the operands."""
    values: list[Any] = []
    operands = []
    for x in arrays_and_dtypes:
        if isinstance(x, Static) and not is_number(x):
            values.append(np.dtype(x.value))
        elif isinstance(x, ArrayRef):
            values.append(dtype_of(st, x))
        else:
            found = operand(st, x)
            operands.append(found)
            values.append(found.weak(0) if found.weak in (int, float) else found.dtype)
    if any(x.mixed for x in operands):
        common_dtype(st, operands)
    return Static(np.result_type(*values))


@handles(np.isscalar)
def isscalar(st: State, element: Abstract) -> Abstract:
    return Static(
        isinstance(element, Num) or isinstance(element, Static) and bool(np.isscalar(element.value))
    )


@handles(np.iscomplexobj)
def iscomplexobj(st: State, x: Abstract) -> Abstract:
    return Static(False)


@handles(np.isrealobj)
def isrealobj(st: State, x: Abstract) -> Abstract:
    return Static(True)


@handles(np.iterable)
def iterable(st: State, y: Abstract) -> Abstract:
    if isinstance(y, ArrayRef):
        return Static(bool(dims_of(st, y)))
    if isinstance(y, Static):
        return Static(bool(np.iterable(y.value)))
    return Static(isinstance(y, (TupleVal, ListRef)))


def _everywhere(st: State, x: Abstract, answer: bool) -> Abstract:
    value = known.const(st, answer, BOOL)
    dims = _dims(st, x)
    return wrap(st, filled(st, value, dims)) if dims else Num(value, False)


@handles(np.isreal)
def isreal(st: State, x: Abstract) -> Abstract:
    return _everywhere(st, x, True)


@handles(np.iscomplex)
def iscomplex(st: State, x: Abstract) -> Abstract:
    return _everywhere(st, x, False)


@handles(np.real, methods=["conj", "conjugate"])
def real(st: State, val: Abstract) -> Abstract:
    """What is real already: the array itself."""
    return val


def _infinite(st: State, x: Abstract, op: Any) -> Abstract:
    value = operand(st, x).value
    if value.type.dtype not in ("f64", "f32"):
        return _everywhere(st, x, False)
    zero = known.const(st, 0.0, value.type.dtype)
    found = [emit(st, ew.isinf, [value]), emit(st, op, [value, zero])]
    return wrap(st, as_bool(st, emit(st, ew.and_, found)))


@handles(np.isposinf)
def isposinf(st: State, x: Abstract) -> Abstract:
    return _infinite(st, x, ew.gt)


@handles(np.isneginf)
def isneginf(st: State, x: Abstract) -> Abstract:
    return _infinite(st, x, ew.lt)


@handles(np.broadcast_shapes)
def broadcast_shapes(st: State, *args: Abstract) -> Abstract:
    shapes = [[dim(st, n) for n in sequence(st, s)] for s in args]
    rank = max(map(len, shapes), default=0)
    out: list[KnownDim] = [1] * rank
    for one in shapes:
        for k, d in enumerate(one, start=rank - len(one)):
            if known.constant(st, d) == 1:
                continue
            if known.constant(st, out[k]) == 1:
                out[k] = d
            elif known.constant(st, d) != known.constant(st, out[k]):
                raise PythonRaises("shape mismatch: objects cannot be broadcast to a single shape")
            else:
                st.check_same(d, out[k], "shape mismatch")
    return TupleVal(tuple(methods.length(st, d) for d in out))
