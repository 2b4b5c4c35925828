"""The processes that measure: one for each tool, waiting for its turn, so that only one works at a time."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["ToolProcess", "environment", "installed", "private_cache", "run_json", "ROOT"]

ROOT = Path(__file__).resolve().parent.parent

_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
        "NPROC",  # the size of XLA's pool of threads
    )
}  # fmt: skip


def environment(threads: int = 1, **more: str) -> dict[str, str]:
    """The environment of a measurement: that many threads for everybody, float64, no debugging."""
    made = {**os.environ, **{name: str(threads) for name in _ONE_THREAD}}
    made["XLA_FLAGS"] = "" if threads > 1 else "--xla_cpu_multi_thread_eigen=false"
    made["JAX_ENABLE_X64"] = "1"
    made["JAX_PLATFORMS"] = "cpu"
    made["TF_CPP_MIN_LOG_LEVEL"] = "3"
    made["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    made.pop("AUTODIFF_COMPILER_CHECK", None)
    return {**made, **more}


def installed(cache: str, base: str) -> dict[str, str]:
    """What a first call finds around it: kernels in `cache`, the package as an installation leaves it.

    That is with its modules compiled to byte code, whatever the environment says; it lies beside `base`.
    """
    return {
        "AUTODIFF_COMPILER_CACHE_DIR": cache,
        "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{base}.codes",
    }  # fmt: skip


class ToolProcess:
    """`benchmarks.worker` on one tool and program."""

    def __init__(
        self, tool: str, program: str, size: Sequence[int], folder: Path, pin: int | None = None,
        clock: str = "wall",
    ):  # fmt: skip
        self.tool = tool
        self.result = folder / f"{tool.replace(':', '_')}.npz"
        arguments = [tool, program, json.dumps(list(size)), str(self.result), clock]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
            preexec_fn=None if pin is None else lambda: os.sched_setaffinity(0, {pin}),
        )

    def answer(self, limit: float) -> Any:
        """The next line of JSON, or `{"error": ...}` after `limit` seconds or a crash."""
        output = self._process.stdout
        ready, _, _ = select.select([output], [], [], limit)
        line = output.readline() if ready else ""
        if line:
            return json.loads(line)
        if ready:
            return {"error": f"the process ended with {self._process.wait()}"}
        self.end(kill=True)
        return {"error": f"no answer within {limit:.0f} s"}

    def batch(self, seconds: float, limit: float) -> Any:
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self.answer(limit)

    def end(self, kill: bool = False) -> None:
        if kill:
            self._process.kill()
        try:
            self._process.stdin.close()
            self._process.wait(timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def run_json(arguments: Sequence[str], limit: float, threads: int = 1, **more: str) -> Any:
    """What a module of this package prints as its last line, as JSON."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            capture_output=True, text=True, timeout=limit, env=environment(threads, **more),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {limit:.0f} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return {"error": last[0]}
    return json.loads(done.stdout.strip().splitlines()[-1])


class private_cache:
    """A folder for compiled kernels, for the time of a `with`; `copy_of` is one to start from."""

    def __init__(self, copy_of: str | None = None):
        self._copy_of = copy_of

    def __enter__(self) -> str:
        self._folder = tempfile.mkdtemp(prefix="benchmarks-")
        cache = os.path.join(self._folder, "cache")
        if self._copy_of:
            shutil.copytree(self._copy_of, cache)
        return cache

    def __exit__(self, *_: Any) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
