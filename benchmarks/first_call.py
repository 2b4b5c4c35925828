"""Where the time of a first call goes: `python -m benchmarks.first_call [--only NAME,...]`.

Each program is called in three new processes: one that finds no kernel in the cache, and two that
find everything; of those the quicker one counts. The launcher, built once per machine, is there
from the beginning. Times are milliseconds of processor time, the compiler's included, which repeat
better than those of the clock on the wall on a machine that others use; the columns `wall` have those.

    import    the modules of the compiler, loaded by the first call that needs them
    trace     from the source to the graph
    passes    simplify, promote, lanes, reverse
    emit      the text in C
    compiler  the C compiler
    rest      keys, the cache, loading the library, the call itself
    decorate  making the function (`value_and_grad(f)`), with the launcher's module
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

from .processes import installed, private_cache, run_json
from .registry import load
from .run import chosen

_PARTS = ("import", "trace", "passes", "emit", "compiler", "rest")
_LIMIT = 600.0


def measure(name: str, base: str) -> dict[str, Any]:
    """Cold and cached first calls of a program, in milliseconds."""
    program = load(name)
    size = json.dumps(list(program.quick or program.sizes[0]))
    row: dict[str, Any] = {"program": name}
    with private_cache(copy_of=base) as own:

        def first() -> Any:
            return _run("phases", name, size, cache=own, codes=base)

        row["cold"] = first()
        cached = [first(), first()]
    row["cached"] = min(cached, key=lambda answer: answer.get("cpu", float("inf")))
    return row


def _run(*what: str, cache: str, codes: str) -> Any:
    return run_json(["benchmarks.once", *what], _LIMIT, **installed(cache, codes))


def line(row: dict[str, Any]) -> str:
    cold, cached = row["cold"], row["cached"]
    if "error" in cold or "error" in cached:
        return f"{row['program']:20} {cold.get('error') or cached.get('error')}"
    parts = "".join(f"{cold['parts'][part]:9.0f}" for part in _PARTS)
    return (
        f"{row['program']:20}{cold['wall']:8.0f}{cold['cpu']:8.0f}  |{parts}  |"
        f"{cached['wall']:9.1f}{cached['cpu']:9.1f}{cached['decorate']:9.1f}"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """The medians and the largest figures, cold and cached."""
    good = [row for row in rows if "error" not in row["cold"] and "error" not in row["cached"]]
    lines = []
    for label, pick in (("median", statistics.median), ("largest", max)):
        figures = [
            pick([row[which][clock] for row in good])
            for which in ("cold", "cached")
            for clock in ("wall", "cpu")
        ]
        lines.append("{:9} cold {:6.0f} wall {:6.0f} cpu   cached {:6.1f} wall {:6.1f} cpu".format(
            label, *figures
        ))  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_call")
    parser.add_argument("--only", metavar="NAME,...", help="these programs only")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    given = parser.parse_args()
    heads = "".join(f"{part:>9}" for part in _PARTS)
    print(
        f"{'milliseconds':20}{'wall':>8}{'cpu':>8}  |{heads}  |{'cached':>9}{'cpu':>9}{'decorate':>9}"
    )
    rows = []
    with private_cache() as base:
        _run("launcher", cache=base, codes=base)
        for name in chosen(given.only):
            rows.append(measure(name, base))
            print(line(rows[-1]), flush=True)
    print(table(rows))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    if any("error" in row["cold"] or "error" in row["cached"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
