"""What the compiler prints for a dozen programs, kept beside them for review.

Of NAME.py in tests/golden, NAME.grad.py and NAME.grad.c are the gradient. After a change of what
is printed, `python -m pytest tests/test_golden.py --update-golden` writes them anew.
"""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler import check_grads
from autodiff_compiler.cli import main
from autodiff_compiler.cli.loading import load_function

FOLDER = Path(__file__).resolve().parent / "golden"
SUFFIXES = {"python": ".grad.py", "c": ".grad.c"}


@dataclass(frozen=True)
class Case:
    """`types` and `argnums` as on the command line; `args(rng)` are arguments of these types."""

    function: str
    argnums: str
    types: str
    args: object


CASES = {
    "seed_line": Case("line", "w,b", "", lambda rng: (30.0, 40.0, 50.0)),
    "neuron_arrays": Case(
        "loss", "w,b", "w: f64[m], x: f64[n,m], y: f64[n]",
        lambda rng: (rng.normal(size=3), 0.5, rng.normal(size=(5, 3)), rng.random(5)),
    ),
    "logistic_loss": Case(
        "loss", "w", "w: f64[m], X: f64[n,m], y: f64[n]",
        lambda rng: (rng.normal(size=3), rng.normal(size=(6, 3)), np.array([1.0, -1.0] * 3), 0.1),
    ),
    "loop_break": Case("series", "x", "", lambda rng: (1.3, 1e-6)),
    "newton_while": Case("eccentric_anomaly", "mean,eccentricity", "", lambda rng: (1.1, 0.4)),
    "cholesky": Case("logdet", "A", "A: f64[n,n]", lambda rng: (positive_definite(rng, 5),)),
    "cholesky_rows": Case("logdet", "A", "A: f64[n,n]", lambda rng: (positive_definite(rng, 5),)),
    "heat_stepper": Case(
        "misfit", "u0,conductivity", "u0: f64[n], target: f64[n], steps: i64",
        lambda rng: (rng.normal(size=7), 0.2, rng.normal(size=7), 4),
    ),
    "swapped_buffers": Case(
        "diffuse", "u0,rate", "u0: f64[n], steps: i64", lambda rng: (rng.normal(size=6), 0.2, 3)
    ),
    "leapfrog": Case(
        "final_energy", "position,velocity", "position: f64[n], velocity: f64[n], steps: i64",
        lambda rng: (rng.normal(size=4), rng.normal(size=4), 0.1, 5),
    ),
    "masks": Case("energy", "x", "x: f64[n]", lambda rng: (rng.normal(size=9), -0.2)),
    "helper_writes": Case(
        "angle", "a,b", "a: f64[n], b: f64[n]",
        lambda rng: (rng.normal(size=4), rng.normal(size=4)),
    ),
    "list_append": Case("path_length", "start,speed", "steps: i64", lambda rng: (1.0, 0.3, 6)),
    "second_order": Case("curvature", "x", "k: i64", lambda rng: (0.8, 4)),
}  # fmt: skip


def positive_definite(rng, n):
    a = rng.normal(size=(n, n))
    return a @ a.T + n * np.eye(n)


@pytest.fixture(autouse=True)
def forgets_imports():
    """The programs are imported under short names, which others may want."""
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if not name.startswith("autodiff_compiler"):
            del sys.modules[name]


def printed(name, backend):
    """What `show-source` prints for a program."""
    case = CASES[name]
    target = f"{os.path.relpath(FOLDER)}/{name}.py:{case.function}"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(
            ["show-source", target, "--argnums", case.argnums, "--types", case.types,
             "--backend", backend, "--color", "never"]
        )  # fmt: skip
    assert code == 0, err.getvalue()
    return out.getvalue()


@pytest.mark.parametrize("backend", sorted(SUFFIXES))
@pytest.mark.parametrize("name", sorted(CASES))
def test_golden(name, backend, request):
    text = printed(name, backend)
    file = FOLDER / f"{name}{SUFFIXES[backend]}"
    if request.config.getoption("--update-golden"):
        file.write_text(text, "utf-8")
    assert file.exists(), f"no {file.name}: run with --update-golden, and review it"
    assert text.splitlines() == file.read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_gradient_is_right(name):
    case = CASES[name]
    function = load_function(f"{FOLDER / name}.py:{case.function}")
    order = 1
    while hasattr(function, "__autodiff__"):
        function = function.primal
        order = 2
    argnums = tuple(case.argnums.split(","))
    check_grads(function, case.args(np.random.default_rng(0)), argnums=argnums, order=order)


def test_the_folder_holds_these_files_and_no_others():
    expected = {f"{name}{suffix}" for name in CASES for suffix in (".py", *SUFFIXES.values())}
    # Pictures (name.graph.*), and the programs that they show, have a test of their own.
    files = {p.name for p in FOLDER.iterdir() if p.is_file()}
    pictures = {name for name in files if ".graph." in name}
    drawn = {name.split(".")[0] + ".py" for name in pictures}
    assert files - pictures - drawn == expected - drawn
