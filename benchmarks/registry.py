"""What a benchmark program consists of."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Hand", "Program", "Tree", "NAMES", "load", "load_all"]

Tree = Any

#: Modules of `benchmarks.programs`, in the order of the table.
NAMES = (
    "seidel_2d", "jacobi_2d", "heat_3d", "adi", "cholesky", "lu", "trisolv", "gramschmidt", "syrk",
    "deriche", "hdiff", "vadv", "softmax", "sum_of_squares", "mlp_small", "mlp_large", "conv2d",
    "arc_distance", "logistic_regression", "recurrence", "black_scholes", "lstm", "gmm_loops",
    "gmm_matrix", "neuron", "neuron_arrays",
)  # fmt: skip


@dataclass(frozen=True)
class Hand:
    """An adjoint written by hand in C.

    `source` defines functions of plain C; the prototypes of the math functions, with vector forms
    where the product has them, are put in front of it. `call(library)` gives a function of the
    program's arguments that returns `(value, gradients)`, its results freshly allocated like those
    of everybody else. `levels` are the optimisation levels to build with; "" is the product's.
    """

    source: str
    call: Callable[[Any], Callable[..., Any]]
    levels: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class Program:
    """A program of the benchmark, with all its forms.

    primal       unmodified Python; returns the loss
    argnums      what to differentiate by, a tuple of positions
    data         makes the arguments of `primal` from a size, always the same ones
    sizes        the sizes of the table; a size is a tuple, the arguments of `data`
    tiny         a size for tests: no dim of it is 0 or 1
    loops        a program of loops, as opposed to one of whole arrays
    jax          gives, when JAX is there, forms by label: "" is the translation of the program,
                 "library" the call of a library that does the same, others are named in the table
    canonical    what is compared of a library call's gradient, by default all of it
    numba        the primal as plain loops, to be compiled by numba's njit
    torch        gives, when PyTorch is there, the loss on tensors
    hand         the adjoint by hand
    overwritten  how many numbers the program overwrites at a size (None: not counted)
    transform    "value_and_grad" or "grad"
    """

    name: str
    primal: Callable[..., Any]
    argnums: tuple[int, ...]
    data: Callable[..., tuple]
    sizes: Sequence[tuple[int, ...]]
    tiny: tuple[int, ...]
    quick: tuple[int, ...] | None = None
    loops: bool = True
    jax: Callable[[], dict[str, Callable[..., Any]]] | None = None
    canonical: Callable[[list], list] = field(default=list)
    numba: Callable[..., Any] | None = None
    torch: Callable[[], Callable[..., Any]] | None = None
    hand: Hand | None = None
    overwritten: Callable[..., int] | None = None
    transform: str = "value_and_grad"


def load(name: str) -> Program:
    """The program of a module of `benchmarks.programs`."""
    program = importlib.import_module(f"benchmarks.programs.{name}").PROGRAM
    assert program.name == name
    return program


def load_all(names: Sequence[str] = NAMES) -> list[Program]:
    return [load(name) for name in names]
