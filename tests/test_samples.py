"""Each sample is run as a newcomer runs it, and its numbers are held."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler.runtime.compiler import find_compiler
from samples import cholesky_logdet, heat_steps, neuron, neuron_line, newton_while

ROOT = Path(__file__).resolve().parent.parent


def test_neuron_line():
    assert neuron_line.main() == {"z": 1250.0, "dz_dw": 30.0, "dz_db": 1.0}


def test_neuron_chain_rule():
    result = neuron.show_chain_rule(w=0.6, b=-0.3, x=1.5, y=1.0)
    y_hat = 1.0 / (1.0 + np.exp(-0.6))
    assert result["z"] == pytest.approx(0.6, rel=1e-14)
    assert result["y_hat"] == pytest.approx(y_hat, rel=1e-14)
    assert result["L"] == pytest.approx((1.0 - y_hat) ** 2, rel=1e-14)
    product = result["dL/dy_hat"] * result["dy_hat/dz"]
    assert result["dw"] == pytest.approx(product * result["dz/dw"], rel=1e-12)
    assert result["db"] == pytest.approx(product * result["dz/db"], rel=1e-12)
    assert isinstance(result["dw"], float)


def test_neuron_training(capsys):
    result = neuron.main()
    losses = result["losses"]
    assert losses[0] == pytest.approx(0.25)
    assert losses[-1] < 0.002
    # Past the first swings, descent is steady.
    assert np.all(np.diff(losses[100:]) < 0.0)
    assert 1.5 < result["boundary"] < 2.5
    printed = capsys.readouterr().out
    assert "dL/dy_hat" in printed and "loss 0.250000" in printed


def test_logistic_regression():
    pytest.importorskip("sklearn")
    from samples import logistic_regression

    result = logistic_regression.main()
    assert result["objective"] == pytest.approx(result["reference_objective"], rel=1e-9)
    assert result["difference"] < 1e-4
    assert result["accuracy"] > 0.98


def test_cholesky_logdet():
    result = cholesky_logdet.main()
    assert result["value"] == pytest.approx(result["reference"], rel=1e-12)
    assert result["error"] < 1e-12


def test_cholesky_leaves_its_argument_alone():
    A = cholesky_logdet.positive_definite(7)
    before = A.copy()
    cholesky_logdet.grad(cholesky_logdet.logdet)(A)
    assert np.array_equal(A, before)


def test_cholesky_memory():
    pytest.importorskip("resource")
    if find_compiler() is None:
        pytest.skip("no C compiler")
    done = subprocess.run(
        [sys.executable, "-m", "samples.cholesky_logdet", "--memory", "--n", "400"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert "an array of 400 x 400" in done.stdout
    ratio = float(done.stdout.split(",")[-1].split()[0])
    # The factor, its adjoint, the log and the result are one array each; the cube would be 400.
    assert 1.0 <= ratio <= 8.0


def test_newton_while():
    result = newton_while.main()
    assert result["dE_dM"] == pytest.approx(result["expected_dE_dM"], rel=1e-10)
    assert result["dE_de"] == pytest.approx(result["expected_dE_de"], rel=1e-10)


def test_heat_steps():
    result = heat_steps.main()
    assert result["error"] < 1e-5
    assert result["misfit"] < 1e-12


@pytest.mark.parametrize("compiler", ["found", "none"])
def test_demo(compiler):
    pytest.importorskip("sklearn")
    environment = dict(os.environ)
    if compiler == "none":
        environment["AUTODIFF_COMPILER_CC"] = "none"
    done = subprocess.run(
        [sys.executable, "-m", "samples.demo"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for expected in ("1250", "dL/dy_hat", "loss 0.250000", "scikit-learn", "d_z"):
        assert expected in done.stdout


@pytest.mark.parametrize("name", ["neuron_line", "neuron", "newton_while", "cholesky_logdet"])
def test_runs_without_a_compiler(name):
    done = subprocess.run(
        [sys.executable, "-m", f"samples.{name}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "AUTODIFF_COMPILER_CC": "none"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
