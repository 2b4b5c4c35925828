"""Runs emitted source: executes it, and gives tracebacks its lines."""

from __future__ import annotations

import hashlib
import linecache
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import CheckFailed
from .emit import PythonSource

_CHECK = re.compile(r"check (\d+): ")
_FLOATS = {"f64": np.float64, "f32": np.float32}


def load_python(source: PythonSource, filename_hint: str = "kernel") -> Callable[..., tuple]:
    """The function that the source defines, taking the leaves and giving a flat tuple.

    Floats are handed in as NumPy's, so that a division by zero gives inf or nan. A check that does
    not hold raises `CheckFailed` with its number.
    """
    digest = hashlib.sha256(source.raw.encode()).hexdigest()[:12]
    filename = f"<autodiff_compiler {filename_hint} {digest}>"
    lines = source.raw.splitlines(keepends=True)
    linecache.cache[filename] = (len(source.raw), None, lines, filename)
    namespace: dict[str, Any] = {"__name__": "autodiff_compiler.generated"}
    exec(compile(source.raw, filename, "exec", dont_inherit=True), namespace)
    function = namespace[source.name]
    convert = [(k, _FLOATS[s]) for k, s in enumerate(source.scalars) if s is not None]
    single = source.single

    def run(*leaves: Any) -> tuple:
        given = list(leaves)
        for k, kind in convert:
            given[k] = kind(given[k])
        try:
            results = function(*given)
        except (ArithmeticError, IndexError) as error:
            found = _CHECK.match(str(error))
            if found is None:
                raise
            number = int(found[1])
        else:
            if single:
                return (results,)
            return () if results is None else results
        # Outside the handler, so that it is nobody's context.
        raise CheckFailed(number)

    run.__name__ = source.name
    run.__wrapped__ = function  # type: ignore[attr-defined]
    return run
