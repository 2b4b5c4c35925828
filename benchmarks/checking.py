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
    """The gradient along one uneven direction against differences of the user's own function."""
    rng = np.random.default_rng(1)
    directions = [rng.standard_normal(np.shape(args[k])) for k in program.argnums]
    slope = sum(float(np.sum(g * v)) for g, v in zip(gradients, directions, strict=True))

    def moved(h: float) -> float:
        changed = list(args)
        for k, v in zip(program.argnums, directions, strict=True):
            changed[k] = args[k] + h * v if np.ndim(args[k]) else float(args[k] + h * v)
        return float(program.primal(*changed))

    h = 1e-5
    by_differences = (
        8.0 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))
    ) / (12.0 * h)  # fmt: skip
    if abs(slope - by_differences) > SLOPE * max(abs(by_differences), abs(slope)) + 1e-7:
        return f"the slope is {slope:.9g}, by differences {by_differences:.9g}"
    return None
