"""NumPy's elementwise functions: which loop NumPy would run, and the op that does its work.

NumPy itself is asked for the loop's dtypes, so promotion has no table here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir.graph import Value
from ..ir.op import TABLE, Op
from ..ir.types import BOOL, DTYPE_NAME, F64, FLOATS, I64, INTS, Scalar
from ..ops import elementwise as ew
from ..ops import functions as fn
from ..ops.reduce import all_
from ..ops.shape import copy
from . import known, narrow
from .arrays import (
    Operand,
    as_bool,
    check_broadcast,
    convert,
    numpy_number,
    operand,
    to_dtype,
    wrap,
)
from .frames import PythonRaises
from .state import State
from .values import Abstract, Num


def _table() -> dict[np.ufunc, Op]:
    """Ufuncs by the spellings in the ops' records."""
    found: dict[np.ufunc, Op] = {}
    for op in TABLE.values():
        for spelling in op.spellings:
            if op.kind == "elementwise" and spelling.startswith("np."):
                function = getattr(np, spelling[3:], None)
                if isinstance(function, np.ufunc):
                    found[function] = op
    return found


OPS = _table()
#: On booleans NumPy's arithmetic is logic.
_ON_BOOL = {
    np.add: ew.or_, np.multiply: ew.and_, np.maximum: ew.or_, np.minimum: ew.and_,
    np.invert: ew.not_, np.logical_not: ew.not_,
}  # fmt: skip
_LOGICAL = (np.logical_and, np.logical_or, np.logical_xor, np.logical_not)
_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
_ROUNDINGS = (np.floor, np.ceil, np.trunc)
_TESTS = (np.isnan, np.isfinite, np.isinf)


def supported(ufunc: np.ufunc) -> bool:
    return ufunc in OPS or ufunc in _SPECIAL


def apply(st: State, ufunc: np.ufunc, args: Sequence[Abstract]) -> Abstract:
    """`ufunc(*args)`: a fresh array or NumPy's scalar."""
    operands = [operand(st, x) for x in args]
    if any(x.dtype not in DTYPE_NAME for x in operands):
        dtype = loop_dtypes(st, ufunc, operands)[-1]
        if dtype not in DTYPE_NAME and narrow.computes(ufunc, dtype):
            return narrow.compute(st, ufunc, operands, dtype)
    return wrap(st, compute(st, ufunc, operands))


def compute(st: State, ufunc: np.ufunc, operands: Sequence[Operand]) -> Value:
    """The result as a graph value that belongs to nobody else."""
    if len(operands) != ufunc.nin:
        st.refuse(f"np.{ufunc.__name__} takes {ufunc.nin} arguments, not {len(operands)}")
    loop = loop_dtypes(st, ufunc, operands)
    special = _SPECIAL.get(ufunc)
    if special is not None:
        return special(st, operands, loop)
    if ufunc in _COMPARISONS:
        return _compare(st, OPS[ufunc], operands, loop)
    if ufunc in _LOGICAL:
        return emit(st, OPS[ufunc], [as_bool(st, x.value) for x in operands])
    if ufunc in _TESTS:
        loop = tuple(np.dtype(float) if d.kind in "iub" else d for d in loop)
    if loop[0] == np.bool_ and ufunc in _ON_BOOL:
        return emit(st, _ON_BOOL[ufunc], [as_bool(st, x.value) for x in operands])
    if loop[0].kind in "iub" and ufunc in (*_ROUNDINGS, np.positive):
        return _same(st, operands, loop)
    if loop[0] == np.bool_ and ufunc is np.absolute:
        return _same(st, operands, loop)
    if ufunc not in OPS:
        st.refuse(f"np.{ufunc.__name__} is not supported")
    return emit(st, OPS[ufunc], [to_dtype(st, x, d) for x, d in zip(operands, loop)])


