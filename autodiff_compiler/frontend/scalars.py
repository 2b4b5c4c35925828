"""Python's own numbers: `int` that does not wrap, `float` that raises where NumPy gives inf or nan.

What Python raises is a check here: the kernel stops, and Python says what it has to say.
"""

from __future__ import annotations

import operator
from typing import Any

from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import BOOL, F64, FLOATS, I64
from ..ops import elementwise as ew
from . import known
from .arrays import as_bool, convert, operand
from .frames import PythonRaises
from .state import State
from .values import Abstract, Num, Static

ZERO_DIVISION = "division by zero"
OVERFLOW = "result too large"
DOMAIN = "math domain error"

FOLD = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow, "@": operator.matmul,
    "&": operator.and_, "|": operator.or_, "^": operator.xor, "<<": operator.lshift,
    ">>": operator.rshift, "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_COMPARE = {"==": ew.eq, "!=": ew.ne, "<": ew.lt, "<=": ew.le, ">": ew.gt, ">=": ew.ge}
_INTEGER = {"+": ew.iadd, "-": ew.isub, "*": ew.imul}
_FLOAT = {"+": ew.add, "-": ew.sub, "*": ew.mul}
_BITS = {"&": ew.and_, "|": ew.or_, "^": ew.xor}
_DIVISIONS = {"//": ew.floordiv, "%": ew.mod}


def fold(st: State, symbol: str, a: Any, b: Any) -> Static:
    """An operation on what is known at compile time, done by Python."""
    try:
        return Static(FOLD[symbol](a, b))
    except ArithmeticError as error:
        raise PythonRaises(str(error)) from None


def binary(st: State, symbol: str, a: Abstract, b: Abstract) -> Num:
    """An operator on two of Python's numbers, at least one of which only a run knows."""
    left, right = operand(st, a), operand(st, b)
    made = _binary(st, symbol, left.value, right.value)
    if not (left.mixed or right.mixed):
        return made
    counted = symbol in ("+", "-", "*") and (left.weak is not bool or right.weak is not bool)
    logical = symbol in _COMPARE or symbol in _BITS
    if not logical and not counted and bool in (left.weak, right.weak):
        st.refuse(
            "this bool is Python's own or NumPy's, depending on the way to here",
            "make it the same on every way: `bool(x)`",
        )
    return Num(made.value, True, True)


def _binary(st: State, symbol: str, x: Value, y: Value) -> Num:
    if symbol in _COMPARE:
        return Num(_compare(st, _COMPARE[symbol], x, y), True)
    if symbol in _BITS and x.type.dtype == y.type.dtype == BOOL:
        return Num(st.b.emit(_BITS[symbol], x, y), True)
    x, y = _number(st, x), _number(st, y)
    floats = F64 in (x.type.dtype, y.type.dtype)
    if symbol in ("&", "|", "^", "<<", ">>"):
        if floats:
            raise PythonRaises(f"unsupported operand types for {symbol}: float")
        return Num(_bits(st, symbol, x, y), True)
    if symbol == "**":
        return Num(_float_power(st, x, y) if floats else _int_power(st, x, y), True)
    if symbol == "@":
        raise PythonRaises("`@` takes arrays, not numbers")
    if floats or symbol == "/":
        x, y = convert(st, x, F64), convert(st, y, F64)
    if symbol in ("/", "//", "%"):
        check_not_zero(st, y, ZERO_DIVISION)
        return Num(st.b.emit(ew.div if symbol == "/" else _DIVISIONS[symbol], x, y), True)
    return Num(st.b.emit((_FLOAT if floats else _INTEGER)[symbol], x, y), True)


def _number(st: State, x: Value) -> Value:
    """Python's bools count as ints."""
    return convert(st, x, I64) if x.type.dtype == BOOL else x


def _compare(st: State, op: Op, x: Value, y: Value) -> Value:
    if x.type.dtype != y.type.dtype:
        dtype = F64 if F64 in (x.type.dtype, y.type.dtype) else I64
        x, y = convert(st, x, dtype), convert(st, y, dtype)
    return st.b.emit(op, x, y)


def _bits(st: State, symbol: str, x: Value, y: Value) -> Value:
    if symbol in _BITS:
        return st.b.emit(_BITS[symbol], x, y)
    check_that(st, ew.ge, y, 0, "negative shift count")
    power = st.b.emit(ew.ipow, known.const(st, 2), y)
    return st.b.emit(ew.imul if symbol == "<<" else ew.floordiv, x, power)


