"""Runs snippets of Python twice: by Python, and traced and interpreted; and says how they compare."""

from __future__ import annotations

import importlib.util
import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from autodiff_compiler.errors import CheckFailed, UnsupportedError
from autodiff_compiler.frontend import trace
from autodiff_compiler.ir.check import check
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.signature import describe

#: What the interpreter raises where a kernel stops.
STOPS = (CheckFailed, IndexError, ValueError, ZeroDivisionError, OverflowError)


class Snippets:
    """Functions made of text. They stand in files, for the front end reads them there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count()

    def functions(self, sources: list[str], names: list[tuple[str, ...]]) -> list[Any]:
        """A function per source, whose last line is what it returns."""
        path = self.folder / f"snippets_{next(self.numbers)}.py"
        parts = ["import math\n\nimport numpy as np\n"]
        for k, (source, params) in enumerate(zip(sources, names, strict=True)):
            *body, last = source.split("\n")
            lines = [*body, f"return {last}"]
            parts.append(f"def f{k}({', '.join(params)}):\n    " + "\n    ".join(lines) + "\n")
        path.write_text("\n\n".join(parts), "utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return [getattr(module, f"f{k}") for k in range(len(sources))]


def copied(arguments: dict[str, Any]) -> list[Any]:
    return [x.copy() if isinstance(x, np.ndarray) else x for x in arguments.values()]


def as_received(x: Any) -> Any:
    """An argument as a kernel gets it: other integer widths as int64."""
    other = (
        isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.dtype not in (np.int64, np.int32)
    )
    return x.astype(np.int64) if other else x


def by_python(function: Any, arguments: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return function(*copied(arguments))


def by_graph(function: Any, arguments: dict[str, Any]) -> Any:
    """The result, rebuilt: Python's own numbers where the front end says so."""
    specs = tuple(describe(x) for x in arguments.values())
    traced = trace(function, specs)
    check(traced.function)
    assert not traced.captures
    values = interpret(traced.function, [as_received(x) for x in copied(arguments)])
    return rebuilt(traced.result, values, list(arguments.values()))


def rebuilt(tree: Any, values: list[Any], arguments: list[Any]) -> Any:
    kind = tree[0]
    if kind == "arg":
        (k,) = tree[1]
        return arguments[k]
    if kind == "leaf":
        value = values[tree[1]]
        if not tree[2]:
            return value if isinstance(value, np.ndarray) else np.asarray(value)[()]
        return value.item() if isinstance(value, np.generic) else value
    if kind == "tuple":
        return tuple(rebuilt(part, values, arguments) for part in tree[1])
    if kind == "list":
        return [rebuilt(part, values, arguments) for part in tree[1]]
    assert kind == "static", tree
    return tree[1]


def compare(function: Any, arguments: dict[str, Any]) -> str:
    """ "same", "both raise", "refused: why", or what is wrong."""
    try:
        expected, error = by_python(function, arguments), None
    except (ArithmeticError, LookupError, TypeError, ValueError) as raised:
        expected, error = None, raised
    try:
        got = by_graph(function, arguments)
    except UnsupportedError as refusal:
        return f"refused: {refusal.message}"
    except STOPS as stop:
        return "both raise" if error else f"stops ({stop!r}) where Python gives {brief(expected)}"
    if error is not None:
        return f"gives {brief(got)} where Python raises {error!r}"
    return "same" if same(expected, got) else f"gives {brief(got)}, not {brief(expected)}"


def brief(x: Any) -> str:
    kind = x.dtype if isinstance(x, (np.ndarray, np.generic)) else type(x).__name__
    return f"{str(x).replace(chr(10), ' ')[:80]} ({kind})"


def same(a: Any, b: Any) -> bool:
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if a is None or isinstance(a, np.dtype):
        return a == b
    if not isinstance(a, np.ndarray) and not isinstance(b, np.ndarray) and type(a) is not type(b):
        return False
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    if x.dtype.kind != "f":
        return bool(np.array_equal(x, y))
    tolerance = 2e-5 if x.dtype == np.float32 else 1e-13
    return bool(np.allclose(x, y, rtol=tolerance, atol=1e-14, equal_nan=True))


def describe_arguments(arguments: dict[str, Any]) -> str:
    parts = []
    for name, x in arguments.items():
        shown = f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else repr(x)
        parts.append(f"{name}={shown}")
    return ", ".join(parts)


def outcomes(snippets: Snippets, cases: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Per case its description and how the two ways compare."""
    functions = snippets.functions([s for s, _ in cases], [tuple(a) for _, a in cases])
    return [
        (f"{source!r} with {describe_arguments(arguments)}", compare(function, arguments))
        for function, (source, arguments) in zip(functions, cases, strict=True)
    ]
