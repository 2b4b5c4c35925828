"""`doctor`: what there is to compile with, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .._version import __version__
from ..errors import CompileError
from ..runtime import folders
from ..runtime.blas import LAPACK, find_blas
from ..runtime.build import load_kernel
from ..runtime.cache import Cache
from ..runtime.compiler import VECTOR_FUNCTIONS, Compiler, find_compiler
from ..runtime.threads import number_of_threads, openmp_flags
from .cache import size_text
from .faults import exit_codes

__all__ = ["add_parser"]

GET_COMPILER = "install gcc or clang, or `pip install ziglang`"
_PROBE = "int adc_doctor(void) { return 42; }\n"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `missing`: how to get what is not there."""

    subject: str
    found: str
    missing: str = ""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="what there is to compile with, what is missing, and how to get it",
        description="Looks at the compiler, by compiling, and at all else that C kernels use.\n"
        "Exits with 0 if kernels run as C; else with 1 and the reason.",
        epilog=exit_codes("kernels cannot run as C"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    compiler = find_compiler()
    trouble = _trouble(compiler)
    findings = [_versions(), *_compiler(compiler, trouble), *_libraries(compiler), _cache()]
    width = max(len(f.subject) for f in findings)
    for f in findings:
        print(f"{f.subject:<{width}}  {f.found}")
        if f.missing:
            print(f"{'':<{width}}  -> {f.missing}")
    if trouble:
        print(f"\nKernels run as Python: {trouble}")
        return 1
    print("\nKernels run as C.")
    return 0


def _versions() -> Finding:
    python = f"Python {platform.python_version()} on {sys.platform} {platform.machine()}"
    return Finding("versions", f"autodiff_compiler {__version__}, {python}, NumPy {np.__version__}")


# --- the compiler -----------------------------------------------------------------------------


def _trouble(compiler: Compiler | None) -> str:
    """Why no kernel can run as C; empty if one did."""
    if compiler is None:
        switched_off = os.environ.get("AUTODIFF_COMPILER_CC")
        if switched_off is not None and switched_off.strip().lower() in ("", "none"):
            return "AUTODIFF_COMPILER_CC says that no compiler is to be used"
        return "no C compiler was found"
    import ctypes

    try:
        kernel = load_kernel(_PROBE, "adc_doctor")
        answer = ctypes.CFUNCTYPE(ctypes.c_int)(kernel.address)()
    except CompileError as cause:
        return str(cause)
    return "" if answer == 42 else "a compiled function gave a wrong number"


def _compiler(compiler: Compiler | None, trouble: str) -> Iterator[Finding]:
    if compiler is None:
        get = "" if "AUTODIFF_COMPILER_CC" in trouble else GET_COMPILER
        yield Finding("C compiler", f"none: {trouble}", get)
        return
    yield Finding("C compiler", f"{compiler.version}  ({' '.join(compiler.argv)})")
    yield Finding("flags", " ".join(compiler.flags))
    yield Finding("C kernels", f"do not work: {trouble}" if trouble else "compiled, loaded and ran")
    yield _vector_math(compiler)
    yield _openmp(compiler)


def _vector_math(compiler: Compiler) -> Finding:
    """What the probe found in the assembly of loops."""
    plain = [name for name in compiler.vector_math if name in VECTOR_FUNCTIONS]
    if not plain:
        return Finding(
            "vector math", "none: loops call exp, log, ... for one number at a time",
            "needs glibc 2.22 or later (2.35 for all functions) on x86-64, and gcc or clang",
        )  # fmt: skip
    lacking = [name for name in VECTOR_FUNCTIONS if name not in plain]
    rest = f"; not {' '.join(lacking)}" if lacking else ""
    return Finding("vector math", f"{len(plain)} functions: {' '.join(plain)}{rest}")


def _openmp(compiler: Compiler) -> Finding:
    """Kernels use OpenMP's `simd`, which needs no library, and threads for those who ask for them."""
    simd = "-fopenmp-simd" in compiler.flags
    count = number_of_threads("auto")
    ways = f"for threads=2 and more (auto: {count})"
    return Finding(
        "OpenMP",
        f"`simd` {'is used' if simd else 'is not known to the compiler'}; "
        + (f"threads work, {ways}" if openmp_flags() else "there are no threads"),
    )


# --- what else is used ------------------------------------------------------------------------


def _libraries(compiler: Compiler | None) -> Iterator[Finding]:
    if compiler is not None:
        yield _headers()
    yield _blas()
    yield _formatter()


def _headers() -> Finding:
    lacking = [
        f"{name} in {folder or 'no folder'}"
        for folder, name in (
            (sysconfig.get_path("include") or "", "Python.h"),
            (np.get_include(), "numpy/arrayobject.h"),
        )
        if not os.path.isfile(os.path.join(folder, name))
    ]
    if not lacking:
        return Finding("headers", "of Python and NumPy are there: calls go through C")
    return Finding(
        "headers", f"missing: {', '.join(lacking)}; calls go through ctypes, which is slower",
        "install your Python's development package (python3-dev, python3-devel)",
    )  # fmt: skip


def _blas() -> Finding:
    """What big products go to."""
    if os.environ.get("AUTODIFF_COMPILER_BLAS", "auto").strip().lower() in ("", "none"):
        return Finding("BLAS", "none is used: AUTODIFF_COMPILER_BLAS says so")
    found = find_blas()
    if found is None:
        return Finding("BLAS", "none that is known to be loaded: products run as plain C")
    words = found.config.split()
    name = " ".join(words[:2]) if words else "BLAS"
    threads = f", {found.threads} thread{'s' * (found.threads != 1)}" if found.threads else ""
    lapack = "" if found.pointers.keys() >= set(LAPACK) else "; LAPACK is not known"
    return Finding("BLAS", f"{found.owner}'s {name}, {found.width}-bit integers{threads}{lapack}")


def _formatter() -> Finding:
    try:
        import black
    except ImportError:
        missing = "`pip install black`"
        return Finding("black", "missing: emitted Python is shown as it runs", missing)
    return Finding("black", f"{black.__version__}, sets the lines of emitted Python")


def _cache() -> Finding:
    try:
        wanted = folders.wanted_folder()
        if not os.path.lexists(wanted):
            return Finding("cache", f"{wanted}, which is not there yet")
        cache = Cache(folders.prepare(wanted))
        entries = cache.entries()
    except (folders.Unusable, OSError) as reason:
        return Finding(
            "cache", f"cannot be used: {reason}",
            "name a folder of your own in AUTODIFF_COMPILER_CACHE_DIR",
        )  # fmt: skip
    used = size_text(sum(size for _, size, _ in entries))
    return Finding("cache", f"{cache.folder}: {len(entries)} entries, {used}")
