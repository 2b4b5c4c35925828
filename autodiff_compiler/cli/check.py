"""`check`: a gradient held to dual numbers, to differences, and to the other back end."""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import CompileError
from ..ir.types import FLOATS
from ..signature import describe, leaf_specs
from ..testing.report import DIFFERENCES, DUAL, OTHER, Cell, Report, Row, gradient_report
from .argtypes import parse_types
from .arguments import evaluated, random_arguments, shown
from .faults import DIFFERENT, Fault, error, refusal
from .loading import load_function
from .show_source import EPILOG_TYPES, argnums_of, note_on, parameters_of

__all__ = ["add_parser"]

EPILOG = f"""\
The gradient is computed as `grad` computes it (by C where there is a compiler) and compared with

  dual numbers     pushed through the untouched Python function: forward mode, no rule in common
  differences      of the function's values, extrapolated to step 0; their error is estimated
  other back end   the same gradient as Python, or as C

Each comparison shows its largest difference, as a part of the gradient's largest entry. A reference
that cannot be computed is shown as `-`, with the reason below. An argument for which neither dual
numbers nor differences can be computed is unchecked, and that counts as a disagreement.

Arguments are those of --args. Without it they are random numbers of the types in --types: from -2 to
2 or, if the function raises or gives no finite number there, from 0.1 to 0.9, square matrices
positive definite. Named dims have the sizes 3, 4, 5, ... or those of --sizes.

{EPILOG_TYPES}

examples:
  python -m autodiff_compiler check neuron.py:loss --argnums w,b
  python -m autodiff_compiler check fit.py:loss --types "w: f64[3], x: f64[n,3], y: f64[n]"
  python -m autodiff_compiler check fit.py:loss --args "np.ones(3), X, y" --argnums w

exit codes:
  0  all comparisons agree
  1  one disagrees, or an argument is unchecked
  2  bad arguments, arguments at which the function raises, or a function that was refused
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "check",
        help="compare a gradient with references that share nothing with it",
        description="Compare the gradient of a function with references that share nothing with it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the function, or pkg.mod:FUNCTION")
    add("--argnums", metavar="A,B", help="parameters to differentiate by, by name or position; "
        "default: what the decorator says, else all that hold floats")  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--args", metavar="ARGS", help="arguments, as in a call; `np` and the names "
        "of the module are known")  # fmt: skip
    where.add_argument("--types", metavar="TYPES", default="", help="types of random arguments")
    add("--sizes", metavar="N=4", default="", help="lengths of named dims: n=10,m=2")
    add("--seed", metavar="S", type=int, default=0, help="of the random numbers; default: 0")
    add("--rtol", metavar="R", type=float, help="tolerance, as a part of the gradient's largest "
        "entry; default: 1e-7, with float32 1e-4")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    found = load_function(options.target)
    decorated = getattr(found, "__autodiff__", None) is not None
    function = found.primal if decorated else found
    if not callable(function) or getattr(function, "__autodiff__", None) is not None:
        raise error(f"{options.target} is the derivative of a function; check that function")
    names = _positional(function)
    args, how, note = _arguments(options, function, names)
    numbers = _numbers(options.argnums, found, function, names, args)
    try:
        report = gradient_report(
            function, args, numbers, rtol=options.rtol, has_aux=decorated and found.has_aux
        )
    except CompileError as cause:
        raise refusal(cause, note) from None
    except Exception as cause:
        what = f"{function.__name__} at {_given(names, args)}"
        raise error(f"{what}: {type(cause).__name__}: {cause}") from None
    place = os.path.basename(options.target.rpartition(":")[0])
    print(f"{function.__name__}({', '.join(names)}) in {place}{how}")
    print("\n".join(_page(report, names, args)))
    return 0 if report.ok else DIFFERENT


# --- arguments ----------------------------------------------------------------------------------


def _positional(function: Callable[..., Any]) -> list[str]:
    """The parameters that a call by position reaches; the others must have defaults."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = []
    for p in inspect.signature(function, follow_wrapped=False).parameters.values():
        if p.kind in kinds:
            names.append(p.name)
        elif p.kind is p.KEYWORD_ONLY and p.default is p.empty:
            raise error(f"{p.name} must be given by name; check takes parameters by position")
    return names


