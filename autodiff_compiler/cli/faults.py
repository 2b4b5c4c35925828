"""How a command ends: its exit codes, and the faults that it reports."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..errors import CompileError

DIFFERENT = 1
REFUSED = 2
INTERRUPTED = 130
PIPE_CLOSED = 141

REFUSALS = """\
  2  bad arguments, a module that cannot be imported, a function that was refused, or a package that
     is not installed
"""
EXIT_CODES = f"""\
exit codes:
  0  done
  1  show-source --check: the file holds something else; contrast and check: the gradients differ;
     lint: there are findings; doctor: kernels cannot run as C
{REFUSALS}"""


def exit_codes(one: str = "") -> str:
    """Of a command, for the end of its help. `one`: when it ends with 1."""
    return f"exit codes:\n  0  done\n{f'  1  {one}{chr(10)}' if one else ''}{REFUSALS}"


class Fault(Exception):
    """What the command cannot do, as the whole text that its user sees."""


def error(message: str) -> Fault:
    """A fault of what was asked for: one line."""
    return Fault(f"error: {message}")


def refusal(cause: CompileError, note: str = "") -> Fault:
    """A program that was refused: its place, the line, a caret, the hint, and a note of ours."""
    if cause.span.lineno:
        span = replace(cause.span, filename=shown_path(cause.span.filename))
        text = str(CompileError(cause.message, span, cause.hint))
    else:
        text = f"error: {cause}"
    return Fault(f"{text}\nnote: {note}" if note else text)


def shown_path(filename: str) -> str:
    """The path as one would type it here: relative if it lies under the working folder."""
    path = Path(filename)
    if path.is_absolute() and path.is_relative_to(os.getcwd()):
        return str(path.relative_to(os.getcwd()))
    return filename
