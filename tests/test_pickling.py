"""Compiled functions in pickles: by name and source, refused where the source is another one."""

import builtins
import copy
import importlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

from autodiff_compiler import UnsupportedError, compile, grad, pickling, value_and_grad, vjp
from autodiff_compiler.frontend.source import bring_text
from tests import traveller

ROOT = Path(__file__).resolve().parent.parent
W, X = np.arange(3.0), np.linspace(0.5, 1.5, 3)


def returned(f, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(f, protocol))


def same(a, b):
    if isinstance(a, tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and np.array_equal(a, b)


CASES = {
    "grad": (traveller.gradient, (W, X)),
    "decorated": (traveller.decorated, (W, X)),
    "second derivative": (traveller.curvature, (2.0,)),
    "compile": (traveller.doubled, (W, X)),
    "bound method": (grad(traveller.Model(2.0).loss), (W,)),
    "decorated method": (traveller.Model(3.0).slope, (W,)),
    "has_aux": (value_and_grad(traveller.with_aux, has_aux=True, backend="python"), (W,)),
    "of a decorated function": (grad(traveller.decorated.primal, argnums=(1, 0)), (W, X)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_comes_back_gives_the_same(name):
    f, args = CASES[name]
    assert same(returned(f)(*args), f(*args))


def test_options_come_back():
    f = value_and_grad(traveller.plain, argnums=("x", "w"), backend="python")
    back = returned(f)
    told = ("transform", "argnums", "has_aux", "backend", "primal")
    assert [getattr(back, t) for t in told] == [getattr(f, t) for t in told]
    assert back.argnums == (1, 0)


def test_one_object_for_many_pickles():
    """Each task of a cluster brings a pickle: the function must not be compiled for each."""
    assert returned(traveller.decorated) is traveller.decorated
    assert returned(traveller.curvature) is traveller.curvature
    f = grad(traveller.plain, backend="python")
    assert returned(f) is returned(f)
    assert returned(grad(f)) is returned(grad(f))
    assert returned(f) is not returned(grad(traveller.plain, argnums=1, backend="python"))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_protocols(protocol):
    assert same(returned(traveller.gradient, protocol)(W, X), traveller.gradient(W, X))


def test_a_copy_is_the_thing_itself():
    f = grad(lambda x: x * x)
    assert copy.copy(f) is f and copy.deepcopy([f])[0] is f


def test_a_pullback():
    _, pull = vjp(traveller.plain, W, X)
    assert same(returned(pull)(2.0), pull(2.0))
    value, pull, aux = vjp(traveller.with_aux, W, has_aux=True)
    assert same(returned(pull)(1.0), pull(1.0))


def test_a_pullback_has_a_place_for_each_primal():
    value, pull = vjp(lambda n, x, kind, y: n * x * y, 3, W, "any", 2.0)
    first, by_x, third, by_y = pull(np.ones(3))
    assert first is None and third is None
    assert np.array_equal(by_x, np.full(3, 6.0)) and by_y == 9.0


def test_refusals_travel():
    with pytest.raises(UnsupportedError) as caught:
        grad(traveller.refused)(1.0)
    back = returned(caught.value)
    assert type(back) is UnsupportedError
    assert str(back) == str(caught.value) and back.lineno == caught.value.lineno


# --- what is refused -----------------------------------------------------------------------------


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes and imports, again and again, modules of these names."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def written(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    yield written
    for name in ("moved", "moved_helper"):
        sys.modules.pop(name, None)


LOSS = "import numpy as np\nfrom moved_helper import part\n\ndef loss(w):\n    return np.sum(part(w))\n"
PART = "def part(w):\n    return w * w\n"


@pytest.mark.parametrize(
    ("what", "name"), [("loss", "moved.loss"), ("helper", "moved_helper.part"), ("none", "")]
)
def test_other_source_is_refused(module, what, name):
    module("moved_helper", PART)
    sent = pickle.dumps(grad(module("moved", LOSS).loss))
    module("moved_helper", PART.replace("w * w", "w * 3.0") if what == "helper" else PART)
    module("moved", LOSS.replace("np.sum(", "2.0 * np.sum(") if what == "loss" else LOSS)
    if what == "none":
        assert np.array_equal(pickle.loads(sent)(W), 2.0 * W)
        return
    with pytest.raises(UnsupportedError, match=f"the source of {name} differs here"):
        pickle.loads(sent)


def test_a_function_that_is_not_there(module):
    module("moved_helper", PART)
    sent = pickle.dumps(grad(module("moved", LOSS).loss))
    module("moved", "def other(w):\n    return w\n")
    with pytest.raises(UnsupportedError, match="moved here has no such function"):
        pickle.loads(sent)
    del sys.modules["moved"]
    (Path(sys.path[0]) / "moved.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(UnsupportedError, match="No module named 'moved'"):
        pickle.loads(sent)


def test_a_name_that_stands_for_something_else_by_now(module):
    module("moved_helper", PART)
    moved = module("moved", LOSS)
    f = grad(moved.loss)
    moved.loss = len
    with pytest.raises(pickle.PicklingError, match="another object by now"):
        pickle.dumps(f)


def test_local_functions_need_a_pickler_that_sends_code(monkeypatch):
    monkeypatch.setattr(pickling, "_SENDS_CODE", ("no_such_module", "none_either"))

    def inner(x):
        return x * x

    with pytest.raises(pickle.PicklingError, match="a lambda .* cannot be pickled by name"):
        pickle.dumps(grad(lambda x: x * x))
    with pytest.raises(pickle.PicklingError, match="`inner` .* cannot be pickled by name"):
        pickle.dumps(compile(inner))


# --- other processes -----------------------------------------------------------------------------

SCRIPT = """
import multiprocessing, sys
import numpy as np
from autodiff_compiler import grad, value_and_grad

SCALE = 3.0

def part(w):
    return w * w

@grad
def decorated(w):
    return np.sum(part(w)) * SCALE

def plain(w):
    return np.sum(np.sin(part(w)))

class Net:
    def __init__(self, k):
        self.k = k

def closed(k):
    return grad(lambda w: np.sum(part(w)) * k)

ALL = [decorated, value_and_grad(plain)]
W = np.arange(3.0)

def call(f):
    return f(W)

def expected(answers):
    first, (value, second), *rest = answers
    assert np.array_equal(first, 6.0 * W), first
    assert np.allclose(second, 2.0 * W * np.cos(W * W), rtol=1e-12)
    for third in rest:
        assert np.array_equal(third, 8.0 * W), third
"""
POOL = """
if __name__ == "__main__":
    for way in multiprocessing.get_all_start_methods():
        if way in ("spawn", "fork"):
            with multiprocessing.get_context(way).Pool(2) as pool:
                expected(pool.map(call, ALL))
    print("right")
"""
LOKY = """
if __name__ == "__main__":
    import joblib
    expected(joblib.Parallel(n_jobs=2)(joblib.delayed(f)(W) for f in [*ALL, closed(4.0)]))
    print("right")
"""
SEND = """
if __name__ == "__main__":
    import cloudpickle
    with open(sys.argv[1], "wb") as file:
        cloudpickle.dump([*ALL, closed(4.0)], file)
    print("right")
"""
RECEIVE = """
import pickle, sys
import numpy as np
W = np.arange(3.0)
with open(sys.argv[1], "rb") as file:
    first, second, third = pickle.load(file)
assert np.array_equal(first(W), 6.0 * W)
assert np.allclose(second(W)[1], 2.0 * W * np.cos(W * W), rtol=1e-12)
assert np.array_equal(third(W), 8.0 * W)
assert first.primal.__qualname__ == "decorated"
# Who receives it can send it on.
import cloudpickle
assert np.array_equal(pickle.loads(cloudpickle.dumps(first))(W), 6.0 * W)
print("right")
"""


def run(folder, text, *args):
    script = folder / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, str(script), *args], capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "right"


def test_multiprocessing(tmp_path):
    run(tmp_path, SCRIPT + POOL)


def test_code_that_comes_without_the_name_of_its_file():
    """So cloudpickle sends it since 3.1.3: what compiles to it, of the texts beside it, tells the name."""
    text = (
        "def half(w):\n    return 0.5 * w\n\n"
        "def loss(w):\n    def tripled(x):\n        return 3.0 * x\n    return tripled(half(w)) * w\n"
    )
    there, here = ({"__name__": "__main__"} for _ in range(2))
    exec(builtins.compile(text, "/there/script.py", "exec"), there)
    exec(builtins.compile(text, "<dynamic-code>", "exec"), here)
    bring_text("/there/script.py", text)
    _, prints, texts = pickling.pack(there["loss"])
    received = pickling.unpack((here["loss"], prints, {"/there/other.py": "pass\n", **texts}))
    assert grad(received)(2.0) == 6.0
    assert here["half"].__code__.co_filename == "/there/script.py"
    codes = [c for c in received.__code__.co_consts if isinstance(c, CodeType)]
    assert [c.co_filename for c in (received.__code__, *codes)] == ["/there/script.py"] * 2


def test_joblib(tmp_path):
    pytest.importorskip("joblib")
    run(tmp_path, SCRIPT + LOKY)


def test_cloudpickle_brings_the_source_along(tmp_path):
    """What a script defines is run where that script is not: here it is another one by then."""
    pytest.importorskip("cloudpickle")
    run(tmp_path, SCRIPT + SEND, str(tmp_path / "sent"))
    run(tmp_path, RECEIVE, str(tmp_path / "sent"))
