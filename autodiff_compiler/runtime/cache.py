"""The on-disk cache: folders named by a SHA-256 key, published whole and verified before use.

    <cache folder>/<key>/manifest.json     sizes and SHA-256 of the files beside it, and its own
    <cache folder>/<key>/kernel.so         (or whatever else the entry consists of)
    <cache folder>/tmp-<host>-<pid>-*      work in progress; swept when its process is gone

Nothing that is found here is trusted: an entry that is wrong in any way counts as absent, and is
replaced by the next publication. The manifest is JSON and is only ever compared with.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import folders

__all__ = ["Cache", "default_cache", "private_cache", "digest"]

_MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 1 << 16
_KEY = re.compile(r"[0-9a-f]{64}")
_WORK = re.compile(r"tmp-([0-9a-f]{8})-([0-9]+)-")
_DEFAULT_LIMIT = 512 << 20
#: Seconds after which a hit marks its entry as used again.
_TOUCH_AFTER = 3600
#: Seconds after which the work of a process on another machine is taken for abandoned.
_ABANDONED_AFTER = 86400


def digest(*parts: str) -> str:
    """A key from texts: no two different sequences of texts run together into the same one."""
    import hashlib

    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        total.update(b"%d:" % len(data))
        total.update(data)
    return total.hexdigest()


class Cache:
    """A cache in a folder that has been checked (`folders.prepare`)."""

    def __init__(self, folder: Path, limit: int | None = None):
        self.folder = folder
        self.limit = _limit() if limit is None else limit
        self._swept = False
        #: the size of all entries, as far as this process knows
        self._total: int | None = None

    def find(self, key: str) -> Path | None:
        """The folder of a verified entry, or None. Never raises for what it finds."""
        return None if self._contents(key) is None else self.folder / key

    def read(self, key: str, name: str) -> bytes | None:
        """A file of a verified entry: the very bytes that were verified."""
        contents = self._contents(key)
        return None if contents is None else contents.get(name)

    def _contents(self, key: str) -> dict[str, bytes] | None:
        entry = self.folder / key
        try:
            contents = _verified(entry, key)
            if contents is not None and time.time() - entry.stat().st_mtime > _TOUCH_AFTER:
                os.utime(entry)
        except OSError:
            return None
        return contents

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A private folder to build in; removed at the end unless it has been published."""
        import tempfile

        self._sweep()
        prefix = f"tmp-{_machine()}-{os.getpid()}-"
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self.folder))
        try:
            yield folder
        finally:
            if os.path.lexists(folder):
                folders.remove_tree(folder)

    def publish(self, key: str, work: Path, names: list[str]) -> Path:
        """Makes an entry of the named files of a workspace, by one rename. Raises OSError."""
        if not _KEY.fullmatch(key):
            raise ValueError("a key is a SHA-256 in hexadecimal")
        import json

        entry = self.folder / key
        with self.workspace() as ready:
            files = {}
            for name in names:
                target = ready / name
                os.rename(work / name, target)
                target.chmod(0o600)
                files[name] = {
                    "size": target.stat().st_size,
                    "sha256": _sha256(target.read_bytes()),
                }
            manifest = {"format": 1, "key": key, "files": files}
            manifest["seal"] = _seal(manifest)
            written = ready / _MANIFEST
            written.write_text(json.dumps(manifest, sort_keys=True), "ascii")
            written.chmod(0o600)  # a lax umask would make it look foreign
            size = sum(f.stat().st_size for f in os.scandir(ready))
            while not self._move_in(ready, entry):
                # Taken: by another process that was quicker, or by something broken.
                if self.find(key) is not None:
                    return entry
                self._discard(entry)
        self._trim(entry, size)
        return entry

    def _move_in(self, ready: Path, entry: Path) -> bool:
        try:
            os.rename(ready, entry)
        except OSError:
            if os.path.lexists(entry):
                return False
            if not ready.is_dir() or not os.access(self.folder, os.W_OK):
                raise
            return False
        return True

    def _discard(self, entry: Path) -> None:
        """Takes an entry away whole: a reader finds all of it or nothing."""
        import tempfile

        try:
            if entry.is_symlink() or not entry.is_dir():
                entry.unlink()
                return
            grave = tempfile.mkdtemp(prefix=f"tmp-{_machine()}-{os.getpid()}-", dir=self.folder)
        except FileNotFoundError:
            return
        try:
            os.rename(entry, os.path.join(grave, "entry"))
        except FileNotFoundError:
            pass
        finally:
            folders.remove_tree(Path(grave))

    def _sweep(self) -> None:
        """Removes the work of processes that are gone, once per cache object."""
        if self._swept:
            return
        self._swept = True
        for path in self.folder.iterdir():
            found = _WORK.match(path.name)
            if found and _abandoned(path, found[1], int(found[2])):
                folders.remove_tree(path)

    def entries(self) -> list[tuple[float, int, Path]]:
        """Every entry, whole or not: when it was last used, its size, its folder."""
        found = []
        for path in self.folder.iterdir():
            if _KEY.fullmatch(path.name):
                try:
                    size = sum(f.stat().st_size for f in os.scandir(path))
                    found.append((path.stat().st_mtime, size, path))
                except OSError:
                    continue
        return found

    def clear(self) -> tuple[int, int]:
        """Removes the entries, and the work of processes that are gone: how many, and their size.

        What has no name of ours stays, and so does what a process is building just now.
        """
        entries = self.entries()
        for _, _, path in entries:
            self._discard(path)
        self._swept = False
        self._sweep()
        return len(entries), sum(size for _, size, _ in entries)

    def _trim(self, keep: Path, added: int) -> None:
        """Drops the entries that were not used for longest until the rest fits the limit.

        Looking at all of them takes long where there are many: after the first time only when what
        this process added may have gone over the limit.
        """
        if self._total is not None:
            self._total += added
            if self._total <= self.limit:
                return
        entries = self.entries()
        self._total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if self._total <= self.limit:
                return
            if path != keep:
                self._discard(path)
                self._total -= size


