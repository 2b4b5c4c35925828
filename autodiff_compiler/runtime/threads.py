"""Threads of kernels: how many, whether the compiler has OpenMP, and what a fork does to them.

Threads that wait soon sleep: by default they spin for milliseconds, and on a busy machine, or next to
the threads of a BLAS, take the processor from those that they wait for.

A library of OpenMP that has started threads hangs in a process forked off from then on. So in a
forked process kernels do all parts themselves: the hook sets a mark in the tables that they get.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import CompileError
from .blas import mark_forked
from .build import load_kernel

__all__ = ["number_of_threads", "openmp_flags", "with_threads"]

#: More parts than this are more trouble than use.
_MOST = 256
_PROBE = """\
int adc_threads(void) {
  int found = 0;
  #pragma omp parallel for num_threads(1) reduction(+:found)
  for (int k = 0; k < 2; k++) found += 21;
  return found;
}
"""
#: What says how libraries of OpenMP wait, gcc's and clang's. So many turns are some ten microseconds:
#: enough from one loop to the next, for which waking up would cost more than many a loop.
_WAITING = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
_known: dict[Any, tuple[str, ...]] = {}
_hooked = False


def number_of_threads(threads: Any) -> int:
    """The option as a number: "auto" is one thread for each processor that this process may use.

    Raises ValueError.
    """
    if threads == "auto" and isinstance(threads, str):
        try:
            return min(len(os.sched_getaffinity(0)), _MOST)
        except AttributeError:  # not Linux
            return min(os.cpu_count() or 1, _MOST)
    if isinstance(threads, int) and not isinstance(threads, bool) and 1 <= threads <= _MOST:
        return threads
    raise ValueError(f'threads is "auto" or a number from 1 to {_MOST}, not {threads!r}')


def openmp_flags() -> tuple[str, ...]:
    """What the compiler is told for kernels with threads; nothing where it has no OpenMP."""
    from .compiler import find_compiler

    compiler = find_compiler()
    if compiler not in _known:
        _known[compiler] = ("-fopenmp",)
        try:
            with with_threads():
                load_kernel(_PROBE, "adc_threads", extra_flags=("-fopenmp",))
        except CompileError:
            _known[compiler] = ()
    return _known[compiler]


@contextmanager
def with_threads() -> Iterator[None]:
    """Around the loading of what may be the first library with threads, built now or found on disk.

    The library of OpenMP reads its settings when it is loaded. The user's own count.
    """
    _hook()
    ours = {} if "OMP_WAIT_POLICY" in os.environ else _WAITING
    ours = {name: value for name, value in ours.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _hook() -> None:
    global _hooked
    if not _hooked and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=mark_forked)
    _hooked = True
