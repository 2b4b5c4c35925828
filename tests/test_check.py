"""`check`: every reference is heard, what is missing is said, and a wrong rule does not pass."""

from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError
from autodiff_compiler.cli import main
from autodiff_compiler.ir.op import TABLE
from autodiff_compiler.testing import gradient_report
from autodiff_compiler.testing.report import DIFFERENCES, DUAL, OTHER

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, source=""):
        if source:
            Path("mine.py").write_text("import math\nimport numpy as np\n\n\n" + source)
        capsys.readouterr()
        code = main(["check", *arguments])
        done = capsys.readouterr()
        assert "Traceback" not in done.out + done.err
        return code, done.out, done.err

    return run


@pytest.fixture
def wrong_rule():
    """`tanh` with a derivative that is wrong by a part in a million."""
    op = TABLE["tanh"]
    right = op.vjp
    object.__setattr__(op, "vjp", lambda g, y, x: [g * (1.000001 - y * y)])
    yield
    object.__setattr__(op, "vjp", right)


def test_a_wrong_rule_is_noticed_by_both_references(wrong_rule, check):
    code, out, err = check("mine.py:f", source="def f(x, y):\n    return math.tanh(x) * y\n")
    assert (code, err) == (1, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert rows["x"].count("wrong") == 2 and rows["x"].endswith("disagrees")
    assert rows["y"].count("ok") == 3
    assert "DISAGREES" in out and " by dual numbers" in out and " by differences" in out


def test_a_wrong_array_is_shown_entry_by_entry(wrong_rule, check):
    code, out, _ = check("mine.py:f", "--types", "x: f64[n]", "--sizes", "n=12",
                         source="def f(x):\n    return np.sum(np.tanh(x) * np.arange(12.0))\n")  # fmt: skip
    assert code == 1
    assert "x[3]: " in out and "x: ... and " in out and "x[0]" not in out


def test_agreement(check):
    code, out, err = check(f"{ROOT}/samples/neuron.py:loss")
    assert (code, err) == (0, "")
    assert "loss(w, b, x, y) in neuron.py, at random numbers from -2 to 2 (--seed 0)" in out
    assert out.endswith("all comparisons agree\n") and out.count("ok  ") == 12


def test_a_while_and_given_arguments(check):
    target = f"{ROOT}/samples/newton_while.py:eccentric_anomaly"
    code, out, _ = check(target, "--args", "0.8, e=0.6")
    assert code == 0 and "at M = 0.8, e = 0.6" in out
    code, out, err = check(target, "--args", "0.8")
    assert (code, out) == (2, "") and "missing a required argument: 'e'" in err
    assert check(target, "--args", "np.ones(")[0] == 2


def test_random_arguments_that_a_factorisation_takes(check):
    target = f"{ROOT}/samples/cholesky_logdet.py:logdet"
    code, out, _ = check(target, "--types", "A: f64[n,n]", "--sizes", "n=4")
    assert code == 0
    assert "square matrices positive definite" in out and "A = float64[4,4]" in out


def test_differences_at_a_kink_disagree_and_say_why(check):
    code, out, _ = check(
        "mine.py:f", "--args", "0.0", source="def f(x):\n    return np.maximum(x, 2 * x)\n"
    )
    assert code in (0, 1)
    code, out, _ = check(
        "mine.py:f", "--args", "2.0", source="def f(x):\n    return math.floor(x * 3) + x\n"
    )
    assert code == 1 or "too rough" in out


def test_refusals_and_bad_arguments(check):
    code, out, err = check(
        "mine.py:f",
        source="def f(x):\n    try:\n        return x\n    except ValueError:\n        return 0.0\n",
    )
    assert (code, out) == (2, "") and "mine.py:6:5: `try`" in err
    code, out, err = check("mine.py:f", source="def f(x):\n    return x[0] + x[1]\n")
    assert (code, out) == (2, "") and 'for arrays say --types "x: f64[n]"' in err
    code, out, err = check(
        "mine.py:f", "--args", "-1.0", source="def f(x):\n    return math.sqrt(x)\n"
    )
    assert (code, out) == (2, "") and "ValueError" in err


def test_what_cannot_be_passed_on_is_no_silent_default(check):
    source = "def f(x, *, sign=1.0):\n    return x * sign\n"
    assert check("mine.py:f", "--args", "2.0", source=source)[0] == 0
    code, out, err = check("mine.py:f", "--args", "2.0, sign=-1.0")
    assert (code, out) == (2, "") and "check takes no sign" in err


# --- in Python ---------------------------------------------------------------------------------------


def cubes(x, n):
    return np.sum(x**3) * n


def test_the_report():
    report = gradient_report(cubes, (np.array([1.0, -2.0]), 2))
    assert report.ok and report.value == -14.0 and report.backends == ("c", "python")
    (row,) = report.rows
    assert (row.argument, row.count, row.verdict) == (0, 2, "ok")
    assert {name: cell.status for name, cell in row.cells.items()} == {
        DUAL: "ok",
        DIFFERENCES: "ok",
        OTHER: "ok",
    }


def test_float32_is_held_to_what_it_can_be():
    report = gradient_report(cubes, (np.array([1.0, -2.0], dtype=np.float32), 2))
    assert report.rows[0].cells[DUAL].status == "ok"


def test_a_reference_that_fails_is_noted_and_the_other_counts(monkeypatch):
    def no_duals(*args, **kwargs):
        raise NotImplementedError("not this one")

    monkeypatch.setattr("autodiff_compiler.testing.report.grad_dual", no_duals)
    report = gradient_report(cubes, (np.array([1.0, -2.0]), 2))
    assert report.ok and report.rows[0].cells[DUAL].status == "none"
    assert report.notes == ["dual numbers: NotImplementedError: not this one"]
    monkeypatch.setattr("autodiff_compiler.testing.report.grad_numeric", no_duals)
    report = gradient_report(cubes, (np.array([1.0, -2.0]), 2))
    assert not report.ok and report.rows[0].verdict == "unchecked"


def test_differences_that_say_nothing_do_not_count(monkeypatch):
    rough = ([np.array([3.0, 12.0])], [np.array([0.5, 0.5])])
    monkeypatch.setattr("autodiff_compiler.testing.report.grad_dual", lambda *a, **k: 1 / 0)
    monkeypatch.setattr("autodiff_compiler.testing.report.grad_numeric", lambda *a, **k: rough)
    report = gradient_report(cubes, (np.array([1.0, -2.0]), 2))
    assert not report.ok and report.rows[0].cells[DIFFERENCES].status == "none"
    assert any("too rough" in note for note in report.notes)


def test_what_is_refused_raises():
    with pytest.raises(UnsupportedError):
        gradient_report(eval("lambda x: x"), (1.0,))
