"""The BLAS and LAPACK that NumPy has loaded, as a table of pointers for kernels: `adc_call.table`.

Nothing is loaded for the sake of it. The extension modules of NumPy (and SciPy's, if the user has
imported them) are linked with some library, and a look-up in such a module finds what the library
has. Names that end in 64 take 64-bit integers; a bare name is used only if an OpenBLAS behind it
says how wide its integers are.

AUTODIFF_COMPILER_BLAS=none: kernels use their own code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Blas", "find_blas", "mark_forked", "table_address", "CBLAS", "LAPACK"]

#: Entries of the table behind the first, which is the width of integers in bits, and before the last,
#: which is set in a forked process. The C text has the same order (`backends/c/blas_text.py`; a test
#: compares them).
CBLAS = ("dgemm", "sgemm", "dtrsm")
LAPACK = ("dgetrf", "dgetrs", "dpotrf")

#: How names are spelled: of CBLAS, of LAPACK, the width of integers (0: to be asked).
_SPELLINGS = (
    ("scipy_cblas_{}64_", "scipy_{}_64_", 64),
    ("cblas_{}64_", "{}_64_", 64),
    ("cblas_{}_64", "{}_64_", 64),
    ("cblas_{}$NEWLAPACK$ILP64", "{}$NEWLAPACK$ILP64", 64),
    ("scipy_cblas_{}", "scipy_{}_", 0),
    ("cblas_{}", "{}_", 0),
)
_CONFIGS = (
    "scipy_openblas_get_config64_", "openblas_get_config64_", "scipy_openblas_get_config",
    "openblas_get_config",
)  # fmt: skip
_THREADS = tuple(name.replace("config", "num_threads") for name in _CONFIGS)


@dataclass(frozen=True)
class Blas:
    """`pointers` by name, null ones left out; `address`: that of the table."""

    pointers: dict[str, int]
    width: int
    owner: str
    config: str
    threads: int
    table: Any

    @property
    def address(self) -> int:
        import ctypes

        return ctypes.addressof(self.table)


_found: dict[str, Blas | None] = {}


#: Tables that kernels have, and whether this process was forked off one with threads.
_tables: list[Any] = []
_forked = False


def table_address() -> int:
    """The address of the table for kernels: without a library, one of nulls."""
    import ctypes

    found = find_blas()
    if found is not None:
        return found.address
    if "none" not in _bare:
        _bare["none"] = _table(0, [0] * (len(CBLAS) + len(LAPACK)))
    return ctypes.addressof(_bare["none"])


_bare: dict[str, Any] = {}


def _table(width: int, pointers: list[int]) -> Any:
    import ctypes

    table = (ctypes.c_void_p * (2 + len(pointers)))(width, *pointers, int(_forked))
    _tables.append(table)
    return table


def mark_forked() -> None:
    """From now on kernels start no threads (see `threads.py`)."""
    global _forked
    _forked = True
    for table in _tables:
        table[len(table) - 1] = 1


def find_blas() -> Blas | None:
    """The library that kernels use from now on. Tables stay as long as the process."""
    wanted = os.environ.get("AUTODIFF_COMPILER_BLAS", "auto").strip().lower()
    if wanted in ("", "none"):
        return None
    found = _found.get(wanted)
    if found is None:  # SciPy may have been imported since
        found = _found[wanted] = _search()
    return found


def _search() -> Blas | None:
    for owner, modules in _modules():
        libraries = [library for path in modules if (library := _loaded(path)) is not None]
        for spelling in _SPELLINGS if libraries else ():
            found = _spelled(owner, libraries, *spelling)
            if found is not None:
                return found
    return None


def _modules() -> Iterator[tuple[str, list[str]]]:
    """Files of extension modules that are linked with a BLAS, and with a LAPACK."""
    for owner, names in (
        ("NumPy", ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath",
                   "numpy.linalg._umath_linalg")),
        ("SciPy", ("scipy.linalg._fblas", "scipy.linalg._flapack")),
    ):  # fmt: skip
        paths = [getattr(sys.modules.get(name), "__file__", None) for name in names]
        yield owner, [path for path in dict.fromkeys(paths) if path]


def _loaded(path: str) -> Any:
    """A handle for look-ups in a module and all that it is linked with."""
    import ctypes

    mode = getattr(os, "RTLD_NOLOAD", None)
    if mode is None:
        return None
    try:
        return ctypes.CDLL(path, mode=mode)
    except OSError:
        return None


def _spelled(
    owner: str, libraries: list[Any], cblas: str, lapack: str, width: int
) -> Blas | None:  # fmt: skip
    if not _look_up(libraries, cblas.format("dgemm")):
        return None
    config = _config(libraries)
    if not width:
        if "OpenBLAS" not in config or sys.byteorder != "little":
            return None
        width = 64 if "USE64BITINT" in config else 32
    names = [(n, cblas.format(n)) for n in CBLAS] + [(n, lapack.format(n)) for n in LAPACK]
    pointers = {n: _look_up(libraries, symbol) for n, symbol in names}
    table = _table(width, list(pointers.values()))
    known = {n: p for n, p in pointers.items() if p}
    return Blas(known, width, owner, config, _threads(libraries), table)


def _look_up(libraries: list[Any], symbol: str) -> int:
    import ctypes

    for library in libraries:
        try:
            return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value or 0
        except AttributeError:
            continue
    return 0


def _config(libraries: list[Any]) -> str:
    """What an OpenBLAS says of itself."""
    import ctypes

    for name in _CONFIGS:
        address = _look_up(libraries, name)
        if address:
            said = ctypes.CFUNCTYPE(ctypes.c_char_p)(address)()
            return said.decode("ascii", "replace").strip() if said else ""
    return ""


def _threads(libraries: list[Any]) -> int:
    """How many threads an OpenBLAS takes; 0: not known."""
    import ctypes

    for name in _THREADS:
        address = _look_up(libraries, name)
        if address:
            return int(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
    return 0
