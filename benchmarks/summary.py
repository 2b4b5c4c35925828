"""What the table says in ratios: each line has a target, the figure, and whether it is met."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from .figures import Row, best, cost, extra, first_call, geometric_mean, hands, peak, ratio, time
from .report import label, seconds

__all__ = ["summary"]

#: Programs for which one figure is more than elsewhere, since the result itself costs as much.
COST_LIMITS = {"trisolv": 8.5}
TIMES_FASTER = {"cholesky": 300.0, "lu": 200.0, "seidel_2d": 150.0, "deriche": 40.0}
WRITTEN_BY_HAND = ("seidel_2d", "jacobi_2d", "trisolv", "softmax")
STEPPERS = (
    "seidel_2d", "jacobi_2d", "heat_3d", "adi", "cholesky", "lu", "gramschmidt", "vadv",
)  # fmt: skip


class Lines:
    """Lines of a summary, each `met`, `missed` or `not measured`."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def at_most(self, what: str, value: float | None, target: float, unit: str = "") -> None:
        self._add(what, value, f"at most {target:g}{unit}", unit, lambda v: v <= target)

    def at_least(self, what: str, value: float | None, target: float, unit: str = "") -> None:
        self._add(what, value, f"at least {target:g}{unit}", unit, lambda v: v >= target)

    def _add(self, what, value, target, unit, holds) -> None:
        if value is None:
            self.lines.append(f"- not measured: {what} (target: {target})")
        else:
            verdict = "met" if holds(value) else "MISSED"
            self.lines.append(f"- {verdict}: {what}: {value:.3g}{unit} (target: {target})")

    def heading(self, text: str) -> None:
        self.lines += ["", f"### {text}", ""]


def summary(result: dict[str, Any]) -> str:
    rows: list[Row] = result["rows"]
    out = Lines()
    if result.get("threads"):
        from .threads import section

        out.lines += ["", *section(result["threads"])]
    if rows:
        _by_hand(rows, out)
        _over_primal(rows, out)
        _over_jax(rows, out)
        _networks_and_mixtures(rows, out)
        _calls(rows, out)
        _first_calls(rows, out)
        _memory(rows, out)
        _refused(rows, out)
    return "\n".join(["## Summary", *out.lines]) + "\n"


def _of(rows: Iterable[Row], name: str) -> list[Row]:
    return [row for row in rows if row["program"] == name]


def _worst(pairs: Iterable[tuple[float | None, Row]], highest: bool) -> tuple[float | None, str]:
    known = [(value, row) for value, row in pairs if value is not None]
    if not known:
        return None, ""
    value, row = (max if highest else min)(known, key=lambda pair: pair[0])
    return value, f", {row['program']} {label(row)}"


def _by_hand(rows: list[Row], out: Lines) -> None:
    out.heading("1. Next to an adjoint written by hand in C")
    for name in WRITTEN_BY_HAND:
        for row in _of(rows, name):
            value = ratio(time(row, "gradient"), best(row, hands(row)))
            out.at_most(f"{name} {label(row)}, ours / by hand", value, 1.2)


def _over_primal(rows: list[Row], out: Lines) -> None:
    out.heading("2. Gradient over the better of our primal and numba's")
    counted = [row for row in rows if not row["program"].startswith("neuron")]
    out.at_most("geometric mean", geometric_mean(map(cost, counted)), 2.5)
    for row in counted:
        limit = COST_LIMITS.get(row["program"], 5.0)
        value = cost(row)
        if value is None or value > limit:
            out.at_most(f"{row['program']} {label(row)}", value, limit)
    plain = [row for row in counted if row["program"] not in COST_LIMITS]
    value, where = _worst(((cost(row), row) for row in plain), highest=True)
    out.at_most(f"the most{where}", value, 5.0)
    primals = [
        (ratio(time(row, "primal"), time(row, "numba")), row) for row in rows if row["loops"]
    ]
    value, where = _worst(primals, highest=True)
    out.at_most(f"our primal over numba's, the most{where}", value, 1.1)
    slower = [(v, row) for v, row in primals if v is not None and v > 1.1]
    for value, row in slower:
        out.at_most(f"our primal over numba's, {row['program']} {label(row)}", value, 1.1)


def _faster(row: Row) -> float | None:
    """How many times faster than JAX's translation of the program."""
    return ratio(time(row, "jax"), time(row, "gradient"))


