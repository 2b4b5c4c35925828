"""The parts of a first call, by a stop watch around the functions that do them."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

#: What to watch: where the function is looked up, its name, and the part that it counts for.
_WATCHED = (
    ("autodiff_compiler.specialize", "_compiler", "import"),
    ("autodiff_compiler.kernel", "trace", "trace"),
    ("autodiff_compiler.pipeline", "run", "passes"),
    ("autodiff_compiler.kernel", "emit_c", "emit"),
    ("autodiff_compiler.runtime.build", "_compile", "compiler"),
)
_WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def cpu() -> float:
    """Seconds of processor time of this process and of those that it has waited for."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, _WHOSE))


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Processor time by part; what runs inside another part counts for the inner one."""
    spent = dict.fromkeys([part for _, _, part in _WATCHED], 0.0)
    inner = [0.0]

    def timed(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            start = cpu()
            try:
                return function(*args, **kwargs)
            finally:
                took = cpu() - start
                spent[part] += took - inner.pop()
                inner[-1] += took
                _wrap(timed)

        run.__watched__ = True  # type: ignore[attr-defined]
        return run

    _wrap(timed)
    yield spent


def _wrap(timed: Callable[..., Any]) -> None:
    """Watches what has been imported by now and is not watched yet."""
    for home, name, part in _WATCHED:
        module = sys.modules.get(home)
        function = getattr(module, name, None)
        if function is not None and not hasattr(function, "__watched__"):
            setattr(module, name, timed(function, part))
