"""Reshape and its kin. NumPy gives a view where it can.

Of what is known to be C-contiguous, here it is one too: an object that has its contents from its root.
Else the result is an array of its own. So that nobody can tell, both are locked against writes from
then on, unless the base was made in the same expression and cannot be seen otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.types import Array
from ..ops.elementwise import eq, floordiv, ge, gt, mod
from ..ops.shape import copy, full
from ..ops.shape import reshape as reshape_op
from . import known
from .arrays import fresh_array
from .frames import PythonRaises
from .state import State
from .values import Abstract, ArrayRef, Object, Reshaped

ALSO_SEEN = "is also seen through a reshape"


def shares(
    st: State, base: Abstract, value: Value, why: str = ALSO_SEEN, ordered: bool = False
) -> ArrayRef:
    """An array that NumPy makes a view of `base`; `value` holds the same numbers.

    `ordered`: all of them, each once and in C order.
    """
    foreign = base.object.foreign if isinstance(base, ArrayRef) else ""
    if ordered and isinstance(base, ArrayRef) and _is_in_order(st, base):
        return _other_shape(st, base.object, value)
    if isinstance(base, ArrayRef) and value is st.version(base.object):
        value = st.b.emit(copy, value)
    made = fresh_array(st, value, foreign)
    if isinstance(base, ArrayRef) and not base.object.fresh:
        made.object.locked = base.object.locked = why
    return made


def _is_in_order(st: State, base: ArrayRef) -> bool:
    """Is a whole array known to be C-contiguous, so that its reshape is a view of it in NumPy?"""
    made = base.object
    if base.path is not None or made.foreign or made.fresh or made.locked:
        return False
    if made.leaf is not None or st.version(made).type.rank == 1:
        return made.contiguous
    return made.c_order


def _other_shape(st: State, base: Object, value: Value) -> ArrayRef:
    made = Object()
    made.root = base.origin
    made.c_order = True
    st.heap[made] = Reshaped(base.origin, st.b.dims[value])
    return ArrayRef(made)


def reshaped(st: State, value: Value, dims: Sequence[KnownDim]) -> Value:
    """The same numbers under dims that are known to multiply to their count."""
    if not isinstance(value.type, Array):
        value = st.b.emit(full, value, ones=())
    if tuple(dims) == tuple(st.b.dims[value]):
        return value
    sizes = [known.value(st, d) for d in dims]
    return st.b.emit(reshape_op, value, *sizes, ones=known.ones_of(dims))


def flat_value(st: State, value: Value) -> Value:
    """The array as one row, in C order."""
    if isinstance(value.type, Array) and value.type.rank == 1:
        return value
    dims = st.b.dims.get(value, ())
    return reshaped(st, value, [known.product(st, dims)])


def dim(st: State, size: Abstract) -> KnownDim:
    """A size that a user gives: a number where it is known."""
    value = st.i64(size)
    literal = known.constant(st, value)
    return literal if literal is not None else value


def resolve(st: State, sizes: Sequence[Abstract], count: KnownDim) -> list[KnownDim]:
    """The dims of `x.reshape(*sizes)`, at most one of the sizes -1."""
    mismatch = "cannot reshape array into this shape"
    dims = [dim(st, s) for s in sizes]
    unknown = [k for k, d in enumerate(dims) if isinstance(d, int) and d < 0]
    if len(unknown) > 1:
        raise PythonRaises("can only specify one unknown dimension")
    rest = known.product(st, [d for k, d in enumerate(dims) if k not in unknown])
    for d in dims:
        if not isinstance(d, int) and not known.nonnegative(st, d):
            st.check(st.b.emit(ge, d, known.const(st, 0)), mismatch)
    if not unknown:
        st.check_same(rest, count, mismatch)
        return dims
    gone = [d for k, d in enumerate(dims) if k not in unknown]
    if not all(known.constant(st, d) for d in gone):
        zero = known.const(st, 0)
        st.check(st.b.emit(gt, known.value(st, rest), zero), mismatch)
    left = known.without_factors(st, count, gone)
    dims[unknown[0]] = (
        _quotient(st, count, rest, mismatch) if left is None else known.product(st, left)
    )
    return dims


def _quotient(st: State, count: KnownDim, rest: KnownDim, mismatch: str) -> KnownDim:
    left = known.shared(st, mod, known.value(st, count), known.value(st, rest))
    st.check(st.b.emit(eq, left, known.const(st, 0)), mismatch)
    return known.calculate(st, floordiv, count, rest)
