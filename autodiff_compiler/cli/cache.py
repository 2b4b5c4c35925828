"""`cache`: where compiled kernels are kept, how much there is, and an end to it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..runtime import folders
from ..runtime.cache import Cache
from .faults import error, exit_codes

__all__ = ["add_parser", "usable_folder", "size_text"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "cache",
        help="where compiled kernels are kept; removes them",
        description="Compiled kernels are kept on disk, so that they are compiled once.",
        epilog=exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", choices=("info", "clear"), help="info: what there is; clear: removes it"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    folder = usable_folder()
    if folder is None:
        print(f"{folders.wanted_folder()}: is not there yet; nothing is kept")
        return 0
    cache = Cache(folder)
    print("\n".join(_info(cache) if options.action == "info" else _clear(cache)))
    return 0


def usable_folder() -> Path | None:
    """The cache's folder, or None if there is none yet. Raises Fault where it may not be used."""
    try:
        wanted = folders.wanted_folder()
        return folders.prepare(wanted) if os.path.lexists(wanted) else None
    except folders.Unusable as reason:
        raise error(f"the cache cannot be used: {reason}") from None


def _info(cache: Cache) -> list[str]:
    entries = cache.entries()
    used = sum(size for _, size, _ in entries)
    return [
        f"folder   {cache.folder}",
        f"entries  {len(entries)}",
        f"size     {size_text(used)}",
        f"limit    {size_text(cache.limit)}  (AUTODIFF_COMPILER_CACHE_SIZE)",
    ]


def _clear(cache: Cache) -> list[str]:
    removed, freed = cache.clear()
    noun = "entry" if removed == 1 else "entries"
    lines = [f"removed {removed} {noun}, {size_text(freed)}, from {cache.folder}"]
    left = sorted(path.name for path in cache.folder.iterdir())
    if left:
        lines.append(f"left alone: {', '.join(left)}")
    return lines


def size_text(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
