"""`lint`: where a function is differentiable almost everywhere only, or hides a zero gradient."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import CompileError
from ..lint import CODES, Finding, lint_specs
from .argtypes import parse_types
from .faults import DIFFERENT, Fault, error, refusal, shown_path
from .loading import load_function
from .show_source import EPILOG_TYPES, argnums_of, note_on, parameters_of

__all__ = ["add_parser"]

_TABLE = "\n".join(f"  {code:9} {what}" for code, what in CODES.items())
EPILOG = f"""\
findings:
{_TABLE}

None of these is a mistake by itself: the gradient is what docs/language.md says it is at such a
point. A kink that can be excluded is not reported: by the function's own conditions and checks, by
the mask of np.where, or by how the number is made (1 + exp(x) is never 0).

{EPILOG_TYPES}

examples:
  python -m autodiff_compiler lint neuron.py:loss
  python -m autodiff_compiler lint fit.py:loss --types "w: f64[3], x: f64[n,3]" --ignore branch,kink
  python -m autodiff_compiler lint fit.py:loss --format json

exit codes:
  0  nothing found
  1  findings
  2  bad arguments, or a function that was refused
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "lint",
        help="where a gradient exists almost everywhere only, or is 0",
        description="Say where a function is differentiable almost everywhere only, or hides a zero\n"
        "gradient. The module is imported; the function is not run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the function, or pkg.mod:FUNCTION")
    add("--argnums", metavar="A,B", help="parameters to differentiate by, by name or position; "
        "default: what the decorator says, else all that hold floats")  # fmt: skip
    add("--types", metavar="TYPES", default="", help="types of parameters, as below")
    add("--ignore", metavar="CODES", default="", help="findings to leave out: branch,kink")
    add("--format", choices=("text", "json"), default="text", help="default: text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    found = load_function(options.target)
    decorated = getattr(found, "__autodiff__", None) is not None
    function = found.primal if decorated else found
    if getattr(function, "__autodiff__", None) is not None:
        raise error(f"{options.target} is the derivative of a function; lint that function")
    parameters = parameters_of(function, parse_types(options.types))
    ignored = _ignored(options.ignore)
    argnums: Sequence[int] | None = None
    if options.argnums is not None or decorated and found.transform != "compile":
        asked, _ = argnums_of(options.argnums, found, function)
        argnums = (asked,) if isinstance(asked, int) else asked
    specs = [p.typed.spec for p in parameters]
    try:
        all_found = lint_specs(function, specs, argnums, decorated and found.has_aux)
    except CompileError as cause:
        raise refusal(cause, note_on(parameters, cause)) from None
    except TypeError as cause:
        note = note_on(parameters)
        raise Fault(
            f"error: {function.__name__}: {cause}" + (f"\nnote: {note}" if note else "")
        ) from None
    kept = [f for f in all_found if f.code not in ignored]
    if options.format == "json":
        print(json.dumps([_as_json(f) for f in kept], indent=2))
    else:
        for finding in kept:
            print(_shown(finding), end="\n\n")
        print(
            _summary(kept, function.__name__, os.path.basename(options.target.rpartition(":")[0]))
        )
    return DIFFERENT if kept else 0


def _ignored(text: str) -> set[str]:
    codes = {part.strip() for part in text.split(",") if part.strip()}
    unknown = sorted(codes - set(CODES))
    if unknown:
        raise error(f"--ignore: there is no finding {unknown[0]!r}; there are {', '.join(CODES)}")
    return codes


def _shown(finding: Finding) -> str:
    """With the path as one would type it here."""
    span = finding.span
    return str(finding).replace(
        str(span), str(replace(span, filename=shown_path(span.filename))), 1
    )


def _as_json(finding: Finding) -> dict[str, Any]:
    span = finding.span
    return {
        "code": finding.code, "message": finding.message, "hint": finding.hint,
        "filename": span.filename, "lineno": span.lineno, "col_offset": span.col_offset,
        "end_lineno": span.end_lineno, "end_col_offset": span.end_col_offset,
    }  # fmt: skip


def _summary(found: Sequence[Finding], name: str, place: str) -> str:
    if not found:
        return f"{name} in {place}: nothing found"
    counts = {code: sum(f.code == code for f in found) for code in CODES}
    parts = ", ".join(f"{n} {code}" for code, n in counts.items() if n)
    return f"{name} in {place}: {len(found)} finding{'s' * (len(found) > 1)} ({parts})"
