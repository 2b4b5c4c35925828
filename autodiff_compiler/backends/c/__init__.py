"""The C back end: a function of the IR as self-contained C99."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import Span
from ...ir.graph import Function
from . import blas_text, linalg_text, matmul_text  # noqa: F401  (helpers for the prelude)
from .kernel import Kernel
from .prelude import ABI, REQUIRED_FLAGS, VECTOR_MATH, free_symbol, helpers, prototypes

__all__ = ["CSource", "REQUIRED_FLAGS", "emit_c", "emit_many"]


@dataclass(frozen=True)
class CSource:
    """`checks[number]`: where a check stands, and what it is about. `flags`: the compiler must have them."""

    text: str
    symbol: str
    checks: tuple[tuple[Span, str], ...]
    flags: tuple[str, ...] = REQUIRED_FLAGS


def emit_c(
    function: Function, symbol: str, inplace_params: Iterable[int] = (),
    vector_math: Iterable[str] = VECTOR_MATH, threads: int = 1,
) -> CSource:  # fmt: skip
    """The function as a kernel `symbol` (see `prelude.ABI`), or as `symbol_` where that is a helper's name.

    The last results are the final versions of `inplace_params`, in ascending order: they are written
    into the parameters' own memory and are no outputs. `vector_math`: C names of which the C library
    has vector forms. `threads`: in how many parts big loops are shared out.
    """
    named = [(function, free_symbol(symbol))]
    (source,) = emit_many(named, inplace_params, vector_math, threads)[1]
    return source


def emit_many(
    functions: Iterable[tuple[Function, str]], inplace_params: Iterable[int] = (),
    vector_math: Iterable[str] = VECTOR_MATH, threads: int = 1,
) -> tuple[str, list[CSource]]:  # fmt: skip
    """Several kernels as one text, which each of the sources carries."""
    params = sorted(inplace_params)
    kernels = []
    for function, symbol in functions:
        first = len(function.results) - len(params)
        kernel = Kernel(function, {first + k: p for k, p in enumerate(params)}, symbol, threads)
        kernels.append((kernel, kernel.write()))
    words = set().union(*(kernel.words() for kernel, _ in kernels))
    pasted, words = helpers(words)
    parts = [
        ABI,
        "\n".join(prototypes(words, vector_math)),
        *pasted,
        *(text for _, text in kernels),
    ]
    text = "\n".join(part.rstrip("\n") + "\n" for part in parts if part)
    return text, [CSource(text, kernel.symbol, tuple(kernel.checks)) for kernel, _ in kernels]
