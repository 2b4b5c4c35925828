"""What two threads gain over one, next to what they gain a plain copy loop of the same footprint.

python -m benchmarks --threads
python -m benchmarks.threads PROGRAM SIZE THREADS       one measurement, as JSON
python -m benchmarks.threads copy BYTES THREADS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import tools
from .hand import ARRAY, SIZE, Library, pointer
from .processes import run_json
from .registry import load

__all__ = ["rows", "section"]

#: Program, size, size of a quick run, and how many times faster two threads are to be.
CASES = (
    ("jacobi_2d", (20, 1000), (3, 400), 1.8),
    ("mlp_large", (256, 784, 512, 512, 10), (64, 100, 64, 64, 10), 1.7),
    ("black_scholes", (10000, 50), (1000, 50), 1.7),
)
#: Two threads that gain less than the target are fine with this part of what a copy loop gains.
OF_COPY = 0.85
_LIMIT = 600.0

_COPY = """
void copy(long n, const double *restrict x, double *restrict y) {
    #pragma omp parallel for simd
    for (long i = 0; i < n; i++) y[i] = x[i];
}
"""


def rows(quick: bool = False) -> list[dict[str, Any]]:
    """One row a case: least seconds by the number of threads, ours and the copy loop's."""
    out = []
    for name, size, small, target in CASES:
        size = small if quick else size
        row: dict[str, Any] = {"program": name, "size": list(size), "target": target}
        footprint = _footprint(name, size)
        for _ in range(1 if quick else 4):
            for what, given in ((name, json.dumps(list(size))), ("copy", str(footprint))):
                for threads in (1, 2):
                    _add(row, what, given, threads)
        out.append(row)
        print(_line(row), flush=True)
    return out


def _add(row: dict[str, Any], what: str, given: str, threads: int) -> None:
    answer = run_json(["benchmarks.threads", what, given, str(threads)], _LIMIT, threads=threads)
    key = f"{'copy' if what == 'copy' else 'ours'}_{threads}"
    if "error" in answer:
        row.setdefault("errors", {})[key] = answer["error"]
    else:
        row[key] = min(answer["min"], row.get(key, float("inf")))


def _footprint(name: str, size: tuple[int, ...]) -> int:
    """Bytes of the arguments, and once more of those that are differentiated."""
    program = load(name)
    args = program.data(*size)
    return sum(np.asarray(a).nbytes for a in args) + sum(
        np.asarray(args[k]).nbytes for k in program.argnums
    )


def _gain(row: dict[str, Any], what: str) -> float | None:
    one, two = row.get(f"{what}_1"), row.get(f"{what}_2")
    return one / two if one and two else None


def _line(row: dict[str, Any]) -> str:
    size = " x ".join(map(str, row["size"]))
    ours, copy = _gain(row, "ours"), _gain(row, "copy")
    if ours is None:
        why = row.get("errors", {}).get("ours_2") or row.get("errors", {}).get("ours_1", "")
        return f"- not measured: two threads on {row['program']} {size}: {why}"
    least = min(row["target"], OF_COPY * copy) if copy else row["target"]
    verdict = "met" if ours >= least else "MISSED"
    beside = f", a copy loop {copy:.2f}" if copy else ""
    return (
        f"- {verdict}: two threads over one, {row['program']} {size}: {ours:.2f}{beside} "
        f"(target: at least {row['target']:g}, or {OF_COPY:g} of the copy loop's)"
    )


def section(found: list[dict[str, Any]]) -> list[str]:
    """Lines for the report."""
    return ["### 8. Threads", "", *map(_line, found)]


def _least(function: Callable[..., Any], args: tuple, seconds: float = 2.0) -> float:
    function(*args)
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        function(*args)
        best = min(best, time.perf_counter() - start)
    return best


def _copy(size: int, threads: int) -> float:
    """The environment says how many threads OpenMP takes."""
    run = Library(_COPY, "-fopenmp").function("copy", SIZE, ARRAY, ARRAY, result=None)
    x = np.ones(max(size // 16, 1))
    y = np.zeros_like(x)
    return _least(run, (x.size, pointer(x), pointer(y)))


def _ours(name: str, size: list[int], threads: int) -> float:
    program = load(name)
    function = tools.gradient_function(program, threads=threads)
    return _least(function, program.data(*size))


def main() -> None:
    what, given, threads = sys.argv[1:]
    if what == "copy":
        least = _copy(int(given), int(threads))
    else:
        least = _ours(what, json.loads(given), int(threads))
    print(json.dumps({"min": least}))


if __name__ == "__main__":
    main()