def _limit() -> int:
    text = os.environ.get("AUTODIFF_COMPILER_CACHE_SIZE", "")
    return int(text) if text.isascii() and text.isdigit() else _DEFAULT_LIMIT


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _seal(manifest: dict) -> str:
    import json

    body = {k: v for k, v in manifest.items() if k != "seal"}
    return _sha256(json.dumps(body, sort_keys=True).encode())


def _verified(entry: Path, key: str) -> dict[str, bytes] | None:
    """The files of an entry, if all is as its manifest says."""
    if not hasattr(os, "O_NOFOLLOW"):
        return None
    import json

    folder = os.open(entry, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if not _own(os.fstat(folder)):
            return None
        text = _read(folder, _MANIFEST, _MANIFEST_LIMIT)
        try:
            manifest = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(manifest, dict) or manifest.get("seal") != _seal(manifest):
            return None
        files = manifest.get("files")
        if manifest.get("format") != 1 or manifest.get("key") != key or not isinstance(files, dict):
            return None
        if set(os.listdir(folder)) != {_MANIFEST, *files}:
            return None
        contents = {name: _matching(folder, name, said) for name, said in files.items()}
        return None if None in contents.values() else contents  # type: ignore[return-value]
    finally:
        os.close(folder)


def _matching(folder: int, name: str, said: object) -> bytes | None:
    if not isinstance(said, dict) or not isinstance(said.get("size"), int):
        return None
    data = _read(folder, name, said["size"])
    return data if len(data) == said["size"] and _sha256(data) == said.get("sha256") else None


def _own(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(folder: int, name: str, limit: int) -> bytes:
    """The bytes of a regular file of ours, or nothing for any other or for a longer one."""
    # Non-blocking, so that a pipe of that name cannot hold us up.
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with open(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or not _own(status) or status.st_size > limit:
            return b""
        return stream.read(limit + 1)


def _machine() -> str:
    """Tells process numbers of one machine (and container) from those of another."""
    import platform

    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return _sha256(f"{platform.node()} {space}".encode())[:8]


def _abandoned(path: Path, machine: str, pid: int) -> bool:
    if machine == _machine():
        if pid == os.getpid():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
    try:
        return time.time() - path.lstat().st_mtime > _ABANDONED_AFTER
    except OSError:
        return False


_open: dict[tuple, Cache] = {}


def default_cache() -> Cache:
    """The cache of this user, or a private temporary one if that cannot be used."""
    names = (
        "AUTODIFF_COMPILER_CACHE_DIR",
        "AUTODIFF_COMPILER_CACHE_SIZE",
        "XDG_CACHE_HOME",
        "HOME",
    )
    place = (os.getpid(), *map(os.environ.get, names))
    cache = _open.get(place)
    if cache is None or not cache.folder.is_dir():
        try:
            cache = Cache(folders.prepare(folders.wanted_folder()))
        except folders.Unusable as reason:
            cache = private_cache(str(reason))
        _open[place] = cache
    return cache


def private_cache(reason: str) -> Cache:
    """A cache that ends with this process."""
    return Cache(folders.temporary_folder(reason))
