"""`lint`: what is found, what is known to be safe, and that the facts stand in the ops' records."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler.cli import main
from autodiff_compiler.ir.op import TABLE, Kink
from autodiff_compiler.lint import CODES, lint
from tests.lint_programs import PROGRAMS

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", PROGRAMS)
def test_findings(name):
    """The codes expected stand at the ends of the lines: `# kink cut`; of parameters, at the `def`."""
    function, args = PROGRAMS[name]
    source = (ROOT / "tests/lint_programs.py").read_text().splitlines()
    first = function.__code__.co_firstlineno
    expected = []
    for number in range(first, len(source) + 1):
        line = source[number - 1]
        if number > first and line and not line.startswith((" ", ")")):
            break
        marks = re.search(r"# ([a-z ]+)$", line)
        expected += [(number, code) for code in (marks[1].split() if marks else [])]
    found = lint(function, *args)
    assert sorted((f.span.lineno, f.code) for f in found) == sorted(expected), "\n".join(
        map(str, found)
    )


def test_every_code_is_met():
    lines = (ROOT / "tests/lint_programs.py").read_text()
    marks = {code for found in re.findall(r"# ([a-z ]+)$", lines, re.M) for code in found.split()}
    assert marks == set(CODES)


def test_kinks_stand_in_the_records_and_in_the_table_for_users():
    """Each op with a kink has a row in the table of kinks, or is one that a row there is made of."""
    table = (ROOT / "docs/language.md").read_text().split("## Kinks")[1].split("\n**Integers")[0]
    words = {"eigen": "eigh", "singular": "singular", "svdvals": "singular", "svd": "singular", "logit": "logit", "div": "x / y",
             "log2": "np.log", "log10": "np.log", "mod": "x % y", "pow": "x ** y"}  # fmt: skip
    for op in TABLE.values():
        for kink in op.kinks:
            assert isinstance(kink, Kink) and kink.at and kink.slope
            word = words.get(op.name, op.name)
            assert re.search(rf"\b{re.escape(word)}", table) or word in table, op.name
            for test in kink.safe:
                assert re.fullmatch(r"[xyz] (!=|>|>=|<|<=) -?\d+", test)


def sample_points(kink):
    """Operands at which a kink is met, by its words."""
    zero, one = np.float64(0.0), np.float64(1.0)
    return {
        "its argument is 0": (zero,), "its argument is -1": (-one,), "its argument is 1": (one,),
        "its argument is 1 or -1": (one,), "both arguments are 0": (zero, zero),
        "its argument is 0 or 1": (one,), "the divisor is 0": (one, zero),
        "its arguments are equal": (one, one),
        "the base is 0 and the exponent below 1": (zero, np.float64(0.5)),
    }.get(kink.at)  # fmt: skip


ONE_OPERAND = [op for op in TABLE.values() if op.kind == "elementwise" and op.kinks]


@pytest.mark.parametrize("op", ONE_OPERAND, ids=lambda op: op.name)
def test_the_slope_of_the_record_is_that_of_the_rule(op):
    """The words are held to what the compiled derivative gives at such a point."""
    from autodiff_compiler.ir.build import Builder
    from autodiff_compiler.ir.graph import Function
    from autodiff_compiler.ir.interpret import interpret
    from autodiff_compiler.ir.types import F64, Scalar
    from autodiff_compiler.pipeline import gradient_passes, run

    for kink in op.kinks:
        point = sample_points(kink)
        if point is None:
            continue
        if op.name == "copysign":
            point = (*point, np.float64(1.0))
        b = Builder()
        params = [b.function_param(Scalar(F64), n) for n in "xyz"[: len(point)]]
        result = b.emit(op, *params)
        function = Function("one", b.close(params, [result]))
        made = run(function, gradient_passes(list(range(len(params))), [0], []))
        slopes = [abs(s) for s in interpret(made, list(point))]
        of = [slopes["xyz".index(letter)] for letter in kink.of] or slopes
        said = {"infinite": np.isinf, "0": lambda s: s == 0, "nan": np.isnan, "infinite or nan": lambda s: not np.isfinite(s),
                "one half to each": lambda s: s == 0.5}[kink.slope]  # fmt: skip
        assert all(map(said, of[:1] if op.name == "copysign" else of)), (op.name, kink, slopes)


# --- the command -------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, source=""):
        if source:
            Path("mine.py").write_text("import numpy as np\n\n\n" + source)
        capsys.readouterr()
        code = main(["lint", *arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    return run


def test_text(command):
    code, out, err = command("mine.py:f", source="def f(x, n):\n    return abs(x) ** 1.5\n")
    assert (code, err) == (1, "")
    assert out == (
        "mine.py:4:1: the result does not depend on `n` [unused]\n    def f(x, n):\n    ^^^^^^^^^^^^\n\n"
        "mine.py:5:12: `abs` where its argument is 0: the derivative is 0 [kink]\n"
        "    return abs(x) ** 1.5\n           ^^^^^^\n\n"
        "f in mine.py: 2 findings (1 kink, 1 unused)\n"
    )
    assert command("mine.py:f", "--ignore", "kink,unused")[:2] == (
        0,
        "f in mine.py: nothing found\n",
    )
    assert command("mine.py:f", "--ignore", "kinks")[0] == 2


def test_json(command):
    code, out, _ = command(
        "mine.py:f", "--format", "json", source="def f(x):\n    return np.sqrt(x)\n"
    )
    (found,) = json.loads(out)
    assert (
        code == 1 and found["code"] == "kink" and (found["lineno"], found["col_offset"]) == (5, 11)
    )
    assert json.loads(command(f"{ROOT}/samples/neuron.py:loss", "--format", "json")[1]) == []


def test_samples_and_refusals(command):
    assert command(f"{ROOT}/samples/neuron.py:loss")[:2] == (
        0,
        "loss in neuron.py: nothing found\n",
    )
    code, out, _ = command(f"{ROOT}/samples/newton_while.py:eccentric_anomaly")
    assert code == 1 and "[loop]" in out and "while abs(step) > 1e-12:" in out
    code, out, _ = command(f"{ROOT}/samples/cholesky_logdet.py:logdet", "--types", "A: f64[n,n]")
    assert code == 1 and "3 findings (3 kink)" in out
    code, out, err = command("mine.py:f", source="def f(x):\n    return x[0]\n")
    assert (code, out) == (2, "") and "cannot be indexed" in err and "--types" in err
