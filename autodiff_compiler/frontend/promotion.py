"""Operators on abstract values: Python's numbers by Python's rules, NumPy's by NumPy's."""

from __future__ import annotations

import operator

import numpy as np

from ..ir.graph import Value
from ..ir.types import DTYPE_NAME, Array
from ..ops import elementwise as ew
from ..ops.index import load
from ..ops.stack import length
from . import contract, known, scalars, ufuncs
from .arrays import (
    Operand,
    convert,
    dtype_of,
    is_operand,
    is_static_number,
    items_of,
    named_dtype,
    operand,
    wrap,
)
from .frames import PythonRaises
from .state import State
from .ufuncs import select
from .values import Abstract, ArrayRef, DictRef, FunctionVal, ListRef, Num, Static, TupleVal
from .views import dims_of, path_of, store_path

__all__ = ["binary", "unary", "truth", "inplace", "select"]

UFUNC = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "//": np.floor_divide,
    "%": np.remainder, "**": np.power, "&": np.bitwise_and, "|": np.bitwise_or,
    "^": np.bitwise_xor, "<<": np.left_shift, ">>": np.right_shift, "==": np.equal,
    "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
_UNARY = {"-": operator.neg, "+": operator.pos, "~": operator.invert, "not": operator.not_}
_UNARY_UFUNC = {"-": np.negative, "+": np.positive, "~": np.invert}


def _is_python_number(x: Abstract) -> bool:
    if isinstance(x, Num):
        return x.python
    return is_static_number(x) and not isinstance(x.value, np.generic)


def _foldable(x: Abstract) -> bool:
    return isinstance(x, Static) and not isinstance(x.value, (np.generic, np.ndarray))


def binary(st: State, symbol: str, a: Abstract, b: Abstract) -> Abstract:
    """`a symbol b`."""
    if _foldable(a) and _foldable(b):
        return scalars.fold(st, symbol, a.value, b.value)
    if _is_python_number(a) and _is_python_number(b):
        return scalars.binary(st, symbol, a, b)
    if _sequences(a, b):
        return _on_sequences(st, symbol, a, b)
    if not (is_operand(a) and is_operand(b)):
        return _on_objects(st, symbol, a, b)
    if symbol == "@":
        return contract.matmul(st, a, b)
    if symbol == "**":
        return wrap(st, ufuncs.operator_power(st, operand(st, a), operand(st, b)))
    return ufuncs.apply(st, UFUNC[symbol], [a, b])


def _sequences(a: Abstract, b: Abstract) -> bool:
    """Is this an operation on tuples or lists, in which NumPy has no part?"""
    plain = (TupleVal, ListRef, Static, DictRef, FunctionVal)
    holds = isinstance(a, (TupleVal, ListRef)) or isinstance(b, (TupleVal, ListRef))
    numbers = (_is_python_number(a), _is_python_number(b))
    return holds and all(isinstance(x, plain) or n for x, n in zip((a, b), numbers))


def _on_sequences(st: State, symbol: str, a: Abstract, b: Abstract) -> Abstract:
    if symbol in ("==", "!="):
        return _same_sequence(st, symbol, a, b)
    if isinstance(a, TupleVal) and isinstance(b, TupleVal) and symbol == "+":
        return TupleVal(a.items + b.items)
    if isinstance(a, ListRef) and isinstance(b, ListRef) and symbol == "+":
        left, right = items_of(st, a), items_of(st, b)
        if left is not None and right is not None:
            return st.new_list(left + right)
    if symbol == "*":
        times, items = (b, a) if isinstance(a, TupleVal) else (a, b)
        if isinstance(items, TupleVal) and isinstance(times, Static) and type(times.value) is int:
            return TupleVal(items.items * times.value)
    st.refuse(f"`{symbol}` is not supported on these containers")


def _same_sequence(st: State, symbol: str, a: Abstract, b: Abstract) -> Abstract:
    """`x.shape == y.shape`, and the like: item by item."""
    if type(a) is not type(b):
        return Static(symbol == "!=")
    left, right = items_of(st, a), items_of(st, b)
    if left is None or right is None:
        st.refuse("comparing lists that grow is not supported")
    if len(left) != len(right):
        return Static(symbol == "!=")
    same: Value | None = None
    for x, y in zip(left, right):
        found = truth(st, binary(st, "==", x, y))
        if found is False:
            return Static(symbol == "!=")
        if found is not True:
            same = found if same is None else st.b.emit(ew.and_, same, found)
    if same is None:
        return Static(symbol == "==")
    return Num(same if symbol == "==" else st.b.emit(ew.not_, same), True)


def _on_objects(st: State, symbol: str, a: Abstract, b: Abstract) -> Abstract:
    """What is no number is equal only to itself."""
    if symbol in ("==", "!=") and not any(isinstance(x, ArrayRef) for x in (a, b)):
        if any(
            isinstance(x, Static) and (x.value is None or isinstance(x.value, str)) for x in (a, b)
        ):
            return Static((symbol == "==") == (a == b))
    st.refuse(f"`{symbol}` is not supported between {_what(a)} and {_what(b)}")


