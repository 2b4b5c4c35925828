"""`explain`: its numbers are the compiled kernel's, its formulas give its numbers, its texts are as kept."""

import io
import re
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler import value_and_grad
from autodiff_compiler.cli import main
from autodiff_compiler.errors import InternalError, UnsupportedError
from autodiff_compiler.explain import record as recording
from autodiff_compiler.explain import running
from autodiff_compiler.explain.markdown import cell, code, escaped, markdown
from autodiff_compiler.explain.plain import plain
from autodiff_compiler.explain.running import run_on_record
from autodiff_compiler.explain.sections import Options, Sections
from samples.cholesky_logdet import logdet, positive_definite
from samples.neuron import loss, mean_loss
from samples.neuron_line import line
from samples.newton_while import eccentric_anomaly
from tests.programs import PROGRAMS
from tests.public_style import kalman, pagerank

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden_explain"
NEURON = ["explain", "samples/neuron.py:loss", "--args", "w=0.6, b=-0.3, x=1.5, y=1.0"]


@pytest.fixture
def explain(capsys, monkeypatch):
    """Runs the command from the root of the tree; gives the exit code, stdout and stderr."""
    monkeypatch.chdir(ROOT)

    def run(*arguments):
        capsys.readouterr()
        exit_code = main([*arguments])
        done = capsys.readouterr()
        assert "Traceback" not in done.out + done.err
        return exit_code, done.out, done.err

    return run


def text_of(function, args, argnums, **options):
    explained = run_on_record(function, args, {}, argnums)
    return plain(Sections(explained, Options(**options)).document("file.py"))


def squeezed(text):
    """With single spaces, so that a test can ask for what stands in a line."""
    return re.sub(r" +", " ", text)


# --- what is printed ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_neuron_is_explained_as_kept(explain, form, request):
    done, out, _ = explain(*NEURON, "--argnums", "w,b", "--format", form)
    kept = GOLDEN / f"neuron.{'txt' if form == 'text' else 'md'}"
    if request.config.getoption("--update-golden"):
        kept.write_text(out, "utf-8")
    assert done == 0
    assert out == kept.read_text("utf-8")


def test_a_line_at_30_40_50(explain):
    _, out, _ = explain(
        "explain", "samples/neuron_line.py:line", "--args", "w=40, x=30, b=50",
        "--argnums", "w,b", "--alpha", "0.5",
    )  # fmt: skip
    lines = squeezed(out).splitlines()
    # name, value, leaf, requires gradient
    assert "x 30 yes no" in lines
    assert "w 40 yes yes" in lines
    assert "b 50 yes yes" in lines
    assert " z t1 + b 1250 no yes" in lines
    assert "dz/dw = x = 30" in lines
    assert "dz/db = 1" in lines
    assert " = 40 - 0.5 * 30 = 25" in lines
    assert " = 50 - 0.5 * 1 = 49.5" in lines


def test_the_chain_rule_is_multiplied_out():
    out = squeezed(text_of(loss, (0.6, -0.3, 1.5, 1.0), (0, 1)))
    assert "dL/dw = dL/dy_hat * dy_hat/dz * dz/dw" in out
    assert " = -0.708687 * 0.228784 * 1.5 = -0.243205" in out


def test_several_ways_are_summed_and_the_rest_is_counted():
    out = text_of(eccentric_anomaly, (0.8, 0.6), (0, 1))
    assert "way 4 = " in out and "way 5 = " not in out
    assert re.search(r"and \d+ more ways, together ", out)
    total = re.search(r"^dE#6/dM = (.*) = (\S+)$", out, re.M)
    assert eval(total[1]) == pytest.approx(float(total[2]), abs=1e-5)


