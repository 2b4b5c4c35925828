"""The process that runs programs: a job a line on standard input, an outcome a line on standard output.

A process of its own, since a wrong kernel may take the process with it.
"""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import sys
import tempfile

from . import generate, outside
from .check import outcome

UNOPTIMISED = str(pathlib.Path(__file__).with_name("unoptimised_cc.sh"))
COMPILER = os.environ.get("AUTODIFF_COMPILER_CC")


def choose_compiler(unoptimised):
    if unoptimised and COMPILER is None and shutil.which("cc") and shutil.which("sh"):
        os.environ["AUTODIFF_COMPILER_CC"] = f"sh {shlex.quote(UNOPTIMISED)}"
    elif COMPILER is None:
        os.environ.pop("AUTODIFF_COMPILER_CC", None)


def job_outcome(job, folder):
    choose_compiler(job.get("unoptimised", False))
    seed = job["seed"]
    kind = None
    source = job.get("source")
    if source is None:
        if job["outside"]:
            kind, source = outside.source_of(seed)
        else:
            source = generate.source_of(seed)
    args = (outside if job["outside"] else generate).args_of(seed)
    result = outcome(
        source,
        args,
        folder,
        backends=job["backends"],
        second=job["second"],
        primal=job["primal"],
        outside=job["outside"],
    )
    return {**result, "seed": seed, "kind": kind}


def main():
    # Programs may print; the outcomes have the pipe to themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            answers.write(json.dumps(job_outcome(json.loads(line), folder)) + "\n")


if __name__ == "__main__":
    main()
