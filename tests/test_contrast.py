"""`contrast`: what it prints of the samples, what it says of leaves and nodes, and how it ends."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler.cli import main
from autodiff_compiler.runtime.compiler import find_compiler
from tests.twins import need_torch, twin_of

need_torch()

import torch  # noqa: E402

from autodiff_compiler.contrast.measure import kernel_memory, torch_memory  # noqa: E402
from autodiff_compiler.contrast.recording import record  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "static_and_dynamic.md"
NEURON = ["samples/neuron.py:loss", "--argnums", "w,b", "--args", "0.6, -0.3, x=1.5, y=1.0"]


@pytest.fixture
def contrast(capsys, monkeypatch):
    """Runs the command from the project's folder; gives the exit code, stdout and stderr."""
    monkeypatch.chdir(ROOT)

    def run(*arguments):
        capsys.readouterr()
        code = main(["contrast", *arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    return run


@pytest.fixture
def file(tmp_path):
    """Writes a module, and gives what names a function of it."""
    known = set(sys.modules)

    def write(text, name="f"):
        path = tmp_path / f"contrasted_{len(list(tmp_path.iterdir()))}.py"
        path.write_text("import numpy as np\n\n\n" + text)
        return f"{path}:{name}"

    yield write
    for name in set(sys.modules) - known:
        if name.startswith("contrasted_"):
            del sys.modules[name]


# --- the page -------------------------------------------------------------------------------------


def told():
    """The commands of the page with the output that stands behind each."""
    found = re.findall(
        r"```sh\n(python -m .*?)\n```\n\n```text\n(.*?)\n```", PAGE.read_text("utf-8"), re.S
    )
    return {command: text for command, text in found}  # fmt: skip


def masked(text):
    """Without what hangs on rounding."""
    return re.sub(r"\d\.\de[+-]\d\d", "ROUNDING", text).rstrip()


@pytest.mark.parametrize("command", told(), ids=lambda c: c.split()[4])
def test_the_page_shows_what_the_command_prints(command, contrast, request):
    """`--update-golden` writes it anew."""
    text = told()[command]
    version = re.search(r"PyTorch (\d+\.\d+)\.", text)[1]
    if torch.__version__.split(".")[:2] != version.split("."):
        pytest.skip(f"the page was made with PyTorch {version}, which may name other nodes")
    if find_compiler() is None:
        pytest.skip("no C compiler, which the heading names")
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "autodiff_compiler", "contrast"]
    code, out, err = contrast(*words[4:])
    assert code == 0 and err == ""
    if request.config.getoption("--update-golden"):
        page = PAGE.read_text("utf-8")
        assert page.count(text) == 1
        PAGE.write_text(page.replace(text, out.rstrip()), "utf-8")
        return
    assert masked(re.sub(r"PyTorch [\d.]+,", "PyTorch X,", out)) == masked(
        re.sub(r"PyTorch [\d.]+,", "PyTorch X,", text)
    )


def test_the_page_has_three_functions():
    assert len(told()) == 3


# --- what is recorded -----------------------------------------------------------------------------


def neuron():
    from samples.neuron import loss

    return twin_of(loss, (0.6, -0.3, 1.5, 1.0), (0, 1), backend="auto")


def test_leaves_of_the_neuron():
    twin, args, _, _ = neuron()
    recording = record(twin, args)
    assert all(
        s.given == (s.name in "wbxy") and s.active == s.requires_grad for s in recording.seen
    )
    seen = {s.name: (s.is_leaf, s.requires_grad, s.grad_fn) for s in recording.seen}
    assert seen == {
        "w": (True, True, None),
        "b": (True, True, None),
        "x": (True, False, None),
        "y": (True, False, None),
        "z": (False, True, "AddBackward0"),
        "y_hat": (False, True, "MulBackward0"),
    }
    assert twin.active_leaves == {"w", "b"} and twin.active_names >= {"z", "y_hat"}


def test_nodes_of_the_neuron():
    twin, args, gradient, _ = neuron()
    recording = record(twin, args)
    # By hand: a leaf each for w and b; w * x, + b; -z, exp, 1 +, 1 / (two nodes); y -, square.
    assert recording.nodes["AccumulateGrad"] == 2
    assert recording.total == 2 + recording.created == 11
    assert set(recording.by_line) == {("", 17), ("", 18), ("", 19)}
    assert sum(sum(c.values()) for c in recording.by_line.values()) == recording.created
    value, slopes = gradient(*args)
    assert abs(recording.value - value) < 1e-12
    np.testing.assert_allclose(recording.gradients, slopes, rtol=1e-12)


def while_loop(x, limit):
    n = 0
    while x < limit:
        x = x * x + 0.25
        n += 1
    return x


def test_a_loop_is_recorded_trip_by_trip():
    twin, args, _, _ = twin_of(while_loop, (1.5, 2.0))
    totals = []
    for limit, trips in ((2.0, 1), (6.0, 2), (7.0, 3)):
        recording = record(twin, (1.5, limit))
        assert recording.nodes["MulBackward0"] == recording.nodes["AddBackward0"] == trips
        assert recording.depth == recording.total == 1 + 2 * trips
        head = while_loop.__code__.co_firstlineno + 2
        assert recording.passes[("", head)] == trips + 1
        assert recording.passes[("", head + 1)] == trips
        totals.append(recording.total)
    assert len(set(totals)) == 3


def chosen(x):
    y = x * 2.0
    if y > 0.0:
        return np.sin(y)
    return np.exp(y) * y


def test_a_branch_is_recorded_where_it_went():
    twin, _, _, _ = twin_of(chosen, (1.0,))
    assert record(twin, (1.0,)).nodes["SinBackward0"] == 1
    other = record(twin, (-1.0,)).nodes
    assert other["ExpBackward0"] == 1 and other["SinBackward0"] == 0


def trace_of_nothing(x):
    return float(int(x))


def test_a_function_without_a_derivative_records_nothing():
    twin, args, gradient, _ = twin_of(trace_of_nothing, (2.5,))
    recording = record(twin, args)
    assert (recording.total, recording.edges, recording.value) == (0, 0, 2.0)
    assert recording.gradients[0] == 0.0 == gradient(*args)[1][0]


# --- memory ---------------------------------------------------------------------------------------


def squares(x):
    return np.sum(np.exp(x) * x)


@pytest.mark.parametrize("backend", ["python", "c"])
def test_memory_is_counted(backend):
    if backend == "c" and find_compiler() is None:
        pytest.skip("no C compiler")
    x = np.linspace(0.0, 1.0, 50_000)
    twin, args, gradient, kernel = twin_of(squares, (x,), backend=backend)
    ours = kernel_memory(kernel, lambda: gradient(*args), twin.leaves(args))
    # The gradient itself is there in any case, and no more than some arrays of its size.
    assert x.nbytes <= ours <= 6 * x.nbytes
    assert 2 * x.nbytes <= torch_memory(twin, args) <= 8 * x.nbytes


# --- the command ----------------------------------------------------------------------------------


def test_the_neuron_as_text_is_plain_in_a_pipe(contrast):
    code, out, err = contrast(*NEURON)
    assert code == 0 and err == ""
    assert "\x1b" not in out and max(map(len, out.splitlines())) <= 100
    assert all(line == line.rstrip() for line in out.splitlines())
    for expected in ("is_leaf", "requires_grad", "AddBackward0", "nodes created a call", "time, median",
                     "time, least", "peak memory", "gradient by w", "gradient by b"):  # fmt: skip
        assert expected in out
    times = re.findall(r"time, \w+ +([\d.]+ \ws) +([\d.]+ \ws) ", out)
    assert len(times) == 2


def test_colours_on_request(contrast):
    code, out, _ = contrast(*NEURON, "--no-measure", "--color", "always")
    assert code == 0 and "\x1b[1m" in out and out.count("\x1b[0m") > 4


def test_markdown(contrast):
    code, out, _ = contrast(*NEURON, "--no-measure", "--format", "markdown", "--source")
    assert code == 0 and out.startswith("# loss(w, b, x, y) of neuron.py")
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert "| w | True | True | - | parameter, active |" in rows
    assert out.count("```") % 2 == 0 and "import torch" in out


def test_two_calls_share_the_static_graph(contrast):
    newton = "samples/newton_while.py:eccentric_anomaly"
    calls = ["--args", "0.8, 0.6", "--args", "3.0, 0.1"]
    code, out, _ = contrast(newton, "--argnums", "M,e", *calls, "--no-measure")
    assert code == 0
    assert "PyTorch, call 1" in out and "PyTorch, call 2" in out and "here, any call" in out
    assert "1, for all sizes" in out
    (nodes,) = re.findall(r"nodes of the function +(\d+) +(\d+) +(\d+)", out)
    assert len(set(nodes)) == 3


def test_two_types_have_two_static_graphs(contrast, file):
    target = file("def f(x):\n    return np.sum(x * x)\n")
    code, out, _ = contrast(target, "--args", "np.ones(3)", "--args", "2.0", "--no-measure")
    assert code == 0 and "2: the types differ" in out


def test_logistic_regression(contrast):
    if importlib.util.find_spec("sklearn") is None:
        pytest.skip("scikit-learn is not installed")
    code, out, _ = contrast(
        "samples/logistic_regression.py:objective", "--args", "np.full(31, 0.1), *load(), 1.0", "--no-measure"
    )  # fmt: skip
    assert code == 0 and "MaximumBackward0" in out and "gradient by theta" in out


def test_a_decorated_function_and_containers(contrast, file):
    target = file(
        "from autodiff_compiler import grad\n\nSCALE = np.arange(3.0)\n\n\n"
        "@grad(argnums='p')\ndef f(x, p):\n"
        "    return np.sum(SCALE * p['w'] * x) + p['b'] ** 2\n"
    )
    code, out, _ = contrast(target, "--args", "2.0, {'w': np.ones(3), 'b': 0.5}", "--no-measure")
    assert code == 0
    assert "gradient by p['w']" in out and "gradient by p['b']" in out


def test_gradients_that_differ_end_with_1(contrast, file):
    target = file("def f(x):\n    return np.sum(np.where(x > 0.0, np.sqrt(x), 0.0))\n")
    code, out, _ = contrast(target, "--args", "np.array([0.0, 1.0])", "--no-measure")
    assert code == 1 and "DIFFER" in out and "docs/static_and_dynamic.md" in out


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("def f(x):\n    return x * x\n", ["--args", "1.0, 2.0"], "error: --args"),
        ("def f(x):\n    return x * x\n", ["--args", "1.0 +"], "error: --args"),
        ("def f(x):\n    return x * x\n", ["--args", "nothing"], "NameError"),
        ("def f(x):\n    return x * x\n", [], "missing"),
        ("def f(x):\n    return x * x\n", ["--args", "True"], "pass a float"),
        ("def f(x):\n    return x * x\n", ["--argnums", "y", "--args", "1.0"], "--argnums"),
        ("def f(x):\n    raise ValueError('no')\n", ["--args", "1.0"], "ValueError: no"),
        ("def f(x):\n    print(x)\n    return x\n", ["--args", "1.0"], ":5:5:"),
        ("def f(x, k):\n    return np.sum(x[::k])\n", ["--args", "np.ones(3), 2"], "no spelling in PyTorch"),
        ("def f(x):\n    return x\n", ["--args", "np.ones(3)"], "scalar float"),
    ],
)  # fmt: skip
def test_what_cannot_be_contrasted(text, arguments, expected, contrast, file):
    code, out, err = contrast(file(text), *arguments)
    assert code == 2 and out == ""
    assert expected in err and "Traceback" not in err


def test_without_torch_it_says_what_to_install(contrast, monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else known(name, *rest)
    )  # fmt: skip
    code, out, err = contrast(*NEURON)
    assert code == 2 and out == ""
    assert err == "error: contrast needs PyTorch: pip install 'autodiff_compiler[torch]'\n"


def test_help_has_examples_and_exit_codes():
    command = [sys.executable, "-m", "autodiff_compiler", "contrast", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for expected in ("examples:", "exit codes:", "--args", "--format", "[torch]"):
        assert expected in done.stdout