def test_loops_are_folded_and_a_trip_unfolds():
    args = (0.6, -0.3, np.array([0.5, 1.5, 3.0]), np.array([0.0, 1.0, 1.0]))
    assert "y_hat#2" not in text_of(mean_loss, args, (0, 1)).split("Chain rule")[0]
    unfolded = text_of(mean_loss, args, (0, 1), trips=(2,)).split("Chain rule")[0]
    assert "trip 2 of 3, k = 1" in unfolded
    assert "y_hat#2" in unfolded and "y_hat#3" not in unfolded
    assert "y_hat#3" in text_of(mean_loss, args, (0, 1), every=True).split("Chain rule")[0]


def test_a_long_loop_shows_its_ends():
    def doubling(x, n):
        for i in range(n):
            x = x * 1.01
        return x

    out = text_of(doubling, (1.0, 100), (0,))
    assert "100 trips" in out and "\n     ...   ..." in out
    assert len(out) < 8000


def test_a_branch_says_how_it_went():
    def clipped(x):
        if x > 1.0:
            y = 2.0 * x
        else:
            y = x * x
        return y

    assert "the condition holds" in text_of(clipped, (3.0,), (0,))
    out = squeezed(text_of(clipped, (0.5,), (0,)))
    assert "the condition does not hold" in out and "dy/dx = 2 * x = 1" in out


def test_the_factorisation_in_place_is_summarised():
    out = text_of(logdet, (positive_definite(5),), (0,), trips=(3, 2))
    assert "of 5 x 5, norm" in out
    forward, backward = out.split("\nBackward")
    assert re.search(r"L#\d+\[i, j\] = t5 ", forward)
    assert re.search(r"d_t5 = d_L#\d+\[i, j\] ", backward)
    assert re.search(r"d_L#\d+\[i, j\] = 0 ", backward)
    assert max(map(len, out.splitlines())) < 260


@pytest.mark.parametrize(("module", "argnums"), [(kalman, (0, 1)), (pagerank, (0,))])
def test_programs_of_the_public(module, argnums):
    out = text_of(module.program, module.arguments(), argnums, trips=(1,))
    for part in ("Leaves", "Forward", "Backward", "Chain rule", "Update"):
        assert f"\n{part}" in out
    assert "trip 1 of" in out


def test_a_parameter_that_does_not_matter():
    out = text_of(lambda x, y: x + 1.0, (2.0, 3.0), (1,))
    assert "= 0: y does not reach" in out


def test_an_arm_that_was_not_taken_has_no_part():
    def rooted(x):
        return 2.0 * np.where(x > 0.0, np.sqrt(x), 0.0)

    out = text_of(rooted, (-1.0,), (0,))
    assert "dL/dx = 0 (of an arm that was not taken)" in out and "0 * nan" not in out


def test_numbers_that_are_not_finite():
    out = text_of(lambda x: np.sqrt(x - 1.0) * 0.0 + x * np.inf, (1.0,), (0,))
    assert re.search(r"dt\d+/dx = np.inf = inf", out)


def test_captured_numbers_are_leaves():
    rate = 0.5

    def scaled(x):
        return rate * x

    assert "rate     0.5   yes    no" in text_of(scaled, (3.0,), (0,))


# --- the numbers --------------------------------------------------------------------------------

SOME = [p for k, p in enumerate(PROGRAMS) if k % 21 == 0]


@pytest.mark.parametrize("program", SOME, ids=lambda p: p.name)
def test_the_adjoints_are_the_compiled_gradient(program):
    numbers = program.argnums if isinstance(program.argnums, tuple) else (program.argnums,)
    value_and_gradients = value_and_grad(program.fn, argnums=numbers, backend="python")
    explained = run_on_record(program.fn, program.args(), {}, value_and_gradients.argnums)
    value, gradients = value_and_gradients(*program.args())
    rtol = 1e-4 if any(i.value.type.dtype == "f32" for i in explained.run.items) else 1e-9
    assert np.isclose(explained.result.data, value, rtol=rtol, atol=0)
    kept = list(running._flat(gradients))
    ours = [leaf for leaf in explained.leaves if leaf.wrt]
    assert len(ours) == len(kept)
    for leaf, theirs in zip(ours, kept):
        adjoint = explained.back.adjoints.get(leaf.item, 0.0)
        top = max(explained.back.scale.get(leaf.item, 0.0), 1e-300)
        np.testing.assert_allclose(adjoint, theirs, rtol=rtol, atol=rtol * top)


