"""The runner: programs, sizes and tools, one JSON file and one table in Markdown."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from . import checking, report, tools
from .compare import compare
from .processes import ROOT, ToolProcess, installed, private_cache, run_json
from .registry import NAMES, Program, load
from .summary import summary

TOOLS = ("numpy", "primal", "gradient", "numba", "hand", "jax", "torch")


@dataclass(frozen=True)
class Options:
    budget: float  # seconds of timing per row, over all tools
    rounds: int
    limit: float  # seconds that a tool may take to compile and run once
    quick: bool
    first: bool  # measure first calls
    memory: str  # "ours", "all" or "none"
    pin: int | None
    clock: str = "wall"
    tools: tuple[str, ...] = ()  # these only, without their labels; none: all


def measure(program: Program, size: Sequence[int], options: Options, cache: str | None) -> dict:
    """One row: all tools on one program at one size."""
    row: dict[str, Any] = {
        "program": program.name, "size": list(size), "loops": program.loops, "times": {},
        "compile": {}, "errors": {},
    }  # fmt: skip
    if program.overwritten is not None:
        row["overwritten"] = 8 * int(program.overwritten(*size))
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        running = _prepared(program, size, options, row, Path(folder))
        try:
            good = _checked(program, size, row, running)
            _time(good, row, options)
        finally:
            for process in running:
                process.end()
    if "refused" not in row:
        _once(program, size, row, options, cache)
    return row


def _prepared(
    program: Program, size: Sequence[int], options: Options, row: dict, folder: Path
) -> list[ToolProcess]:
    """The tools that came up, one after the other."""
    running = []
    for tool in tools.forms(program):
        if options.tools and tool.partition(":")[0] not in options.tools:
            continue
        process = ToolProcess(tool, program.name, size, folder, options.pin, options.clock)
        answer = process.answer(options.limit)
        if "first" in answer:
            running.append(process)
            if "compile" in answer:
                row["compile"][tool] = answer["compile"]
            continue
        process.end()
        if "refused" in answer and tool == "gradient":
            row["refused"] = answer["refused"]
        if "missing" not in answer:
            row["errors"][tool] = answer["error"]
    return running


def _checked(
    program: Program, size: Sequence[int], row: dict, running: list[ToolProcess]
) -> list[ToolProcess]:
    """The tools whose results are right; the others get an entry in the row's errors."""
    results = {p.tool: checking.read(p.result) for p in running}
    numpys = results.get("numpy", (float("nan"), []))
    reference, name = None, "differences"
    translations = [t for t in results if t.startswith("jax") and t != "jax:library"]
    if translations:
        name = translations[0]
        reference = results[name][1]
    elif "gradient" in results:
        reference = results["gradient"][1]
        fault = checking.directional(program, program.data(*size), reference)
        if fault:
            row["errors"]["gradient"] = fault
            reference = None
    row["reference"] = name
    good = []
    for process in running:
        fault = checking.check(program, process.tool, results[process.tool], (numpys[0], reference))
        if fault is None and not (reference is None and results[process.tool][1]):
            good.append(process)
        else:
            row["errors"].setdefault(process.tool, fault or "there is nothing to check it against")
    return good


def _time(running: list[ToolProcess], row: dict, options: Options) -> None:
    """Rounds in which each tool has its turn, so that noise meets all alike."""
    share = options.budget / max(1, len(running)) / options.rounds
    samples: dict[str, list[float]] = {p.tool: [] for p in running}
    spent = dict.fromkeys(samples, 0.0)
    for turn in range(options.rounds):
        for process in running:
            # A call may take longer than a turn; then the tool sits out until it has saved up.
            if spent[process.tool] > 1.5 * share * (turn + 1):
                continue
            start = time.perf_counter()
            answer = process.batch(share, options.limit)
            spent[process.tool] += time.perf_counter() - start
            if isinstance(answer, dict):
                row["errors"][process.tool] = answer["error"]
                spent[process.tool] = float("inf")
                continue
            samples[process.tool] += answer
    for tool, found in samples.items():
        if found:
            row["times"][tool] = {
                "min": min(found), "median": statistics.median(found), "samples": len(found)
            }  # fmt: skip


