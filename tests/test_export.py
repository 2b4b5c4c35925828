"""`export`: C without Python gives what the Python back end gives, and says what it refuses."""

import copy
import functools
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, value_and_grad
from autodiff_compiler.cli import main
from autodiff_compiler.exporting import export
from autodiff_compiler.runtime.plan import read_source
from autodiff_compiler.signature import Request, describe, leaves
from benchmarks.programs import lstm
from samples import cholesky_logdet, neuron, newton_while
from tests.exported_programs import CLANG, GCC, SANITIZED, Program, needs_clang, needs_gcc

ROOT = Path(__file__).resolve().parent.parent
GRAVITY = 9.81
WEIGHTS = np.array([1.0, -2.0, 0.5])


def masked_mean(x):
    kept = x[x > 0.0]
    return np.sum((kept - kept.mean()) ** 2)


def growing_list(x, n):
    """A list whose length the argument n tells."""
    seen = []
    y = x
    for k in range(n):
        y = y * np.sin(y) + k
        seen.append(y)
    return np.sum(np.array(seen) ** 2)


def marginal(theta, X, y):
    d = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=2)
    K = theta[0] * np.exp(-d / theta[1]) + 0.1 * np.eye(len(y))
    return 0.5 * y @ np.linalg.solve(K, y) + 0.5 * np.linalg.slogdet(K)[1]


def of_a_tree(p, gain, flags, steep: bool = True):
    z = p["a"] * WEIGHTS + p["b"][0]
    z = np.where(flags, z, -z) * GRAVITY
    return np.sum(np.tanh(z)) * (gain if steep else 1.0)


def of_floats(x: np.ndarray, w: np.ndarray):
    return np.sum(np.maximum(x @ w, np.float32(0)) ** 2)


def generator(x, seed):
    """A linear congruential generator whose integers wrap, as NumPy's do."""
    total = 0.0
    state = seed
    for k in range(len(x)):
        state = state * 6364136223846793005 + 1442695040888963407
        total += x[k] ** 2 * (1.0 if state[0] < 0 else 0.5)
    return total


def power_iteration(A):
    x = np.ones(len(A))
    for _ in range(5):
        y = A @ x
        x = y / np.sqrt(np.sum(y * y))
    return x @ A @ x


RNG = np.random.default_rng(0)
SPD = cholesky_logdet.positive_definite(5)
CASES = {
    "neuron": (neuron.loss, (0.6, -0.3, 1.5, 1.0), (0, 1), "none"),
    "lstm": (lstm.loops, lstm.data(2, 5, 3), (0, 1), "workspace"),
    "cholesky": (cholesky_logdet.logdet, (SPD,), (0,), "workspace"),
    "newton": (newton_while.eccentric_anomaly, (0.8, 0.6), (0, 1), "allocator"),
    "mask": (masked_mean, (RNG.normal(size=9),), (0,), "workspace"),
    "list": (growing_list, (RNG.normal(size=4), 6), (0,), "workspace"),
    "process": (marginal, (np.array([1.5, 0.7]), RNG.normal(size=(4, 2)), RNG.normal(size=4)), (0,), "workspace"),
    "tree": (of_a_tree, ({"a": RNG.normal(size=3), "b": (0.25,)}, 2.0, np.array([True, False, True])), (0, 1), "workspace"),
    "floats": (of_floats, (RNG.normal(size=(3, 4)).astype("f"), RNG.normal(size=(4, 2)).astype("f")), (0, 1), "workspace"),
    "wraps": (generator, (RNG.normal(size=6), np.array([12345])), (0,), "workspace"),
    "power": (power_iteration, (SPD,), (0,), "workspace"),
}  # fmt: skip


def exported(name, folder, **options):
    function, args, wrt, _ = CASES[name]
    bound = value_and_grad(function, argnums=wrt).bind(*args)
    specs = [describe(a) for a in bound]
    done = export(function, Request("grad", wrt, False), specs, folder, name=name, **options)
    kernel = value_and_grad(function, argnums=wrt, backend="python").specialize(*args)
    flat = [v for s, a in zip(specs, bound) for v in leaves(s, a)]
    for source, spec in kernel.program.captures:
        flat += leaves(spec, read_source(source))
    return done, flat


def expected(name):
    function, args, wrt, _ = CASES[name]
    value, slopes = value_and_grad(function, argnums=wrt, backend="python")(*copy.deepcopy(args))
    return [value, *(x for g in slopes for x in leaves(describe(g), g))]


def same(got, want):
    for a, b in zip(got, want, strict=True):
        bound = 1e-12 if np.asarray(b).dtype == np.float64 else 1e-6
        scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
        np.testing.assert_allclose(a, b, rtol=0, atol=bound * scale)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(program, arguments) by the name of a case, compiled by gcc with sanitizers, each once."""

    @functools.cache
    def build(name):
        done, flat = exported(name, tmp_path_factory.mktemp(name))
        return Program(done, GCC, SANITIZED), flat

    return build


@needs_gcc
@pytest.mark.parametrize("name", CASES)
def test_gcc_with_sanitizers(name, built):
    program, flat = built(name)
    assert program.done.memory == CASES[name][3]
    code, said, results = program.run(flat)
    assert (code, said) == (0, "")
    same(results(), expected(name))


@needs_clang
@pytest.mark.parametrize("name", ["lstm", "newton", "tree"])
def test_clang_with_sanitizers(name, tmp_path):
    done, flat = exported(name, tmp_path / "c")
    code, said, results = Program(done, CLANG, SANITIZED).run(flat)
    assert (code, said) == (0, "")
    same(results(), expected(name))


@needs_gcc
def test_the_workspace_is_no_larger_than_it_must_be(tmp_path):
    """One byte less is told by a code; the size follows the program's, with all tapes in it."""
    done, flat = exported("lstm", tmp_path / "c")
    code, said, _ = Program(done, GCC, ["-O1"], short_by=1).run(flat)
    assert (code, said) == (1, "-1 not enough memory")
    text = (tmp_path / "c/lstm.c").read_text()
    assert "adc_times(adc_count(0, layers, 1), adc_count(0, state0_n1, 1))" in text.replace(
        "\n", " "
    )


