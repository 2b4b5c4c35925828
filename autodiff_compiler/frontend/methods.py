"""Attributes and methods of arrays, of NumPy's numbers, and of ufuncs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..ir.types import INTS
from ..ops import elementwise as ew
from ..ops.shape import copy as copy_op
from . import known, shaping, ufunc_methods, ufuncs
from .arrays import as_bool, convert, copied, dtype_of, fresh_array, is_number, operand
from .hints import ATTRIBUTES as REFUSED
from .hints import hint_for
from .indexing import getitem, place, put
from .keys import ELLIPSIS
from .promotion import only_element
from .registry import METHODS, Handler, dtype_argument, given, handles, invoke
from .state import State
from .values import Abstract, ArrayRef, BoundMethod, Num, Static, TupleVal
from .views import dims_of, read, transposed


def attribute(st: State, x: Abstract, name: str) -> Abstract:
    """`x.name` of an array, a number or a ufunc."""
    if isinstance(x, Static) and isinstance(x.value, np.ufunc):
        if name in ufunc_methods.NAMES:
            return BoundMethod(x, name)
        st.refuse(f"np.{x.value.__name__}.{name} is not supported", hint_for(name))
    if isinstance(x, ArrayRef):
        found = _array_attribute(st, x, name)
    else:
        found = _number_attribute(st, x, name)
    if found is not None:
        return found
    if name in METHODS and name not in REFUSED and (isinstance(x, ArrayRef) or not _is_python(x)):
        return BoundMethod(x, name)
    if name == "is_integer" or name in REFUSED:
        st.refuse(f"`.{name}` is not supported", REFUSED.get(name, ""))
    st.refuse(
        f"{'an array' if isinstance(x, ArrayRef) else 'a number'} has no supported attribute `{name}`"
    )


def length(st: State, dim: object) -> Abstract:
    """A dim as Python's int."""
    literal = known.constant(st, dim)
    return Static(literal) if literal is not None else Num(known.value(st, dim), True)


def _array_attribute(st: State, x: ArrayRef, name: str) -> Abstract | None:
    dims = dims_of(st, x)
    if name == "shape":
        return TupleVal(tuple(length(st, d) for d in dims))
    if name == "size":
        return length(st, known.product(st, dims))
    if name == "ndim":
        return Static(len(dims))
    if name == "dtype":
        return Static(dtype_of(st, x))
    if name == "T":
        return transposed(st, x, tuple(reversed(range(len(dims)))))
    if name == "mT" and len(dims) > 1 and hasattr(np.ndarray, "mT"):  # since NumPy 2.0
        return transposed(st, x, (*range(len(dims) - 2), len(dims) - 1, len(dims) - 2))
    if name == "itemsize":
        return Static(dtype_of(st, x).itemsize)
    if name == "mT":
        return shaping.matrix_transpose(st, x)
    if name == "nbytes":
        bytes_ = known.const(st, dtype_of(st, x).itemsize)
        return length(st, known.calculate(st, ew.mul, known.product(st, dims), bytes_))
    return x if name == "real" else None


def _is_python(x: Abstract) -> bool:
    if isinstance(x, Num):
        return x.python
    return not isinstance(x, Static) or not isinstance(x.value, np.generic)


def _number_attribute(st: State, x: Abstract, name: str) -> Abstract | None:
    if not is_number(x):
        st.refuse(f"`.{name}` is not supported here")
    if name == "real":
        return x
    if _is_python(x):
        return None
    found: dict[str, Abstract] = {
        "shape": TupleVal(()), "size": Static(1), "ndim": Static(0), "T": x,
        "dtype": Static(operand(st, x).dtype),
    }  # fmt: skip
    return found.get(name)


def call(
    st: State, bound: BoundMethod, args: Sequence[Abstract], kwargs: Mapping[str, Abstract]
) -> Abstract:
    """`x.name(*args, **kwargs)`."""
    owner, name = bound.self, bound.name
    if isinstance(owner, Static) and isinstance(owner.value, np.ufunc):
        return ufunc_methods.call(st, owner.value, name, args, kwargs)
    handler: Handler | None = METHODS.get(name)
    if handler is None:
        st.refuse(f"the method `{name}` is not supported", REFUSED.get(name, ""))
    return invoke(st, handler, f"the method `{name}`", (owner, *args), kwargs)


# --- methods that are no functions of NumPy ---------------------------------------------------------


@handles(methods=["copy"])
def copy_(st: State, x: Abstract, order: Abstract | None = None) -> Abstract:
    if not isinstance(x, ArrayRef):
        return x
    made = copied(st, x)
    made.object.c_order = not given(order)
    return made


@handles(methods=["flatten"])
def flatten(st: State, x: Abstract, order: Abstract | None = None) -> Abstract:
    return shaping.flatten(st, x, order)


@handles(methods=["reshape"])
def reshape(st: State, x: Abstract, *shape: Abstract, order: Abstract | None = None) -> Abstract:
    return shaping.reshape(st, x, shape[0] if len(shape) == 1 else TupleVal(shape), order)


@handles(methods=["transpose"])
def transpose(st: State, x: Abstract, *axes: Abstract) -> Abstract:
    if len(axes) == 1:
        return shaping.transpose(st, x, axes[0])
    return shaping.transpose(st, x, TupleVal(axes) if axes else None)


@handles(methods=["astype"])
def astype(st: State, x: Abstract, dtype: Abstract, *, copy: Abstract | None = None) -> Abstract:
    name = dtype_argument(st, dtype)
    assert name is not None
    value = read(st, x) if isinstance(x, ArrayRef) else operand(st, x).value
    made = convert(st, value, name)
    if not isinstance(x, ArrayRef):
        return Num(made, False)
    if made is value:
        return x if given(copy) and copy == Static(False) else copied(st, _in_int64(st, x, name))
    return fresh_array(st, made)


def _in_int64(st: State, x: ArrayRef, name: str) -> ArrayRef:
    """An array of another integer width has arrived as int64 already: a copy is all it takes."""
    if not x.object.foreign:
        return x
    return fresh_array(st, st.b.emit(copy_op, read(st, x)))


@handles(methods=["fill"])
def fill(st: State, x: Abstract, value: Abstract) -> Abstract:
    if not isinstance(x, ArrayRef) or operand(st, value).value.type.rank:
        st.refuse("fill takes a number")
    put(st, place(st, x, ELLIPSIS), value)
    return Static(None)


@handles(methods=["item"])
def item(st: State, x: Abstract, *index: Abstract) -> Abstract:
    if isinstance(x, ArrayRef) and index:
        x = getitem(st, x, TupleVal(index) if len(index) > 1 else index[0])
    value = only_element(st, x) if isinstance(x, ArrayRef) else operand(st, x).value
    if value.type.dtype in INTS:
        return ufuncs.python_int(st, value)
    if value.type.dtype == "bool":
        return Num(as_bool(st, value), True)
    return ufuncs.python_float(st, value)


__all__ = ["attribute", "call"]
