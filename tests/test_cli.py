"""The command line as its users meet it: what it prints, where, and the code it exits with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autodiff_compiler import __version__
from autodiff_compiler.cli import main
from autodiff_compiler.cli.argtypes import parse_types
from autodiff_compiler.cli.faults import Fault
from autodiff_compiler.signature import ArraySpec, ScalarSpec, StaticSpec, TreeSpec, describe

ROOT = Path(__file__).resolve().parent.parent

LOSS = """\
import numpy as np


def loss(w, b, x, y):
    z = w * x + b
    return (y - z) ** 2
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder, with what commands import forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if not name.startswith("autodiff_compiler"):
            del sys.modules[name]


@pytest.fixture
def show(folder, capsys):
    """Runs `show-source` in the folder; gives the exit code, stdout and stderr."""

    def run(*arguments):
        capsys.readouterr()
        code = main(["show-source", *arguments])
        done = capsys.readouterr()
        assert "Traceback" not in done.out
        return code, done.out, done.err

    return run


def refused(result):
    """What a refusal says: exit code 2, nothing on stdout, no traceback."""
    code, out, err = result
    assert code == 2 and out == ""
    assert "Traceback" not in err
    return err


def process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "autodiff_compiler", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


# --- types --------------------------------------------------------------------------------------


F64 = ScalarSpec("f64")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("f64", describe(1.0)),
        ("i64", describe(1)),
        ("bool", describe(True)),
        ("f32", ScalarSpec("f32", False)),
        ("np.f64", ScalarSpec("f64", False)),
        ("np.bool", ScalarSpec("bool", False)),
        ("f64[n,3]", ArraySpec("f64", (False, False))),
        ("f32[ n , 1 ]", ArraySpec("f32", (False, True))),
        ("i64[:]", ArraySpec("i64", (False,))),
        ("u8[n]", ArraySpec("u8", (False,))),
        ("f64[]", ArraySpec("f64", ())),
        ("f64[11]", ArraySpec("f64", (False,))),
        ("(f64, i64)", TreeSpec("tuple", (F64, ScalarSpec("i64")))),
        ("(f64,)", TreeSpec("tuple", (F64,))),
        ("()", TreeSpec("tuple", ())),
        ("[f64, f64]", TreeSpec("list", (F64, F64))),
        ("{'a': f64, \"b\": (f64,), 3: f64}",
         TreeSpec("dict", (F64, TreeSpec("tuple", (F64,)), F64), ("a", "b", 3))),
        ("None", StaticSpec(None)),
        ("'fast'", StaticSpec("fast")),
    ],
)  # fmt: skip
def test_type(text, spec):
    parsed = parse_types(f"p: {text}")
    assert parsed["p"].spec == spec
    assert parsed["p"].text == text


def test_types_of_several_parameters():
    parsed = parse_types("w: f64, x: f64[n,3], p: {'a': f64[n]}, k: i64,")
    assert list(parsed) == ["w", "x", "p", "k"]
    assert parsed["p"].text == "{'a': f64[n]}"
    assert parse_types("") == {} and parse_types("  ") == {}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("x f64", 2, "expected ':' after the parameter x"),
        ("x: f65", 3, "f65 is no type"),
        ("x: f64[n", 6, "never closed"),
        ("x: f64[n m]", 9, "expected ',' or ']'"),
        ("x: f64[-1]", 7, "does not belong"),
        ("x: f64[n.m]", 7, "expected a dim"),
        ("x: (f64", 3, "never closed"),
        ("x: ", 3, "expected a type"),
        ("x:", 2, "expected a type"),
        ("3: f64", 0, "expected the name of a parameter"),
        ("x: f64 y: f64", 7, "expected ',' between parameters"),
        ("x: f64, x: f64", 8, "has a type already"),
        ("x: u8", 3, "write u8[n]"),
        ("x: np.f64[n]", 3, "arrays are written f64[...]"),
        ("x: {a: f64}", 4, "expected the key of a dict"),
        ("x: {'a' f64}", 8, "expected ':' after the key"),
        ("x: __import__('os')", 3, "is no type"),
        ("x: f64[1+1]", 8, "does not belong"),
        ("x: 'a\\'b'", 3, "does not belong"),
    ],
)
def test_type_that_is_none(text, place, message):
    with pytest.raises(Fault) as info:
        parse_types(text)
    first, line, caret = str(info.value).split("\n")
    assert message in first and f"column {place + 1}:" in first
    assert line == f"    {text}"
    assert caret.index("^") == 4 + place


