"""A function run once, forward and backward, on the record; held to what its compiled kernel gives.

Nothing is shown of a run whose numbers are not the kernel's: see `disagreement`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..api import _copied, value_and_grad
from ..errors import CheckFailed, InternalError, UnsupportedError
from ..ir.graph import Function
from ..ir.types import F32, FLOATS, Array
from ..kernel import Kernel, Program, defects, differentiable_leaves, make_program, value_and_aux
from ..records import Field
from ..runtime.plan import read_source
from ..signature import Request, Spec, TreeSpec, describe, leaf_specs, leaves
from .adjoints import Backward, backward
from .record import Item, Run, record

__all__ = ["Leaf", "Explained", "run_on_record"]

#: How far the two ways of computing may differ, in units of the dtype's rounding of the largest
#: term that is summed.
_ROUNDINGS = 1e5


@dataclass(frozen=True, eq=False, slots=True)
class Leaf:
    """A number or an array of the arguments, as the user would write it (`p['w']`).

    `wrt`: it is differentiated by. `gradient`: the kernel's own, else None. `captured`: read from
    outside of the function.
    """

    label: str
    item: Item
    wrt: bool
    gradient: Any = None
    captured: bool = False


@dataclass(eq=False, slots=True)
class Explained:
    """`result`: what is differentiated. `kernel`: whose gradient this is."""

    function: Callable[..., Any]
    kernel: Kernel
    run: Run
    back: Backward
    result: Item
    leaves: tuple[Leaf, ...]
    argnums: tuple[int, ...]
    has_aux: bool


def run_on_record(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
    argnums: Sequence[int], has_aux: bool = False,
) -> Explained:  # fmt: skip
    """Raises what the function raises, CompileError, or TypeError as `value_and_grad` does."""
    gradient_of = value_and_grad(function, argnums=tuple(argnums), has_aux=has_aux)
    bound = tuple(gradient_of.bind(*args, **kwargs))
    kernel = gradient_of.specialize(*_copied(bound))
    value, gradients = gradient_of(*_copied(bound))
    given = value[0] if has_aux else value
    with defects(getattr(function, "__name__", "this function")):
        return _recorded(kernel, function, bound, tuple(argnums), has_aux, (given, gradients))


def _recorded(
    kernel: Kernel, function: Callable[..., Any], bound: tuple[Any, ...], argnums: tuple[int, ...],
    has_aux: bool, given: tuple[Any, Any],
) -> Explained:  # fmt: skip
    """The same run on the record. `given`: the kernel's value and gradients."""
    specs = kernel.program.params
    program, primal = _graph(function, specs)
    wrt = differentiable_leaves(specs, argnums)
    try:
        run = record(primal, list(_numbers(program, specs, bound)), wrt)
    except CheckFailed:
        # The kernel went through: the record must as well.
        raise _defect("a check failed on the record alone") from None
    tree, _ = value_and_aux(program.result, Request("value_and_grad", has_aux=has_aux))
    if tree[0] != "leaf":
        raise UnsupportedError(
            "the function returns a constant, whatever its arguments are: there is nothing to explain"
        )
    result = run.results[tree[1]]
    back = backward(run, result)
    held = dict(zip(wrt, _flat(given[1]), strict=True))
    found = tuple(_leaves(run, list(_labels(function, specs, program)), held))
    problem = disagreement(result, given[0], found, back)
    if problem:
        raise _defect(problem)
    return Explained(function, kernel, run, back, result, found, argnums, has_aux)


def _defect(what: str) -> InternalError:
    return InternalError(
        f"the run on the record and the compiled kernel differ ({what}), so nothing is shown",
        hint="this is a defect of autodiff_compiler; please report the function and its arguments",
    )


def _graph(function: Callable[..., Any], specs: tuple[Spec, ...]) -> tuple[Program, Function]:
    """The program, and its graph as people wrote it: before loops are rewritten."""
    seen: dict[str, Function] = {}
    program = make_program(function, Request("compile"), specs, lambda n, f: seen.update({n: f}))
    return program, seen["simplify"]


