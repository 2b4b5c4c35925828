"""One tool on one program, in a process of its own, driven by lines on standard input.

    python -m benchmarks.worker TOOL PROGRAM SIZE RESULT_FILE CLOCK

It makes the tool's function, runs it once, writes value and gradients to RESULT_FILE (npz) and
answers with one line of JSON. Then each line `SECONDS` asks for one batch of timings, and is answered
with seconds per call. `quit`, or the end of input, ends it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import timeit
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from . import tools
from .registry import load

#: A timing shorter than this is made of several calls.
LEAST = 2e-4

#: On a machine that others use, processor time is the one that repeats.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    tool, name, size, path, clock = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a tool prints is no answer
    try:
        timer, answer = _prepare(tool, name, json.loads(size), path, CLOCKS[clock])
    except tools.NotThere as error:
        answer = {"missing": str(error)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}", **_refusal(error)}
    _say(answers, answer)
    if "first" not in answer:
        return
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        _say(answers, _batch(timer, float(line)))


def _say(answers: Any, answer: Any) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _refusal(error: Exception) -> dict[str, str]:
    from autodiff_compiler import CompileError

    return {"refused": str(error)} if isinstance(error, CompileError) else {}


def _prepare(
    tool: str, name: str, size: list[int], path: str, clock: Callable[[], float]
) -> tuple[timeit.Timer, dict]:
    warnings.simplefilter("ignore", RuntimeWarning)
    program = load(name)
    args = program.data(*size)
    made = tools.make(tool, program, args)
    function, answer = made.run, {}
    if made.compile is not None:
        start = time.perf_counter()
        function = made.compile()
        answer["compile"] = time.perf_counter() - start
    start = time.perf_counter()
    result = function(*made.args)
    answer["first"] = time.perf_counter() - start
    value, gradients = made.read(result)
    np.savez(path, value=value, **{f"g{k}": g for k, g in enumerate(gradients)})
    return _timer(function, made.args, clock), answer


def _timer(
    function: Any, args: tuple, clock: Callable[[], float] = time.perf_counter
) -> timeit.Timer:
    """Names are local to the timed loop, so that a call costs what it costs in a user's function."""
    names = [f"a{k}" for k in range(len(args))]
    setup = f"f = F; {', '.join(names)}, = ARGS" if names else "f = F"
    return timeit.Timer(
        f"f({', '.join(names)})", setup, timer=clock, globals={"F": function, "ARGS": args}
    )


_number: list[int] = []


def _batch(timer: timeit.Timer, seconds: float) -> list[float]:
    """Seconds per call, of at least one timing, for about that many seconds."""
    end = time.perf_counter() + seconds
    times = []
    if not _number:
        # What the first call took says nothing: it may have compiled or loaded something.
        number, spent = 1, timer.timeit(1)
        while spent < LEAST and number < 10**7:
            number *= 4
            spent = timer.timeit(number)
        _number.append(number)
        times.append(spent / number)
    while not times or (time.perf_counter() < end and len(times) < 1000):
        times.append(timer.timeit(_number[0]) / _number[0])
    return times


if __name__ == "__main__":
    main()
