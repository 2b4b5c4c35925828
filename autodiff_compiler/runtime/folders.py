"""Which folder the cache may live in: private to this user, or not at all."""

from __future__ import annotations

import atexit
import os
import stat
import warnings
from pathlib import Path

__all__ = ["Unusable", "wanted_folder", "prepare", "temporary_folder", "remove_tree"]

_SHARED_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Unusable(Exception):
    """The cache folder cannot be trusted or cannot be written; says why."""


def wanted_folder() -> Path:
    """Where the cache should be, by the environment. Raises Unusable for what cannot be a place."""
    override = os.environ.get("AUTODIFF_COMPILER_CACHE_DIR")
    if override:
        folder = Path(override)
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):  # the XDG specification: a relative path is ignored
            base = os.path.join(os.path.expanduser("~"), ".cache")
        folder = Path(base) / "autodiff_compiler"
    if not folder.is_absolute():
        raise Unusable(f"{folder} is relative to the working folder")
    return folder


def prepare(folder: Path) -> Path:
    """Makes the folder if need be and checks it. Raises Unusable."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Ancestors may be links (a home on another disk): what they lead to is what is checked.
        folder = folder.parent.resolve() / folder.name
        _refuse_shared_places(folder)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            pass
        _check_own(folder)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise Unusable(f"{folder} cannot be written")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise Unusable(str(error)) from None
    return folder


def _check_own(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise Unusable(f"{folder} is no folder of its own")
    if status.st_uid != os.geteuid():
        raise Unusable(f"{folder} belongs to another user")
    if status.st_mode & _SHARED_WRITE:
        # Not repaired: others may already have put something there.
        raise Unusable(f"{folder} can be written by other users")
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)


def _refuse_shared_places(folder: Path) -> None:
    here = Path(os.path.realpath(os.getcwd()))
    home = Path(os.path.realpath(os.path.expanduser("~")))
    # A folder that one has unpacked and entered may bring a cache along. A working folder that
    # the home itself lies in says nothing.
    if folder.is_relative_to(here) and not home.is_relative_to(here):
        raise Unusable(f"{folder} is in the working folder")
    if folder.parent == here:
        raise Unusable(f"{folder} is in the working folder")
    # Below a folder that everyone may write to (/tmp), only what is closed to the others is one's own.
    for place in folder.parents:
        status = place.stat()
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077 == 0:
            return
        if status.st_mode & stat.S_IWOTH:
            raise Unusable(f"{folder} is in the shared folder {place}")
        if status.st_uid not in (0, os.geteuid()):
            raise Unusable(f"{folder} is in a folder of another user, {place}")


_temporary: dict[int, Path] = {}
_warned = False


def temporary_folder(reason: str) -> Path:
    """The private folder of this process that stands in for an unusable cache; warns once."""
    global _warned
    folder = _temporary.get(os.getpid())
    if folder is None or not os.access(folder, os.W_OK | os.X_OK):
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="autodiff_compiler-"))
        _temporary[os.getpid()] = folder
        atexit.register(_remove_own, folder, os.getpid())
    if not _warned:
        _warned = True
        warnings.warn(
            f"the cache of compiled kernels cannot be used ({reason}); "
            "kernels are kept in a temporary folder until this process ends",
            RuntimeWarning,
            stacklevel=2,
        )
    return folder


def _remove_own(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child runs its parent's exit functions too
        remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Removes a folder, also while a dying compiler may still be writing into it."""
    import shutil
    import time

    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(0.01)
