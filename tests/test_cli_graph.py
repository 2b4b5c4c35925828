"""`graph` on the command line: formats, stages, files, and how it refuses."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from autodiff_compiler.cli import main
from autodiff_compiler.cli.graph import FORMATS, STAGES
from autodiff_compiler.drawing import DETAILS
from autodiff_compiler.drawing import FORMATS as WRITERS
from autodiff_compiler.stages import STAGES as KNOWN_STAGES

ROOT = Path(__file__).resolve().parent.parent

PROGRAMS = """\
import numpy as np
from autodiff_compiler import compile, grad


def loss(w, b, x, y):
    z = w * x + b
    return (y - z) ** 2


@grad(argnums=("b", "w"))
def decorated(w, b, x):
    return (w * x + b) ** 2


@compile
def compiled(x):
    return x * x


def fill(a, x):
    for i in range(len(a)):
        a[i] = x


def refused_one(x):
    try:
        return x
    except ValueError:
        return 0.0
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs `graph` in a folder of its own; gives the exit code, stdout and stderr."""
    (tmp_path / "drawn.py").write_text(PROGRAMS)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        code = main(["graph", *arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    yield run
    sys.modules.pop("drawn", None)


def test_the_choices_are_those_of_the_library():
    assert set(FORMATS) == set(WRITERS) and STAGES == KNOWN_STAGES
    assert DETAILS == ("auto", "operations", "lines")


@pytest.mark.parametrize(
    ("format", "start"),
    [
        ("svg", '<svg xmlns="http://www.w3.org/2000/svg"'),
        ("dot", 'digraph "loss-adjoint" {'),
        ("mermaid", "---\ntitle:"),
        ("text", "loss(w, b, x, y), gradient by w and b · adjoint · drawn.py"),
    ],
)
def test_formats(run, format, start):
    code, out, err = run("drawn.py:loss", "--argnums", "w,b", "--format", format)
    assert (code, err) == (0, "") and out.startswith(start)
    assert "w * x" in out or "w #42; x" in out


def test_the_suffix_chooses_the_format(run):
    for name, start in (
        ("a.svg", "<svg"),
        ("a.gv", "digraph"),
        ("a.mmd", "---"),
        ("a.txt", "loss("),
    ):
        assert run("drawn.py:loss", "-o", name) == (0, "", "")
        assert Path(name).read_text("utf-8").startswith(start)
    ET.parse("a.svg")
    assert run("drawn.py:loss", "-o", "b.svg", "--format", "text")[0] == 0
    assert Path("b.svg").read_text("utf-8").startswith("loss(")


def test_svg_goes_into_a_pipe_and_text_to_a_terminal(run, monkeypatch):
    assert run("drawn.py:loss")[1].startswith("<svg")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run("drawn.py:loss", "--color", "never")[1].startswith("loss(w, b, x, y), gradient by w")


def test_stages(run):
    texts = {s: run("drawn.py:loss", "--stage", s, "--format", "text")[1] for s in STAGES}
    assert "backward" not in texts["primal"]
    assert "1.0 * " in texts["adjoint"] and "1.0 * " not in texts["optimised"]
    assert all(f" · {s} · drawn.py" in texts[s] for s in STAGES)


def test_decorators_say_what_is_drawn(run):
    assert "gradient by b and w" in run("drawn.py:decorated", "--format", "text")[1]
    assert "compiled(x) · primal" in run("drawn.py:compiled", "--format", "text")[1]
    code, _, err = run("drawn.py:compiled", "--stage", "adjoint")
    assert code == 2 and err == (
        "error: compiled is compiled without a derivative; see --argnums, or --stage primal\n"
    )
    assert "gradient by x" in run("drawn.py:compiled", "--argnums", "x", "--format", "text")[1]


def test_loops_in_place(run):
    out = run("drawn.py:fill", "--types", "a: f64[n]", "--stage", "primal", "--format", "text")[1]
    assert "for i in range(len(a)):" in out and "a afterwards: a    # f64[n]" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["drawn.py:missing"], "drawn.py has no function 'missing'"),
        (
            ["drawn.py:loss", "-o", "a.png"],
            "a.png: no format has the suffix '.png'; there are .svg",
        ),
        (["drawn.py:loss", "-o", "no/such.svg"], "no/such.svg: No such file"),
        (["drawn.py:loss", "--argnums", "q"], "has no parameter 'q'"),
        (["drawn.py:loss", "--types", "w: i64"], "w: i64 cannot be differentiated by"),
        (["drawn.py:fill", "--types", "a: f64[n]"], "fill: the gradient is that of a scalar float"),
    ],
)
def test_faults(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and message in err


def test_a_refusal_has_its_line(run):
    code, out, err = run("drawn.py:refused_one")
    assert (code, out) == (2, "") and "Traceback" not in err
    assert err.startswith("drawn.py:26:5: `try` is not supported") and "^^^" in err


def test_help_has_examples():
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "autodiff_compiler", "graph", "--help"],
        capture_output=True, text=True, env=env,
    )  # fmt: skip
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("examples:", "exit codes:", "stages:", "--detail"))
