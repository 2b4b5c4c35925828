"""The kernel of a function for given types: found on disk without a trace, or compiled and kept there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .collector import collector_waits
from .errors import UnsupportedError
from .signature import Request, Spec, leaf_specs

if TYPE_CHECKING:
    from .kernel import Kernel, Program
    from .runtime.plan import Plan

__all__ = ["StoredKernel", "kernel_of"]


# The compiler is imported when something is compiled: what is found on disk does without.
def _compiler() -> Any:
    from . import kernel

    return kernel


class StoredKernel:
    """A kernel from the disk. It is like a `Kernel`: what a call does not need (the texts, the graph)
    is had by compiling the function when it is asked for."""

    backend = "c"

    def __init__(self, plan: Plan, build: Callable[[], Kernel]):
        self.plan = plan
        self.name = plan.name
        self._build = build

    @cached_property
    def kernel(self) -> Kernel:
        return self._build()

    def _repr_html_(self) -> str:
        return self.kernel._repr_html_()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.kernel, name)


def kernel_of(
    function: Callable[..., Any], request: Request, specs: Sequence[Spec], backend: str,
    params: tuple[Spec, ...], known: Sequence[tuple[Any, ...]] = (), threads: int = 1,
) -> Kernel | StoredKernel | tuple[Any, ...]:  # fmt: skip
    """The kernel for arguments of these specs, or the place of an integer among the arguments that
    must be known. `params`: the specs of the call; of a pullback the primals and the cotangents.
    `known`: the places of the integers that `specs` has by value. `threads`: how many at most.

    Raises CompileError, or TypeError if the arguments or the result cannot be differentiated.
    """
    from .index.store import place_of
    from .runtime.compiler import resolve_backend

    resolved = resolve_backend(backend)
    place = place_of(
        function,
        request,
        (*specs, *params[1:]) if _pulls(request) else specs,
        resolved,
        threads,
    )

    @collector_waits()
    def build() -> Kernel:
        made = _compiler().build(
            function, request, tuple(specs), resolved, fallback=backend == "auto", threads=threads
        )
        if _pulls(request):
            made.program = _pullback_program(made.program, params)
        return made

    found = place and place.find(params)
    if isinstance(found, tuple) and found not in known:
        return found
    if found and not isinstance(found, tuple):
        return StoredKernel(found, build)
    try:
        kernel = build()
    except UnsupportedError as error:
        path: tuple[Any, ...] = getattr(error, "path", ())
        if not path or path in known or _pulls(request):
            raise
        if place:
            place.keep_question(path)
        return path
    if place:
        plan = kernel.plan
        if kernel.loaded is not None:
            place.keep(plan, kernel.loaded, kernel.program.looked)
    return kernel


def _pulls(request: Request) -> bool:
    return request.kind == "vjp"


def _pullback_program(program: Program, params: tuple[Spec, ...]) -> Program:
    """Parameters in the order of the call: primals, cotangents, then what is captured."""
    primals, cotangents = params
    count = len(program.function.params)
    own = sum(1 for _ in leaf_specs(primals))
    seeds = sum(1 for _ in leaf_specs(cotangents))
    order = [*range(own), *range(count - seeds, count), *range(own, count - seeds)]
    function = _compiler().move_params(program.function, order)
    return replace(program, function=function, params=params)