def test_at_least_a_dozen_programs_are_compared():
    assert len(SOME) >= 12


def formulas(function, args, argnums):
    """(formula, the numbers of its names, what is printed for it) of every local derivative."""
    explained = run_on_record(function, args, {}, argnums)
    sections = Sections(explained, Options(digits=17))
    labels = sections.labels
    for step in explained.back.shares:
        row = sections.rows.row(step)
        known = {labels(i): float(i.data) for i in (*step.operands, *step.results)}
        for share in row.shares:
            if share.formula:
                yield share.formula, known, float(share.partial)


def kinds_of_ops(a, b):
    c = a * b + a / b - np.sqrt(b)
    d = np.log(c) * np.tanh(a) + np.sin(b) ** 2 - np.exp(-a)
    return d * np.arctan2(a, b) + np.maximum(a, b) - abs(a - 3.0) ** 1.5 + np.log10(b) * 2.5


@pytest.mark.parametrize(
    ("function", "args", "argnums"),
    [
        (loss, (0.6, -0.3, 1.5, 1.0), (0, 1)),
        (eccentric_anomaly, (0.8, 0.6), (0, 1)),
        (kinds_of_ops, (1.3, 0.7), (0, 1)),
        (line, (30.0, 40.0, 50.0), (0, 1, 2)),
    ],
)
def test_each_formula_gives_the_number_beside_it(function, args, argnums):
    count = 0
    for formula, known, partial in formulas(function, args, argnums):
        # `E#3` is no name of Python's.
        names = {label.replace("#", "_no_"): x for label, x in known.items()}
        value = eval(formula.replace("#", "_no_"), {"np": np, **names})
        assert value == pytest.approx(partial, rel=1e-12), formula
        count += 1
    assert count >= 3


def test_slopes_between_names_give_the_numbers_beside_them():
    explained = run_on_record(kinds_of_ops, (1.3, 0.7), {}, (0, 1))
    sections = Sections(explained, Options())
    known = {sections.labels(i): float(i.data) for i in explained.run.items}
    ways = sections.chain.ways(explained.leaves[0].item)
    slopes = {s for way in ways.shown for s in way.slopes if s.formula}
    assert len(slopes) >= 2
    for slope in slopes:
        assert eval(slope.formula, {"np": np, **known}) == pytest.approx(slope.value, rel=1e-9)
    assert sum(w.product for w in ways.shown) + ways.rest == pytest.approx(ways.total, rel=1e-12)


def test_a_number_that_the_kernel_does_not_give_is_not_shown(monkeypatch):
    original = running.backward

    def wrong(run, result):
        back = original(run, result)
        for item in run.params:
            if item in back.adjoints:
                back.adjoints[item] = back.adjoints[item] * (1 + 1e-6)
        return back

    monkeypatch.setattr(running, "backward", wrong)
    with pytest.raises(InternalError, match="differ"):
        run_on_record(loss, (0.6, -0.3, 1.5, 1.0), {}, (0, 1))


def test_a_run_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(recording, "MAX_STEPS", 20)
    with pytest.raises(UnsupportedError, match="too long"):
        run_on_record(eccentric_anomaly, (0.8, 0.6), {}, (0, 1))


# --- where it goes ------------------------------------------------------------------------------


def test_a_pipe_gets_plain_text(explain):
    _, out, _ = explain(*NEURON)
    assert "\x1b" not in out


def test_colours_without_rich_are_plain_text(explain, monkeypatch):
    from autodiff_compiler.explain import terminal

    monkeypatch.setattr(terminal, "has_rich", lambda: False)
    _, out, _ = explain(*NEURON, "--color", "always")
    assert "\x1b" not in out and "y_hat" in out