def _numbers(program: Program, specs: Sequence[Spec], bound: Sequence[Any]) -> Iterator[Any]:
    """One number or array per parameter of the graph: the arguments', then what is captured."""
    for spec, value in zip(specs, bound, strict=True):
        yield from leaves(spec, value)
    for source, spec in program.captures:
        yield from leaves(spec, read_source(source))


def _labels(
    function: Callable[..., Any], specs: Sequence[Spec], program: Program
) -> Iterator[tuple[str, bool]]:
    """What the user would write for each parameter of the graph, and whether it is captured."""
    inner = function
    while (found := getattr(inner, "__autodiff__", None)) is not None:
        inner = found["function"]
    names = _parameter_names(inner)
    for name, spec in zip(names, specs):
        yield from ((label, False) for label in _tree_labels(name, spec))
    rest = program.function.params[sum(1 for s in specs for _ in leaf_specs(s)) :]
    yield from ((p.name or "captured", True) for p in rest)


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    import inspect

    return list(inspect.signature(function, follow_wrapped=False).parameters)


def _tree_labels(name: str, spec: Spec) -> Iterator[str]:
    if isinstance(spec, TreeSpec):
        for step, item in zip(_steps(spec), spec.items):
            yield from _tree_labels(name + step, item)
    else:
        yield from (name for _ in leaf_specs(spec))


def _steps(spec: TreeSpec) -> Iterator[str]:
    for step, key in zip(spec.steps, spec.keys or spec.steps):
        if isinstance(step, Field) or spec.kind == "namedtuple":
            yield f".{key}"
        else:
            yield f"[{step!r}]"


def _flat(tree: Any) -> Iterator[Any]:
    """The floats of a gradient, in the order of the leaves that it belongs to."""
    for leaf in leaves(describe(tree), tree):
        if np.asarray(leaf).dtype in (np.float64, np.float32):
            yield leaf


def _leaves(run: Run, labels: list[tuple[str, bool]], held: dict[int, Any]) -> Iterator[Leaf]:
    for k, (item, (label, captured)) in enumerate(zip(run.params, labels, strict=True)):
        yield Leaf(label, item, k in held, held.get(k), captured)


# --- held to the kernel ---------------------------------------------------------------------------


def disagreement(result: Item, value: Any, found: Sequence[Leaf], back: Backward) -> str:
    """How the record differs from the kernel's value and gradients; empty if it does not."""
    scale = max(1e-300, float(np.max(np.abs(np.asarray(value)), initial=0.0)))
    if not _agree(result.data, value, scale, result.value.type.dtype):
        return f"its value is {result.data!r}, the kernel's {value!r}"
    for leaf in found:
        if leaf.wrt:
            ours = back.adjoints.get(leaf.item, np.zeros_like(leaf.item.data))
            scale = back.scale.get(leaf.item, 0.0)
            if not _agree(ours, leaf.gradient, scale, _coarsest(back.run)):
                return f"by {leaf.label} it has {ours!r}, the kernel {leaf.gradient!r}"
    return ""


def _coarsest(run: Run) -> str:
    """The dtype whose rounding the gradient has: float32 if any float of the run is one."""
    return F32 if any(i.needs and i.value.type.dtype == F32 for i in run.items) else "f64"


def _agree(ours: Any, theirs: Any, scale: float, dtype: str) -> bool:
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if a.shape != b.shape or dtype not in FLOATS:
        return bool(np.array_equal(a, b))
    eps = float(np.finfo(np.float32 if dtype == F32 else np.float64).eps)
    if dtype == F32:
        eps *= 1e-2
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(np.where(finite, 0.0, a), np.where(finite, 0.0, b), equal_nan=True):
        return False
    size = scale if np.isfinite(scale) else 0.0
    with np.errstate(invalid="ignore"):
        bound = _ROUNDINGS * eps * np.maximum(np.maximum(np.abs(a), np.abs(b)), size)
        return bool(np.all((np.abs(a - b) <= bound) | ~finite))


def is_array(item: Item) -> bool:
    return isinstance(item.value.type, Array)
