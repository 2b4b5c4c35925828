"""Runs emitted PyTorch source. This module alone needs PyTorch, and imports it when used."""

from __future__ import annotations

import hashlib
import linecache
import re
from collections.abc import Callable
from typing import Any

from ...errors import CheckFailed
from ..python.emit import PythonSource

_CHECK = re.compile(r"check (\d+): ")


def load_torch(source: PythonSource, filename_hint: str = "twin") -> Callable[..., tuple]:
    """The function that the source defines, taking tensors (and Python's integers) for its leaves and
    giving a flat tuple. A check that does not hold raises `CheckFailed` with its number."""
    text = source.text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    filename = f"<autodiff_compiler {filename_hint} {digest}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": "autodiff_compiler.generated"}
    exec(compile(text, filename, "exec", dont_inherit=True), namespace)
    function = namespace[source.name]
    single = source.single

    def run(*leaves: Any) -> tuple:
        try:
            results = function(*leaves)
        except (ArithmeticError, IndexError) as error:
            found = _CHECK.match(str(error))
            if found is None:
                raise
            number = int(found[1])
        else:
            return (results,) if single else results
        raise CheckFailed(number)

    run.__wrapped__ = function  # type: ignore[attr-defined]
    return run