def _over_jax(rows: list[Row], out: Lines) -> None:
    out.heading("3. Next to JAX's translation of the program")
    value, where = _worst(((_faster(row), row) for row in rows), highest=False)
    out.at_least(f"JAX / ours, the least{where}", value, 1 / 1.05)
    for row in rows:
        value = _faster(row)
        if value is not None and value < 1 / 1.05:
            out.at_least(f"JAX / ours, {row['program']} {label(row)}", value, 1 / 1.05)
    loops = [row for row in rows if row["loops"]]
    out.at_least(
        "JAX / ours, geometric mean of the loop programs",
        geometric_mean(map(_faster, loops)), 15.0,
    )  # fmt: skip
    for name, target in TIMES_FASTER.items():
        found = _of(rows, name)
        if found:  # the largest size
            out.at_least(f"JAX / ours, {name} {label(found[-1])}", _faster(found[-1]), target)
    sweeps = []
    for row in _of(rows, "seidel_2d"):
        steps, n = row["size"]
        spent = time(row, "gradient")
        if spent is not None:
            sweeps.append(spent / (steps * (n - 2) ** 2))
    flat = max(sweeps) / min(sweeps) if len(sweeps) > 1 else None
    out.at_most("seidel_2d, time per update over its sizes, largest / least", flat, 1.3)
    for row in rows:
        for tool in extra(row):
            value = ratio(time(row, tool), time(row, "gradient"))
            if value is not None:
                form = tool.partition(":")[2]
                text = f"JAX in its form {form!r} / ours, {row['program']} {label(row)}"
                out.lines.append(f"- not counted: {text}: {value:.3g}")


def _networks_and_mixtures(rows: list[Row], out: Lines) -> None:
    out.heading("4. LSTM and mixtures")
    for row in _of(rows, "lstm"):
        target = 4.0 if row["size"][0] == 2 else 6.0
        out.at_least(f"JAX's scan / ours, lstm {label(row)}", _faster(row), target)
    for row in _of(rows, "gmm_loops"):
        d = row["size"][0]
        value = ratio(best(row, hands(row)), time(row, "gradient"))
        out.at_least(
            f"plain C adjoint / ours, gmm_loops {label(row)}", value, 3.0 if d <= 10 else 2.5
        )
        if d <= 10:
            value = ratio(time(row, "gradient"), best(row, _matrix_forms(row)))
            out.at_most(f"ours / JAX's best matrix form, gmm_loops {label(row)}", value, 1.0)
    for row in _of(rows, "gmm_matrix"):
        if row["size"][2] >= 10000:
            value = ratio(time(row, "gradient"), time(row, "jax:chunked"))
            out.at_most(f"ours / JAX's form in chunks, gmm_matrix {label(row)}", value, 1.2)
        else:
            value = ratio(time(row, "gradient"), time(row, "jax"))
            out.at_most(f"ours / JAX's, gmm_matrix {label(row)}", value, 1.0)


def _matrix_forms(row: Row) -> list[str]:
    return [tool for tool in row["times"] if tool in ("jax:matrix", "jax:chunked")]


def _calls(rows: list[Row], out: Lines) -> None:
    out.heading("5. Bare calls")
    for name, target in (("neuron", 0.15), ("neuron_arrays", 0.5)):
        for row in _of(rows, name):
            value = time(row, "gradient")
            out.at_most(name, None if value is None else 1e6 * value, target, " us")


def _first_calls(rows: list[Row], out: Lines) -> None:
    out.heading("6. First calls, beyond the work itself")
    cold = [(first_call(row, "cold"), row) for row in rows]
    known = [value for value, _ in cold if value is not None]
    out.at_most("cold, median", statistics.median(known) if known else None, 0.5, " s")
    value, where = _worst(cold, highest=True)
    out.at_most(f"cold, the most{where}", value, 1.5, " s")
    cached = [(first_call(row, "cached"), row) for row in rows]
    value, where = _worst(cached, highest=True)
    out.at_most(
        f"from the cache on disk, the most{where}", None if value is None else 1e3 * value, 10.0,
        " ms",
    )  # fmt: skip


def required(row: Row) -> int | None:
    """Bytes that the writes alone require: a working copy and a gradient of each input that is
    differentiated, and the elements overwritten."""
    given = row.get("memory", {}).get("gradient", {}).get("inputs")
    if given is None or "overwritten" not in row:
        return None
    return 2 * given + row["overwritten"]


def _memory(rows: list[Row], out: Lines) -> None:
    out.heading("7. Peak memory beyond the inputs")
    for row in rows:
        if row["program"] in STEPPERS:
            value = ratio(peak(row), required(row))
            out.at_most(f"{row['program']} {label(row)}, over what the writes require", value, 2.0)
    for name, target in (("gmm_loops", 5.0), ("gmm_matrix", 25.0)):
        for row in _of(rows, name):
            if row["size"][2] >= 10000:
                value = peak(row)
                value = None if value is None else value / 1e6
                out.at_most(f"{name} {label(row)}", value, target, " MB")


def _refused(rows: list[Row], out: Lines) -> None:
    bad = [row for row in rows if "refused" in row or "gradient" in row["errors"]]
    if bad:
        out.heading("Without a gradient")
        for row in bad:
            why = row.get("refused") or row["errors"]["gradient"]
            out.lines.append(f"- {row['program']} {label(row)}: {why.strip().splitlines()[0]}")
    total = sum(time(row, "gradient") or 0.0 for row in rows)
    out.lines += ["", f"The gradients of all rows together take {seconds(total)}."]
