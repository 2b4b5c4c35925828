"""Building and calling adjoints that are written by hand in C.

They get the compiler, the flags and the prototypes of the math functions that compiled kernels get,
so that what is compared is the code and not the flags.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from autodiff_compiler.backends.c.prelude import prototypes
from autodiff_compiler.runtime.build import load_kernels
from autodiff_compiler.runtime.compiler import find_compiler

from .registry import Hand

_WORDS = {"exp", "log", "sqrt", "fabs", "tanh", "malloc", "free", "memcpy", "memset"}


class Library:
    """The functions of a hand-written text."""

    def __init__(self, source: str, level: str = ""):
        compiler = find_compiler()
        if compiler is None:
            raise RuntimeError("no C compiler was found")
        vector = compiler.vector_math if compiler.vector_prototypes else ()
        lines = prototypes(_WORDS, vector)
        self._text = "\n".join([*lines, source])
        self._flags = (level,) if level else ()

    def function(self, name: str, *argtypes: Any, result: Any = ctypes.c_double) -> Any:
        found = load_kernels(self._text, (name,), extra_flags=self._flags)
        return ctypes.CFUNCTYPE(result, *argtypes)(found[name].address)


class Results:
    """Arrays for results, made at the first call: our kernels, too, use the memory of results again
    that nobody has any more."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}

    def like(self, name: str, array: np.ndarray) -> np.ndarray:
        """The array of that name in the shape of `array`: zeros at first, then what was left in it."""
        key = name, array.shape
        if key not in self._made:
            self._made[key] = np.zeros(array.shape)
        return self._made[key]


def build(hand: Hand, level: str = "") -> Any:
    """The function of the program's arguments; results are `(value, gradients)`."""
    return hand.call(Library(hand.source, level))


ARRAY = ctypes.c_void_p
SIZE = ctypes.c_long
REAL = ctypes.c_double


def pointer(a: np.ndarray) -> int:
    """The address of a C-contiguous array of float64."""
    assert a.dtype == np.float64 and a.flags.c_contiguous
    return a.ctypes.data
