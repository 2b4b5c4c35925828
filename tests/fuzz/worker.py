"""The process that runs programs: a job a line on standard input, an outcome a line on standard output.

A process of its own, since a wrong kernel may take the process with it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from . import generate, outside
from .check import outcome


def job_outcome(job, folder):
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
