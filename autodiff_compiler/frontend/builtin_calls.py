"""Python's builtins on numbers and arrays: `abs`, `min`, `max`, `sum`, `int`, `float`, ..."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

import numpy as np

from ..ir.graph import Value
from ..ir.op import Op
from ..ir.types import BOOL, F64, FLOATS, I64, Scalar
from ..ops import elementwise as ew
from ..ops import reduce as red
from . import ufuncs
from .arrays import as_bool, convert, dtype_of, is_number, items_of, named_dtype, operand, wrap
from .frames import PythonRaises
from .math_calls import to_int
from .promotion import binary, truth
from .reductions import check_not_empty
from .registry import given, handles, integer, sequence
from .state import State
from .values import Abstract, ArrayRef, ListRef, Num, Static, TupleVal
from .views import type_of

ZERO = Static(0)


def is_python(x: Abstract) -> bool:
    return (isinstance(x, Num) and x.python) or (
        isinstance(x, Static) and not isinstance(x.value, np.generic)
    )


@handles(builtins.abs)
def abs_(st: State, x: Abstract) -> Abstract:
    if not is_number(x) or not is_python(x):
        return ufuncs.apply(st, np.absolute, [x])
    value = operand(st, x).value
    value = convert(st, value, I64) if value.type.dtype == BOOL else value
    return Num(st.b.emit(ew.abs_, value), True)


def scalar(st: State, x: Abstract, what: str) -> Abstract:
    """A number; the one in a 0-d array."""
    if is_number(x):
        return x
    if isinstance(x, ArrayRef) and type_of(st, x).rank == 0:
        return Num(operand(st, x).value, False)
    st.refuse(f"{what} takes a number here", "index the array first: `x[0]`")


@handles(builtins.float)
def float_(st: State, x: Abstract = ZERO) -> Abstract:
    if isinstance(x, Static) and isinstance(x.value, (str, int, float)):
        return Static(float(x.value))
    return ufuncs.python_float(st, operand(st, scalar(st, x, "float")).value)


@handles(builtins.int)
def int_(st: State, x: Abstract = ZERO) -> Abstract:
    if isinstance(x, Static) and isinstance(x.value, (int, float, str)):
        try:
            return Static(int(x.value))
        except ValueError as error:
            raise PythonRaises(str(error)) from None
    value = operand(st, scalar(st, x, "int")).value
    if value.type.dtype in FLOATS:
        return to_int(st, convert(st, value, F64))
    return ufuncs.python_int(st, value)


@handles(builtins.bool)
def bool_(st: State, x: Abstract = ZERO) -> Abstract:
    found = truth(st, x)
    return Static(found) if isinstance(found, bool) else Num(found, True)


@handles(builtins.round)
def round_(st: State, number: Abstract, ndigits: Abstract | None = None) -> Abstract:
    if given(ndigits):
        st.refuse("round to a number of digits is not supported", "round to an integer: `round(x)`")
    if isinstance(number, ArrayRef) and type_of(st, number).rank:
        return numpy_round(st, number)
    value = operand(st, scalar(st, number, "round")).value
    if value.type.dtype == BOOL and not is_python(number):
        raise PythonRaises("type numpy.bool doesn't define __round__ method")
    if value.type.dtype not in FLOATS:
        return Num(convert(st, value, I64), True)
    return to_int(st, convert(st, value, F64), ew.round_)


@handles(np.round, np.around, methods=["round"])
def numpy_round(st: State, a: Abstract, decimals: Abstract | None = None) -> Abstract:
    if given(decimals) and integer(st, decimals, "decimals") != 0:
        st.refuse("rounding to decimals is not supported", "`np.round(x * 100) / 100`")
    x = operand(st, a)
    if x.dtype == np.bool_:
        st.refuse("np.round of booleans gives float16, which is not supported")
    if x.value.type.dtype not in FLOATS:
        return ufuncs.apply(st, np.positive, [a])
    return wrap(st, st.b.emit(ew.round_, x.value))


@handles(builtins.divmod)
def divmod_(st: State, x: Abstract, y: Abstract) -> Abstract:
    return TupleVal((binary(st, "//", x, y), binary(st, "%", x, y)))


@handles(builtins.pow)
def pow_(st: State, base: Abstract, exp: Abstract, mod: Abstract | None = None) -> Abstract:
    if given(mod):
        st.refuse("pow with a modulus is not supported", "write `base ** exp % mod`")
    return binary(st, "**", base, exp)


# --- over sequences -------------------------------------------------------------------------------


@handles(builtins.sum)
def sum_(st: State, iterable: Abstract, start: Abstract = ZERO) -> Abstract:
    if isinstance(iterable, ArrayRef):
        return _after(st, start, _sum_rows(st, iterable))
    if isinstance(iterable, ListRef) and items_of(st, iterable) is None:
        return _after(st, start, _sum_list(st, iterable))
    total = start
    for item in sequence(st, iterable):
        total = binary(st, "+", total, item)
    return total


def _after(st: State, start: Abstract, total: Abstract) -> Abstract:
    return total if start == ZERO else binary(st, "+", start, total)


def _sum_rows(st: State, x: ArrayRef) -> Abstract:
    """Python adds the elements along the first axis."""
    given_ = operand(st, x)
    value = given_.value
    if isinstance(value.type, Scalar):
        raise PythonRaises("a 0-d array is not iterable")
    if value.type.dtype == BOOL:
        value = convert(st, value, I64)
    named_dtype(st, given_.dtype)
    return wrap(st, st.b.emit(red.sum_, value, axes=(0,)))


def _sum_list(st: State, x: ListRef) -> Abstract:
    """The sum of a list that grew in a loop."""
    value = operand(st, x).value
    if value.type.dtype == BOOL:
        value = convert(st, value, I64)
    return _of_elements(st, x, st.b.emit(red.sum_, value, axes=(0,)))


def _of_elements(st: State, x: ListRef, value: Value) -> Abstract:
    """A result of the kind that the elements of a growing list are."""
    element = st.elements[x.object]
    if isinstance(value.type, Scalar):
        return Num(value, element.python, element.mixed)
    return wrap(st, value)


def _extremum(st: State, args: Sequence[Abstract], better: str, op: Op, name: str) -> Abstract:
    """One of the arguments, the first of equals, as Python has it."""
    if len(args) != 1:
        items = tuple(args)
    elif isinstance(args[0], ArrayRef):
        return _extremum_of_array(st, args[0], op, name)
    elif isinstance(args[0], ListRef) and items_of(st, args[0]) is None:
        value = operand(st, args[0]).value
        check_not_empty(st, value, (0,))
        if value.type.rank != 1:
            st.refuse(f"{name} of a list of arrays is not supported", f"use np.{name}")
        return _of_elements(st, args[0], st.b.emit(op, value, axes=(0,)))
    else:
        items = sequence(st, args[0])
    if not items:
        raise PythonRaises(f"{name}() iterable argument is empty")
    best = items[0]
    for item in items[1:]:
        best = _better(st, best, item, better, name)
    return best


def _better(st: State, best: Abstract, item: Abstract, better: str, name: str) -> Abstract:
    wins = truth(st, binary(st, better, item, best))
    if isinstance(wins, bool):
        return item if wins else best
    x, y = operand(st, scalar(st, item, name)), operand(st, scalar(st, best, name))
    python = x.weak is not None and y.weak is not None
    dtype = x.dtype if x.dtype == y.dtype else np.result_type(x.dtype, y.dtype)
    if x.dtype != y.dtype and np.dtype(np.float32) in (x.dtype, y.dtype):
        # What follows is in single precision if this one wins, and in double if the other does.
        hint = f"convert them first: `{name}(x, np.float32(0))`"
        st.refuse(f"{name} of a float32 and another number is not supported", hint)
    values = [ufuncs.to_dtype(st, v, dtype) for v in (x, y)]
    mixed = x.mixed or y.mixed or (x.weak is None) != (y.weak is None)
    return Num(st.b.emit(ew.select, wins, *values), python or mixed, mixed)


def _extremum_of_array(st: State, x: ArrayRef, op: Op, name: str) -> Abstract:
    value = operand(st, x).value
    if value.type.rank != 1:
        st.refuse(f"{name} of an array that is not one-dimensional", f"use np.{name}")
    named_dtype(st, dtype_of(st, x))
    check_not_empty(st, value, (0,))
    if value.type.dtype == BOOL:
        op = red.any_ if op is red.max_ else red.all_
    return wrap(st, st.b.emit(op, value, axes=(0,)))


@handles(builtins.max)
def max_(st: State, *args: Abstract) -> Abstract:
    return _extremum(st, args, ">", red.max_, "max")


@handles(builtins.min)
def min_(st: State, *args: Abstract) -> Abstract:
    return _extremum(st, args, "<", red.min_, "min")


def _quantifier(st: State, iterable: Abstract, op: Op, on_array: Op, decided: bool) -> Abstract:
    if isinstance(iterable, ArrayRef):
        value = as_bool(st, operand(st, iterable).value)
        if value.type.rank != 1:
            st.refuse("this is taken of one-dimensional arrays only", "use np.any or np.all")
        return Num(st.b.emit(on_array, value, axes=(0,)), True)
    if isinstance(iterable, ListRef) and items_of(st, iterable) is None:
        value = as_bool(st, operand(st, iterable).value)
        if value.type.rank != 1:
            raise PythonRaises("the truth value of an array is ambiguous")
        return Num(st.b.emit(on_array, value, axes=(0,)), True)
    total: Abstract = Static(not decided)
    for item in sequence(st, iterable):
        found = truth(st, item)
        if isinstance(found, bool):
            if found is decided:
                return Static(decided)
        else:
            total = Num(
                found if isinstance(total, Static) else st.b.emit(op, total.value, found), True
            )
    return total


@handles(builtins.any)
def any_(st: State, iterable: Abstract) -> Abstract:
    return _quantifier(st, iterable, ew.or_, red.any_, True)


@handles(builtins.all)
def all_(st: State, iterable: Abstract) -> Abstract:
    return _quantifier(st, iterable, ew.and_, red.all_, False)