def loop_dtypes(st: State, ufunc: np.ufunc, operands: Sequence[Operand]) -> tuple[np.dtype, ...]:
    """The dtypes of the loop that NumPy would run, results included."""
    given = [x.given for x in operands]
    if all(x.weak is not None for x in operands):
        given = [x.dtype for x in operands]
    loop = _resolve(st, ufunc, given)
    if any(x.mixed for x in operands):
        strong = [x.dtype if x.mixed else g for x, g in zip(operands, given)]
        if _resolve(st, ufunc, strong) != loop:
            st.refuse(*MIXED)
    return loop


MIXED = (
    "this number is Python's own or NumPy's, depending on the way to here, and the dtypes differ",
    "make it the same on every way: `float(x)`",
)


def _resolve(st: State, ufunc: np.ufunc, given: Sequence[Any]) -> tuple[np.dtype, ...]:
    try:
        return ufunc.resolve_dtypes((*given, *(None,) * ufunc.nout))
    except TypeError as error:
        raise PythonRaises(f"np.{ufunc.__name__} does not take such operands: {error}") from None


def emit(st: State, op: Op, values: Sequence[Value]) -> Value:
    """An elementwise node on operands of NumPy's dtypes, with the shapes checked."""
    check_broadcast(st, values)
    try:
        return st.b.emit(op, *values)
    except TypeError as error:
        st.refuse(f"{op.name} is not supported here: {error}")