# --- what cannot be found -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("neuron", "neither FILE.py:FUNCTION nor"),
        ("neuron.py:", "neither FILE.py:FUNCTION nor"),
        (":f", "neither FILE.py:FUNCTION nor"),
        ("neuron.py:f", "neuron.py: no such file"),
        ("./:f", "is a folder"),
        ("no.such.module:f", "there is no module 'no'"),
        ("os.nothing:f", "there is no module 'os.nothing'"),
        ("a-b:f", "is no module's name"),
        ("math:sin", "not written in Python"),
        ("math:pi", "no function but of type float"),
        ("math:sine", "has no function 'sine'"),
    ],
)
def test_target_that_is_none(show, target, message):
    err = refused(show(target))
    assert message in err and err.startswith("error: ") and err.count("\n") == 1


def test_function_that_is_none_lists_those_there_are(show, folder):
    (folder / "two.py").write_text("from math import sin\ndef f(x): ...\ndef g(x): ...\n")
    assert "two.py has no function 'h'; it defines f, g" in refused(show("two.py:h"))


def test_module_with_a_syntax_error(show, folder):
    (folder / "broken.py").write_text("def f(x:\n    return x\n")
    err = refused(show("broken.py:f"))
    assert 'broken.py", line 1' in err and "SyntaxError" in err
    assert err.endswith("error: broken.py cannot be imported\n")


@pytest.mark.parametrize("target", ["failing.py:f", "failing:f"])
def test_module_that_raises_shows_its_own_frames_only(show, folder, target):
    (folder / "failing.py").write_text("def setup():\n    return 1 / 0\n\nsetup()\n")
    code, out, err = show(target)
    assert code == 2 and out == ""
    assert err.count('File "') == 2 and "return 1 / 0" in err
    assert "autodiff_compiler" not in err and "importlib" not in err
    assert "ZeroDivisionError: division by zero" in err


def test_module_that_misses_another(show, folder):
    (folder / "needy.py").write_text("import no_such_library\n")
    for target in ("needy.py:f", "needy:f"):
        code, _, err = show(target)
        assert code == 2 and "import no_such_library" in err and err.count('File "') == 1


def test_module_that_exits(show, folder):
    (folder / "script.py").write_text("import sys\nsys.exit('usage: script.py')\n")
    code, _, err = show("script.py:f")
    assert code == 2 and "SystemExit: usage: script.py" in err


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--argnums", "q"], "loss() has no parameter 'q'; it has w, b, x, y"),
        (["--argnums", "7"], "argnums 7 is none"),
        (["--argnums", "w,w"], "none twice"),
        (["--argnums", ""], "at least one parameter"),
        (["--argnums", "w", "--primal"], "nothing is differentiated"),
        (["--types", "q: f64"], "has no parameter 'q'; it has w, b, x, y"),
        (["--types", "w: i64"], "w: i64 cannot be differentiated by"),
        (["--types", "w: (f64, i64)"], "w: (f64, i64) cannot be differentiated by"),
        (
            ["--print-after", "polish"],
            "no pass 'polish'; there are trace, simplify, promote, privatise, lanes, turn, adjoint, reverse, hoist",
        ),
        (
            ["--print-after", "reverse", "--primal"],
            "is not run here; run are trace, simplify, promote",
        ),
        (["--check", "nothing.py"], "nothing.py: No such file"),
        (["-o", "no/such/folder.py"], "no/such/folder.py: No such file"),
    ],
)
def test_argument_that_is_none(show, folder, arguments, message):
    (folder / "neuron.py").write_text(LOSS)
    err = refused(show("neuron.py:loss", *arguments))
    assert message in err and err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["show-sauce"],
        ["show-source"],
        ["show-source", "a.py:f", "--backend", "rust"],
        ["show-source", "a.py:f", "--primal", "--value-and-grad"],
        ["show-source", "a.py:f", "--backend", "c", "--print-after", "trace"],
        ["show-source", "a.py:f", "--check", "a", "-o", "b"],
    ],
)
def test_usage(capsys, arguments):
    with pytest.raises(SystemExit) as info:
        main(arguments)
    assert info.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_version_and_help():
    assert process("--version").stdout == f"autodiff_compiler {__version__}\n"
    done = process("show-source", "--help")
    assert done.returncode == 0
    for expected in ("examples:", "exit codes:", "--print-after", "f64[n,3]"):
        assert expected in done.stdout


