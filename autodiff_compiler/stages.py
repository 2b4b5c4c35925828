"""The graph of a function at one stage of its compilation, as a picture."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import kernel
from .drawing import Graph, graph
from .ir.graph import Function
from .signature import Request, Spec, leaf_specs
from .transforms.dce import eliminate_dead_code

if TYPE_CHECKING:
    from .kernel import Program

#: In the order in which a function goes through them.
STAGES = ("primal", "adjoint", "optimised")


def staged(
    function: Callable[..., Any], request: Request, specs: Sequence[Spec], stage: str,
    detail: str = "auto",
) -> Graph:  # fmt: skip
    """The picture of a function at a stage.

    primal     the function itself
    adjoint    both sweeps as the rules write them, the value of the function among the results
    optimised  what the source is printed from

    Raises ValueError for a stage that there is not, or not without a derivative; else what
    `kernel.build` raises.
    """
    specs = tuple(specs)
    if stage not in STAGES:
        raise ValueError(f"stage is one of {', '.join(STAGES)}, not {stage!r}")
    if stage == "adjoint" and request.kind == "compile":
        raise ValueError("nothing is differentiated here: there is a primal and an optimised stage")
    if stage == "primal":
        request = replace(request, kind="compile")
    elif stage == "adjoint" and request.kind == "grad":
        request = replace(request, kind="value_and_grad")
    passed: dict[str, Function] = {}
    program = kernel.make_program(function, request, specs, passed.__setitem__)
    if stage == "adjoint":
        # What no result needs would only stand about.
        program = replace(program, function=eliminate_dead_code(passed["adjoint"]))
    return drawn(program, function, request, specs, stage, detail)


def drawn(
    program: Program, function: Callable[..., Any], request: Request, specs: Sequence[Spec],
    stage: str, detail: str = "auto",
) -> Graph:  # fmt: skip
    """The picture of a program that was made for this request."""
    leaves = kernel.differentiable_leaves(specs, request.wrt)
    return graph(
        program.function, name=_innermost(function), stage=stage, detail=detail, leaves=leaves,
        outputs=list(_outputs(program, request, leaves)), signature=_signature(function, request),
        arguments=sum(len(list(leaf_specs(spec))) for spec in program.params),
    )  # fmt: skip


def _outputs(program: Program, request: Request, leaves: Sequence[int]) -> Iterator[str]:
    """What the results are, in order."""
    names = [p.name for p in program.function.params]
    count = len(program.function.results) - len(program.writes)
    gradients = 0 if request.kind == "compile" else len(leaves)
    for k in range(count - gradients):
        aux = request.has_aux and (k > 0 or request.kind == "grad")
        yield "aux" if aux else "value"
    for k in leaves[:gradients]:
        yield f"gradient by {names[k]}"
    for k in program.writes:
        yield f"{names[k]} afterwards"


def _signature(function: Callable[..., Any], request: Request) -> str:
    """`loss(w, b, x, y)`, and by what it is differentiated."""
    inner = getattr(function, "__autodiff__", None)
    if inner is not None:
        called = _signature(inner["function"], inner["request"])
        own: Callable[..., Any] = inner["function"]
        while (deeper := getattr(own, "__autodiff__", None)) is not None:
            own = deeper["function"]
    else:
        own, called = function, f"{getattr(function, '__name__', 'function')}"
        called += f"({', '.join(inspect.signature(function, follow_wrapped=False).parameters)})"
    if request.kind == "compile" or not request.wrt:
        return called
    names = list(inspect.signature(own, follow_wrapped=False).parameters)
    by = " and ".join(", ".join(names[k] for k in request.wrt).rsplit(", ", 1))
    return f"{called}, {'again ' if ' by ' in called else 'gradient '}by {by}"


def _innermost(function: Callable[..., Any]) -> str:
    while (inner := getattr(function, "__autodiff__", None)) is not None:
        function = inner["function"]
    return getattr(function, "__name__", "function")
