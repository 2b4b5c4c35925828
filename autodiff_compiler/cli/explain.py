"""`explain`: one run of a function in numbers, forward and backward, down to the chain rule."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CompileError
from .callargs import as_floats, parse_arguments
from .faults import error, exit_codes, refusal
from .loading import load_function
from .output import use_color, write_file, write_stdout
from .show_source import argnums_of, innermost

if TYPE_CHECKING:
    from ..explain.sections import Options

EPILOG = f"""\
The arguments are written as in a call. They are Python expressions, which see `np` and what the
function's own module has. An int for a parameter that is differentiated by is taken as a float.

A name that has several values in a run is numbered: E#3 is the third that E has had.
Loops are folded to a line for each trip; --trip unfolds one.

examples:
  python -m autodiff_compiler explain neuron.py:loss --args "w=0.6, b=-0.3, x=1.5, y=1.0" --argnums w,b
  python -m autodiff_compiler explain fit.py:loss --args "np.zeros(3), x=np.eye(3)" --alpha 0.01
  python -m autodiff_compiler explain newton.py:solve --args "0.8, 0.6" --trip 2
  python -m autodiff_compiler explain cholesky.py:logdet --args "positive_definite(4)" --trip 3,last
  python -m autodiff_compiler explain fit.py:loss --args "*example()" --format markdown -o loss.md
  python -m autodiff_compiler explain neuron.py:loss --args "0.6, -0.3, 1.5, 1.0" --html neuron.html

Colours on a terminal come from rich: pip install 'autodiff_compiler[explain]'.

{exit_codes()}"""
FORMATS = ("text", "markdown", "html")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "explain",
        help="one run in numbers: values, local derivatives, adjoints, the chain rule",
        description="Run a function once and show the forward and the backward pass in numbers: values,\n"
        "local derivatives, adjoints, the chain rule multiplied out, and a step of gradient descent.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the function, or pkg.mod:FUNCTION; it may be "
        "decorated with @grad or @value_and_grad")  # fmt: skip
    add("--args", metavar="ARGS", default="", help='the arguments of the call: "w=40.0, x=30.0"')
    add("--argnums", metavar="A,B", help="parameters to differentiate by, by name or position; "
        "default: what the decorator says, else the first")  # fmt: skip
    add("--trip", metavar="K[,K]", default="", help="unfold this trip of each loop, of loops inside "
        "it the next one named: a number from 1, `last`, or `all`")  # fmt: skip
    add("--learning-rate", "--alpha", dest="alpha", type=float, default=0.1, metavar="ALPHA",
        help="of the update shown at the end; default: 0.1")  # fmt: skip
    add("--digits", type=int, default=6, metavar="N", help="significant digits; default: 6")
    add("--format", choices=FORMATS, help="default: text")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--html", metavar="FILE", help="a page to step through, written to FILE")
    where.add_argument("-o", "--output", metavar="FILE", help="write to FILE")
    add("--color", choices=("auto", "always", "never"), default="auto",
        help="auto: on a terminal, unless NO_COLOR is set")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from ..explain.sections import Sections
    from ..kernel import defects

    if options.html and options.format not in (None, "html"):
        raise error(
            f"--html writes a page, and --format says {options.format}; leave one of them out"
        )
    wanted = _options(options)
    explained = _explained(options)
    place = os.path.basename(options.target.rpartition(":")[0])
    try:
        with defects(explained.function.__name__):
            _write(Sections(explained, wanted), place, options)
    except CompileError as cause:
        raise refusal(cause) from None
    return 0


def _write(sections: Any, place: str, options: argparse.Namespace) -> None:
    output = options.html or options.output
    if options.html or options.format == "html":
        from ..explain.page import page

        text = page(sections, place)
    elif options.format == "markdown":
        from ..explain.markdown import markdown

        text = markdown(sections.document(place))
    else:
        from ..explain.plain import plain
        from ..explain.terminal import has_rich, print_rich

        if not output and use_color(options.color) and has_rich():
            print_rich(sections.document(place))
            return
        text = plain(sections.document(place))
    if output and output != "-":
        write_file(output, text)
    else:
        write_stdout(text, "text", "never")


def _options(options: argparse.Namespace) -> Options:
    from ..explain.sections import Options

    if not 1 <= options.digits <= 17:
        raise error("--digits: from 1 to 17")
    if not np.isfinite(options.alpha):
        raise error("--learning-rate: a finite number")
    if options.trip.strip() == "all":
        return Options((), True, options.alpha, options.digits)
    trips = []
    for word in filter(None, (w.strip() for w in options.trip.split(","))):
        if word != "last" and not re.fullmatch(r"-?[1-9]\d*", word):
            raise error(f"--trip: {word!r} is no trip; write a number from 1, `last` or `all`")
        trips.append(-1 if word == "last" else int(word))
    return Options(tuple(trips), False, options.alpha, options.digits)


# --- the run ------------------------------------------------------------------------------------


def _explained(options: argparse.Namespace) -> Any:
    from ..explain.running import run_on_record

    found = load_function(options.target)
    decorated = getattr(found, "__autodiff__", None) is not None
    function = found.primal if decorated else found
    argnums, _ = argnums_of(options.argnums, found, function)
    wrt = (argnums,) if isinstance(argnums, int) else argnums
    args, kwargs = parse_arguments(options.args, innermost(function))
    args, kwargs = as_floats(innermost(function), args, kwargs, wrt)
    try:
        has_aux = bool(decorated and found.has_aux)
        return run_on_record(function, args, kwargs, wrt, has_aux)
    except CompileError as cause:
        raise refusal(cause) from None
    except Exception as cause:
        # What the function itself raises for these arguments, or what it was given is no float.
        name = innermost(function).__name__
        raise error(f"{name}: {type(cause).__name__}: {cause}") from None


__all__ = ["add_parser"]
