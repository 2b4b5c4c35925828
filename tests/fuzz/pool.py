"""Workers, and what becomes of a job whose worker dies or hangs."""

from __future__ import annotations

import json
import os
import pathlib
import queue
import select
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIME_LIMIT = 120.0


class Worker:
    def __init__(self, cache):
        self._environment = dict(
            os.environ,
            AUTODIFF_COMPILER_CACHE_DIR=cache,
            AUTODIFF_COMPILER_CHECK="1",
            OMP_NUM_THREADS="1",
            OPENBLAS_NUM_THREADS="1",
            PYTHONPATH=str(ROOT),
        )
        self._process = None

    def _start(self):
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            cwd=ROOT,
            env=self._environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def run(self, job):
        if self._process is None:
            self._start()
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            ready, _, _ = select.select([self._process.stdout], [], [], TIME_LIMIT)
            answer = self._process.stdout.readline() if ready else None
        except BrokenPipeError:
            answer = ""
        if answer:
            return json.loads(answer)
        detail = "no answer in time" if answer is None else self._death()
        self.stop()
        return {"status": "crash", "detail": detail, "seed": job["seed"], "kind": None}

    def _death(self):
        code = self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().split("\n")[-1]
        return f"the process died with code {code}: {last[-200:]}"

    def stop(self):
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()
        self._process = None


def run_all(jobs, workers, report=lambda result: None):
    """Outcomes of all jobs, in the order of the jobs."""
    waiting = queue.SimpleQueue()
    for item in enumerate(jobs):
        waiting.put(item)
    results = [None] * waiting.qsize()
    with tempfile.TemporaryDirectory() as cache:
        os.chmod(cache, 0o700)

        def work():
            worker = Worker(os.path.join(cache, "kernels"))
            while True:
                try:
                    at, job = waiting.get_nowait()
                except queue.Empty:
                    break
                results[at] = worker.run(job)
                report(results[at])
            worker.stop()

        threads = [threading.Thread(target=work) for _ in range(workers)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    return results
