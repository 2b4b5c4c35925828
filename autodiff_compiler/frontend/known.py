"""Integers of shapes and indices: folded where they are known, and emitted only once.

Two dims are known to be equal when they are the same value, so the length of `x[1:]` must come out
as the same value each time it is asked for. A node is used again while its block is open.
"""

from __future__ import annotations

from typing import Any

from ..ir.graph import DIM, Node, Value
from ..ir.op import Op
from ..ir.types import I64, NUMPY_DTYPE
from ..ops.elementwise import add, floordiv, maximum, minimum, mul, sub
from .state import State

Length = Value | int

_FOLD = {
    add: lambda a, b: a + b,
    sub: lambda a, b: a - b,
    mul: lambda a, b: a * b,
    maximum: max,
    minimum: min,
    floordiv: lambda a, b: a // b if b else None,
}


def constant(st: State, x: Length) -> Any:
    """The number that `x` is known to be, or None."""
    return x if isinstance(x, int) else st.b.constants.get(x)


def value(st: State, x: Length) -> Value:
    return const(st, x) if isinstance(x, int) else x


def const(st: State, value: int | float | bool, dtype: str = I64) -> Value:
    """A constant, the same node again while one stands in an open block."""
    key = ("const", dtype, repr(value))
    found = _recall(st, key)
    if found is None:
        at = len(st.b.nodes)
        found = st.b.const(value, dtype)
        _remember(st, key, at, found)
    return found


def shared(st: State, op: Op, *operands: Value, **attrs: Any) -> Any:
    """Emits an op that depends on nothing but its operands, unless it stands in an open block."""
    key = (op, tuple(_identity(st, v) for v in operands), tuple(sorted(attrs.items())))
    found = _recall(st, key)
    if found is None:
        at = len(st.b.nodes)
        found = st.b.emit(op, *operands, **attrs)
        _remember(st, key, at, found)
    return found


def _identity(st: State, v: Value) -> Any:
    known = st.b.constants.get(v)
    return v if known is None else ("const", v.type.dtype, repr(known))


def _remember(st: State, key: Any, at: int, result: Any) -> None:
    st.memo[key] = (st.b.nodes, at, st.b.nodes[at], result)


def _recall(st: State, key: Any) -> Any:
    """What was emitted under `key`, if its node is visible from here."""
    entry = st.memo.get(key)
    if entry is None:
        return None
    nodes, at, node, result = entry
    return result if st.b.is_open(nodes) and at < len(nodes) and nodes[at] is node else None


def remembered(st: State, key: Any, make: Any) -> Any:
    """The value made under `key` while it is visible from here, else a new one by `make()`."""
    found = _recall(st, key)
    if found is None:
        found = make()
        at = len(st.b.nodes) - 1
        if at >= 0:
            _remember(st, key, at, found)
    return found


def definition(st: State, value: Value, far: int = 16) -> Node | None:
    """The node of the open block that makes `value`, looked for among the last few."""
    for node in st.b.nodes[: -far - 1 : -1]:
        if any(value is r for r in node.results):
            return node
    return None


def calculate(st: State, op: Op, a: Length, b: Length) -> Length:
    """Integer arithmetic that cannot overflow, folded where both numbers are known."""
    x, y = constant(st, a), constant(st, b)
    if x is not None and y is not None:
        folded = _FOLD[op](x, y)
        if folded is not None:
            return folded
    if (op is add and y == 0) or (op is sub and y == 0) or (op in (mul, floordiv) and y == 1):
        return a
    if (op is add and x == 0) or (op is mul and x == 1):
        return b
    if a is b and op in (maximum, minimum):
        return a
    if op is maximum and y is not None and y <= 0 and nonnegative(st, a):
        return a
    return shared(st, op, value(st, a), value(st, b))


def product(st: State, dims: Any) -> Length:
    total: Length = 1
    for d in dims:
        total = calculate(st, mul, total, d)
    if not isinstance(total, int):
        st.memo["factors", total] = tuple(dims)
    return total


def without_factors(st: State, total: Length, gone: Any) -> list[Length] | None:
    """The factors of a product that are left when `gone` are taken out; None if that is not known."""
    left = list(st.memo.get(("factors", total), (total,)))
    for d in gone:
        at = next(
            (k for k, f in enumerate(left) if f is d or (isinstance(f, int) and f == d)), None
        )
        if at is not None:
            del left[at]
        elif constant(st, d) != 1:
            return None
    return left


def nonnegative(st: State, x: Length) -> bool:
    """Is it known to be no less than 0? Constants, and whatever is a dim of an array, are."""
    known = constant(st, x)
    if known is not None:
        return known >= 0
    node = definition(st, x)
    if node is not None and node.op is DIM:
        return True
    return any(x is d for dims in st.b.dims.values() for d in dims)


def fits(st: State, v: Value, dtype: str) -> bool:
    """Is a constant within the range of an integer dtype? True of what is no constant."""
    known = st.b.constants.get(v)
    if known is None or isinstance(known, float):
        return True
    wide = 8 * NUMPY_DTYPE[dtype].itemsize - 1
    return -(2**wide) <= known < 2**wide


def ones_of(dims: Any) -> tuple[bool, ...]:
    """The attrs["ones"] of an op that takes sizes."""
    return tuple(isinstance(d, int) and d == 1 for d in dims)