def _once(
    program: Program, size: Sequence[int], row: dict, options: Options, cache: str | None
) -> None:
    given = [program.name, json.dumps(list(size))]
    if options.first and cache is not None:
        with private_cache(copy_of=cache) as own:
            for label in ("cold", "cached"):
                row[f"first_{label}"] = run_json(
                    ["benchmarks.once", "first", *given], options.limit, **installed(own, cache)
                )
    wanted = {"none": [], "ours": ["gradient"], "all": [t for t in row["times"] if t != "numpy"]}
    row["memory"] = {}
    for tool in wanted[options.memory]:
        answer = run_json(["benchmarks.once", "memory", *given, tool], options.limit)
        row["memory"][tool] = answer


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    versions = {}
    for name in ("numpy", "jax", "torch", "numba", "autodiff-compiler"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    from autodiff_compiler.runtime.compiler import find_compiler

    compiler = find_compiler()
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return {
        "processor": model, "processors": os.cpu_count(), "python": platform.python_version(),
        "versions": versions, "compiler": compiler.version if compiler else "",
        "flags": list(compiler.flags) if compiler else [],
    }  # fmt: skip


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="NAME,...", help="these programs only")
    parser.add_argument(
        "--tools", metavar="TOOL,...", help="these tools only, of " + ", ".join(TOOLS)
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, few repetitions")
    parser.add_argument("--budget", type=float, help="seconds of timing per row")
    parser.add_argument("--limit", type=float, help="seconds a tool may take to start")
    parser.add_argument(
        "--memory", action="store_true", help="peak memory of every tool, not ours alone"
    )
    parser.add_argument(
        "--threads", action="store_true", help="the rows of one and two threads, only"
    )
    parser.add_argument("--no-first", action="store_true", help="leave the first calls out")
    parser.add_argument("--pin", type=int, metavar="CPU", help="run everything on this processor")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall",
        help="cpu: processor time, which repeats better on a machine that others use",
    )  # fmt: skip
    parser.add_argument("--compare", metavar="OLD.json", help="say what got slower since")
    parser.add_argument(
        "--output", default=str(ROOT / "benchmarks/results/latest"), metavar="NAME",
        help="where NAME.json and NAME.md go",
    )  # fmt: skip
    return parser.parse_args(argv)


def _tools(only: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (only or "").split(",") if name.strip())
    unknown = [name for name in names if name not in TOOLS]
    if unknown:
        sys.exit(f"no such tool: {', '.join(unknown)}; there are {', '.join(TOOLS)}")
    return names


def chosen(only: str | None) -> list[str]:
    if not only:
        return list(NAMES)
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"no such program: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return names


def sizes_of(program: Program, quick: bool) -> list[tuple[int, ...]]:
    if quick:
        return [program.quick or program.sizes[0]]
    return list(program.sizes)


def main(argv: Sequence[str] | None = None) -> None:
    given = _arguments(argv)
    quick = given.quick
    options = Options(
        budget=given.budget or (2.0 if quick else 30.0),
        rounds=2 if quick else 6,
        limit=given.limit or (120.0 if quick else 600.0),
        quick=quick,
        first=not given.no_first,
        memory="all" if given.memory else "ours",
        pin=given.pin,
        clock=given.clock,
        tools=_tools(given.tools),
    )
    result: dict[str, Any] = {
        "machine": machine(), "quick": quick, "clock": given.clock, "rows": []
    }  # fmt: skip
    if given.threads:
        from .threads import rows

        result["threads"] = rows(quick)
    else:
        _rows(chosen(given.only), options, result)
    _write(given.output, result)
    if given.compare:
        old = json.loads(Path(given.compare).read_text("utf-8"))
        print(compare(old, result))


def _rows(names: Sequence[str], options: Options, result: dict) -> None:
    with private_cache() as cache:
        made = run_json(["benchmarks.once", "launcher"], options.limit, **installed(cache, cache))
        base = None if "error" in made else cache
        for name in names:
            program = load(name)
            for size in sizes_of(program, options.quick):
                row = measure(program, size, options, base)
                result["rows"].append(row)
                print(report.line(row), flush=True)


def _write(name: str, result: dict) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    text = report.table(result) + "\n" if result["rows"] else ""
    text += summary(result)
    Path(f"{name}.md").write_text(text, "utf-8")
    print("\n" + summary(result))
    print(f"written: {name}.json, {name}.md")
