"""Functions of `math` that are more than one op."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..ir.graph import Value
from ..ir.op import TABLE
from ..ir.types import BOOL, F64
from ..ops import elementwise as ew
from ..ops import special
from . import known, library, scalars
from .arrays import convert, fresh_array, operand, type_of
from .frames import PythonRaises
from .math_calls import argument
from .registry import given, handles, integer, sequence
from .state import State
from .values import Abstract, ArrayRef, Num, Static, TupleVal
from .views import read

if TYPE_CHECKING:
    from .tracer import Tracer

_REFUSED = {
    "nextafter": "it has no derivative; compute it outside",
    "ulp": "it has no derivative; compute it outside",
    "frexp": "compute the exponent outside, and scale by it",
}
HINTS = {getattr(math, name): hint for name, hint in _REFUSED.items()}


def _zero(st: State) -> Value:
    return known.const(st, 0.0, F64)


# --- lengths ----------------------------------------------------------------------------------


def _length(st: State, values: Sequence[Value]) -> Num:
    """The root of the sum of squares, each taken in units of the largest: none overflows."""
    if not values:
        return Num(_zero(st), True)
    sizes = [st.b.emit(ew.abs_, v) for v in values]
    if len(sizes) == 1:
        return Num(sizes[0], True)
    if len(values) == 2:
        result = st.b.emit(ew.hypot, *values)
    else:
        unit = sizes[0]
        for size in sizes[1:]:
            unit = st.b.emit(ew.maximum, unit, size)
        usable = st.b.emit(ew.and_, st.b.emit(ew.gt, unit, _zero(st)), st.b.emit(ew.isfinite, unit))
        one = known.const(st, 1.0, F64)
        unit = st.b.emit(ew.stop_gradient, st.b.emit(ew.select, usable, unit, one))
        total: Value | None = None
        for v in values:
            part = st.b.emit(ew.div, v, unit)
            square = st.b.emit(ew.mul, part, part)
            total = square if total is None else st.b.emit(ew.add, total, square)
        result = st.b.emit(ew.mul, st.b.emit(ew.sqrt, total), unit)
    scalars.check_overflow(st, result, *values)
    return Num(result, True)


@handles(math.hypot)
def hypot(st: State, *coordinates: Abstract) -> Abstract:
    return _length(st, [argument(st, x, "math.hypot") for x in coordinates])


@handles(math.dist)
def dist(st: State, p: Abstract, q: Abstract) -> Abstract:
    if isinstance(p, ArrayRef) or isinstance(q, ArrayRef):
        st.refuse("math.dist of arrays is not supported", "use `np.linalg.norm(p - q)`")
    left, right = sequence(st, p), sequence(st, q)
    if len(left) != len(right):
        raise PythonRaises("both points must have the same number of dimensions")
    pairs = zip(left, right)
    values = [[argument(st, x, "math.dist") for x in pair] for pair in pairs]
    return _length(st, [st.b.emit(ew.sub, a, b) for a, b in values])


# --- sums -------------------------------------------------------------------------------------


def _exact_sum(st: State, values: Sequence[Value]) -> Num:
    """A sum, and what was lost on the way added at the end; the derivative is that of a sum."""
    total, lost = _zero(st), _zero(st)
    for v in values:
        after = st.b.emit(ew.add, total, v)
        part = st.b.emit(ew.sub, after, total)
        rest = st.b.emit(ew.sub, total, st.b.emit(ew.sub, after, part))
        rest = st.b.emit(ew.add, rest, st.b.emit(ew.sub, v, part))
        lost = st.b.emit(ew.add, lost, st.b.emit(ew.stop_gradient, rest))
        total = after
    result = st.b.emit(ew.add, total, lost)
    # Infinities and overflow have rules of their own.
    st.check(st.b.emit(ew.isfinite, result), "math.fsum of what is not finite")
    return Num(result, True)


@handles(math.fsum)
def fsum(st: Tracer, seq: Abstract) -> Abstract:
    if isinstance(seq, ArrayRef):
        return _fsum_of_array(st, seq)
    values = [argument(st, item, "math.fsum") for item in sequence(st, seq)]
    return _exact_sum(st, values) if values else Static(0.0)


def _fsum_of_array(st: Tracer, x: ArrayRef) -> Abstract:
    if type_of(st, x).rank != 1:
        st.refuse("math.fsum takes numbers", "of an array with several dims, `x.ravel()`")
    value = convert(st, operand(st, x).value, F64)
    plain = fresh_array(st, value)
    total = st.inline_source(library.sum_of, (plain,))
    stopped = fresh_array(st, st.b.emit(ew.stop_gradient, read(st, plain)))
    lost = st.inline_source(library.lost_in_sum, (stopped,))
    result = st.b.emit(ew.add, operand(st, total).value, operand(st, lost).value)
    st.check(st.b.emit(ew.isfinite, result), "math.fsum of what is not finite")
    return Num(result, True)


def sumprod(st: State, p: Abstract, q: Abstract) -> Abstract:
    if isinstance(p, ArrayRef) or isinstance(q, ArrayRef):
        st.refuse("math.sumprod of arrays is not supported", "use `p @ q`")
    left, right = sequence(st, p), sequence(st, q)
    if len(left) != len(right):
        raise PythonRaises("Inputs are not the same length")
    total: Abstract = Static(0)
    for a, b in zip(left, right):
        total = scalars.binary(st, "+", total, scalars.binary(st, "*", a, b))
    return total


if hasattr(math, "sumprod"):
    handles(math.sumprod)(sumprod)

# --- remainders and parts -----------------------------------------------------------------------


def _check_remainder(st: State, x: Value, y: Value) -> None:
    """Python raises for an infinite x and for y == 0, unless the other is a nan."""
    for bad, other in ((st.b.emit(ew.isinf, x), y), (st.b.emit(ew.eq, y, _zero(st)), x)):
        number = st.b.emit(ew.eq, other, other)
        scalars.check_unless(st, st.b.emit(ew.and_, bad, number), scalars.DOMAIN)


@handles(math.remainder)
def remainder(st: State, x: Abstract, y: Abstract) -> Abstract:
    a, b = argument(st, x, "math.remainder"), argument(st, y, "math.remainder")
    _check_remainder(st, a, b)
    return Num(st.b.emit(special.remainder, a, b), True)


def fmod(st: State, x: Abstract, y: Abstract) -> Abstract:
    a, b = argument(st, x, "math.fmod"), argument(st, y, "math.fmod")
    _check_remainder(st, a, b)
    return Num(st.b.emit(TABLE["fmod"], a, b), True)


if "fmod" in TABLE:
    handles(math.fmod)(fmod)


@handles(math.modf)
def modf(st: State, x: Abstract) -> Abstract:
    value = argument(st, x, "math.modf")
    whole = st.b.emit(ew.trunc, value)
    rest = st.b.emit(ew.sub, value, whole)
    rest = st.b.emit(ew.select, st.b.emit(ew.isinf, value), _zero(st), rest)
    return TupleVal((Num(rest, True), Num(whole, True)))


@handles(math.ldexp)
def ldexp(st: State, x: Abstract, i: Abstract) -> Abstract:
    """x * 2 ** i, the power in two factors: one alone may be too small where the product is not."""
    value, places = argument(st, x, "math.ldexp"), integer(st, i, "the exponent of math.ldexp")
    if abs(places) > 2000:
        st.refuse("math.ldexp by more than 2000 places is not supported")
    half = places // 2
    result = st.b.emit(ew.mul, value, known.const(st, 2.0**half, F64))
    result = st.b.emit(ew.mul, result, known.const(st, 2.0 ** (places - half), F64))
    scalars.check_overflow(st, result, value)
    return Num(result, True)


@handles(math.isclose)
def isclose(
    st: State, a: Abstract, b: Abstract, *, rel_tol: Abstract | None = None,
    abs_tol: Abstract | None = None,
) -> Abstract:  # fmt: skip
    x, y = argument(st, a, "math.isclose"), argument(st, b, "math.isclose")
    relative = _tolerance(st, rel_tol, 1e-9)
    absolute = _tolerance(st, abs_tol, 0.0)
    largest = st.b.emit(ew.maximum, st.b.emit(ew.abs_, x), st.b.emit(ew.abs_, y))
    bound = st.b.emit(ew.maximum, st.b.emit(ew.mul, relative, largest), absolute)
    distance = st.b.emit(ew.abs_, st.b.emit(ew.sub, x, y))
    near = st.b.emit(ew.and_, st.b.emit(ew.le, distance, bound), st.b.emit(ew.isfinite, distance))
    found = st.b.emit(ew.or_, st.b.emit(ew.eq, x, y), near)
    assert found.type.dtype == BOOL
    return Num(found, True)


def _tolerance(st: State, x: Any, default: float) -> Value:
    if not given(x):
        return known.const(st, default, F64)
    value = argument(st, x, "math.isclose")
    negative = st.b.emit(ew.lt, value, _zero(st))
    scalars.check_unless(st, negative, "tolerances must be non-negative")
    return value
