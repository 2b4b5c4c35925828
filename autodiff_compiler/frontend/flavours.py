"""Operators, with care for numbers that are Python's on one way and NumPy's on another.

Such a number (`Num.mixed`) is computed with as Python's. Where NumPy's would lead to another dtype
the operation is refused; the result of two such numbers is mixed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir.graph import Value
from ..ir.types import BOOL
from . import arrays, containers, instances, promotion
from .frames import PythonRaises
from .numbers import NARROW
from .values import Abstract, ArrayRef, DictRef, ListRef, Num, Static, TupleVal

if TYPE_CHECKING:
    from .tracer import Tracer

_CONTAINERS = (TupleVal, ListRef, DictRef)
_ON_BOOLS = ("==", "!=", "&", "|", "^", "<", "<=", ">", ">=", "not")

#: Between a bool and a number that is none, these count the bool as 0 or 1, whoever's it is.
_WITH_NUMBERS = ("+", "-", "*")


def binary(st: Tracer, symbol: str, a: Abstract, b: Abstract) -> Abstract:
    if instances.may_have_methods(a) or instances.may_have_methods(b):
        made = instances.binary(st, symbol, a, b)
        if made is not None:
            return made
    if isinstance(a, _CONTAINERS) or isinstance(b, _CONTAINERS):
        made = containers.binary(st, symbol, a, b)
        if made is not None:
            return made
    if isinstance(a, Static) and isinstance(b, Static):
        try:
            return promotion.binary(st, symbol, a, b)
        except TypeError as error:
            raise PythonRaises(str(error)) from None
    if not (is_mixed(a) or is_mixed(b)):
        return promotion.binary(st, symbol, a, b)
    check_mixed(st, [a, b], symbol)
    return mixed_again(promotion.binary(st, symbol, a, b), [a, b])


def unary(st: Tracer, symbol: str, a: Abstract) -> Abstract:
    made = instances.unary(st, symbol, a) if instances.may_have_methods(a) else None
    if made is not None:
        return made
    if not is_mixed(a):
        return promotion.unary(st, symbol, a)
    check_mixed(st, [a], symbol)
    return mixed_again(promotion.unary(st, symbol, a), [a])


def truth(st: Tracer, x: Abstract) -> Value | bool:
    for name in ("__bool__", "__len__"):
        if instances.class_of(x) and instances.has_method(x, name):
            return truth(st, st.call_function(st.attribute(x, name), []))
    return promotion.truth(st, x)


def is_mixed(x: Abstract) -> bool:
    return isinstance(x, Num) and x.mixed


def check_mixed(st: Tracer, args: Sequence[Abstract], symbol: str = "") -> None:
    """Refuses where Python's number and NumPy's lead to different dtypes."""
    mixed = [x for x in args if is_mixed(x)]
    if not mixed:
        return
    hint = "begin with NumPy's number, for instance `np.float64(0)`, or convert with `float(x)`"
    narrow = [x for x in args if _dtype(st, x) in NARROW]
    if narrow:
        st.refuse(
            "a number that is Python's on one way and NumPy's on another meets single precision"
            " or int32, where the two differ",
            hint,
        )
    if any(x.dtype == BOOL for x in mixed if isinstance(x, Num)) and symbol not in _ON_BOOLS:
        if symbol in _WITH_NUMBERS and any(not _is_bool(st, x) for x in args):
            return
        st.refuse("arithmetic with a bool that is Python's on one way and NumPy's on another", hint)


def _dtype(st: Tracer, x: Abstract) -> str:
    if isinstance(x, Num):
        return x.dtype
    if isinstance(x, ArrayRef):
        return arrays.type_of(st, x).dtype
    if isinstance(x, Static) and isinstance(x.value, np.generic):
        return {"float32": "f32", "int32": "i32"}.get(x.value.dtype.name, "")
    return ""


def _is_bool(st: Tracer, x: Abstract) -> bool:
    if isinstance(x, Static):
        return not isinstance(x.value, (int, float)) or isinstance(x.value, bool)
    return not isinstance(x, (Num, ArrayRef)) or _dtype(st, x) == BOOL


def mixed_again(result: Abstract, args: Sequence[Abstract]) -> Abstract:
    """What comes of mixed numbers and Python's is mixed."""
    if isinstance(result, Num) and result.python and any(map(is_mixed, args)):
        return Num(result.value, True, True)
    return result
