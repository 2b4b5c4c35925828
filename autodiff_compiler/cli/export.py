"""`export`: a function and its gradient as files of C99 that need no Python."""

from __future__ import annotations

import argparse
import os

from ..errors import CompileError
from ..exporting import Export, export
from .faults import error, refusal
from .show_source import EPILOG_TYPES, job_of, note_of

__all__ = ["add_parser"]

EPILOG = f"""\
{EPILOG_TYPES}
Dims with the same name are one parameter of the C functions, and a number is no parameter: with
"x: f64[n,3], w: f64[3]" they take one length, n.

The folder gets NAME.h (a description of every parameter, who owns what, the return codes with the
lines of the program that they are about), NAME.c, and main.c, an example of a call. A file that is
there already is replaced if it is an export that nobody has changed; otherwise nothing is written.

Memory that the gradient works in comes from the caller: a workspace, with a function that tells its
size. Where that size is not known on entry (a `while` that keeps something in each trip, the items
that a mask picks), it is an allocator; --workspace-only refuses such a function, with the line.

examples:
  python -m autodiff_compiler export neuron.py:loss --argnums w,b -o neuron_c
  python -m autodiff_compiler export fit.py:loss --types "w: f64[3], x: f64[n,3], y: f64[n]" -o fit_c
  cc -std=c99 -O2 fit_c/main.c fit_c/loss.c -lm -o example

exit codes:
  0  written
  2  bad arguments, files in the way, or a function that was refused
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "export",
        help="write a function and its gradient as C99 without Python",
        description="Write a function and its gradient as C99: needs no Python, only libm.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the function, or pkg.mod:FUNCTION")
    add("--argnums", metavar="A,B", help="parameters to differentiate by, by name or position; "
        "default: what the decorator says, else the first")  # fmt: skip
    add("--types", metavar="TYPES", default="", help="types of parameters, as below")
    add("-o", "--output", metavar="DIR", required=True, help="the folder to write into")
    add("--name", metavar="NAME", help="what files and functions are called; default: FUNCTION")
    add("--force", action="store_true", help="replace files whatever they hold")
    add("--workspace-only", action="store_true",
        help="refuse what needs an allocator")  # fmt: skip
    parser.set_defaults(run=run, primal=False, value_and_grad=False)


def run(options: argparse.Namespace) -> int:
    job = job_of(options)
    specs = [p.typed.spec for p in job.parameters]
    dims = {p.name: p.typed.dims for p in job.parameters}
    try:
        done = export(
            job.function, job.request, specs, options.output, name=options.name, dims=dims,
            force=options.force, workspace_only=options.workspace_only,
        )  # fmt: skip
    except CompileError as cause:
        raise refusal(cause, note_of(job, cause)) from None
    except FileExistsError as cause:
        raise error(f"{cause}; --force replaces them") from None
    except TypeError as cause:
        raise error(f"{options.target}: {cause}") from None
    except ValueError as cause:
        raise error(f"{cause} with --name") from None
    except OSError as cause:
        raise error(f"{options.output}: {cause.strerror or cause}") from None
    print("\n".join(_report(done, options.output)))
    return 0


def _report(done: Export, folder: str) -> list[str]:
    """What was written, what the caller has to supply, and how to try it."""
    paths = {path.name: os.path.join(folder, path.name) for path in done.paths}
    memory = {
        "none": "none beside the arguments and results",
        "workspace": f"a workspace; {done.name}_grad_workspace(...) tells its size",
        "allocator": f"an allocator, for its size is not known on entry:\n         {done.reason}",
    }[done.memory]
    sources = f"{paths['main.c']} {paths[done.name + '.c']}"
    return [
        f"written  {', '.join(paths.values())}",
        f"memory   {memory}",
        f"try      cc -std=c99 -O2 {sources} -lm -o example && ./example",
    ]