def _compare(st: State, op: Op, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    """Python's ints compare by value, whatever the width of the other side; so do foreign ints."""
    common = loop[0]
    if common.kind in "iu" and any(x.dtype != common or x.weak for x in operands):
        common = np.dtype(np.int64)
    if common.kind in "iu" and common not in DTYPE_NAME:
        common = np.dtype(np.int64)
    return emit(st, op, [convert(st, x.value, DTYPE_NAME[common]) for x in operands])


def _same(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    """The operand as it is, in an array of its own."""
    value = to_dtype(st, operands[0], loop[0])
    if isinstance(value.type, Scalar):
        return numpy_number(st, value) if operands[0].weak else value
    return st.b.emit(copy, value)


def _positive(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    return _same(st, operands, loop)


def _square(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    value = to_dtype(st, operands[0], loop[0])
    return emit(st, ew.mul, [value, value])


def _reciprocal(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    if loop[0].kind != "f":
        st.refuse("np.reciprocal of integers is not supported", "write `1 / x`")
    value = to_dtype(st, operands[0], loop[0])
    return emit(st, ew.div, [known.const(st, 1.0, value.type.dtype), value])


def _float_power(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    return emit(st, ew.pow_, [to_dtype(st, x, np.dtype(float)) for x in operands])


def _heaviside(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    """0 or 1 by the sign, the second operand at 0; NaN stays NaN."""
    x, at_zero = (to_dtype(st, v, d) for v, d in zip(operands, loop))
    zero, one = (known.const(st, k, x.type.dtype) for k in (0.0, 1.0))
    side = emit(st, ew.select, [emit(st, ew.gt, [x, zero]), one, zero])
    side = emit(st, ew.select, [emit(st, ew.isnan, [x]), emit(st, ew.stop_gradient, [x]), side])
    return emit(st, ew.select, [emit(st, ew.eq, [x, zero]), at_zero, side])


def _extremum(on_floats: Op, on_integers: Op, on_bools: Op) -> Callable[..., Value]:
    def run(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
        op = on_floats if loop[0].kind == "f" else on_integers
        if loop[0].kind == "b":
            op = on_bools
        return emit(st, op, [to_dtype(st, x, d) for x, d in zip(operands, loop)])

    return run


def _scaled(factor: float) -> Callable[..., Value]:
    def run(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
        value = to_dtype(st, operands[0], loop[0])
        return emit(st, ew.mul, [value, known.const(st, factor, value.type.dtype)])

    return run


def _power(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    """np.power; the operator has its own treatment of constant exponents in front of this."""
    base, exponent = (to_dtype(st, x, d) for x, d in zip(operands, loop))
    if base.type.dtype in FLOATS:
        return emit(st, ew.pow_, [base, exponent])
    check_exponents(st, exponent)
    return emit(st, ew.wpow, [base, exponent])


def check_exponents(st: State, exponent: Value) -> None:
    """NumPy's integers raise for negative exponents."""
    reason = "Integers to negative integer powers are not allowed."
    literal = st.b.constants.get(exponent)
    if literal is not None:
        if literal < 0:
            raise PythonRaises(reason)
        return
    fine = st.b.emit(ew.ge, exponent, known.const(st, 0, exponent.type.dtype))
    if fine.type.rank:
        fine = st.b.emit(all_, fine, axes=tuple(range(fine.type.rank)))
    st.check(fine, reason)


def operator_power(st: State, base: Operand, exponent: Operand) -> Value:
    """`base ** exponent` on NumPy's numbers: constant exponents are cheap, as in NumPy."""
    literal = st.b.constants.get(exponent.value)
    loop = loop_dtypes(st, np.power, [base, exponent])
    if literal is not None and exponent.weak is not None and loop[0].kind in "fiu":
        if literal == 2:
            on_bools = base.dtype == np.bool_ and base.value.type.rank
            return _square(st, [base], loop_dtypes(st, np.square, [base]) if on_bools else loop)
        if loop[0].kind == "f" and base.dtype.kind == "f" and base.value.type.rank:
            if literal == 0.5:
                return emit(st, ew.sqrt, [to_dtype(st, base, loop[0])])
            if literal == -1:
                return _reciprocal(st, [base], loop)
    return _power(st, [base, exponent], loop)


def _left_shift(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    x, places = (to_dtype(st, x, d) for x, d in zip(operands, loop))
    check_exponents(st, places)
    power = emit(st, ew.wpow, [known.const(st, 2, places.type.dtype), places])
    return emit(st, ew.mul, [x, power])


def _right_shift(st: State, operands: Sequence[Operand], loop: tuple[np.dtype, ...]) -> Value:
    x, places = (to_dtype(st, x, d) for x, d in zip(operands, loop))
    literal = st.b.constants.get(places)
    if literal is None or not 0 <= literal < 31:
        st.refuse("`>>` by a number of places that is not known is not supported", "use `//`")
    return emit(st, ew.floordiv, [x, known.const(st, 2**literal, places.type.dtype)])


_SPECIAL: dict[np.ufunc, Callable[..., Value]] = {
    np.positive: _positive, np.square: _square, np.reciprocal: _reciprocal,
    np.float_power: _float_power, np.power: _power, np.left_shift: _left_shift,
    np.right_shift: _right_shift, np.deg2rad: _scaled(np.pi / 180), np.radians: _scaled(np.pi / 180),
    np.rad2deg: _scaled(180 / np.pi), np.degrees: _scaled(180 / np.pi), np.conjugate: _positive,
    np.heaviside: _heaviside, np.fmax: _extremum(fn.fmax, ew.maximum, ew.or_),
    np.fmin: _extremum(fn.fmin, ew.minimum, ew.and_),
}  # fmt: skip


def select(st: State, mask: Abstract, a: Abstract, b: Abstract) -> Abstract:
    """`np.where(mask, a, b)`."""
    where, x, y = (operand(st, v) for v in (mask, a, b))
    dtype = common_dtype(st, [x, y])
    values = [as_bool(st, where.value), to_dtype(st, x, dtype), to_dtype(st, y, dtype)]
    return wrap(st, emit(st, ew.select, values))


def common_dtype(st: State, operands: Sequence[Operand]) -> np.dtype:
    """np.result_type, with Python's numbers weak."""
    weak = np.result_type(*(x.weak(0) if x.weak in (int, float) else x.dtype for x in operands))
    if any(x.mixed for x in operands) and weak != np.result_type(*(x.dtype for x in operands)):
        st.refuse(*MIXED)
    return weak


def python_float(st: State, value: Value) -> Num:
    """A scalar as Python's float."""
    wide = convert(st, value, F64)
    return Num(wide if wide in st.b.constants else st.b.emit(ew.pyfloat, wide), True)


def python_int(st: State, value: Value) -> Num:
    """An integer or bool scalar as Python's int."""
    assert value.type.dtype in (*INTS, BOOL)
    wide = convert(st, value, I64)
    return Num(wide if wide in st.b.constants else st.b.emit(ew.pyint, wide), True)
