"""The functions of `math`: Python's floats in and out, and an exception where NumPy gives inf or nan."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..ir.graph import Value
from ..ir.op import TABLE, Op
from ..ir.types import F64, I64, Scalar
from ..ops import elementwise as ew
from ..ops import functions as fn
from ..ops import special
from . import known, scalars
from .arrays import convert, is_operand, operand
from .frames import PythonRaises
from .promotion import binary
from .registry import HANDLERS, handles, sequence
from .state import State
from .values import Abstract, ArrayRef, Num, Static


def argument(st: State, x: Abstract, name: str) -> Value:
    """An argument as an f64 scalar."""
    if not is_operand(x):
        st.refuse(f"{name} takes a number")
    value = operand(st, x).value
    if not isinstance(value.type, Scalar):
        st.refuse(f"{name} takes a number, not an array", f"use `np.{name.removeprefix('math.')}`")
    return convert(st, value, F64)


# --- domains: what must hold of an argument, or Python raises --------------------------------------


def _unless(op: Op, limit: float) -> Callable[[State, Value], None]:
    """Raises where the comparison holds; a nan passes."""

    def check(st: State, x: Value) -> None:
        scalars.check_unless(st, st.b.emit(op, x, known.const(st, limit, F64)), scalars.DOMAIN)

    return check


def _not_infinite(st: State, x: Value) -> None:
    scalars.check_unless(st, st.b.emit(ew.isinf, x), scalars.DOMAIN)


def _within_one(st: State, x: Value) -> None:
    _unless(ew.gt, 1.0)(st, x)
    _unless(ew.lt, -1.0)(st, x)


def _inside_one(st: State, x: Value) -> None:
    _unless(ew.ge, 1.0)(st, x)
    _unless(ew.le, -1.0)(st, x)


def _no_pole(st: State, x: Value) -> None:
    """The gamma function has none at 0 and below, where numbers are whole."""
    low = st.b.emit(ew.le, x, known.const(st, 0.0, F64))
    whole = st.b.emit(ew.eq, st.b.emit(ew.floor, x), x)
    scalars.check_unless(st, st.b.emit(ew.and_, low, whole), scalars.DOMAIN)


def _finite_pole(st: State, x: Value) -> None:
    """As `_no_pole`, but -inf is no pole of lgamma."""
    infinite = st.b.emit(ew.isinf, x)
    _no_pole(st, st.b.emit(ew.select, infinite, known.const(st, 1.0, F64), x))


def _divides(st: State, x: Value, y: Value) -> None:
    """math.fmod takes no 0 as its second argument, and no infinity as its first; a nan passes."""
    both = st.b.emit(ew.or_, st.b.emit(ew.isinf, x), st.b.emit(ew.eq, y, known.const(st, 0.0, F64)))
    number = st.b.emit(ew.not_, st.b.emit(ew.or_, *(st.b.emit(ew.isnan, v) for v in (x, y))))
    scalars.check_unless(st, st.b.emit(ew.and_, both, number), scalars.DOMAIN)


_DOMAIN: dict[Op, Callable[[State, Value], None]] = {
    ew.sqrt: _unless(ew.lt, 0.0), ew.log: _unless(ew.le, 0.0), ew.log2: _unless(ew.le, 0.0),
    ew.log10: _unless(ew.le, 0.0), ew.log1p: _unless(ew.le, -1.0), ew.sin: _not_infinite,
    ew.cos: _not_infinite, ew.tan: _not_infinite, ew.arcsin: _within_one, ew.arccos: _within_one,
    special.gamma: _no_pole, special.lgamma: _finite_pole,
    fn.arccosh: _unless(ew.lt, 1.0), fn.arctanh: _inside_one,
}  # fmt: skip
_OVERFLOWS = (
    ew.exp, ew.expm1, ew.sinh, ew.cosh, ew.hypot, fn.exp2, special.gamma, special.lgamma,
)  # fmt: skip


def _table() -> dict[Any, Op]:
    """Functions of `math` by the spellings in the ops' records."""
    found = {}
    for op in TABLE.values():
        for spelling in op.spellings:
            if op.kind == "elementwise" and spelling.startswith("math."):
                found[getattr(math, spelling[5:])] = op
    return found


OPS = _table()
ONE = Static(1)


def call(st: State, function: Any, args: Sequence[Abstract]) -> Abstract:
    """`math.function(*args)` for a function that is one op."""
    op = OPS[function]
    values = [argument(st, x, f"math.{function.__name__}") for x in args]
    if op is ew.pow_:
        return scalars.binary(st, "**", Num(values[0], True), Num(values[1], True))
    if op is fn.fmod and len(values) == 2:
        _divides(st, *values)
    if op in _DOMAIN:
        _DOMAIN[op](st, values[0])
    try:
        result = st.b.emit(op, *values)
    except TypeError:
        st.refuse(f"math.{function.__name__} does not take {len(values)} arguments")
    if op in _OVERFLOWS or op.name == "exp2":
        scalars.check_overflow(st, result, *values)
    return Num(result, True)


# --- functions that are more than one op ------------------------------------------------------------


@handles(math.log)
def log(st: State, x: Abstract, base: Abstract | None = None) -> Abstract:
    over = call(st, math.log, (x,))
    if base is None:
        return over
    under = call(st, math.log, (base,))
    return scalars.binary(st, "/", over, under)


def to_int(st: State, value: Value, op: Op | None = None) -> Num:
    """A float as Python's int, after `floor`, `ceil` or `round`."""
    limit = known.const(st, 2.0**63, F64)
    inside = st.b.emit(ew.lt, st.b.emit(ew.abs_, value), limit)
    st.check(inside, "cannot convert this float to a 64-bit integer")
    if op is None:
        return Num(st.b.emit(ew.trunc_to_int, value), True)
    return Num(st.b.emit(ew.cast, st.b.emit(op, value), dtype=I64), True)


def _integral(name: str, op: Op | None) -> Callable[[State, Abstract], Abstract]:
    def handler(st: State, x: Abstract) -> Abstract:
        given = operand(st, x)
        value = given.value
        if op is None and given.weak is None and value.type.dtype != F64:
            raise PythonRaises(f"{name} takes Python's numbers")
        if isinstance(value.type, Scalar) and value.type.dtype not in ("f64", "f32"):
            return Num(convert(st, value, I64), True)
        return to_int(st, argument(st, x, name), op)

    return handler


HANDLERS[math.floor] = _integral("math.floor", ew.floor)
HANDLERS[math.ceil] = _integral("math.ceil", ew.ceil)
HANDLERS[math.trunc] = _integral("math.trunc", None)


@handles(math.radians)
def radians(st: State, x: Abstract) -> Abstract:
    return Num(
        st.b.emit(ew.mul, argument(st, x, "math.radians"), known.const(st, math.pi / 180, F64)),
        True,
    )


@handles(math.degrees)
def degrees(st: State, x: Abstract) -> Abstract:
    return Num(
        st.b.emit(ew.mul, argument(st, x, "math.degrees"), known.const(st, 180 / math.pi, F64)),
        True,
    )


@handles(math.prod)
def prod(st: State, iterable: Abstract, *, start: Abstract = ONE) -> Abstract:
    if isinstance(iterable, ArrayRef):
        st.refuse("math.prod of an array is not supported", "use np.prod")
    total = start
    for item in sequence(st, iterable):
        total = binary(st, "*", total, item)
    return total
