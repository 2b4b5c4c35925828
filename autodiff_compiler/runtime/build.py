"""C text in, a loaded kernel out: compiled once, then found in memory or on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import CompileError
from . import process
from .cache import Cache, default_cache, digest, private_cache
from .compiler import Compiler, find_compiler

__all__ = [
    "LoadedKernel",
    "load_kernel",
    "load_kernels",
    "find_kernel",
    "build_library",
    "compile_to_object",
]

_LINES_OF_STDERR = 20


@dataclass(frozen=True, slots=True)
class LoadedKernel:
    """A function in a loaded library. It stays loaded as long as the process runs."""

    address: int
    path: str
    from_cache: bool
    #: of the library in the cache
    key: str = ""
    symbol: str = ""


_loaded: dict[str, tuple[Any, str, bool]] = {}


def load_kernel(
    c_source: str,
    symbol: str,
    *,
    key_extra: tuple[str, ...] = (),
    extra_flags: tuple[str, ...] = (),
) -> LoadedKernel:
    """Compiles and loads `c_source`, or finds it. Raises CompileError."""
    return load_kernels(c_source, (symbol,), key_extra=key_extra, extra_flags=extra_flags)[symbol]


def load_kernels(
    c_source: str,
    symbols: tuple[str, ...],
    *,
    key_extra: tuple[str, ...] = (),
    extra_flags: tuple[str, ...] = (),
) -> dict[str, LoadedKernel]:
    """The same for several functions of one text."""
    import ctypes

    compiler = _needed_compiler()
    key = _key(compiler, c_source, (*key_extra, *extra_flags))
    if key not in _loaded:
        _loaded[key] = _load(compiler, c_source, key, extra_flags)
    library, path, from_cache = _loaded[key]
    kernels = {}
    for symbol in symbols:
        try:
            address = ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value or 0
        except AttributeError:
            raise CompileError(f"the compiled library has no function {symbol!r}") from None
        kernels[symbol] = LoadedKernel(address, path, from_cache, key, symbol)
    return kernels


def find_kernel(key: str, symbol: str) -> LoadedKernel | None:
    """A function of a library that was built before, by the key of the library, if it is there."""
    import ctypes

    if key not in _loaded:
        entry = default_cache().find(key)
        if entry is None:
            return None
        path = str(entry / "kernel.so")
        _loaded[key] = (ctypes.CDLL(path), path, True)
    library, path, from_cache = _loaded[key]
    address = ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value
    return LoadedKernel(address, path, from_cache, key, symbol) if address else None


def _load(
    compiler: Compiler, source: str, key: str, flags: tuple[str, ...]
) -> tuple[Any, str, bool]:
    import ctypes

    reason = ""
    for attempt in range(3):
        # The second: the file may have been evicted by another process since it was verified.
        # The third: the cache may lie where nothing may be executed.
        cache = private_cache(reason) if attempt == 2 else default_cache()
        path, from_cache = build_library(compiler, source, key, flags, cache)
        try:
            return ctypes.CDLL(str(path)), str(path), from_cache
        except OSError as error:
            reason = str(error)
            if "undefined symbol" in reason:
                break
    raise CompileError(f"the compiled kernel cannot be loaded: {reason}")


def build_library(
    compiler: Compiler,
    source: str,
    key: str,
    flags: tuple[str, ...] = (),
    cache: Cache | None = None,
) -> tuple[Path, bool]:
    """The path of the library for a key, and whether it was there already. Raises CompileError."""
    cache = cache or default_cache()
    entry = cache.find(key)
    if entry is not None:
        return entry / "kernel.so", True
    try:
        entry = _build_into(cache, compiler, source, key, flags)
    except OSError as error:  # a full disk, a folder taken away
        reason = str(error)
        try:
            entry = _build_into(private_cache(reason), compiler, source, key, flags)
        except OSError as worse:
            raise CompileError(f"there is no folder to build in: {reason}; {worse}") from None
    return entry / "kernel.so", False


def _build_into(
    cache: Cache, compiler: Compiler, source: str, key: str, flags: tuple[str, ...]
) -> Path:
    with cache.workspace() as folder:
        (folder / "kernel.c").write_text(source, "utf-8")
        _compile(compiler, [*compiler.flags, *flags], folder, "kernel.so")
        return cache.publish(key, folder, ["kernel.so"])


def compile_to_object(source: str, path: Path, extra_flags: tuple[str, ...] = ()) -> None:
    """Compiles to an object file at `path`, for linking elsewhere. Raises CompileError."""
    compiler = _needed_compiler()
    flags = [f for f in compiler.flags if f != "-shared"]
    with default_cache().workspace() as folder:
        (folder / "kernel.c").write_text(source, "utf-8")
        _compile(compiler, [*flags, *extra_flags, "-c"], folder, "kernel.o")
        Path(path).write_bytes((folder / "kernel.o").read_bytes())


def _compile(compiler: Compiler, flags: list[str], folder: Path, output: str) -> None:
    libs = compiler.libs if "-c" not in flags else ()
    command = [*compiler.argv, *flags, "-o", output, "kernel.c", *libs]
    try:
        code, _, errors = process.run(command, folder, process.TIME_LIMIT)
    except TimeoutError as error:
        raise CompileError(str(error)) from None
    except OSError as error:
        raise CompileError(f"the C compiler cannot be run: {error}") from None
    if code or not (folder / output).is_file():
        first = "\n".join(errors.splitlines()[:_LINES_OF_STDERR])
        raise CompileError(f"{compiler.argv[0]} failed with exit code {code}:\n{first}")


def _needed_compiler() -> Compiler:
    compiler = find_compiler()
    if compiler is None:
        raise CompileError(
            "no C compiler was found",
            hint='install gcc or clang (or the PyPI package ziglang), or use backend="python"',
        )
    return compiler


def _key(compiler: Compiler, source: str, extra: tuple[str, ...]) -> str:
    return digest("library", __version__, compiler.identity, source, *extra)


def forget_loaded() -> None:
    """Makes the next `load_kernel` look on disk again (for tests and measurements)."""
    _loaded.clear()


def cache_folder() -> Path:
    """The folder that kernels are kept in now."""
    return Path(os.fspath(default_cache().folder))
