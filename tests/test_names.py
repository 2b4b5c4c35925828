"""The sample calls of the functions that programs may use, and the ops' table in docs/ops.md."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.cli import main
from autodiff_compiler.cli.ops import page
from autodiff_compiler.frontend import catalogue
from autodiff_compiler.ops import TABLE
from tests import names
from tests.c_kernels import needs_compiler
from tests.name_calls import MATH, NUMPY, SPECIAL, samples

ROOT = Path(__file__).resolve().parent.parent

NO_FORM_IN_C = ("np.linalg.eigh", "np.linalg.svd")


def own_calls():
    lines = [line for line in (MATH + SPECIAL + NUMPY).split("\n") if line]
    found = [names._call(line, samples()) for line in lines]
    return [c for c in found if names.is_accepted(c)]


def test_every_sample_call_has_the_derivative_that_it_is_counted_for():
    faults = {call.text: fault for call in own_calls() if (fault := names.passes(call))}
    assert faults == {}


def test_every_op_with_a_derivative_has_a_sample_call_of_each_of_its_names():
    sampled = [call.function for call in names.calls() if names.is_accepted(call)]
    missing = []
    for op in TABLE.values():
        if op.kind != "elementwise" or not callable(op.vjp):
            continue
        for spelling in op.spellings:
            call = names.Call(spelling, "", {})
            if spelling.split(".")[0] in ("np", "math", "scipy") and names.is_accepted(call):
                if not any(call.function is f for f in sampled):
                    missing.append(spelling)
    assert missing == []


@needs_compiler
def test_the_back_ends_agree_on_them():
    # The signs of eigenvectors are NumPy's own.
    sample = [call for call in own_calls() if call.name not in NO_FORM_IN_C]
    for k in range(0, len(sample), 24):
        group = sample[k : k + 24]
        f, args = names.function_of(group), names.arguments(group)
        active = names.floats(args)
        python, c = (
            ad.value_and_grad(f, argnums=active, backend=b)(*args) for b in ("python", "c")
        )
        assert np.isclose(python[0], c[0], rtol=1e-12 if k else 1e-11)
        for mine, other in zip(python[1], c[1]):
            rough = 1e-5 if any("float32" in call.text for call in group) else 1e-10
            np.testing.assert_allclose(mine, other, rtol=rough, atol=rough * np.abs(other).max())


def test_a_wrong_derivative_and_none_are_not_counted(monkeypatch):
    v = np.array([0.3, -0.7])
    assert "zero" in names.passes(names.Call("np.sign", "np.sign(v)", {"v": v}))
    assert "no float" in names.passes(names.Call("np.ones", "np.ones(3)", {}))
    assert names.passes(names.Call("np.sin", "np.sin(v)", {"v": v})) == ""
    assert "Unsupported" in names.passes(names.Call("np.angle", "np.angle(v)", {"v": v}))
    right = names.gradient
    monkeypatch.setattr(names, "gradient", lambda call: [1.001 * g for g in right(call)])
    assert "is not" in names.passes(names.Call("np.sin", "np.sin(v)", {"v": v}))


def test_calls_are_read_as_they_are_meant():
    values = {"s": 1.0, "m": np.ones((2, 2)), "v": np.ones(2)}
    made = names._call("np.full(3, s)", values)
    assert (made.name, sorted(made.values)) == ("np.full", ["s"])
    # What is added to a result does not go through the function.
    assert names._call("np.zeros(3) + s", values).values == {}
    assert names._call("np.linalg.qr(m)[1]", values).name == "np.linalg.qr"
    assert names._call("m.flatten()", values) is None and names._call("m.T", values) is None


def test_functions_count_once():
    for module in catalogue.MODULES:
        found = [f for _, f in catalogue.names(module)]
        assert len({id(f) for f in found}) == len(found) > 0
    assert ("absolute" in dict(catalogue.names("np"))) != ("abs" in dict(catalogue.names("np")))
    assert not catalogue.accepted(np.angle) and not catalogue.accepted([].append)


def test_the_count_is_printed():
    done = subprocess.run(
        [sys.executable, "-m", "tests.names", "--list"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    rows = {
        r[0]: r[1:] for line in done.stdout.splitlines() if (r := line.split()) and line[0] != " "
    }
    assert set(catalogue.MODULES) < rows.keys()
    counted = [int(rows[module][0]) for module in catalogue.MODULES]
    assert int(rows["all"][0]) == sum(counted)
    assert counted[0] >= 90 and counted[2] >= 30 and counted[3] >= 30
    assert " lgamma " in done.stdout and " logsumexp " in done.stdout


# --- docs/ops.md ------------------------------------------------------------------------------


def test_the_page_of_ops_is_what_the_command_prints(capsys):
    assert main(["ops"]) == 0
    printed = capsys.readouterr().out
    assert printed == page()
    hint = "run `python -m autodiff_compiler ops > docs/ops.md`"
    assert (ROOT / "docs" / "ops.md").read_text("utf-8") == printed, hint


@pytest.mark.parametrize("name", ["sin", "lgamma", "pow", "matmul", "sum"])
def test_the_page_shows_derivatives(name):
    (row,) = (line for line in page().splitlines() if line.startswith(f"| `{name}` |"))
    said = {
        "sin": "`g * np.cos(x)`", "lgamma": "`g * digamma(x)`", "matmul": "x.T @ g",
        "pow": "np.where(y == 0, 0, g * y * x ** (y - 1))", "sum": "g[:, None]",
    }  # fmt: skip
    assert said[name] in row
    assert row.count(" | ") == 4


def test_every_op_is_on_the_page():
    text = page()
    for op in TABLE.values():
        shown = f"| `{op.name}` |" in text
        assert shown == (op.kind not in ("control", "check", "stack", "undefined")), op.name