def _what(x: Abstract) -> str:
    if isinstance(x, Static):
        return repr(x.value)
    names = {
        ArrayRef: "an array",
        Num: "a number",
        TupleVal: "a tuple",
        ListRef: "a list",
        DictRef: "a dict",
    }
    return names.get(type(x), "a function")


def unary(st: State, symbol: str, a: Abstract) -> Abstract:
    """`symbol a` for - + ~ not."""
    if _foldable(a):
        try:
            return Static(_UNARY[symbol](a.value))
        except TypeError as error:
            raise PythonRaises(str(error)) from None
    if symbol == "not":
        found = truth(st, a)
        return (
            Static(not found) if isinstance(found, bool) else Num(st.b.emit(ew.not_, found), True)
        )
    if _is_python_number(a):
        return scalars.unary(st, symbol, a)
    if not is_operand(a) or isinstance(a, (TupleVal, ListRef)):
        st.refuse(f"unary {symbol} is not supported on {_what(a)}")
    return ufuncs.apply(st, _UNARY_UFUNC[symbol], [a])


def truth(st: State, x: Abstract) -> Value | bool:
    """`bool(x)`: known at compile time, or a scalar bool."""
    if isinstance(x, Static):
        if isinstance(x.value, np.ndarray):
            st.refuse("the truth of this array is not supported here")
        return bool(x.value)
    if isinstance(x, Num):
        return _scalar_truth(st, x.value)
    if isinstance(x, ArrayRef):
        return _scalar_truth(st, only_element(st, x))
    if isinstance(x, (TupleVal, ListRef)):
        items = items_of(st, x)
        if items is not None:
            return bool(items)
        return st.b.emit(ew.ne, st.b.emit(length, st.version(x.object)), known.const(st, 0))
    if isinstance(x, DictRef):
        return bool(st.heap[x.object])
    return True


def _scalar_truth(st: State, value: Value) -> Value | bool:
    literal = st.b.constants.get(value)
    if literal is not None:
        return bool(literal)
    if value.type.dtype in DTYPE_NAME.values() and value.type.dtype == "bool":
        return value
    return st.b.emit(ew.ne, value, known.const(st, 0, value.type.dtype))


def only_element(st: State, x: ArrayRef) -> Value:
    """The number in an array of one; others have no truth value and are no index."""
    for d in dims_of(st, x):
        st.check_same(d, 1, "The truth value of an array with more than one element is ambiguous")
    x_value = operand(st, x).value
    if not isinstance(x_value.type, Array):
        return x_value
    zero = known.const(st, 0)
    rank = x_value.type.rank
    return st.b.emit(load, x_value, *([zero] * rank), index="i" * rank, ones=())


# --- in place ---------------------------------------------------------------------------------


def inplace(st: State, symbol: str, ref: ArrayRef, value: Abstract) -> ArrayRef:
    """`ref symbol= value` on an array or a view: the array keeps its dtype and its shape."""
    if not is_operand(value):
        st.refuse(f"`{symbol}=` is not supported between an array and {_what(value)}")
    if symbol == "@":
        return assign(st, ref, contract.matmul(st, ref, value))
    own, other = operand(st, ref), operand(st, value)
    dtype = dtype_of(st, ref)
    loop = ufuncs.loop_dtypes(st, UFUNC[symbol], [own, other])
    if not np.can_cast(loop[-1], dtype, "same_kind"):
        raise PythonRaises(f"Cannot cast ufunc output from {loop[-1]} to {dtype}")
    _check_fits(st, ref, other)
    if symbol == "**":
        result = ufuncs.operator_power(st, own, other)
    else:
        result = ufuncs.compute(st, UFUNC[symbol], [own, other])
    _put(st, ref, result)
    return ref


def _check_fits(st: State, ref: ArrayRef, other: Operand) -> None:
    """The other side must broadcast to the array's shape, and not the other way round."""
    have, want = st.b.dims.get(other.value, ()), dims_of(st, ref)
    if len(have) > len(want):
        raise PythonRaises("non-broadcastable output operand")
    for d, n in zip(reversed(have), reversed(want)):
        if isinstance(n, int) and n == 1:
            st.check_same(d, 1, "non-broadcastable output operand")


def assign(st: State, ref: ArrayRef, value: Abstract, exact: bool = False) -> ArrayRef:
    """`out=ref`: the result of a function goes into an array. `exact`: the shapes must be the same."""
    result = operand(st, value)
    dtype = dtype_of(st, ref)
    if not np.can_cast(result.dtype, dtype, "same_kind"):
        raise PythonRaises(f"Cannot cast from {result.dtype} to {dtype}")
    if exact:
        have, want = st.b.dims.get(result.value, ()), dims_of(st, ref)
        if len(have) != len(want):
            raise PythonRaises("the array given as out= has another shape")
        for d, n in zip(have, want):
            st.check_same(d, n, "the array given as out= has another shape")
    else:
        _check_fits(st, ref, result)
    _put(st, ref, result.value)
    return ref


def _put(st: State, ref: ArrayRef, value: Value) -> None:
    name = named_dtype(st, dtype_of(st, ref))
    store_path(
        st,
        ref.object,
        path_of(st, ref),
        convert(st, value, name),
        "operands could not be broadcast together",
    )