def test_function_without_parameters(show, folder):
    (folder / "constant.py").write_text("def f():\n    return 1.0\n")
    assert "f() has no parameters" in refused(show("constant.py:f"))


def test_default_that_no_kernel_takes(show, folder):
    (folder / "wide.py").write_text("def f(x, k=2**70):\n    return x\n")
    assert "default value of k" in refused(show("wide.py:f"))


# --- what is printed ----------------------------------------------------------------------------


def test_heading_says_what_was_assumed(show, folder):
    (folder / "neuron.py").write_text(LOSS.replace("y):", "y, k=2):"))
    code, out, err = show("neuron.py:loss", "--types", "x: f64,y:f64")
    assert code == 0 and err == ""
    first, given, default, assumed, blank = out.split("\n")[:5]
    assert first == (
        "# The gradient of loss(w, b, x, y, k) in neuron.py, by w "
        "(its first parameter, for want of --argnums)."
    )
    assert given == "# Types as given: x: f64, y: f64"
    assert default == "# Types of default values: k: i64"
    assert assumed == "# Types assumed, for none were given: w: f64, b: f64"
    assert blank == ""
    assert str(folder) not in out


def test_python_source_runs(show, folder):
    (folder / "neuron.py").write_text(LOSS)
    _, out, _ = show("neuron.py:loss", "--argnums", "w,b")
    assert "by w and b." in out.split("\n")[0]
    compile(out, "<shown>", "exec")
    assert "def grad_loss(w, b, x, y)" in out


def test_c_source_and_its_heading(show, folder):
    (folder / "neuron.py").write_text(LOSS.replace("y):", "y, mode='*/'):"))
    code, out, _ = show("neuron.py:loss", "--backend", "c")
    assert code == 0 and out.startswith("/* The gradient of loss(w, b, x, y, mode) in neuron.py")
    heading, _, rest = out.partition("*/")
    assert "mode: '* /'" in heading and "int adc_grad_loss(" in rest


def test_c_source_needs_no_compiler(folder):
    (folder / "neuron.py").write_text(LOSS)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "autodiff_compiler",
            "show-source",
            "neuron.py:loss",
            "--backend",
            "c",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "AUTODIFF_COMPILER_CC": "none"},
    )
    assert done.returncode == 0 and "double" in done.stdout


def test_ir(show, folder):
    (folder / "neuron.py").write_text(LOSS)
    code, out, _ = show("neuron.py:loss", "--backend", "ir")
    assert code == 0 and "\nfunction " in out and out.startswith("# The gradient")


def test_print_after(show, folder):
    (folder / "neuron.py").write_text(LOSS)
    texts = {}
    for name in ("trace", "simplify", "reverse"):
        code, texts[name], _ = show("neuron.py:loss", "--print-after", name)
        assert code == 0
        assert texts[name].startswith(f"# After the pass {name}: The gradient of loss")
    assert "function" in texts["trace"]
    assert texts["trace"].split("\n")[3:] != texts["reverse"].split("\n")[3:]


def test_print_after_shows_what_a_later_pass_refuses(show, folder):
    (folder / "vector.py").write_text("def f(x):\n    return x * 2.0\n")
    assert show("vector.py:f", "--types", "x: f64[n]")[0] == 2
    code, out, _ = show("vector.py:f", "--types", "x: f64[n]", "--print-after", "trace")
    assert code == 0 and "function f(" in out


def test_primal_and_value_and_grad(show, folder):
    (folder / "neuron.py").write_text(LOSS)
    _, primal, _ = show("neuron.py:loss", "--primal")
    assert primal.startswith("# loss(w, b, x, y) in neuron.py, itself: no derivative.")
    assert "def loss(" in primal
    _, both, _ = show("neuron.py:loss", "--value-and-grad")
    assert both.startswith("# The value of loss(w, b, x, y) in neuron.py, and its gradient by w")
    assert "def value_and_grad_loss(" in both