@needs_gcc
@pytest.mark.parametrize("allocations", [0, 1])
def test_an_allocator_that_gives_nothing_ends_with_a_code_and_leaks_nothing(tmp_path, allocations):
    done, flat = exported("newton", tmp_path / "c")
    code, said, _ = Program(done, GCC, SANITIZED, allocations=allocations).run(flat)
    assert (code, said) == (1, "-1 not enough memory")


@needs_gcc
def test_failed_checks_are_codes_with_the_line(built):
    program, flat = built("lstm")
    flat = list(flat)
    flat[0] = np.ascontiguousarray(flat[0][:, :-1])
    code, said, _ = program.run(flat)
    header = (program.folder / "lstm.h").read_text()
    assert code == 1 and said.endswith("lstm.py:63: index out of bounds")
    assert f" {said.split()[0]}  lstm.py:63: index out of bounds" in header
    assert "change = math.tanh(h * w[3 * b + j] + bias[3 * b + j])" in header
    flat[0] = np.zeros((0, 0))
    assert program.run(flat, main_1_n0=-1)[:2] == (2, "-2 a size is negative")


def root(x):
    if x < 0.0:
        raise ValueError("negative")
    return math.sqrt(x) / (x - 2.0)


@needs_gcc
def test_what_python_raises_is_a_code(tmp_path):
    done = export(root, Request("grad", (0,)), [describe(1.0)], tmp_path)
    program = Program(done, GCC, SANITIZED)
    assert program.run([-1.0])[:1] == (1,)
    assert "raise" in program.run([-1.0])[1]
    assert "division by zero" in program.run([2.0])[1]
    assert program.run([1.0])[0] == 0


# --- the command -------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        code = main(["export", *arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    return run


NEURON = f"{ROOT}/samples/neuron.py:loss"


def test_the_command(command, tmp_path):
    code, out, err = command(f"{ROOT}/benchmarks/programs/lstm.py:loops", "--argnums", "main,extra", "--types",
        "main: f64[m,n], extra: f64[3,b], state0: f64[m,b], sequence: f64[c,b]", "-o", "c", "--name", "lstm")  # fmt: skip
    assert (code, err) == (0, "")
    assert "a workspace; lstm_grad_workspace(...) tells its size" in out
    assert sorted(os.listdir("c")) == ["lstm.c", "lstm.h", "main.c"]
    header = Path("c/lstm.h").read_text()
    assert "int lstm_grad(\n    long long m, long long n, long long b, long long c," in header
    assert "double[3][b]  extra" in header


def test_files_of_others_are_not_replaced(command):
    assert command(NEURON, "-o", "c")[0] == 0
    assert command(NEURON, "--argnums", "b", "-o", "c")[0] == 0
    example = Path("c/main.c")
    example.write_text(example.read_text().replace("0.5", "0.75"))
    before = {p: p.read_bytes() for p in Path("c").iterdir()}
    code, out, err = command(NEURON, "-o", "c")
    assert (code, out) == (2, "") and err.startswith("error: main.c in c: changed since the export")
    assert {p: p.read_bytes() for p in Path("c").iterdir()} == before
    assert command(NEURON, "-o", "c", "--force")[0] == 0
    assert os.listdir(".") == ["c"]


def test_a_refusal_writes_nothing(command, tmp_path):
    code, out, err = command(
        f"{ROOT}/samples/newton_while.py:eccentric_anomaly", "-o", "c", "--workspace-only"
    )
    assert (code, out) == (2, "")
    assert "newton_while.py:19:5: the size of the workspace is not known on entry" in err
    assert "    while abs(step) > 1e-12:\n    ^^^^" in err
    Path("mine.py").write_text("def f(x):\n    return [x, x]\n")
    assert command("mine.py:f", "-o", "c")[0] == 2
    assert command(NEURON, "-o", "c", "--name", "a-b")[0] == 2
    code, _, err = command(NEURON, "-o", "mine.py")
    assert code == 2 and err == "error: mine.py: Not a directory\n"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "__pycache__") == ["mine.py"]


def test_a_kernel_exports_itself(tmp_path):
    kernel = value_and_grad(neuron.loss).specialize(0.6, -0.3, 1.5, 1.0)
    done = kernel.export_c(tmp_path / "c", name="neuron")
    assert [p.name for p in done.paths] == ["neuron.h", "neuron.c", "main.c"]
    with pytest.raises(UnsupportedError, match="workspace"):
        value_and_grad(newton_while.eccentric_anomaly).specialize(0.8, 0.6).export_c(
            tmp_path / "d", workspace_only=True
        )
    assert not (tmp_path / "d").exists()


@needs_gcc
def test_the_example_makes_up_squares_that_can_be_factored(tmp_path):
    target = f"{cholesky_logdet.__file__}:logdet"
    assert main(["export", target, "--types", "A: f64[n,n]", "-o", str(tmp_path)]) == 0
    program = str(tmp_path / "example")
    sources = [str(tmp_path / "main.c"), str(tmp_path / "logdet.c")]
    subprocess.run([GCC, *sources, "-lm", "-o", program], check=True)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    numbers = [float(line.split(" = ")[1]) for line in said.splitlines()]
    assert len(numbers) == 10 and all(map(math.isfinite, numbers))
