"""How many functions programs may call, and through how many a derivative goes: `python -m tests.names`.

A function counts as one with a derivative if a sample call of it passes here: the gradient of the
call by some argument is not all zeros, and is what differences say. It counts once, under however
many names NumPy has it. The other functions that are accepted are passive: their results are
integers, booleans, shapes or constants, or nobody has written a sample call for them.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import linecache
import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

import autodiff_compiler as ad
from autodiff_compiler.frontend import catalogue

#: Other tables of calls: their modules have `samples()` and texts with one call a line.
TABLES = ("tests.name_calls", "tests.numpy_table")
_GLOBALS = {"np": np, "math": math, "scipy": scipy}


@dataclass(frozen=True)
class Call:
    name: str
    text: str
    values: dict[str, Any]

    @property
    def function(self) -> Any:
        return eval(self.name, dict(_GLOBALS))  # noqa: S307  (a dotted name of our own table)


def calls() -> list[Call]:
    """The sample calls of functions by name; methods and operators are left out."""
    found = []
    for module in TABLES:
        try:
            table = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        values = table.samples()
        for title, text in vars(table).items():
            if title.isupper() and isinstance(text, str):
                found += [c for line in text.split("\n") if (c := _call(line.strip(), values))]
    return found


def _call(line: str, values: dict[str, Any]) -> Call | None:
    if not line:
        return None
    tree = ast.parse(line, mode="eval").body
    # What is taken out of a result, and what is made of it after, is no part of the call.
    inner: ast.AST = tree
    while isinstance(inner, (ast.Subscript, ast.BinOp)):
        inner = inner.value if isinstance(inner, ast.Subscript) else inner.left
    if not isinstance(inner, ast.Call):
        return None
    name = ast.unparse(inner.func)
    if name.split(".")[0] not in _GLOBALS:
        return None
    text = line if isinstance(tree, ast.Subscript) else ast.unparse(inner)
    used = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    return Call(name, text, {k: v for k, v in values.items() if k in used})


def is_accepted(call: Call) -> bool:
    try:
        return catalogue.accepted(call.function)
    except AttributeError:  # this version has no such function
        return False


# --- derivatives ------------------------------------------------------------------------------


def function_of(sample: list[Call]) -> Any:
    """A function of all sample values that the calls name: weighted sums of their results."""
    names = sorted(set().union(*(c.values for c in sample)))
    lines = [f"def sample({', '.join(names)}):", "    total = 0.0"]
    for k, c in enumerate(sample):
        lines += [
            f"    y{k} = {c.text}",
            f"    total = total + np.sum(np.cos(y{k} * {1.1 + k / 64}))",
        ]
    source = "\n".join([*lines, "    return total", ""])
    filename = f"<sample calls {abs(hash(source))}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = dict(_GLOBALS)
    exec(compile(source, filename, "exec"), scope)
    return scope["sample"]


def arguments(sample: list[Call]) -> list[Any]:
    every = {k: v for c in sample for k, v in c.values.items()}
    return [every[k] for k in sorted(every)]


def floats(args: list[Any]) -> tuple[int, ...]:
    return tuple(k for k, x in enumerate(args) if np.asarray(x).dtype.kind == "f")


def gradient(call: Call, backend: str = "python") -> list[Any]:
    """By every float that the call names."""
    args = arguments([call])
    f = function_of([call])
    return list(ad.grad(f, argnums=floats(args), backend=backend)(*args))


def passes(call: Call) -> str:
    """Empty if the derivative is there, is not zero, and is right; else what is wrong."""
    args = arguments([call])
    active = floats(args)
    if not active:
        return "no float goes in"
    try:
        slopes = gradient(call)
    except (ad.CompileError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    if not any(np.any(g) for g in slopes):
        return "the derivative is zero"
    rng = np.random.default_rng(5)
    directions = {k: rng.normal(size=np.shape(args[k])) for k in active}
    f = function_of([call])

    def at(step: float) -> float:
        moved = [x + step * directions[k] if k in directions else x for k, x in enumerate(args)]
        moved = [float(x) if isinstance(args[k], float) else x for k, x in enumerate(moved)]
        return float(f(*moved))

    ours = sum(float(np.sum(g * directions[k])) for g, k in zip(slopes, active))
    h = 2e-4
    reference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    rough = 1e-3 if "float32" in call.text else 1e-7
    if abs(ours - reference) > rough * max(1.0, abs(reference)):
        return f"{ours} is not {reference}"
    return ""


def differentiable() -> list[tuple[str, Any]]:
    """(name, function) of the functions that pass, each once."""
    found: list[tuple[str, Any]] = []
    for call in calls():
        if not is_accepted(call) or any(call.function is f for _, f in found):
            continue
        if not passes(call):
            found.append((call.name, call.function))
    return found


def counts() -> dict[str, tuple[list[str], list[str]]]:
    """By module: the functions with a derivative, and the passive ones."""
    active = differentiable()
    table = {}
    for module in catalogue.MODULES:
        with_slope, passive = [], []
        for name, function in catalogue.names(module):
            hit = any(function is f for _, f in active)
            (with_slope if hit else passive).append(name)
        table[module] = (with_slope, passive)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.names", description=__doc__)
    parser.add_argument("--list", action="store_true", help="the names, too")
    options = parser.parse_args()
    print(f"{'module':<16}{'with a derivative':>18}{'passive':>10}")
    table = counts()
    for module, (active, passive) in table.items():
        print(f"{module:<16}{len(active):>18}{len(passive):>10}")
        if options.list:
            for title, names in (("with a derivative", active), ("passive", passive)):
                print(f"  {title}: {' '.join(names)}")
    total = [sum(len(pair[k]) for pair in table.values()) for k in (0, 1)]
    print(f"{'all':<16}{total[0]:>18}{total[1]:>10}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