DECORATED = """\
from autodiff_compiler import compile, grad, value_and_grad


@grad(argnums=("x", "y"))
def product(x, y):
    return x * y


@value_and_grad(argnums=1, has_aux=True)
def paired(x, y):
    return x * y, x


@compile
def plain(x):
    return x * x


def cube(x):
    return x * x * x


second = grad(grad(cube))
"""


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["d.py:product"], "The gradient of product(x, y) in d.py, by x and y (as its decorator says)."),
        (["d.py:product", "--argnums", "y"], "The gradient of product(x, y) in d.py, by y."),
        (["d.py:product", "--primal"], "product(x, y) in d.py, itself: no derivative."),
        (["d.py:paired"], "The value of paired(x, y) in d.py, and its gradient by y "
         "(as its decorator says); the second item of its result is passed on."),
        (["d.py:plain"], "plain(x) in d.py, itself: no derivative."),
        (["d.py:plain", "--argnums", "x"], "The gradient of plain(x) in d.py, by x."),
        (["d.py:second"], "The gradient of grad(cube)(x) in d.py, by x (as its decorator says)."),
    ],
)  # fmt: skip
def test_decorated(show, folder, arguments, first):
    (folder / "d.py").write_text(DECORATED)
    code, out, err = show(*arguments)
    assert code == 0, err
    assert out.split("\n")[0] == f"# {first}"


def test_same_text_in_every_process(folder):
    (folder / "neuron.py").write_text(LOSS)
    texts = set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "autodiff_compiler", "show-source", "neuron.py:loss"],
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
        )
        assert done.returncode == 0, done.stderr
        texts.add(done.stdout)
    assert len(texts) == 1


# --- refusals -----------------------------------------------------------------------------------


def test_refusal(show, folder):
    (folder / "odd.py").write_text("def f(x):\n    y = x\n    return (yield y)\n")
    err = refused(show("odd.py:f", "--types", "x: f64"))
    lines = err.split("\n")
    # The path is the one that was typed, not the one of this machine.
    assert lines[0].startswith("odd.py:3:")
    assert "return (yield y)" in lines[1] and "^" in lines[2]