def test_a_terminal_gets_colours():
    pytest.importorskip("rich")
    from autodiff_compiler.explain.terminal import print_rich

    explained = run_on_record(loss, (0.6, -0.3, 1.5, 1.0), {}, (0, 1))
    file = io.StringIO()
    print_rich(Sections(explained, Options()).document("[bold]x[/bold].py"), file)
    assert "\x1b[" in file.getvalue()
    # What looks like rich's own marks is text of the user's.
    assert "[bold]x[/bold].py" in re.sub(r"\x1b\[[\d;]*m", "", file.getvalue())


def test_output_goes_to_a_file(explain, tmp_path):
    kept = tmp_path / "neuron.md"
    done, out, _ = explain(*NEURON, "--format", "markdown", "-o", str(kept))
    assert (done, out) == (0, "")
    assert kept.read_text("utf-8").startswith("# `loss(w, b, x, y) in neuron.py`")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--args", "0.6, -0.3"], "missing a required argument"),
        (["--args", "0.6, -0.3, 1.5, nothing"], "name 'nothing' is not defined"),
        (["--args", "0.6, -0.3, 1.5)"], "unmatched"),
        (["--args", "0.6, -0.3, 1.5, 1.0", "--trip", "0"], "no trip"),
        (["--args", "0.6, -0.3, 1.5, 1.0", "--digits", "0"], "--digits"),
        (["--args", "0.6, -0.3, 1.5, 1.0", "--alpha", "nan"], "--learning-rate"),
        (["--args", "0.6, -0.3, 1.5, 1.0", "--argnums", "q"], "no parameter 'q'"),
        (["--args", "0.6, -0.3, 1.5, 1.0", "--html", "x", "--format", "text"], "--html"),
        (["--args", "'a', -0.3, 1.5, 1.0"], "neuron.py:17"),
    ],
)
def test_what_cannot_be_done_says_why(explain, arguments, message):
    done, out, err = explain("explain", "samples/neuron.py:loss", *arguments)
    assert (done, out) == (2, "")
    assert message in err


def test_what_the_function_raises_is_said(explain, tmp_path):
    file = tmp_path / "raising.py"
    file.write_text(
        "def f(x):\n    if x > 0:\n        raise ValueError('too large')\n    return x\n"
    )
    done, _, err = explain("explain", f"{file}:f", "--args", "1.0")
    assert done == 2
    assert "f: ValueError: too large" in err


def test_markdown_escapes():
    assert code("a `b` c") == "``a `b` c``"
    assert code("`") == "`` ` ``"
    assert cell("x | y") == "`x \\| y`"
    assert escaped("a*b_[c]") == "a\\*b\\_\\[c\\]"


def test_markdown_of_hostile_text(tmp_path):
    def hostile(x):
        return x * len("`|</code><b> \\| *_")

    explained = run_on_record(hostile, (2.0,), {}, (0,))
    out = markdown(Sections(explained, Options()).document("<b>`|`.py"))
    rows = [row for row in out.splitlines() if row.startswith("|")]
    widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert widths <= {5, 6}


def test_a_loop_that_returns_shows_the_names_that_it_carries():
    def early(x):
        total = 0.0
        for k in range(10):
            total += x**k
            if total > 5.0:
                return total * x
        return total

    out = squeezed(text_of(early, (2.0,), (0,)))
    assert " trip k total\n" in out and " 3 2 7\n" in out
    assert "it has no trip 9" in text_of(early, (2.0,), (0,), trips=(9,))


def test_lists_that_grow_are_summarised():
    def path(x, n):
        places = []
        for _ in range(n):
            x = 0.5 * x
            places.append(x)
        return sum(p**2 for p in places)

    out = text_of(path, (1.0, 6), (0,), trips=(-1,))
    assert "list of 6: [0.5, 0.25, 0.125, ...]" in out
    assert re.search(r"d_x#7 = d_t\d+\[-1\]", out)
