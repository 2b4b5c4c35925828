"""The programs of the benchmark, tiny: our gradients, the adjoints by hand, and the harness around them."""

import copy
import json
import time

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.runtime.compiler import find_compiler
from autodiff_compiler.testing import grad_dual
from benchmarks import checking, compare, hand, once, registry, report, run, summary, worker

BACKENDS = ("python", "c")
every_program = pytest.mark.parametrize("name", registry.NAMES)


@pytest.fixture(scope="module")
def references():
    """Value and gradients by the oracle, which shares nothing with the compiler."""
    made = {}

    def of(name):
        if name not in made:
            p = registry.load(name)
            args = p.data(*p.tiny)
            value = float(p.primal(*copy.deepcopy(args)))
            gradients = grad_dual(p.primal, copy.deepcopy(args), p.argnums)
            made[name] = value, [np.asarray(g) for g in gradients]
        return made[name]

    return of


@every_program
@pytest.mark.parametrize("backend", BACKENDS)
def test_gradient(name, backend, references):
    p = registry.load(name)
    args = p.data(*p.tiny)
    kept = copy.deepcopy(args)
    value, gradients = ad.value_and_grad(p.primal, argnums=p.argnums, backend=backend)(*args)
    assert_same(p, (value, gradients), references(name))
    for mine, theirs in zip(args, kept, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@every_program
def test_compiled_primal(name, references):
    p = registry.load(name)
    value = ad.compile(p.primal, backend="c")(*p.data(*p.tiny))
    np.testing.assert_allclose(value, references(name)[0], rtol=1e-12)


def assert_same(program, ours, reference):
    value, gradients = ours
    np.testing.assert_allclose(value, reference[0], rtol=1e-12)
    for k, (g, r) in enumerate(zip(gradients, reference[1], strict=True)):
        assert np.shape(g) == r.shape
        np.testing.assert_allclose(
            g, r, rtol=0, atol=1e-11 * np.max(np.abs(r)), err_msg=f"{program.name}, gradient {k}"
        )


BY_HAND = [n for n in registry.NAMES if registry.load(n).hand is not None]


def test_what_is_written_by_hand():
    assert BY_HAND == ["seidel_2d", "jacobi_2d", "trisolv", "softmax", "gmm_loops"]


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
@pytest.mark.parametrize("name", BY_HAND)
def test_adjoint_by_hand(name, references):
    p = registry.load(name)
    for level in p.hand.levels:
        function = hand.build(p.hand, level)
        assert_same(p, function(*p.data(*p.tiny)), references(name))
        # A size at which vectors are full and their ends are not.
        args = p.data(*LARGER[name])
        ours = ad.value_and_grad(p.primal, argnums=p.argnums, backend="c")(*args)
        assert_same(p, function(*args), (ours[0], [np.asarray(g) for g in ours[1]]))


LARGER = {
    "seidel_2d": (3, 23), "jacobi_2d": (3, 23), "trisolv": (45,), "softmax": (2, 2, 3, 37),
    "gmm_loops": (7, 5, 11),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in registry.NAMES if registry.load(n).numba is not None])
def test_loop_forms(name, references):
    """What numba compiles is plain Python, too."""
    p = registry.load(name)
    np.testing.assert_allclose(p.numba(*p.data(*p.tiny)), references(name)[0], rtol=1e-12)


