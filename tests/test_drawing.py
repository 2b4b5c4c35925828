"""Pictures: the files kept for review, what holds for every SVG, and what the other formats say."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler import compile as compile_
from autodiff_compiler import grad, value_and_grad
from autodiff_compiler.cli.loading import load_function
from autodiff_compiler.drawing import FORMATS, graph
from autodiff_compiler.drawing.model import BACKWARD, FORWARD
from autodiff_compiler.drawing.svg import escape
from autodiff_compiler.ir.show import value_names
from tests.pictures import SVG, by_class, faults, parsed
from tests.programs import PROGRAMS

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
BY_NAME = {p.name: p for p in PROGRAMS}
STAGES = ("primal", "adjoint", "optimised")
SUFFIX = {"svg": "svg", "dot": "dot", "mermaid": "mmd", "text": "txt"}


@pytest.fixture(autouse=True)
def forgets_imports():
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if not name.startswith("autodiff_compiler"):
            del sys.modules[name]


def kernel_of(path, function, args, argnums=0):
    return value_and_grad(
        load_function(f"{ROOT / path}:{function}"), argnums, backend="python"
    ).specialize(*args)


@functools.cache
def neuron():
    return kernel_of("samples/neuron.py", "loss", (0.6, -0.3, 1.5, 1.0), ("w", "b"))


@functools.cache
def newton():
    return kernel_of("samples/newton_while.py", "eccentric_anomaly", (0.8, 0.6), (0, 1))


@functools.cache
def cholesky():
    return kernel_of("samples/cholesky_logdet.py", "logdet", (np.eye(4),))


@functools.cache
def lstm():
    from benchmarks.programs.lstm import data
    from benchmarks.programs.lstm import lstm as function

    return grad(function, (0, 1), backend="python").specialize(*data(2, 3, 4))


@functools.cache
def corpus(name):
    p = BY_NAME[name]
    return grad(p.fn, p.argnums, backend="python").specialize(*p.args())


# --- kept for review ----------------------------------------------------------------------------

GOLDEN_CASES = {
    "seed_line": ("line", (30.0, 40.0, 50.0), ("w", "b"), tuple(FORMATS)),
    "choice": ("slope", (1.0, 2.0), ("x",), ("svg", "mermaid", "text")),
    "newton_while": ("eccentric_anomaly", (1.1, 0.4), (0, 1), ("svg", "dot", "text")),
}


@pytest.mark.parametrize("name", sorted(GOLDEN_CASES))
def test_golden_pictures(name, request):
    function, args, argnums, formats = GOLDEN_CASES[name]
    picture = kernel_of(f"tests/golden/{name}.py", function, args, argnums).graph()
    for format in formats:
        path = GOLDEN / f"{name}.graph.{SUFFIX[format]}"
        if request.config.getoption("--update-golden"):
            path.write_text(picture.write(format), "utf-8")
        assert path.read_text("utf-8") == picture.write(format), path.name


def test_the_same_bytes_in_every_process():
    code = (
        "import sys; from autodiff_compiler.cli import main; "
        "sys.exit(main(['graph', 'samples/cholesky_logdet.py:logdet', '--types', 'A: f64[n,n]']))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == cholesky().graph().svg()


# --- what holds for every SVG -------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("detail", ["operations", "lines"])
@pytest.mark.parametrize("make", [neuron, newton, cholesky, lstm])
def test_boxes_and_edges_are_where_they_should_be(make, stage, detail):
    assert faults(make().graph(stage, detail)) == []


@pytest.mark.parametrize(
    "name",
    [
        "bisection", "first_large_or_sum", "guarded", "carried_row", "insertion_sort",
        "swapped_buffers", "helpers_that_rebind", "sets_and_sorting", "runge_kutta_on_a_named_tuple",
        "gram_schmidt",
    ],
)  # fmt: skip
def test_programs_of_the_corpus(name):
    kernel = corpus(name)
    for stage in STAGES:
        for detail in ("operations", "lines"):
            picture = kernel.graph(stage, detail)
            assert faults(picture) == [], (stage, detail)
            assert all(picture.write(format) for format in FORMATS)


def test_the_checks_of_this_file_find_faults():
    drawn = neuron().graph()
    boxes = re.sub(r'(<rect x="[\d.]+" y=")[\d.]+', r"\g<1>20", drawn.svg())
    ends = re.sub(r'(<g class="edge data forward".*?<path d="M)[\d.]+', r"\g<1>7", drawn.svg())

    class Spoilt:
        def __init__(self, text):
            self.picture = drawn.picture
            self.svg = lambda: text

    assert any("overlaps" in f for f in faults(Spoilt(boxes)))
    assert any("begins at" in f for f in faults(Spoilt(ends)))


# --- values, roles, names -----------------------------------------------------------------------


def test_values_are_named_as_the_printed_program_names_them():
    for kernel in (neuron(), newton(), cholesky()):
        root = parsed(kernel.graph("optimised").svg())
        printed = set(value_names(kernel.program.function).values())
        nodes, edges = by_class(root, "node"), by_class(root, "edge")
        found = {v for g in nodes for v in g.get("data-values", "").split()}
        assert found and found <= printed
        assert {g.get("data-value") for g in edges if g.get("data-value")} <= printed
        # What the user has named is there.
        assert {p.name for p in kernel.program.function.params} <= found


def test_the_neuron_has_two_sweeps():
    picture = neuron().graph().picture
    role = {v.value: v.role for v in picture.body.vertices() if v.kind != "output"}
    assert role["z"] == role["y_hat"] == FORWARD
    assert role["d_z"] == role["d_y_hat"] == role["d_w"] == BACKWARD
    rows = {row for v in picture.body.vertices() for row in v.rows}
    assert {"w * x", "z = w * x + b", "y_hat = 1.0 / (1.0 + exp(-z))", "d_w = d_z * x"} <= rows
    kinds = {v.rows[0]: v.kind for v in picture.body.vertices() if v.kind in ("leaf", "input")}
    assert kinds == {"w": "leaf", "b": "leaf", "x": "input", "y": "input"}
    captions = [v.caption for v in picture.body.vertices() if v.kind == "output"]
    assert captions == ["value", "gradient by w", "gradient by b"]


def test_the_optimised_neuron_keeps_its_sweeps():
    picture = neuron().graph("optimised").picture
    assert picture.two_sweeps
    assert {v.role for v in picture.body.vertices() if v.value.startswith("d_")} == {BACKWARD}


def test_second_derivatives_show_the_last_sweep():
    picture = grad(grad(lambda x: x**3)).specialize(2.0).graph("adjoint").picture
    assert picture.signature == "<lambda>(x), gradient by x, again by x"
    assert picture.two_sweeps


def test_loops_nest_and_say_what_they_carry():
    picture = cholesky().graph("adjoint").picture
    loops = {r.title: r for r in picture.body.regions() if r.role == FORWARD}
    assert list(loops) == ["for i in range(n)", "for j in range(i)", "for i in range(len(L))"]
    outer = loops["for i in range(n)"]
    assert loops["for j in range(i)"] in outer.items
    assert outer.notes == ("line 23 · n times · carries L",)
    backward = [r for r in picture.body.regions() if r.role == BACKWARD]
    assert [r.title.removeprefix("backwards: ") for r in backward] == [
        "for i in range(len(L))", "for i in range(n)", "for j in range(i)",
    ]  # fmt: skip
    assert picture.dims == ("n = A.shape[0]", "m = A.shape[1]")
    assert {e.type for e in picture.edges if e.name == "L"} == {"f64[n,m]"}
    # What the forward sweep keeps goes straight to where the backward sweep wants it.
    tapes = [e for e in picture.edges if e.kind == "tape"]
    lines = {v.id: v.span.lineno for v in picture.body.vertices()}
    assert {(lines[e.source], lines[e.target]) for e in tapes} == {(25, 25), (26, 26), (27, 27)}


def test_checks_that_are_left_of_a_loop_are_shown():
    logdet = load_function(f"{ROOT / 'samples/cholesky_logdet.py'}:logdet")
    picture = grad(logdet, backend="python").specialize(np.eye(4)).graph("optimised").picture
    (loop,) = [r for r in picture.body.regions() if r.span.lineno == 34 and r.role == FORWARD]
    assert [v.rows for v in loop.items] == [("check i < n", "check i < m")]


def test_a_while_shows_its_predicate():
    picture = newton().graph("primal").picture
    (loop,) = picture.body.regions()
    assert (loop.kind, loop.title) == ("while", "while abs(step) > 1e-12")
    assert [v.rows for v in loop.items if v.kind == "predicate"] == [("abs(step) > 1e-12",)]
    assert [v.rows[0] for v in loop.items if v.kind == "entry"] == ["E", "step = 1.0"]
    assert [v.rows[0] for v in loop.items if v.kind == "exit"] == ["E", "step"]


def test_a_branch_has_its_arms_and_a_merge():
    picture = kernel_of("tests/golden/choice.py", "slope", (1.0, 2.0)).graph("primal").picture
    branch, arm = picture.body.regions()
    assert (branch.title, arm.kind, arm.title) == ("if x > y", "arm", "then")
    assert [v.rows[0] for v in branch.items if getattr(v, "kind", "") == "merge"] == ["z"]
    (choice,) = [e for e in picture.edges if e.kind == "choice"]
    assert choice.target == arm.id and choice.label == "true"


def test_many_operations_share_boxes_by_line():
    assert neuron().graph().picture.detail == "operations"
    picture = lstm().graph().picture
    assert picture.detail == "lines"
    rows = [v.rows[0] for v in picture.body.vertices() if v.kind == "line"]
    assert "cell = c * forget + ingate * change" in rows
    assert len(rows) < 50 < len(list(lstm().graph(detail="operations").picture.body.vertices()))


def test_namesakes_are_told_apart():
    rows = [row for v in newton().graph("adjoint").picture.body.vertices() for row in v.rows]
    updates = [re.fullmatch(r"(\S+) \+= (\S+)", row) for row in rows]
    pairs = [m.groups() for m in updates if m]
    assert len(pairs) >= 3 and all(a != b for a, b in pairs)


RATE = np.array([0.5, 0.25])
UNREAD = 3.0


def test_what_a_function_captures_is_told_from_its_arguments():
    def loss(w, unused, by=UNREAD):
        return np.sum(w * RATE)

    text = str(grad(loss, backend="python").specialize(np.ones(2), 1.0).graph("primal"))
    assert "captured RATE    # f64[" in text
    assert "input unused    # f64" in text and "UNREAD" not in text


def test_texts_are_what_a_person_would_write():
    def picked(x, where):
        if not (len(x) > 2 and x[0] > 0.0):
            raise ValueError
        return np.sum(x[where] ** 2) * 0.016666666666666666

    args = (np.ones(4), np.array([0, 2, 2]))
    rows = [
        row
        for v in grad(picked, backend="python").specialize(*args).graph().picture.body.vertices()
        for row in v.rows
    ]
    assert "d_x[where] += ·" in rows
    assert any(row.endswith(" * 0.0166667") for row in rows)
    assert not any("not not" in row or "np." in row for row in rows)


def test_nothing_breaks_the_xml():
    def loss(p, x):
        s = p["<&\"'>]]>"] * x  # <b> & "quotes" ]]>
        return s * s

    picture = grad(loss).specialize({"<&\"'>]]>": 1.0}, 2.0).graph(detail="lines")
    assert faults(picture) == []
    titles = [t.text for t in parsed(picture.svg()).iter(f"{SVG}title")]
    assert any('"quotes" ]]>' in (t or "") for t in titles)
    assert escape("a\x00\x0c<") == "a  &lt;"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("make", [neuron, newton, cholesky])
def test_graphviz_takes_the_dot(make):
    text = make().graph().dot()
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count('class="node"') == len(list(make().graph().picture.body.vertices()))


# --- from Python and in notebooks ---------------------------------------------------------------


def test_a_notebook_shows_kernels_graphs_and_functions():
    def loss(w, x):
        return (w * x - 1.0) ** 2

    gradient = grad(loss)
    assert gradient._repr_html_() is None
    gradient(2.0, 3.0)
    kernel = gradient.specialize(2.0, 3.0)
    shown = kernel.graph()
    for thing in (gradient, kernel, shown):
        assert "<svg " in thing._repr_html_()
    bundle = kernel._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["image/svg+xml"] == shown.svg()
    assert repr(shown).startswith("<graph of loss: adjoint, ")
    assert "d_w" in str(shown)


def test_stages_of_what_has_no_derivative():
    kernel = compile_(lambda x: x * 2.0, backend="python").specialize(1.0)
    assert kernel.graph().picture.stage == "primal"
    assert not kernel.graph("optimised").picture.two_sweeps
    with pytest.raises(ValueError, match="stage is one of primal, adjoint, optimised"):
        kernel.graph("polished")


def test_arguments_that_are_written():
    def fill(a, x):
        a[0] = 3.0 * x

    picture = compile_(fill, backend="python").specialize(np.zeros(3), 1.0).graph().picture
    assert [v.caption for v in picture.body.vertices() if v.kind == "output"] == ["a afterwards"]


def test_a_function_of_the_ir_is_drawn_without_a_kernel():
    function = neuron().program.function
    assert "d_loss" in graph(function).svg()
    with pytest.raises(ValueError, match="detail is one of"):
        graph(function, detail="fine")
