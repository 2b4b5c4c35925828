"""A whole random program from a seed, as a module's source, and arguments for its function `f`."""

from __future__ import annotations

from random import Random

import numpy as np

from . import containers, wide
from .blocks import Statements
from .expressions import Scope
from .statements import indented

PRELUDE = f'''\
import dataclasses
import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
{"from scipy import special" if wide.HAS_SCIPY else ""}

SCALE = 0.85
TABLE = np.array([0.4, -0.9, 1.3, 0.2, -0.6, 0.8])


class Model:
    def __init__(self, gain):
        self.gain = gain

    def respond(self, y):
        return self.gain * np.tanh(y)


MODEL = Model(0.7)


def mix(p, q, w=0.6):
    """A weighted mean."""
    return w * p + (1 - w) * q


def bump(v, at, by):
    v[at] += 0.5 * by
    v[1:] *= 0.95


def relax(m, by):
    for i in range(1, m.shape[0] - 1):
        m[i] = 0.5 * m[i] + 0.2 * (m[i - 1] + m[i + 1]) * by


def pair(p, q):
    if p > q:
        return p * q, 0.5 * (p - q)
    return np.sin(p), q


{containers.PRELUDE}'''
ARGNUMS = (0, 1, 2)
#: How many snippets of the wide language a program has; of three programs, one is all loops.
SNIPPETS = (9, 0, 9)


def source_of(seed: int) -> str:
    """The module whose function `f(x, A, a, k, idx)` is to be differentiated in its first three arguments."""
    rng = Random(seed)
    writer = Statements(rng)
    writer.due = _due(seed)
    scope = Scope(vectors=["x"], matrices=["A"])
    lines = ["n = len(x)", "total = 0.1 * a"]
    # Programs that leave their arguments alone, and programs that do not.
    if rng.random() < 0.7:
        lines += ["x = x.copy()", "A = A.copy()"]
        scope.owned.append("x")
    lines.append("ptr = np.array([0, 1, 1, n])")
    lines += writer.block(scope, 1, 1)
    if seed % 3 == 1:
        for _ in range(rng.randint(2, 3)):
            lines += rng.choice([writer.lane_loop, writer.lane_loop, writer.lane_matrix])(scope, 0)
        lines += writer.block(scope, 1, 1)
    else:
        lines += writer.block(scope, rng.randint(3, 8), 0)
    while writer.due:
        lines += writer.wide(scope, 0)
    if seed % 6 == 4:
        lines += writer.stencil(scope, 0)
    lines.append(f"return {_result(writer, scope)}")
    return PRELUDE + "def f(x, A, a, k, idx):\n" + "\n".join(indented(lines)) + "\n"


def _due(seed):
    """The snippets of this program; any row of seeds has all of them equally often."""
    found = []
    first = seed // 3 * sum(SNIPPETS) + sum(SNIPPETS[: seed % 3])
    for turn in range(first, first + SNIPPETS[seed % 3]):
        everything = wide.snippets()
        rounds, at = divmod(turn, len(everything))
        Random(rounds).shuffle(everything)
        found.append(everything[at])
    return found


def _result(writer, scope):
    terms = ["total"]
    terms += [f"({v}).sum()" for v in writer.rng.sample(scope.vectors, min(3, len(scope.vectors)))]
    terms += [
        f"np.sum({m} * {m})" for m in writer.rng.sample(scope.matrices, min(2, len(scope.matrices)))
    ]
    terms += writer.rng.sample(scope.floats, min(4, len(scope.floats)))
    return " + ".join(terms)


def args_of(seed: int):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 6))
    x = rng.uniform(-1.5, 1.5, size=n)
    a = float(rng.uniform(-1.2, 1.2))
    idx = rng.integers(0, n, size=n)
    if seed % 5 == 0:
        idx = idx.astype(np.int32)
    return x, rng.uniform(-1.0, 1.0, size=(n, n)), a, int(rng.integers(0, 4)), idx
