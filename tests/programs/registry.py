"""How a program of the corpus is recorded: the function as a user wrote it, and arguments to call it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Program:
    name: str
    fn: Callable
    make_args: Callable
    argnums: int | tuple
    second_order: bool

    def args(self, seed=0):
        made = self.make_args(np.random.default_rng(seed))
        return made if isinstance(made, tuple) else (made,)


PROGRAMS: list[Program] = []


def program(make_args, argnums=0, second_order=False):
    """Record the function, which comes back as it is.  `make_args(rng)` gives a tuple of arguments, or the only one."""

    def record(fn):
        PROGRAMS.append(Program(fn.__name__, fn, make_args, argnums, second_order))
        return fn

    return record


def vector(n):
    return lambda rng: rng.normal(size=n)


def matrix(n, m=None):
    return lambda rng: rng.normal(size=(n, m or n))


def positive_definite(rng, n):
    a = rng.normal(size=(n, n))
    return a @ a.T + n * np.eye(n)
