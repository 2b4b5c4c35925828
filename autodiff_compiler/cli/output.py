"""Where the text goes: a terminal, a pipe, a file."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from .faults import error


def use_color(choice: str) -> bool:
    """`auto` means colours for people: on a terminal, unless NO_COLOR says otherwise."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def colored(text: str, language: str) -> str:
    """The text with terminal colours, or as it is where pygments is not installed."""
    try:
        from pygments import highlight
        from pygments.formatters import TerminalFormatter
        from pygments.lexers import get_lexer_by_name
    except ImportError:
        return text
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    return highlight(text, lexer, TerminalFormatter())


def write_stdout(text: str, language: str, color: str) -> None:
    sys.stdout.write(colored(text, language) if use_color(color) else text)


def read_text(filename: str) -> str:
    """What a file holds, with any kind of line ends. Raises Fault."""
    try:
        return Path(filename).read_text("utf-8")
    except OSError as cause:
        raise error(f"{filename}: {cause.strerror or cause}") from None
    except UnicodeDecodeError:
        raise error(f"{filename}: is no UTF-8 text") from None


def write_file(filename: str, text: str) -> None:
    """Whoever reads the file sees the old text or the new one, never a part. Raises Fault."""
    path = Path(os.path.realpath(filename))
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe is written to; a rename would replace it.
            path.write_text(text, "utf-8")
        else:
            _replace(path, text)
    except OSError as cause:
        raise error(f"{filename}: {cause.strerror or cause}") from None


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: Path) -> int:
    """The permissions of the file there is, or those that a new one gets."""
    if path.exists():
        return path.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
