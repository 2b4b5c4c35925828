"""The types of the IR: scalars, arrays and stacks of five dtypes.

A dim is 1 when that is known at compile time (it decides broadcasting), else None: an integer that
only a run knows. A dim of None may turn out to be 1, but is then never stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

F64, F32, I64, I32, BOOL = "f64", "f32", "i64", "i32", "bool"
FLOATS = (F64, F32)
INTS = (I64, I32)
NUMPY_DTYPE: dict[str, np.dtype[Any]] = {
    F64: np.dtype(np.float64), F32: np.dtype(np.float32), I64: np.dtype(np.int64),
    I32: np.dtype(np.int32), BOOL: np.dtype(np.bool_),
}  # fmt: skip
DTYPE_NAME = {v: k for k, v in NUMPY_DTYPE.items()}

Dim = int | None


@dataclass(frozen=True, slots=True)
class Scalar:
    dtype: str

    @property
    def dims(self) -> tuple[Dim, ...]:
        return ()

    @property
    def rank(self) -> int:
        return 0

    def __str__(self) -> str:
        return self.dtype


@dataclass(frozen=True, slots=True)
class Array:
    """Rank at least 0; a 0-d array is an Array with no dims (it can be stored into)."""

    dtype: str
    dims: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        return len(self.dims)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join('1' if d == 1 else '?' for d in self.dims)}]"


@dataclass(frozen=True, slots=True)
class Stack:
    """A sequence that grows and shrinks at its end; its elements may differ in run-time dims.

    `tape`: made by the reverse pass, and so empty again when the function ends.
    """

    element: Scalar | Array
    tape: bool = False

    @property
    def dtype(self) -> str:
        return self.element.dtype

    def __str__(self) -> str:
        return f"{'tape' if self.tape else 'stack'}<{self.element}>"


Type = Scalar | Array | Stack


def is_array(t: Type) -> bool:
    return isinstance(t, Array)


def is_float(t: Type) -> bool:
    return t.dtype in FLOATS


def shaped(dtype: str, dims: tuple[Dim, ...], *like: Type) -> Type:
    """An Array if any of `like` is one, else a Scalar: what an elementwise op yields."""
    return Array(dtype, dims) if any(is_array(t) for t in like) else Scalar(dtype)


def broadcast_dims(*types: Type) -> tuple[Dim, ...]:
    """NumPy's rule on what is known: a dim is 1 where every operand's is 1 or absent."""
    rank = max((t.rank for t in types), default=0)
    dims: list[Dim] = [1] * rank
    for t in types:
        for k, d in enumerate(t.dims, start=rank - t.rank):
            if d != 1:
                dims[k] = None
    return tuple(dims)
