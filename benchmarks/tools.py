"""The tools: each makes of a program a function of the program's arguments.

What a tool makes returns the value alone (`numpy`, `primal`, `numba`) or `(value, gradients)`, the
gradients a sequence in the order of `argnums`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import hand
from .registry import Program

__all__ = ["Made", "NotThere", "forms", "make", "PRIMALS"]

PRIMALS = ("numpy", "primal", "numba")
_MODULES = {"jax": "jax", "torch": "torch", "numba": "numba"}


class NotThere(Exception):
    """The tool is not installed, or has no form of this program."""


@dataclass(frozen=True)
class Made:
    """A function to be timed, and its arguments as this tool takes them.

    `run(*args)` does the work and waits for its end; `read` turns what it returns into a float and
    a list of arrays. `compile`, where there is one, compiles ahead of the first run.
    """

    run: Callable[..., Any]
    args: tuple
    read: Callable[[Any], tuple[float, list]]
    compile: Callable[[], Callable[..., Any]] | None = None


def forms(program: Program) -> list[str]:
    """The tools that have a form of this program and are installed. Asking jax for its forms loads it."""
    names = ["numpy", "primal", "gradient"]
    if program.loops and program.numba is not None and _installed("numba"):
        names.append("numba")
    if program.hand is not None:
        names += [_join("hand", level) for level in program.hand.levels]
    if program.jax is not None and _installed("jax"):
        names += [_join("jax", label) for label in program.jax()]
    if program.torch is not None and _installed("torch"):
        names.append("torch")
    return names


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _join(tool: str, label: str) -> str:
    return f"{tool}:{label}" if label else tool


def make(tool: str, program: Program, args: tuple) -> Made:
    """Raises NotThere, and whatever the tool raises."""
    name, _, label = tool.partition(":")
    if name in _MODULES and not _installed(_MODULES[name]):
        raise NotThere(name)
    return _MAKERS[name](program, args, label)


def _value(result: Any) -> tuple[float, list]:
    return float(result), []


def _value_and_gradients(result: Any) -> tuple[float, list]:
    value, gradients = result
    return float(value), [np.asarray(g) for g in gradients]


def _numpy(program: Program, args: tuple, label: str) -> Made:
    return Made(program.primal, args, _value)


def _primal(program: Program, args: tuple, label: str) -> Made:
    import autodiff_compiler as ad

    return Made(ad.compile(program.primal, backend="c"), args, _value)


def gradient_function(program: Program, backend: str = "c", **options: Any) -> Callable[..., Any]:
    import autodiff_compiler as ad

    transform = getattr(ad, program.transform)
    return transform(program.primal, argnums=program.argnums, backend=backend, **options)


def _gradient(program: Program, args: tuple, label: str) -> Made:
    function = gradient_function(program)
    if program.transform == "grad":
        return Made(function, args, lambda r: (float("nan"), [np.asarray(g) for g in r]))
    return Made(function, args, _value_and_gradients)


def _numba(program: Program, args: tuple, label: str) -> Made:
    import numba

    function = numba.njit(program.numba)

    def compiled() -> Callable[..., Any]:
        function(*args)
        return function

    return Made(function, args, _value, compiled)


def _hand(program: Program, args: tuple, label: str) -> Made:
    assert program.hand is not None
    return Made(hand.build(program.hand, label), args, _value_and_gradients)


def _jax(program: Program, args: tuple, label: str) -> Made:
    """Numbers of steps and the like are static, or nothing could be reversed."""
    import jax

    assert program.jax is not None
    form = program.jax()[label]
    static = tuple(k for k, a in enumerate(args) if isinstance(a, (int, str)))
    transform = getattr(jax, program.transform)
    function = jax.jit(transform(form, argnums=program.argnums), static_argnums=static)
    given = tuple(a if k in static else jax.numpy.asarray(a) for k, a in enumerate(args))

    def compiled() -> Callable[..., Any]:
        ready = function.lower(*given).compile()
        dynamic = [k for k in range(len(given)) if k not in static]
        if static:  # a compiled function takes the others only
            return lambda *a: jax.block_until_ready(ready(*[a[k] for k in dynamic]))
        return lambda *a: jax.block_until_ready(ready(*a))

    def run(*a: Any) -> Any:
        return jax.block_until_ready(function(*a))

    made = Made(run, given, _value_and_gradients, compiled)
    if program.transform == "grad":
        made = replace(made, read=lambda r: (float("nan"), [np.asarray(g) for g in r]))
    # A call of so little work goes through jit's own fast dispatch.
    return replace(made, compile=None) if _little(args) else made


def _little(args: tuple) -> bool:
    return sum(np.size(a) for a in args) < 100


def _torch(program: Program, args: tuple, label: str) -> Made:
    import torch

    torch.set_num_threads(1)
    assert program.torch is not None
    loss = program.torch()

    def given(k: int, a: Any) -> Any:
        if k in program.argnums:
            return torch.tensor(a, dtype=torch.float64, requires_grad=True)
        return torch.from_numpy(a) if isinstance(a, np.ndarray) else a

    tensors = tuple(given(k, a) for k, a in enumerate(args))
    wanted = [tensors[k] for k in program.argnums]

    def run(*a: Any) -> Any:
        value = loss(*a)
        return value, torch.autograd.grad(value, wanted)

    return Made(run, tensors, lambda r: (r[0].item(), [g.numpy() for g in r[1]]))


_MAKERS = {
    "numpy": _numpy, "primal": _primal, "gradient": _gradient, "numba": _numba, "hand": _hand,
    "jax": _jax, "torch": _torch,
}  # fmt: skip
