"""Whether what a tool computes is right, before it is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .registry import Program

__all__ = ["read", "check", "directional"]

VALUE = 1e-9
GRADIENT = 1e-7
SLOPE = 1e-5


def read(path: Path) -> tuple[float, list[np.ndarray]]:
    with np.load(path) as saved:
        count = len(saved.files) - 1
        return float(saved["value"]), [saved[f"g{k}"] for k in range(count)]


def check(program: Program, tool: str, ours, reference) -> str | None:
    """What is wrong with `ours`, (value, gradients), against the reference; None if nothing is."""
    value, gradients = ours
    expected, wanted = reference
    known = np.isfinite(value) and np.isfinite(expected)
    if known and abs(value - expected) > VALUE * max(abs(expected), 1e-300):
        return f"the value is {value:.12g}, not {expected:.12g}"
    if not gradients or wanted is None:
        return None
    if tool == "jax:library":
        gradients, wanted = program.canonical(gradients), program.canonical(wanted)
    for k, (g, w) in enumerate(zip(gradients, wanted, strict=True)):
        if g.shape != w.shape:
            return f"gradient {k} has shape {g.shape}, not {w.shape}"
        scale = max(float(np.max(np.abs(w), initial=0.0)), 1e-300)
        # A NaN is further away than any number.
        worst = float(np.max(np.abs(g - w), initial=0.0)) / scale
        if not worst <= GRADIENT:
            return f"gradient {k} is off by {worst:.2g} of its largest entry"
    return None


def directional(program: Program, args: tuple, gradients: list[np.ndarray]) -> str | None:
    """The gradient along an uneven direction against differences of the user's own function.

    Of each array some entries move, not all: of many thousands that move, some always cross a kink.
    """
    rng = np.random.default_rng(1)
    directions = [_few(rng, np.shape(args[k])) for k in program.argnums]
    slope = sum(float(np.sum(g * v)) for g, v in zip(gradients, directions, strict=True))
    value = abs(float(program.primal(*args)))

    def moved(h: float) -> float:
        changed = list(args)
        for k, v in zip(program.argnums, directions, strict=True):
            changed[k] = args[k] + h * v if np.ndim(args[k]) else float(args[k] + h * v)
        return float(program.primal(*changed))

    # The right step depends on the program; a wrong gradient is off at each.
    for h in (1e-3, 1e-4, 1e-5, 1e-6, 1e-2):
        near, far = moved(h) - moved(-h), moved(2 * h) - moved(-2 * h)
        found = (8.0 * near - far) / (12.0 * h)
        rounding = 100.0 * np.finfo(np.float64).eps * value / h
        bound = SLOPE * max(abs(found), abs(slope))
        if rounding <= bound and abs(slope - found) <= bound:
            return None
    return f"the slope is {slope:.9g}, by differences {found:.9g}"


def _few(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random numbers at up to 32 places, zeros elsewhere."""
    direction = np.zeros(int(np.prod(shape, dtype=int)))
    places = rng.choice(direction.size, min(direction.size, 32), replace=False)
    direction[places] = rng.standard_normal(places.size)
    return direction.reshape(shape)
