"""python -m tests.fuzz --n 2000 --seed 0: prints what was drawn, what was refused, and every failure."""

from __future__ import annotations

import argparse
import collections
import sys
import time

from tests.constructs import constructs

from . import generate, outside
from .pool import run_all
from .shrink import shrink

BACKENDS = {"c": ["c"], "python": ["python"], "both": ["python", "c"]}
SHRUNK_AT_MOST = 8


def jobs_for(n, seed, backend, strange=False):
    return [
        {
            "seed": s,
            "backends": BACKENDS[backend],
            "outside": strange,
            "second": s % 8 == 0,
            "primal": s % 4 == 1,
            "unoptimised": s % 4 != 3,
        }
        for s in range(seed, seed + n)
    ]


def source_for(job):
    return outside.source_of(job["seed"])[1] if job["outside"] else generate.source_of(job["seed"])


def function_constructs(source):
    """The constructs of the generated function itself, without the helpers that every program has."""
    return constructs("def f(" + source.rpartition("def f(")[2])


def construct_counts(jobs):
    counts = collections.Counter()
    for job in jobs:
        counts.update(function_constructs(source_for(job)))
    return counts


def summary(results):
    counts = collections.Counter(r["status"] for r in results)
    skipped = counts["kink"] + counts["unreferenced"]
    right = counts["ok"] + counts["raises"]
    return (
        f"{len(results)} programs: {right} ok, {counts['refused']} refused, {counts['mismatch']} mismatches, "
        f"{counts['crash']} crashes ({skipped} at kinks or ill conditioned, {counts['invalid']} invalid)"
    )


def _shrunk(job, result):
    def fails(text):
        again = run_all([{**job, "source": text}], 1)[0]
        return again["status"] == result["status"] and again["detail"][:24] == result["detail"][:24]

    return shrink(source_for(job), fails)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--n", type=int, default=500, help="how many programs")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--backend", choices=sorted(BACKENDS), default="both")
    parser.add_argument(
        "--outside", action="store_true", help="programs that leave the language on purpose"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--no-shrink", action="store_true", help="print failures as they were drawn"
    )
    parser.add_argument(
        "--print", action="store_true", dest="show", help="print the programs and run nothing"
    )
    options = parser.parse_args()

    jobs = jobs_for(options.n, options.seed, options.backend, options.outside)
    if options.show:
        for job in jobs:
            print(f"# seed {job['seed']}\n{source_for(job)}")
        return 0
    started = time.monotonic()
    failures = []

    def report(result):
        if result["status"] in ("mismatch", "crash", "invalid"):
            print(f"seed {result['seed']}: {result['status']}: {result['detail']}", flush=True)

    results = run_all(jobs, options.workers, report)
    failures = [(j, r) for j, r in zip(jobs, results) if r["status"] in ("mismatch", "crash")]
    for number, (job, result) in enumerate(failures[:SHRUNK_AT_MOST]):
        small = source_for(job) if options.no_shrink else _shrunk(job, result)
        print(
            f"\n--- failure {number + 1}: seed {job['seed']}: {result['status']}: {result['detail']}\n{small}"
        )
    print("\nconstructs, in per cent of the programs:")
    shares = construct_counts(jobs)
    print("  " + ", ".join(f"{name} {100 * c / len(jobs):.1f}" for name, c in shares.most_common()))
    if options.outside:
        _print_kinds(results)
    refusals = collections.Counter(r["detail"] for r in results if r["status"] == "refused")
    print("refused, by kind:" if refusals else "nothing was refused")
    for kind, count in refusals.most_common():
        print(f"  {count:5d}  {kind}")
    print(f"{time.monotonic() - started:.0f} s")
    print(summary(results))
    return 1 if failures else 0


def _print_kinds(results):
    by_kind = collections.defaultdict(collections.Counter)
    for r in results:
        by_kind[r["kind"]][r["status"]] += 1
    for kind in sorted(by_kind, key=str):
        print(
            f"  {kind}: " + ", ".join(f"{n} {status}" for status, n in by_kind[kind].most_common())
        )


if __name__ == "__main__":
    sys.exit(main())