def test_types_at_which_every_call_raises_are_told(show, folder, capsys):
    (folder / "rows.py").write_text("def f(w, xs):\n    n = len(xs)\n    return w * n\n")
    code, _, err = show("rows.py:f")
    assert code == 0 and "types raises, at line 2: this has no len()\nnote: without" in err
    code, _, err = show("rows.py:f", "--types", "xs: f64[n]")
    assert (code, err) == (0, "")
    assert main(["lint", "rows.py:f"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: f: every call") and "\nnote: without a type, w, xs" in err


def test_a_note_is_about_the_parameter_that_is_refused(show, folder):
    (folder / "rows.py").write_text("def f(w, xs):\n    return w * xs[0]\n")
    assert 'for arrays say --types "xs: f64[n]"' in refused(show("rows.py:f"))


def test_an_option_of_another_command(capsys):
    assert main(["explain", "rows.py:f", "--types", "xs: f64[n]"]) == 2
    assert capsys.readouterr().err.startswith("error: explain takes no --types; say --args (see")


def test_refusal_names_what_was_assumed(show, folder):
    (folder / "rows.py").write_text("def f(xs):\n    return xs[0] * 2.0\n")
    err = refused(show("rows.py:f"))
    assert err.startswith("rows.py:2:")
    assert 'note: without a type, xs was taken as f64; for arrays say --types "xs: f64[n]"' in err
    code, _, _ = show("rows.py:f", "--types", "xs: f64[n]")
    assert code == 0


def test_result_that_is_no_number(show, folder):
    (folder / "vector.py").write_text("def f(x):\n    return x * 2.0\n")
    err = refused(show("vector.py:f", "--types", "x: f64[n]"))
    assert "scalar float" in err and err.startswith("error: f: ")


def test_refusal_from_a_process_of_its_own(folder):
    (folder / "odd.py").write_text("def f(x):\n    return (yield x)\n")
    done = process("show-source", "odd.py:f")
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.startswith("odd.py:2:")


# --- importing ----------------------------------------------------------------------------------


def test_file_is_imported_as_a_module(show, folder):
    (folder / "helper.py").write_text("def double(x):\n    return 2.0 * x\n")
    (folder / "uses.py").write_text(
        "from helper import double\n"
        "print('hello', __name__)\n"
        "if __name__ == '__main__':\n    raise SystemExit('run')\n"
        "def f(x):\n    return double(x)\n"
    )
    path = list(sys.path)
    code, out, err = show("uses.py:f")
    assert code == 0
    # What the module prints must not get into the text.
    assert "hello" not in out and "hello uses" in err
    assert sys.path == path


def test_file_named_like_a_library(show, folder):
    import random

    (folder / "random.py").write_text("def f(x):\n    return x * x\n")
    code, _, err = show("random.py:f")
    assert code == 0, err
    assert sys.modules["random"] is random


def test_file_of_a_package(show, folder):
    inner = folder / "shapes" / "round"
    inner.mkdir(parents=True)
    (folder / "shapes" / "__init__.py").write_text("")
    (inner / "__init__.py").write_text("")
    (folder / "shapes" / "constants.py").write_text("PI = 3.0\n")
    (inner / "circle.py").write_text(
        "from ..constants import PI\ndef area(r):\n    return PI * r * r\n"
    )
    code, out, err = show("shapes/round/circle.py:area")
    assert code == 0, err
    assert "area(r) in circle.py" in out
    code, out, err = show("shapes.round.circle:area")
    assert code == 0, err
    assert "area(r) in shapes.round.circle" in out


def test_edited_file_is_read_again(show, folder):
    for k in (2, 3):
        (folder / "edited.py").write_text(f"def f(x):\n    return x * {k}.0\n")
        code, out, err = show("edited.py:f")
        assert code == 0, err
        assert f"{k}.0" in out
        del sys.modules["edited"]


def test_static_method(show, folder):
    (folder / "model.py").write_text(
        "class Model:\n    @staticmethod\n    def f(x):\n        return x * x\n"
    )
    code, _, err = show("model.py:Model.f")
    assert code == 0, err


# --- files and terminals ------------------------------------------------------------------------


def test_output_and_check(show, folder):
    source, kept = folder / "neuron.py", folder / "kept.py"
    source.write_text(LOSS)
    assert show("neuron.py:loss", "-o", "kept.py") == (0, "", "")
    _, out, _ = show("neuron.py:loss")
    assert kept.read_text() == out
    assert os.listdir(folder).count("kept.py") == 1 and len(os.listdir(folder)) == 2
    assert show("neuron.py:loss", "--check", "kept.py") == (0, "", "")

    source.write_text(LOSS.replace("** 2", "** 3"))
    del sys.modules["neuron"]
    before = kept.read_text()
    code, out, err = show("neuron.py:loss", "--check", "kept.py")
    assert code == 1
    assert out.startswith("--- kept.py\n+++ regenerated\n@@ ")
    assert "kept.py does not hold this derivative" in err
    assert kept.read_text() == before


def test_output_keeps_the_file_and_its_permissions(show, folder):
    (folder / "neuron.py").write_text(LOSS)
    kept, link = folder / "kept.py", folder / "link.py"
    kept.write_text("old")
    kept.chmod(0o640)
    link.symlink_to("kept.py")
    assert show("neuron.py:loss", "-o", "link.py")[0] == 0
    assert link.is_symlink() and "gradient" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o640


def test_refusal_writes_no_file(show, folder):
    (folder / "odd.py").write_text("def f(x):\n    return (yield x)\n")
    assert show("odd.py:f", "-o", "kept.py")[0] == 2
    assert not (folder / "kept.py").exists()


def test_colors(show, folder, monkeypatch):
    pytest.importorskip("pygments")
    (folder / "neuron.py").write_text(LOSS)
    plain = show("neuron.py:loss")[1]
    assert "\x1b[" not in plain
    colored = show("neuron.py:loss", "--color", "always")[1]
    assert "\x1b[" in colored
    assert "\x1b[" in show("neuron.py:loss", "--color", "always", "--backend", "c")[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert show("neuron.py:loss")[1] == colored
    assert show("neuron.py:loss", "--color", "never")[1] == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert show("neuron.py:loss")[1] == plain


def test_colors_without_pygments(show, folder, monkeypatch):
    (folder / "neuron.py").write_text(LOSS)
    monkeypatch.setitem(sys.modules, "pygments", None)
    code, out, _ = show("neuron.py:loss", "--color", "always")
    assert code == 0 and "\x1b[" not in out


def test_closed_pipe(folder):
    (folder / "neuron.py").write_text(LOSS)
    command = [sys.executable, "-m", "autodiff_compiler", "show-source", "neuron.py:loss"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait() == 141
