"""What is measured once per process: the first call, and peak memory.

    python -m benchmarks.once launcher
    python -m benchmarks.once first PROGRAM SIZE
    python -m benchmarks.once phases PROGRAM SIZE
    python -m benchmarks.once memory PROGRAM SIZE TOOL

The first builds what is built once per machine (the launcher). Each prints one line of JSON.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
import time
from pathlib import Path

import numpy as np

from . import tools
from .registry import load


def _square(x):
    return x * x


def launcher() -> dict:
    from autodiff_compiler import grad

    grad(_square, backend="c")(2.0)
    return {}


def first(name: str, size: list[int]) -> dict:
    """The first call and the next; what the first takes longer is what compiling or loading costs."""
    program = load(name)
    args = program.data(*size)
    function = tools.gradient_function(program)
    start = time.perf_counter()
    function(*args)
    between = time.perf_counter()
    function(*args)
    return {"first": between - start, "next": time.perf_counter() - between}


def phases(name: str, size: list[int]) -> dict:
    """Milliseconds of the first call, part by part (see `first_call`)."""
    from . import parts

    program = load(name)
    args = program.data(*size)
    start = parts.cpu()
    function = tools.gradient_function(program)
    decorate = parts.cpu() - start
    with parts.watched() as spent:
        wall, start = time.perf_counter(), parts.cpu()
        function(*args)
        total, wall = parts.cpu() - start, time.perf_counter() - wall
    start = parts.cpu()
    function(*args)
    total -= parts.cpu() - start
    spent["rest"] = total - sum(spent.values())
    return {
        "wall": 1e3 * wall, "cpu": 1e3 * total, "decorate": 1e3 * decorate,
        "parts": {part: 1e3 * seconds for part, seconds in spent.items()},
    }  # fmt: skip


def memory(name: str, size: list[int], tool: str) -> dict:
    """Bytes at the peak of one call beyond what was there before it, the results included."""
    program = load(name)
    args = program.data(*size)
    made = tools.make(tool, program, args)
    if tool == "gradient":  # one kernel serves all sizes: it is there before the call that counts
        small = program.data(*program.tiny)
        made.run(*small)
        function = made.run
    else:
        function = made.compile() if made.compile else made.run
    before = _reset_peak()
    result = function(*made.args)
    after = _status("VmHWM")
    del result
    return {"peak": max(after - before, 0), "inputs": sum(np.asarray(a).nbytes for a in args)}


def _reset_peak() -> int:
    """Makes the peak what is resident now, and returns that. Without the right: the peak so far.

    What was freed goes back to the system before, or a call could live in it unseen.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):  # not glibc
        pass
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _status("VmHWM")
    return _status("VmRSS")


def _status(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    assert found is not None
    return 1024 * int(found[1])


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "launcher":
        answer = launcher()
    elif what == "first":
        answer = first(rest[0], json.loads(rest[1]))
    elif what == "phases":
        answer = phases(rest[0], json.loads(rest[1]))
    else:
        answer = memory(rest[0], json.loads(rest[1]), rest[2])
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
