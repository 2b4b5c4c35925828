"""A function and its gradient as files of C: `kernel.export_c(folder)`, and the command `export`."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import kernel
from ._version import __version__
from .backends.c.package import Entry, checksum, make_package
from .backends.c.portable import Interface, Leaf
from .backends.c.portable_text import RESERVED
from .backends.c.prelude import library_names
from .backends.text import C, Names
from .errors import UnsupportedError
from .ir.graph import Function
from .ir.types import Array
from .kernel import Program
from .runtime.plan import source_name
from .runtime.publish import Foreign, publish
from .signature import Request, Spec, StaticSpec, TreeSpec
from .transforms.simplify import simplify

__all__ = ["Export", "export"]

#: By parameter: the names of the dims of each array in it, in their order. A dim without one is "".
Dims = Mapping[str, Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Export:
    """`memory`: "none", "workspace" or "allocator"; `reason`: why an allocator is needed.

    `interface`: the parameters of the last function written, the gradient.
    """

    paths: tuple[Path, ...]
    name: str
    memory: str
    reason: str
    interface: Interface


def export(
    function: Callable[..., Any], request: Request, specs: Sequence[Spec], folder: str | os.PathLike[str],
    *, name: str | None = None, dims: Dims | None = None, force: bool = False,
    workspace_only: bool = False,
) -> Export:  # fmt: skip
    """Writes NAME.c, NAME.h and main.c into the folder: the value of `function`, and its gradient.

    `dims`: names for the lengths of arrays; equal names are one parameter. Files that are there
    already are replaced if they are exports that nobody has changed, or with `force`.

    Raises CompileError for what cannot be compiled or has no form in C, TypeError for what cannot be
    differentiated, FileExistsError for files in the way, OSError.
    """
    own = name or getattr(function, "__name__", "function")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", own):
        raise ValueError(f"{own!r} is no name for a C function: give another one")
    with kernel.defects(own):
        entries = list(_entries(own, function, request, tuple(specs), dims or {}))
        package = make_package(own, _title(function, request), entries, workspace_only)
    try:
        paths = publish(Path(folder), package.files, lambda text: force or _unchanged(text))
    except Foreign as found:
        names = ", ".join(path.name for path in found.paths)
        raise FileExistsError(
            f"{names} in {os.fspath(folder)}: changed since the export, or not by this command"
        ) from None
    return Export(tuple(paths), own, package.memory, package.reason, entries[-1].interface)


_MARK = re.compile(r"/\* autodiff_compiler export \w+ ([0-9a-f]{16}) \*/\n")


def _unchanged(text: str) -> bool:
    found = _MARK.match(text)
    return found is not None and checksum(text[found.end() :]) == found[1]


# --- the functions ----------------------------------------------------------------------------------


def _entries(
    name: str, function: Callable[..., Any], request: Request, specs: tuple[Spec, ...], dims: Dims
) -> Iterator[Entry]:
    primal = kernel.make_program(function, Request("compile"), specs)
    primal = replace(primal, function=_first_results(primal.function, [_value(primal, request)]))
    inputs, sizes, names = _inputs(function, primal, specs, dims)
    value = Leaf(
        names.fresh("value"), f"the value of {name}", primal.function.results[0].type.dtype
    )
    yield Entry(f"{name}_value", primal.function, Interface(inputs, (value,), sizes), "the value")
    if request.kind == "compile":
        return
    both = replace(request, kind="value_and_grad")
    made = kernel.make_program(function, both, specs)
    first = sum(1 for _ in kernel.leaf_flavours(made.result[1][0]))
    at = [_value(made, replace(both, has_aux=False), made.result[1][0], request.has_aux)]
    at += range(first, len(made.function.results))
    grad = _first_results(made.function, at)
    wrt = kernel.differentiable_leaves(specs, request.wrt)
    slopes = tuple(
        Leaf(names.fresh(f"d_{inputs[k].name}"), f"the gradient by {inputs[k].label}", inputs[k].dtype,
             inputs[k].dims)
        for k in wrt
    )  # fmt: skip
    what = "the value, and the gradient"
    yield Entry(f"{name}_grad", grad, Interface(inputs, (value, *slopes), sizes), what)


def _value(program: Program, request: Request, tree: Any = None, aux: bool = False) -> int:
    """Which result is the value."""
    tree = program.result if tree is None else tree
    value = kernel.value_and_aux(tree, replace(request, has_aux=request.has_aux or aux))[0]
    if program.raises:
        raise UnsupportedError("there is nothing to export: every call raises an exception")
    if value[0] not in ("leaf", "static"):
        raise TypeError(f"what is exported gives a float, and this function gives a {value[0]}")
    if value[0] != "leaf":
        raise UnsupportedError("the function gives no number that depends on its arguments")
    result = program.function.results[value[1]].type
    if isinstance(result, Array) and result.rank or result.dtype not in ("f64", "f32"):
        raise TypeError(f"what is exported gives a float, and this function gives {result}")
    return value[1]


def _first_results(function: Function, which: Sequence[int]) -> Function:
    """The function with some of its results, and without what only the others need."""
    block = function.block
    results = tuple(block.results[k] for k in which)
    return simplify(function.with_block(replace(block, results=results)))


def _inputs(
    function: Callable[..., Any], program: Program, specs: Sequence[Spec], dims: Dims
) -> tuple[tuple[Leaf, ...], tuple[str, ...], Names]:
    """What the C functions take: sizes, arguments, and what the function captures."""
    names = Names(C, {*library_names(), *RESERVED})
    parameters = list(inspect.signature(_own(function), follow_wrapped=False).parameters)
    labels: list[str] = []
    given: list[Sequence[str]] = []
    rows = [(n, s, dims.get(n, ())) for n, s in zip(parameters, specs)]
    rows += [(f"{source_name(c[0])}", c[1], ()) for c in program.captures]
    for number, (label, spec, own) in enumerate(rows):
        note = "" if number < len(specs) else " (read from outside the function)"
        waiting = iter(own)
        for path, leaf in _leaves(label, spec):
            labels.append(path + note)
            given.append(next(waiting, ()) if getattr(leaf, "rank", None) is not None else ())
    params = program.function.params
    made = [names.fresh(p.name, "x") for p in params]
    sizes: dict[str, str] = {}
    leaves = []
    for p, name, label, wanted in zip(params, made, labels, given, strict=True):
        shape = None
        if isinstance(p.type, Array):
            shape = tuple(
                _size(sizes, names, known, wanted[k] if k < len(wanted) else "", f"{name}_n{k}")
                for k, known in enumerate(p.type.dims)
            )
        leaves.append(Leaf(name, label, p.type.dtype, shape))
    return tuple(leaves), tuple(sizes.values()), names


def _size(
    sizes: dict[str, str], names: Names, known: int | None, wanted: str, otherwise: str
) -> str | int:
    """A number, or the name of the parameter that says it."""
    if known == 1:
        return 1
    if wanted.isdigit():
        return int(wanted)
    key = wanted or otherwise
    if key not in sizes:
        sizes[key] = names.fresh(key, otherwise)
    return sizes[key]


def _leaves(prefix: str, spec: Spec) -> Iterator[tuple[str, Any]]:
    if isinstance(spec, TreeSpec):
        for key, item in zip(spec.keys if spec.cls else spec.steps, spec.items):
            yield from _leaves(f"{prefix}.{key}" if spec.cls else f"{prefix}[{key!r}]", item)
    elif not isinstance(spec, StaticSpec):
        yield prefix, spec


def _own(function: Callable[..., Any]) -> Callable[..., Any]:
    while (inner := getattr(function, "__autodiff__", None)) is not None:
        function = inner["function"]
    return function


def _title(function: Callable[..., Any], request: Request) -> list[str]:
    own = _own(function)
    names = list(inspect.signature(own, follow_wrapped=False).parameters)
    code = getattr(own, "__code__", None)
    place = f" of {os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else ""
    label = f"{getattr(own, '__name__', 'function')}({', '.join(names)}){place}"
    by = " and ".join(", ".join(names[k] for k in request.wrt).rsplit(", ", 1))
    tail = f", and its gradient by {by}" if request.kind != "compile" else ""
    aux = ["Of the pair that the function returns, the first item is the value."]
    made = f"Made by autodiff_compiler {__version__}."
    return [f"{label}{tail}.", made, *(aux if request.has_aux else [])]
