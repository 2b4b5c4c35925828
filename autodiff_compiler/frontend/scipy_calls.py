"""scipy.linalg, known by module and name: SciPy is never imported here, the user's program has done so."""

from __future__ import annotations

import sys
from typing import Any

from ..ir.graph import Value
from ..ir.types import Array
from ..ops import elementwise as ew
from ..ops import linalg as ops
from ..ops import reduce as red
from ..ops.shape import expand_dims
from . import creation, known, linear_algebra
from .arrays import wrap
from .contract import turned
from .frames import PythonRaises
from .registry import Handler, flag, given, sequence
from .state import State
from .values import Abstract, Static, TupleVal

_HANDLERS: dict[str, Handler] = {}


def handler(function: Any) -> Handler | None:
    """What traces a call of a function of scipy.linalg, if it is one that is known."""
    if not (getattr(function, "__module__", None) or "").startswith("scipy.linalg"):
        return None
    name = getattr(function, "__name__", "")
    public = getattr(sys.modules.get("scipy.linalg"), name, None)
    return _HANDLERS.get(name) if public is function else None


def _of_scipy(traced: Handler) -> Handler:
    _HANDLERS[traced.__name__] = traced
    return traced


def _checked(st: State, check_finite: Abstract | None, *values: Value) -> None:
    """SciPy raises where an operand is not finite, unless it is told not to."""
    if not flag(st, check_finite, True):
        return
    for v in values:
        finite = st.b.emit(ew.isfinite, v)
        if isinstance(v.type, Array):
            finite = st.b.emit(red.all_, finite, axes=tuple(range(v.type.rank)))
        st.check(finite, "array must not contain infs or NaNs")


def _one_matrix(st: State, value: Value) -> None:
    if value.type.rank != 2:
        st.refuse("scipy.linalg of a stack of matrices is not supported", "use np.linalg")
    linear_algebra.check_square(st, value)


def _factor(st: State, value: Value, lower: bool) -> Value:
    if lower:
        return st.b.emit(ops.cholesky, value)
    return turned(st, st.b.emit(ops.cholesky, turned(st, value, (1, 0))), (1, 0))


def _sides(st: State, a: Abstract, b: Abstract, check_finite: Abstract | None) -> list[Value]:
    x, y = linear_algebra.matrices(st, a, b)
    _one_matrix(st, x)
    if y.type.rank not in (1, 2):
        raise PythonRaises("the right side is a vector or a matrix")
    _checked(st, check_finite, x, y)
    return [x, y]


def _triangular(st: State, x: Value, y: Value, lower: bool) -> Value:
    op = ops.solve_lower if lower else ops.solve_upper
    return linear_algebra.solved(st, x, y, op, None)


@_of_scipy
def solve_triangular(
    st: State, a: Abstract, b: Abstract, trans: Abstract | None = None,
    lower: Abstract | None = None, unit_diagonal: Abstract | None = None,
    overwrite_b: Abstract | None = None, check_finite: Abstract | None = None,
) -> Abstract:  # fmt: skip
    x, y = _sides(st, a, b, check_finite)
    low = flag(st, lower)
    how = trans.value if isinstance(trans, Static) else 0
    if how not in (0, 1, 2, "N", "T", "C"):
        raise PythonRaises("trans is 0, 1 or 2")
    _no_overwriting(st, overwrite_b)
    if flag(st, unit_diagonal):
        places = creation.counting(st, st.b.dims[x][0])
        i, j = (st.b.emit(expand_dims, places, axes=(k,)) for k in (1, 0))
        on = st.b.emit(ew.eq, i, j)
        x = st.b.emit(ew.select, on, known.const(st, 1, x.type.dtype), x)
    if how not in (0, "N"):
        x, low = turned(st, x, (1, 0)), not low
    return wrap(st, _triangular(st, x, y, low))


def _no_overwriting(st: State, *flags: Abstract | None) -> None:
    if any(flag(st, x) for x in flags):
        st.refuse("overwriting operands is not supported", "leave out overwrite_...=True")


@_of_scipy
def cholesky(
    st: State, a: Abstract, lower: Abstract | None = None, overwrite_a: Abstract | None = None,
    check_finite: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value = linear_algebra.matrix(st, a)
    _one_matrix(st, value)
    _no_overwriting(st, overwrite_a)
    _checked(st, check_finite, value)
    return wrap(st, _factor(st, value, flag(st, lower)))


@_of_scipy
def cho_factor(
    st: State, a: Abstract, lower: Abstract | None = None, overwrite_a: Abstract | None = None,
    check_finite: Abstract | None = None,
) -> Abstract:  # fmt: skip
    """The factor in one triangle; in the other stands what stood there."""
    value = linear_algebra.matrix(st, a)
    _one_matrix(st, value)
    _no_overwriting(st, overwrite_a)
    _checked(st, check_finite, value)
    low = flag(st, lower)
    factor = _factor(st, value, low)
    places = creation.counting(st, st.b.dims[value][0])
    i, j = (st.b.emit(expand_dims, places, axes=(k,)) for k in (1, 0))
    other = st.b.emit(ew.gt, j, i) if low else st.b.emit(ew.gt, i, j)
    whole = st.b.emit(ew.select, other, value, factor)
    return TupleVal((wrap(st, whole), Static(low)))


@_of_scipy
def cho_solve(
    st: State, c_and_lower: Abstract, b: Abstract, overwrite_b: Abstract | None = None,
    check_finite: Abstract | None = None,
) -> Abstract:  # fmt: skip
    parts = sequence(st, c_and_lower)
    if len(parts) != 2:
        raise PythonRaises("cho_solve takes a pair (c, lower)")
    x, y = _sides(st, parts[0], b, check_finite)
    _no_overwriting(st, overwrite_b)
    low = flag(st, parts[1])
    across = turned(st, x, (1, 0))
    first, second = (x, across) if low else (across, x)
    return wrap(st, _triangular(st, second, _triangular(st, first, y, True), False))


@_of_scipy
def solve(
    st: State, a: Abstract, b: Abstract, lower: Abstract | None = None,
    overwrite_a: Abstract | None = None, overwrite_b: Abstract | None = None,
    check_finite: Abstract | None = None, assume_a: Abstract | None = None,
    transposed: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if given(assume_a) and assume_a != Static("gen"):
        st.refuse("scipy.linalg.solve with assume_a= is not supported", "leave it out")
    _no_overwriting(st, overwrite_a, overwrite_b)
    x, y = _sides(st, a, b, check_finite)
    x = turned(st, x, (1, 0)) if flag(st, transposed) else x
    return wrap(st, linear_algebra.solved(st, x, y))


@_of_scipy
def inv(
    st: State, a: Abstract, overwrite_a: Abstract | None = None,
    check_finite: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value = linear_algebra.matrix(st, a)
    _one_matrix(st, value)
    _no_overwriting(st, overwrite_a)
    _checked(st, check_finite, value)
    return wrap(st, linear_algebra.inverse(st, value))


@_of_scipy
def det(
    st: State, a: Abstract, overwrite_a: Abstract | None = None,
    check_finite: Abstract | None = None,
) -> Abstract:  # fmt: skip
    value = linear_algebra.matrix(st, a)
    _one_matrix(st, value)
    _no_overwriting(st, overwrite_a)
    _checked(st, check_finite, value)
    return wrap(st, st.b.emit(ops.det, value))
