"""The dims of every array of a function, as values that stand for them."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.build import KnownDim, Rewriter
from ..ir.graph import Function, Value

__all__ = ["Shaped", "with_dims"]


@dataclass(frozen=True, eq=False, slots=True)
class Shaped:
    """A function in which every dim is 1 or named by an i64 value that is in scope where the array is."""

    function: Function
    dims: dict[Value, tuple[KnownDim, ...]]
    #: Scalars that are a dim of some array.
    sizes: frozenset[Value]


def with_dims(function: Function) -> Shaped:
    """A copy of the function, with the dims that its builder would know."""
    rewriter = Rewriter()
    copied = rewriter.run(function)
    dims = rewriter.b.dims
    sizes = frozenset(d for known in dims.values() for d in known if isinstance(d, Value))
    return Shaped(copied, dims, sizes)
