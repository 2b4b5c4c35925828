"""`graph`: the graph of a function in a file or module, as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CompileError
from .faults import error, exit_codes, refusal
from .output import write_file, write_stdout
from .show_source import Job, innermost, job_of, note_of

if TYPE_CHECKING:
    from ..drawing import Graph

EPILOG = f"""\
stages:
  primal     the function itself
  adjoint    the function and its adjoint, rule by rule as the reverse pass writes them
  optimised  what is left when that is simplified, which the source is printed from

formats, and the suffixes by which -o chooses them:
  svg .svg   dot .dot .gv   mermaid .mmd .mermaid   text .txt
  Without -o and --format: text on a terminal, svg in a pipe.

examples:
  python -m autodiff_compiler graph neuron.py:loss --argnums w,b -o neuron.svg
  python -m autodiff_compiler graph neuron.py:loss --argnums w,b --format text
  python -m autodiff_compiler graph fit.py:loss --types "w: f64[3], x: f64[n,3]" --stage primal
  python -m autodiff_compiler graph fit.py:loss --format dot | dot -Tpdf -o loss.pdf

Parameters without a type are f64 scalars; `show-source --help` has the types.

{exit_codes()}"""

SUFFIXES = {
    ".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid",
    ".txt": "text",
}  # fmt: skip
STAGES = ("primal", "adjoint", "optimised")
FORMATS = ("svg", "dot", "mermaid", "text")
#: By which names pygments knows them.
_LANGUAGES = {"svg": "xml", "dot": "graphviz", "mermaid": "text", "text": "python"}


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "graph",
        help="draw the graph of a function and of its gradient",
        description="Draw the graph of a function and of its gradient. The module is imported; the\n"
        "function is not run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the function, or pkg.mod:FUNCTION; it may be "
        "decorated with @grad, @value_and_grad or @compile")  # fmt: skip
    add("--argnums", metavar="A,B", help="parameters to differentiate by, by name or position; "
        "default: what the decorator says, else the first")  # fmt: skip
    add("--types", metavar="TYPES", default="", help='types of parameters: "w: f64, x: f64[n,3]"')
    add("--stage", choices=STAGES, help="default: adjoint; primal for what is decorated with "
        "@compile")  # fmt: skip
    add("--format", choices=FORMATS, help="default: as -o says")
    add("--detail", choices=("auto", "operations", "lines"), default="auto",
        help="a box for each operation or for each source line; auto: lines if there are many")  # fmt: skip
    add("-o", "--output", metavar="FILE", help="write to FILE")
    add("--color", choices=("auto", "always", "never"), default="auto",
        help="auto: on a terminal, unless NO_COLOR is set")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    wanted = _format(options)
    text = _graph(options).write(wanted)
    if options.output and options.output != "-":
        write_file(options.output, text)
    else:
        write_stdout(text, _LANGUAGES[wanted], options.color)
    return 0


def _format(options: argparse.Namespace) -> str:
    if options.format:
        return str(options.format)
    if not options.output or options.output == "-":
        import sys

        return "text" if sys.stdout.isatty() else "svg"
    suffix = Path(options.output).suffix
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise error(f"{options.output}: no format has the suffix {suffix!r}; there are {known}, and --format")  # fmt: skip
    return SUFFIXES[suffix]


def _graph(options: argparse.Namespace) -> Graph:
    # A stage other than the primal is one of a derivative.
    options.primal = options.stage == "primal"
    options.value_and_grad = False
    job = job_of(options)
    stage = options.stage or ("primal" if job.request.kind == "compile" else "adjoint")
    try:
        return _drawn(job, stage, options.detail)
    except CompileError as cause:
        raise refusal(cause, note_of(job, cause)) from None


def _drawn(job: Job, stage: str, detail: str) -> Graph:
    from ..kernel import defects
    from ..stages import staged

    name = innermost(job.function).__name__
    specs = [p.typed.spec for p in job.parameters]
    if stage == "adjoint" and job.request.kind == "compile":
        raise error(f"{name} is compiled without a derivative; see --argnums, or --stage primal")
    try:
        with defects(name):
            return staged(job.function, job.request, specs, stage, detail)
    except TypeError as cause:
        # Arguments and results that have no derivative.
        raise error(f"{name}: {cause}") from None