def check_that(st: State, op: Op, x: Value, limit: float, reason: str) -> None:
    """Checks a comparison with a constant, at compile time if that is possible."""
    literal = st.b.constants.get(x)
    fold_by = {ew.ge: operator.ge, ew.gt: operator.gt, ew.ne: operator.ne, ew.le: operator.le}
    if literal is not None:
        if not fold_by[op](literal, limit):
            raise PythonRaises(reason)
        return
    st.check(st.b.emit(op, x, known.const(st, limit, x.type.dtype)), reason)


def check_not_zero(st: State, x: Value, reason: str) -> None:
    check_that(st, ew.ne, x, 0, reason)


def check_unless(st: State, bad: Value, reason: str) -> None:
    st.check(st.b.emit(ew.not_, bad), reason)


def check_overflow(st: State, y: Value, *x: Value) -> None:
    """A float function of finite arguments must be finite."""
    fine: Value | None = None
    for v in x:
        if v in st.b.constants:
            continue
        here = st.b.emit(ew.not_overflowed, y, v)
        fine = here if fine is None else st.b.emit(ew.or_, fine, here)
    if fine is None:
        fine = st.b.emit(ew.isfinite, y)
    st.check(fine, OVERFLOW)


# --- powers ---------------------------------------------------------------------------------------


def _int_power(st: State, x: Value, y: Value) -> Value:
    exponent = st.b.constants.get(y)
    if exponent is not None and exponent < 0:
        return _float_power(st, x, y)
    check_that(st, ew.ge, y, 0, "an int to a negative power is a float")
    return st.b.emit(ew.ipow, x, y)


def _float_power(st: State, x: Value, y: Value) -> Value:
    whole_exponent = y.type.dtype == I64
    x, y = convert(st, x, F64), convert(st, y, F64)
    exponent = st.b.constants.get(y)
    if exponent == 2:
        result = st.b.emit(ew.mul, x, x)
    elif exponent is not None:
        _check_base(st, x, exponent)
        result = st.b.emit(ew.sqrt, x) if exponent == 0.5 else st.b.emit(ew.pow_, x, y)
    else:
        _check_power(st, x, y, whole_exponent)
        result = st.b.emit(ew.pow_, x, y)
    if exponent is None or not 0 <= exponent <= 1:
        check_overflow(st, result, x, y)
    return result


def _check_base(st: State, x: Value, exponent: float) -> None:
    """What the base must be for a constant exponent: a complex or infinite result is no float."""
    zero = known.const(st, 0.0, F64)
    if exponent == int(exponent) if abs(exponent) < 2**63 else True:
        if exponent < 0:
            check_not_zero(st, x, "0.0 cannot be raised to a negative power")
        return
    bad = st.b.emit(ew.le if exponent < 0 else ew.lt, x, zero)
    check_unless(st, bad, "a negative number to a fractional power is complex")


def _check_power(st: State, x: Value, y: Value, whole: bool) -> None:
    zero = known.const(st, 0.0, F64)
    base = st.b.constants.get(x)
    if not whole and (base is None or base < 0):
        fraction = st.b.emit(ew.ne, y, st.b.emit(ew.floor, y))
        bad = st.b.emit(ew.and_, st.b.emit(ew.lt, x, zero), fraction)
        check_unless(st, bad, "a negative number to a fractional power is complex")
    if base is None or base == 0:
        bad = st.b.emit(ew.and_, st.b.emit(ew.eq, x, zero), st.b.emit(ew.lt, y, zero))
        check_unless(st, bad, "0.0 cannot be raised to a negative power")


# --- one operand ------------------------------------------------------------------------------


def unary(st: State, symbol: str, a: Abstract) -> Num:
    given = operand(st, a)
    if given.mixed:
        return Num(_unary(st, symbol, given.value).value, True, True)
    return _unary(st, symbol, given.value)


def _unary(st: State, symbol: str, value: Value) -> Num:
    if symbol == "not":
        return Num(st.b.emit(ew.not_, as_bool(st, value)), True)
    if value.type.dtype == BOOL and symbol == "~":
        st.refuse("`~` of a bool is an int in Python", "write `not`")
    value = _number(st, value)
    if symbol == "+":
        return Num(value, True)
    if symbol == "-":
        return Num(st.b.emit(ew.neg, value), True)
    if value.type.dtype in FLOATS:
        raise PythonRaises("bad operand type for unary ~: float")
    return Num(st.b.emit(ew.invert, value), True)
