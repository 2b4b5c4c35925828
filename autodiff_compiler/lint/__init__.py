"""`lint(f, ...)`: where a function is differentiable almost everywhere only, or hides a zero gradient."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Span
from ..ir.graph import Function
from ..ir.types import FLOATS
from ..kernel import differentiable_leaves, make_program, value_and_aux, why_it_raises
from ..signature import Request, Spec, StaticSpec, TreeSpec, describe, leaf_specs
from .rules import CODES, Finding, Parameter, findings

__all__ = ["CODES", "Finding", "lint", "lint_specs"]


def lint(f: Callable[..., Any], *args: Any, argnums: Sequence[int] | None = None) -> list[Finding]:
    """The findings for arguments of these types (positional; `f` is not run).

    `argnums`: positions to differentiate by; all that hold floats only, if left out.
    Raises UnsupportedError for what cannot be compiled, TypeError for what has no gradient.
    """
    return lint_specs(getattr(f, "primal", f), [describe(a) for a in args], argnums)


def lint_specs(
    f: Callable[..., Any], specs: Sequence[Spec], argnums: Sequence[int] | None = None,
    has_aux: bool = False,
) -> list[Finding]:  # fmt: skip
    """As `lint`, by the specs of all parameters."""
    request = Request("grad", tuple(argnums or ()), False, has_aux)
    seen: dict[str, Function] = {}
    program = make_program(f, Request("compile"), tuple(specs), seen.__setitem__)
    function = seen["trace"]
    if program.raises:
        raise TypeError(f"every call with arguments of these types raises{why_it_raises(function)}")
    tree, _ = value_and_aux(program.result, request)
    if tree[0] == "static":
        raise TypeError("the function gives a number that depends on nothing")
    if tree[0] != "leaf" or function.results[tree[1]].type.dtype not in FLOATS:
        raise TypeError("the gradient is that of a scalar float, and this function returns none")
    if function.results[tree[1]].type.rank:
        raise TypeError(
            "the gradient is that of a scalar float, and this function returns an array"
        )
    wanted = set(_wanted(specs, argnums))
    names = list(inspect.signature(f, follow_wrapped=False).parameters)
    labels = [x for name, spec in zip(names, specs) for x in _labels(name, spec)]
    parameters = [
        Parameter(p, label, k in wanted)
        for k, (p, label) in enumerate(zip(function.params, labels))
    ]  # fmt: skip
    return findings(function, parameters, tree[1], _head(f))


def _wanted(specs: Sequence[Spec], argnums: Sequence[int] | None) -> list[int]:
    """The leaves to differentiate by."""
    if argnums is None:
        dtypes = [[leaf.dtype for leaf in leaf_specs(spec)] for spec in specs]
        argnums = [k for k, d in enumerate(dtypes) if d and all(x in FLOATS for x in d)]
    return differentiable_leaves(specs, argnums)


def _labels(prefix: str, spec: Spec) -> list[str]:
    if isinstance(spec, TreeSpec):
        out = []
        for key, item in zip(spec.keys if spec.cls else spec.steps, spec.items):
            out += _labels(f"{prefix}.{key}" if spec.cls else f"{prefix}[{key!r}]", item)
        return out
    return [] if isinstance(spec, StaticSpec) else [prefix]


def _head(f: Callable[..., Any]) -> Span:
    """The line of the `def`."""
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    if code is None:
        return Span("<unknown>", 0, 0, 0, 0)
    first = code.co_firstlineno
    lines = inspect.getsourcelines(f)[0]
    for k, line in enumerate(lines):
        if line.lstrip().startswith(("def ", "lambda")):
            start = len(line) - len(line.lstrip())
            return Span(code.co_filename, first + k, start, first + k, len(line.rstrip()))
    return Span(code.co_filename, first, 0, first, len(lines[0].rstrip()))
