"""The command line: `python -m autodiff_compiler COMMAND`. One module per command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from . import cache, check, contrast, doctor, explain, export, graph, lint, ops, show_source
from .faults import EXIT_CODES, INTERRUPTED, PIPE_CLOSED, REFUSED, Fault, error

__all__ = ["main"]

#: Each module has `add_parser(subparsers)`, which sets `run(options) -> exit code` as a default.
COMMANDS = (
    show_source, graph, explain, contrast, check, lint, export, ops, cache, doctor,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code of the process."""
    options, unknown = _parser().parse_known_args(argv)
    try:
        if unknown:
            raise _not_taken(options, unknown)
        code = options.run(options)
        sys.stdout.flush()
    except Fault as fault:
        print(fault, file=sys.stderr)
        return REFUSED
    except BrokenPipeError:
        _abandon_stdout()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _not_taken(options: argparse.Namespace, unknown: Sequence[str]) -> Fault:
    """Some commands learn from --types what the arguments are, some from a call in --args."""
    instead = {"--types": "args", "--args": "types"}.get(unknown[0].partition("=")[0], "")
    hint = f"; say --{instead}" if instead and hasattr(options, instead) else ""
    command = options.command
    return error(
        f"{command} takes no {unknown[0]}{hint} (see `python -m autodiff_compiler {command} --help`)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m autodiff_compiler",
        description="Gradients of ordinary numeric Python, as Python and C that people can read.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"autodiff_compiler {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def _abandon_stdout() -> None:
    # The interpreter flushes stdout once more when it ends, and would report the closed pipe again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
