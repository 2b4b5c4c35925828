"""The adjoints of one block while it is swept: one per array object or scalar, updated in place.

Naming law: the adjoint of `z` is called `d_z`. An entry is *owned* if nothing else reads its value,
so that it may be updated in place; else it is copied first. A *mask* says where an adjoint may be
other than zero (it came out of an arm of `np.where`), so that no NaN from elsewhere leaks in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UnsupportedError
from ..ir.build import Builder, KnownDim
from ..ir.graph import Value
from ..ir.types import Array, Scalar, Stack, Type
from ..ops.elementwise import add, or_
from ..ops.reduce import any_, sum_
from ..ops.shape import broadcast_to, copy, expand_dims, full
from ..ops.stack import from_array, new, to_array


@dataclass(frozen=True, slots=True)
class Adjoint:
    value: Value
    owned: bool
    mask: Value | None = None


class Adjoints:
    """Maps the root of a value (what it is a version of) to its adjoint at this place of the sweep."""

    def __init__(self, builder: Builder):
        self.b = builder
        self.entries: dict[Value, Adjoint] = {}

    def __contains__(self, root: Value) -> bool:
        return root in self.entries

    def take(self, root: Value) -> Adjoint | None:
        """The adjoint, which the caller now answers for."""
        return self.entries.pop(root, None)

    def put(self, root: Value, value: Value, owned: bool, mask: Value | None = None) -> None:
        self.entries[root] = Adjoint(value, owned, mask)

    def contribute(
        self, root: Value, value: Value, owned: bool = False, mask: Value | None = None
    ) -> None:
        """Adds to an adjoint."""
        if not value.name and root.name:
            value.name = f"d_{root.name}"
        old = self.entries.get(root)
        if old is None:
            self.entries[root] = Adjoint(value, owned, mask)
            return
        if isinstance(value.type, Stack):
            raise AssertionError("stacks are added element by element")
        total = self.b.emit(add, old.value, value, name=value.name)
        self.entries[root] = Adjoint(total, True, self._either(old.mask, mask))

    def _either(self, a: Value | None, b: Value | None) -> Value | None:
        if a is None or b is None or a is b:
            return a if a is b else None
        return self.b.emit(or_, a, b)

    def own(self, adjoint: Adjoint) -> Value:
        """The adjoint's value, free to be updated in place."""
        if adjoint.owned or isinstance(adjoint.value.type, Scalar):
            return adjoint.value
        return self.b.emit(copy, adjoint.value, name=adjoint.value.name)


def zeros(b: Builder, like: Type, sizes: Sequence[KnownDim], name: str = "") -> Value:
    """Zeros of a scalar's or an array's type."""
    if isinstance(like, Scalar):
        return b.const(0.0, like.dtype)
    assert isinstance(like, Array)
    ones = tuple(d == 1 for d in like.dims)
    values = [b.const(1) if isinstance(n, int) else n for n in sizes]
    return b.emit(full, b.const(0.0, like.dtype), *values, ones=ones, name=name)


def zero_stack(
    b: Builder, like: Stack, count: Value | None, sizes: Sequence[KnownDim] | None
) -> Value:
    """The adjoint of a stack of `count` elements of these sizes that nothing read.

    A tape is empty where its adjoint begins.
    """
    if like.tape:
        return b.emit(new, element=like.element, tape=True)
    if count is None or sizes is None:
        raise UnsupportedError(
            "the gradient of this list of arrays is not supported here", b.span,
            "write into an array of known shape instead of appending to a list",
        )  # fmt: skip
    element = like.element
    dims = (None, *element.dims)
    return b.emit(from_array, zeros(b, Array(element.dtype, dims), (count, *sizes)))


def add_to_stack(b: Builder, old: Value, extra: Value, sizes: Sequence[Value]) -> Value:
    return b.emit(from_array, b.emit(add, b.emit(to_array, old, *sizes), extra))


def fit(b: Builder, c: Value, like: Type, sizes: Sequence[KnownDim]) -> Value:
    """A cotangent brought to the shape of its operand: the one place where broadcasting is undone.

    What was stretched is summed; what a rule left smaller (the cotangent of a sum) is stretched.
    """
    if isinstance(like, Scalar):
        return b.emit(sum_, c, axes=tuple(range(c.type.rank))) if c.type.rank else _scalar(b, c)
    lead = c.type.rank - len(like.dims)
    if lead > 0:
        c = b.emit(sum_, c, axes=tuple(range(lead)))
    shift = len(like.dims) - c.type.rank
    stretched = tuple(k for k, d in enumerate(c.type.dims) if d != 1 and like.dims[k + shift] == 1)
    if stretched:
        c = b.emit(expand_dims, b.emit(sum_, c, axes=stretched), axes=stretched)
    if c.type.dims != like.dims or isinstance(c.type, Scalar):
        values = [b.const(1) if isinstance(n, int) else n for n in sizes]
        stretch = full if isinstance(c.type, Scalar) else broadcast_to
        c = b.emit(stretch, c, *values, ones=tuple(d == 1 for d in like.dims))
    return c


def fit_mask(b: Builder, mask: Value | None, raw: Type, like: Type) -> Value | None:
    """The mask of a cotangent of type `raw` after `fit`: true where any of what was summed may be
    other than zero. None where that cannot be told."""
    if mask is None or mask.type.rank == 0 or mask.type.rank != raw.rank:
        return mask if mask is not None and mask.type.rank == 0 else None
    if isinstance(like, Scalar):
        return b.emit(any_, mask, axes=tuple(range(raw.rank)))
    lead = raw.rank - len(like.dims)
    if lead < 0:
        return None
    if lead > 0:
        mask = b.emit(any_, mask, axes=tuple(range(lead)))
    stretched = tuple(k for k, d in enumerate(mask.type.dims) if d != 1 and like.dims[k] == 1)
    if stretched:
        mask = b.emit(expand_dims, b.emit(any_, mask, axes=stretched), axes=stretched)
    return mask


def _scalar(b: Builder, c: Value) -> Value:
    """A 0-d array as the scalar that it holds."""
    return b.emit(sum_, c, axes=()) if isinstance(c.type, Array) else c


__all__ = [
    "Adjoint", "Adjoints", "zeros", "zero_stack", "add_to_stack", "fit", "fit_mask",
]  # fmt: skip
