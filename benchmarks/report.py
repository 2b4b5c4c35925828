"""The table in Markdown, and the line of a row."""

from __future__ import annotations

from typing import Any

from .figures import Row, best, cost, extra, first_call, hands, peak, ratio, time

__all__ = ["label", "line", "seconds", "table"]

HEAD = (
    "program", "size", "NumPy", "primal", "gradient", "gradient / primal", "JAX", "JAX / ours",
    "JAX compiles", "JAX, other forms", "PyTorch", "numba primal", "C by hand", "ours / by hand",
    "first call", "from cache", "peak memory",
)  # fmt: skip


def label(row: Row) -> str:
    return " x ".join(map(str, row["size"]))


def seconds(value: float | None) -> str:
    if value is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def megabytes(value: float | None) -> str:
    return "" if value is None else f"{value / 1e6:.3g} MB"


def cells(row: Row) -> list[str]:
    ours = time(row, "gradient")
    others = [f"{tool.partition(':')[2]} {seconds(time(row, tool))}" for tool in extra(row)]
    by_hand = best(row, hands(row))
    return [
        row["program"], label(row), seconds(time(row, "numpy")), seconds(time(row, "primal")),
        "refused" if "refused" in row else "failed" if ours is None else seconds(ours),
        times(cost(row)), seconds(time(row, "jax")), times(ratio(time(row, "jax"), ours)),
        seconds(row["compile"].get("jax")), ", ".join(others), seconds(time(row, "torch")),
        seconds(time(row, "numba")), seconds(by_hand), times(ratio(ours, by_hand)),
        seconds(first_call(row, "cold")), seconds(first_call(row, "cached")), megabytes(peak(row)),
    ]  # fmt: skip


def line(row: Row) -> str:
    """One line for the terminal."""
    named = [
        f"{name} {cell}" for name, cell in zip(HEAD[2:], cells(row)[2:]) if cell
    ]  # fmt: skip
    text = f"{row['program']} {label(row)}".strip() + ": " + "; ".join(named)
    for tool, error in row["errors"].items():
        text += f"\n    {tool}: {error.splitlines()[0] if error else error}"
    return text


def table(result: dict[str, Any]) -> str:
    machine = result["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    lines = [
        "# Benchmark",
        "",
        f"{machine['processor']}; {machine['compiler']}; Python {machine['python']}; {versions}.",
        "One thread, float64, least times of interleaved repetitions. Times are those of this run;",
        "compare ratios. `gradient / primal` is over the better of our primal and numba's.",
    ]
    if result.get("clock") == "cpu":
        lines.append(
            "Times are processor times. JAX's may be too low: that clock misses some of its threads."
        )
    if result["quick"]:
        lines.append("This was a quick run: small sizes, few repetitions.")
    lines += ["", _row(HEAD), _row(["---"] * len(HEAD))]
    lines += [_row(cells(row)) for row in result["rows"]]
    lines += _memory(result["rows"])
    notes = [note for row in result["rows"] for note in _notes(row)]
    if notes:
        lines += ["", *notes]
    return "\n".join(lines) + "\n"


def _memory(rows: list[Row]) -> list[str]:
    """A second table, if the memory of all tools was measured."""
    tools = sorted({tool for row in rows for tool in row.get("memory", {})} - {"gradient"})
    if not tools:
        return []
    lines = ["", "Peak memory of a call beyond its inputs:", ""]
    lines += [_row(["program", "size", "ours", *tools]), _row(["---"] * (3 + len(tools)))]
    for row in rows:
        figures = [megabytes(peak(row, tool)) for tool in ("gradient", *tools)]
        lines.append(_row([row["program"], label(row), *figures]))
    return lines


def _row(texts: Any) -> str:
    return "| " + " | ".join(texts) + " |"


def _notes(row: Row) -> list[str]:
    """What a tool could not do, a line each."""
    notes = []
    for tool, error in row["errors"].items():
        what = "refused" if tool == "gradient" and "refused" in row else "no figure"
        first = error.strip().splitlines()[0] if error.strip() else "no message"
        notes.append(f"- {row['program']} {label(row)}, {tool}: {what}: {first}")
    return notes
