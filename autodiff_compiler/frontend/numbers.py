"""Numbers where two ways meet: which dtype and flavour stands for both, and how each gets there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir.graph import Value
from ..ir.types import BOOL, DTYPE_NAME, F32, F64, I32, I64, NUMPY_DTYPE
from ..ops.elementwise import cast
from .state import State
from .values import Abstract, Num, Static

_PYTHON = {bool: BOOL, int: I64, float: F64}
_RANK = {BOOL: 0, I64: 1, F64: 2}


@dataclass(frozen=True, slots=True)
class Kind:
    """A scalar's dtype, and whether it is Python's own, NumPy's, or either (see `Num`)."""

    dtype: str
    python: bool
    mixed: bool = False


def kind_of(x: Abstract) -> Kind | None:
    """The kind of a number; None for what is none."""
    if isinstance(x, Num):
        return Kind(x.dtype, x.python, x.mixed)
    if isinstance(x, Static):
        if type(x.value) in _PYTHON:
            return Kind(_PYTHON[type(x.value)], True)
        if isinstance(x.value, np.generic) and x.value.dtype in DTYPE_NAME:
            return Kind(DTYPE_NAME[x.value.dtype], False)
    return None


def join_kinds(a: Kind, b: Kind) -> Kind | None:
    """The kind that stands for either; None where the two would go on differently."""
    if a == b:
        return a
    if a.python and b.python and not (a.mixed or b.mixed):
        return Kind(max(a.dtype, b.dtype, key=_RANK.__getitem__), True)
    dtype = _common_dtype(a, b)
    if dtype is None:
        return None
    if not a.python and not b.python:
        return Kind(dtype, False)
    return Kind(dtype, True, True)


def _common_dtype(a: Kind, b: Kind) -> str | None:
    if a.dtype == b.dtype:
        # Python has no numbers of these widths, so that both are NumPy's.
        return a.dtype
    if {a.dtype, b.dtype} <= {I64, F64} or {a.dtype, b.dtype} == {I32, F64}:
        return F64
    if {a.dtype, b.dtype} == {BOOL, F64} and (a if a.dtype == BOOL else b) == Kind(BOOL, True):
        return F64
    return None


def is_weak_start(x: Abstract, kind: Kind) -> bool:
    """Is `x` a literal that single precision holds exactly, where a loop goes on with NumPy's float32?"""
    if not isinstance(x, Static) or type(x.value) not in (int, float):
        return False
    return kind == Kind(F32, False) and float(np.float32(x.value)) == x.value


def number_value(st: State, x: Abstract, dtype: str) -> Value:
    """A number as a graph value of a dtype that it was joined to."""
    if isinstance(x, Static):
        if isinstance(x.value, int) and not -(2**63) <= x.value < 2**63:
            st.refuse("integers beyond 64 bits are not supported", "use a float")
        return st.b.const(x.value, dtype)
    assert isinstance(x, Num)
    return x.value if x.dtype == dtype else st.b.emit(cast, x.value, dtype=dtype)


def as_num(st: State, x: Abstract) -> Num | None:
    """A number as a graph value of its own dtype; None for what is no number."""
    if isinstance(x, Num):
        return x
    kind = kind_of(x)
    return None if kind is None else Num(number_value(st, x, kind.dtype), kind.python)


#: dtypes in which Python's and NumPy's numbers are promoted differently
NARROW = (F32, I32)


def flavour_words(kind: Kind) -> str:
    """A kind in the words of a message."""
    whose = "either Python's or NumPy's" if kind.mixed else "Python's" if kind.python else "NumPy's"
    return f"{whose} {kind.dtype}"


def numpy_name(a: Kind, b: Kind) -> str:
    """The dtype of whichever is NumPy's."""
    own = a if not a.python else b
    return str(NUMPY_DTYPE[own.dtype])