def _arguments(
    options: argparse.Namespace, function: Callable[..., Any], names: Sequence[str]
) -> tuple[tuple[Any, ...], str, str]:
    """The arguments, the part of the heading that says where they come from, a note for refusals."""
    if options.args is not None:
        args, kwargs = evaluated(options.args, getattr(function, "__globals__", {}))
        try:
            bound = inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)
        except TypeError as cause:
            raise error(f"--args: {cause}") from None
        for name in bound.arguments:
            if name not in names:
                raise error(f"--args: check takes no {name}, only parameters by position")
        bound.apply_defaults()
        return tuple(bound.arguments[n] for n in names), "", ""
    parameters = parameters_of(function, parse_types(options.types))
    by_name = {p.name: p.typed for p in parameters}
    note = note_on(parameters)
    typed = [(n, by_name[n]) for n in names]
    try:
        args, kind = random_arguments(function, typed, _sizes(options.sizes), options.seed)
    except Fault as fault:
        raise Fault(f"{fault}\nnote: {note}" if note else str(fault)) from None
    return args, f", at random numbers {kind} (--seed {options.seed})", note


def _sizes(text: str) -> dict[str, int]:
    sizes = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"(\w+)\s*=\s*(\d+)", item)
        if found is None:
            raise error(f"--sizes: {item!r} is no size such as n=10")
        sizes[found[1]] = int(found[2])
    return sizes


def _numbers(
    text: str | None, found: Any, function: Callable[..., Any], names: Sequence[str],
    args: Sequence[Any],
) -> tuple[int, ...]:  # fmt: skip
    """What to differentiate by: as asked, as decorated, or all that holds floats only."""
    if text is not None or getattr(found, "transform", "compile") != "compile":
        numbers, _ = argnums_of(text, found, function)
        return (numbers,) if isinstance(numbers, int) else numbers
    dtypes = [[leaf.dtype for leaf in leaf_specs(describe(a))] for a in args]
    chosen = tuple(k for k, d in enumerate(dtypes) if d and all(x in FLOATS for x in d))
    if not chosen:
        raise error(f"{function.__name__}() has no parameter that holds floats only; see --types")
    return chosen


def _given(names: Sequence[str], args: Sequence[Any]) -> str:
    return ", ".join(f"{n} = {shown(a)}" for n, a in zip(names, args))


# --- the table ----------------------------------------------------------------------------------

_LANGUAGE = {"c": "C", "python": "Python"}
_MOST = 10


def _page(report: Report, names: Sequence[str], args: Sequence[Any]) -> Iterator[str]:
    ours, *other = (_LANGUAGE[b] for b in report.backends)
    columns = {DUAL: DUAL, DIFFERENCES: DIFFERENCES, OTHER: f"as {other[0]}" if other else OTHER}
    yield f"at {_given(names, args)}"
    yield f"value {report.value:.6g}, gradient as {ours}"
    yield ""
    head = ["argument", "numbers", *columns.values(), ""]
    body = [_row(row, names, columns) for row in report.rows]
    widths = [max(len(line[k]) for line in (head, *body)) for k in range(len(head))]
    for line in (head, *body):
        cells = [c.rjust(w) if k == 1 else c.ljust(w) for k, (c, w) in enumerate(zip(line, widths))]
        yield "  ".join(cells).rstrip()
    yield ""
    for row in report.rows:
        for name, cell in row.cells.items():
            yield from _differing(names[row.argument], columns[name], cell, ours)
    yield from report.notes
    yield _verdict(report)


def _row(row: Row, names: Sequence[str], columns: dict[str, str]) -> list[str]:
    cells = [_cell(row.cells[name]) for name in columns]
    said = {"ok": "", "wrong": "disagrees", "unchecked": "unchecked"}[row.verdict]
    return [names[row.argument], str(row.count), *cells, said]


def _cell(cell: Cell) -> str:
    return "-" if cell.status == "none" else f"{cell.status:5} {cell.error:.0e}"


def _differing(name: str, column: str, cell: Cell, ours: str) -> Iterator[str]:
    for where, mine, reference in cell.entries[:_MOST]:
        yield f"{name}{where}: {mine} as {ours}, {reference} by {column.removeprefix('as ')}"
    if len(cell.entries) > _MOST:
        yield f"{name}: ... and {len(cell.entries) - _MOST} more entries"


def _verdict(report: Report) -> str:
    if report.ok:
        return "all comparisons agree"
    wrong = [row for row in report.rows if row.verdict == "wrong"]
    if not wrong:
        return "unchecked: there is no independent reference"
    only = all(
        name == DIFFERENCES for row in wrong for name, cell in row.cells.items() if cell.status == "wrong"
    )  # fmt: skip
    if any("nan" in mine or "inf" in mine for row in wrong for cell in row.cells.values()
           for _, mine, _ in cell.entries):  # fmt: skip
        return (
            "DISAGREES: a nan or an infinity may come of a kink; `lint` says where there are some"
        )
    if only:
        return (
            "DISAGREES with differences alone: they mean nothing at a kink or a jump, and see\n"
            "through stop_gradient; `lint` says where there are kinks"
        )
    return "DISAGREES"
