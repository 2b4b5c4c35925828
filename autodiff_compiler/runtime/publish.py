"""Several files written into a folder of the user's, all of them or none."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["Foreign", "publish"]


class Foreign(Exception):
    """Files that are in the way, and may hold somebody's work."""

    def __init__(self, paths: list[Path]):
        self.paths = paths
        super().__init__(", ".join(map(str, paths)))


def publish(folder: Path, files: Mapping[str, str], ours: Callable[[str], bool]) -> list[Path]:
    """Writes the files and gives their paths. What is there is replaced if `ours` says so of its text.

    Raises Foreign if it does not, and OSError; nothing has been changed then.
    """
    folder = Path(os.path.realpath(folder))
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    targets = [folder / name for name in files]
    foreign = [path for path in targets if os.path.lexists(path) and not _is_ours(path, ours)]
    if foreign:
        raise Foreign(foreign)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, text in files.items():
            (made / name).write_text(text, "utf-8", newline="\n")
        folder.mkdir(exist_ok=True)
        for name in files:
            os.replace(made / name, folder / name)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return targets


def _is_ours(path: Path, ours: Callable[[str], bool]) -> bool:
    try:
        return path.is_file() and ours(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return False
