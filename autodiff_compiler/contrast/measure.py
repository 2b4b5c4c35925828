"""Time and memory of a call, of the compiled gradient and of PyTorch's, in one run."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .twin import Twin

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["Times", "time_calls", "torch_memory", "kernel_memory"]

#: One sample lasts about this long, so that the clock's own grain does not show.
_SAMPLE = 2e-3


@dataclass(frozen=True)
class Times:
    """Seconds a call."""

    median: float
    least: float


def time_calls(functions: Sequence[Callable[[], Any]], seconds: float = 0.4) -> list[Times]:
    """Each for about `seconds`, in turns, so that what disturbs one disturbs all. Warm: each has run."""
    numbers = [_calls_per_sample(f) for f in functions]
    samples: list[list[float]] = [[] for _ in functions]
    end = time.perf_counter() + seconds * len(functions)
    while time.perf_counter() < end or len(samples[0]) < 5:
        for f, number, mine in zip(functions, numbers, samples):
            mine.append(_sample(f, number))
    return [Times(statistics.median(mine), min(mine)) for mine in samples]


def _sample(f: Callable[[], Any], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        f()
    return (time.perf_counter() - start) / number


def _calls_per_sample(f: Callable[[], Any]) -> int:
    f()
    number = 1
    while (taken := _sample(f, number) * number) < _SAMPLE:
        number = max(2 * number, int(number * _SAMPLE / max(taken, 1e-7)))
    return number


# --- memory -------------------------------------------------------------------------------------


def torch_memory(twin: Twin, args: Sequence[Any]) -> int:
    """The most bytes of tensors that one call holds at once, beyond its arguments, as PyTorch's own
    profiler counts them. The graph's nodes are not among them."""
    from torch.profiler import ProfilerActivity, profile

    inputs = twin.inputs(args)
    twin.gradients(inputs)
    with _quiet(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        kept = twin.gradients(inputs)
    del kept
    events = profiled.profiler.kineto_results.events()
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    held = most = 0
    for _, change in sorted(changes, key=lambda event: event[0]):
        held += change
        most = max(most, held)
    return most


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The profiler writes notes of its own to the standard error of the process."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


_COUNTED = """\
extern void *malloc(__SIZE_TYPE__);
extern void *realloc(void *, __SIZE_TYPE__);
extern void free(void *);
static long long adc_held;
long long adc_most;
static void adc_count(long long change) {
  adc_held += change;
  if (adc_held > adc_most) adc_most = adc_held;
}
static void *adc_counted_malloc(__SIZE_TYPE__ n) {
  long long *p = malloc(n + 64);
  if (!p) return 0;
  *p = (long long)n;
  adc_count((long long)n);
  return (char *)p + 64;
}
static void adc_counted_free(void *p) {
  if (!p) return;
  long long *start = (long long *)((char *)p - 64);
  adc_count(-*start);
  free(start);
}
static void *adc_counted_realloc(void *p, __SIZE_TYPE__ n) {
  if (!p) return adc_counted_malloc(n);
  long long *start = realloc((char *)p - 64, n + 64);
  if (!start) return 0;
  adc_count((long long)n - *start);
  *start = (long long)n;
  return (char *)start + 64;
}
"""
_RENAMED = {
    "void *malloc(__SIZE_TYPE__);": "#define malloc adc_counted_malloc",
    "void *realloc(void *, __SIZE_TYPE__);": "#define realloc adc_counted_realloc",
    "void free(void *);": "#define free adc_counted_free",
}


def kernel_memory(kernel: Kernel, call: Callable[[], Any], leaves: Sequence[Any]) -> int:
    """The most bytes that one call of the kernel holds at once, beyond its arguments: its work, its
    tapes and its results. In C, what a build that counts asks for; in Python, what NumPy takes."""
    return _c_memory(kernel, leaves) if kernel.backend == "c" else _python_memory(call)


def _python_memory(call: Callable[[], Any]) -> int:
    import tracemalloc

    call()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = call()
        most = tracemalloc.get_traced_memory()[1]
        del kept
    finally:
        tracemalloc.stop()
    return most - before


def _c_memory(kernel: Kernel, leaves: Sequence[Any]) -> int:
    import ctypes
    from dataclasses import replace

    import numpy as np

    from ..runtime import foreign
    from ..runtime.build import load_kernels
    from ..runtime.plan import input_specs

    text = kernel.c.text
    for declared, renamed in _RENAMED.items():
        text = text.replace(declared, renamed)
    symbols = (kernel.c.symbol, "adc_most")
    loaded = load_kernels(_COUNTED + text, symbols, extra_flags=tuple(kernel.c.flags))
    plan = replace(kernel.plan, entry=loaded[kernel.c.symbol].address)
    values = [np.ascontiguousarray(v) if isinstance(v, np.ndarray) else v for v in leaves]
    _, _, outputs = foreign.call(plan, input_specs(plan), values)
    results = sum(v.nbytes for v in outputs if isinstance(v, np.ndarray))
    return ctypes.c_longlong.from_address(loaded["adc_most"].address).value + results
