"""The list of passes, in the order in which they run. The IR is checked after each one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .errors import checking
from .ir.check import check
from .ir.graph import Function
from .transforms.chunks import chunks
from .transforms.hoist import hoist
from .transforms.lanes import lanes
from .transforms.privatise import privatise
from .transforms.promote import promote
from .transforms.reverse import adjoint
from .transforms.simplify import simplify
from .transforms.turn import turn

Watch = Callable[[str, Function], None]


class Pass(NamedTuple):
    """A named step: a function of the IR to a function of the IR."""

    name: str
    run: Callable[[Function], Function]


def primal_passes(fast: bool = False) -> list[Pass]:
    """What every function goes through before anything else.

    `fast`: loops may be rewritten for speed. What people read keeps the loops that they wrote.
    """
    passes = [Pass("simplify", simplify), Pass("promote", promote)]
    if fast:
        passes += [
            Pass("privatise", privatise),
            Pass("lanes", lambda function: simplify(lanes(function))),
            Pass("turn", lambda function: simplify(turn(function))),
        ]
    return passes


def gradient_passes(
    wrt: Sequence[int], seeds: Sequence[int], keep: Sequence[int], cotangents: bool = False,
    fast: bool = False,
) -> list[Pass]:  # fmt: skip
    """Value and gradient: see `transforms.reverse.reverse` for the arguments. The two passes are its
    halves: what the rules write, and that simplified."""
    passes = [
        *primal_passes(fast),
        Pass("adjoint", lambda function: adjoint(function, wrt, seeds, keep, cotangents)),
        Pass("reverse", simplify),
    ]
    if fast:
        passes.append(Pass("hoist", hoist))
    return passes


def final_passes() -> list[Pass]:
    """What the whole, gradients and all, goes through on the way to C."""
    return [Pass("chunks", lambda function: simplify(chunks(function)))]


PASS_NAMES = (
    "trace", "simplify", "promote", "privatise", "lanes", "turn", "adjoint", "reverse", "hoist", "chunks",
)  # fmt: skip


def run(function: Function, passes: Sequence[Pass], watch: Watch | None = None) -> Function:
    """Runs the passes in order; `watch(name, function)` sees what each one leaves."""
    for step in passes:
        function = step.run(function)
        if checking():
            check(function)
        if watch is not None:
            watch(step.name, function)
    return function