@every_program
def test_data_are_always_the_same(name):
    p = registry.load(name)
    for a, b in zip(p.data(*p.tiny), p.data(*p.tiny), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not any(size in (0, 1) for a in p.data(*p.tiny) for size in np.shape(a))
    assert p.name == name and p.sizes and p.transform in ("grad", "value_and_grad")


# --- the harness ---------------------------------------------------------------------------------


def test_a_wrong_gradient_is_noticed(references):
    p = registry.load("trisolv")
    value, gradients = references("trisolv")
    assert checking.check(p, "gradient", (value, gradients), (value, gradients)) is None
    bent = [gradients[0], gradients[1] * (1.0 + 1e-6)]
    assert "gradient 1" in checking.check(p, "gradient", (value, bent), (value, gradients))
    lost = [gradients[0] * np.nan, gradients[1]]
    assert "gradient 0" in checking.check(p, "gradient", (value, lost), (value, gradients))
    moved = (value * (1.0 + 1e-6), gradients)
    assert "value" in checking.check(p, "gradient", moved, (value, gradients))
    assert "shape" in checking.check(p, "gradient", (value, gradients[::-1]), (value, gradients))
    args = p.data(*p.tiny)
    assert checking.directional(p, args, gradients) is None
    assert "slope" in checking.directional(p, args, [gradients[0], 1.001 * gradients[1]])


def test_directional_takes_numbers(references):
    p = registry.load("recurrence")
    assert checking.directional(p, p.data(*p.tiny), references("recurrence")[1]) is None


def figure(least):
    return {"min": least, "median": 1.02 * least, "samples": 9}


def result(**ours):
    times = {"numpy": 1.0, "primal": 0.01, "numba": 0.02, "jax": 0.3, "hand": 0.02, **ours}
    row = {
        "program": "seidel_2d", "size": [8, 50], "loops": True, "compile": {"jax": 2.0}, "errors": {},
        "times": {tool: figure(t) for tool, t in times.items()}, "overwritten": 10**6,
        "first_cold": {"first": 0.5, "next": 0.1}, "first_cached": {"first": 0.104, "next": 0.1},
        "memory": {"gradient": {"peak": 5 * 10**6, "inputs": 20000}},
    }  # fmt: skip
    return {"machine": run.machine(), "quick": True, "rows": [row]}


def test_summary_says_what_is_met():
    text = summary.summary(result(gradient=0.022))
    assert "- met: seidel_2d 8 x 50, ours / by hand: 1.1 (target: at most 1.2)" in text
    assert "- met: geometric mean: 2.2 (target: at most 2.5)" in text
    assert "- MISSED: JAX / ours, geometric mean of the loop programs: 13.6" in text
    assert "- met: cold, median: 0.4 s" in text
    assert "- met: from the cache on disk, the most, seidel_2d 8 x 50: 4 ms" in text
    assert "- MISSED: seidel_2d 8 x 50, over what the writes require: 4.81" in text
    slower = summary.summary(result(gradient=0.0305))
    assert "- MISSED: seidel_2d 8 x 50, ours / by hand: 1.52" in slower


def test_table_has_a_cell_for_each_column():
    lines = report.table(result(gradient=0.022)).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 3 and len({line.count("|") for line in table}) == 1
    assert "| 22 ms | 2.20 | 300 ms | 13.64 | 2 s |" in table[2]


def test_memory_of_other_tools_is_a_table_of_its_own():
    other = result(gradient=0.022)
    other["rows"][0]["memory"]["jax"] = {"peak": 7 * 10**6, "inputs": 20000}
    assert "| seidel_2d | 8 x 50 | 5 MB | 7 MB |" in report.table(other)
    assert "7 MB" not in report.table(result(gradient=0.022))


def test_missing_tools_leave_their_cells_empty():
    lonely = result(gradient=0.022)
    row = lonely["rows"][0]
    row["times"] = {"gradient": row["times"]["gradient"]}
    row["compile"], row["memory"] = {}, {}
    assert "not measured: seidel_2d 8 x 50, ours / by hand" in summary.summary(lonely)
    assert report.table(lonely).splitlines()[-1].count("|  |") > 3


def test_refusals_stay_in_the_table():
    refused = result()
    row = refused["rows"][0]
    row["refused"] = row["errors"]["gradient"] = "x.py:3: cannot\n  caret"
    assert "| refused |" in report.table(refused)
    assert "- seidel_2d 8 x 50, gradient: refused: x.py:3: cannot" in report.table(refused)
    assert "- seidel_2d 8 x 50: x.py:3: cannot" in summary.summary(refused)


def test_compare_says_what_got_slower():
    old = result(gradient=0.022)
    assert "nothing beyond noise" in compare.compare(old, result(gradient=0.0225))
    assert "gradient: 1.50 times slower" in compare.compare(old, result(gradient=0.033))
    assert "gradient: 2.00 times faster" in compare.compare(old, result(gradient=0.011))
    # A machine that is twice as slow at everything has not changed.
    slow = result(numpy=2.0, numba=0.04, jax=0.6, hand=0.04, primal=0.02, gradient=0.044)
    assert "nothing beyond noise" in compare.compare(old, slow)
    assert "no gradient any more" in compare.compare(old, result())


def test_a_worker_answers(tmp_path):
    from benchmarks.processes import ToolProcess

    process = ToolProcess("numpy", "trisolv", (6,), tmp_path)
    try:
        assert process.answer(60)["first"] > 0.0
        times = process.batch(0.01, 60)
    finally:
        process.end()
    assert times and all(0.0 < t < 1.0 for t in times)
    value, gradients = checking.read(process.result)
    assert gradients == [] and value == pytest.approx(
        float(registry.load("trisolv").primal(*registry.load("trisolv").data(6)))
    )


def test_a_worker_says_what_failed(tmp_path):
    from benchmarks.processes import ToolProcess

    process = ToolProcess("hand:-Ono", "trisolv", (6,), tmp_path)
    assert "error" in process.answer(60)
    process.end()


def test_memory_counts_the_results():
    answer = once.memory("sum_of_squares", [300000], "gradient")
    assert 2.3e6 <= answer["peak"] <= 20e6 and answer["inputs"] == 2400000
    assert json.dumps(answer)


def test_names_of_arguments_are_local_to_the_timed_loop():
    timer = worker._timer(lambda a, b: a + b, (1, 2))
    assert timer.timeit(3) > 0.0
    assert worker._timer(lambda: 1, ()).timeit(3) > 0.0


def test_short_calls_are_timed_many_at_once(monkeypatch):
    monkeypatch.setattr(worker, "_number", [])
    times = worker._batch(worker._timer(lambda: None, ()), 0.01)
    assert worker._number[0] >= 1000 and 0.0 < min(times) < 1e-6


def test_a_long_call_is_timed_alone_and_none_is_wasted(monkeypatch):
    monkeypatch.setattr(worker, "_number", [])
    calls = []
    times = worker._batch(worker._timer(lambda: (calls.append(1), time.sleep(0.002)), ()), 0.0)
    assert worker._number == [1] and len(calls) == len(times) == 1 and times[0] >= 0.002


def test_unknown_programs_are_named():
    assert run.chosen(None) == list(registry.NAMES)
    assert run.chosen("lu, adi") == ["lu", "adi"]
    with pytest.raises(SystemExit, match="no such program: nil"):
        run.chosen("nil")
