"""Kernels found on disk without a trace: every call gives the right number, whatever has changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Each function is a case. After the first process every pair (old, new) is applied to its file.
FILES = {
    "far.py": """
import numpy as np

RATE = 2.0

def innermost(x):
    return x * x * 3.0

def inner(x):
    return innermost(x) + x

def plain(x):
    return np.sin(x)

def patched(x):
    return np.cos(x)

def either(x):
    return x * 5.0
""",
    "near.py": """
import dataclasses
import enum
import functools
import math
from typing import NamedTuple

import numpy as np

import far
from autodiff_compiler import grad, value_and_grad
from far import plain

SCALE = 2.0
COUNT = 3
AXIS = 0
MODE = "sin"
TABLE = np.array([1.0, 2.0, 3.0])
MATRIX = np.array([[1.0, 2.0], [3.0, 4.0]])
NUMBERS = [1.0, 2.0]
NAMES = {"a": 1.0, "b": 2.0}
KINDS = {"square"}
PICKED = "plain"


def helper(x):
    return x * x


def edited_helper(x):
    return helper(x)


def edited_far_helper(x):
    return far.inner(x)


def global_number(x):
    return SCALE * x * x


def counted(x):
    total = 0.0
    for k in range(COUNT):
        total = total + x * k
    return total


def known_global(x):
    return np.sum(np.sum(np.outer(TABLE, np.array([x, x * x])), axis=AXIS)[0])


def global_mode(x):
    return np.sin(x) if MODE == "sin" else np.cos(x)


def global_array(x):
    return np.sum(TABLE * x)


def global_list(x):
    return NUMBERS[0] * x + sum(NUMBERS) * x * x


def global_dict(x):
    total = x
    for key, value in NAMES.items():
        if key == "a":
            total = total * value
        else:
            total = total + value * x
    return total


def global_set(x):
    return x * x if "square" in KINDS else x


def picked_by_name(x):
    return getattr(far, PICKED)(x)


def rebound(x):
    return plain(x)


def module_function(x):
    return far.patched(x)


def module_number(x):
    return far.RATE * x * x


def numpy_patched(x):
    return np.tanh(x)


def shadowed(x):
    return abs(x) * x


def with_default(x, power=3.0):
    return x * power


def with_function_default(x, f=helper):
    return f(x) * 2.0


def make(factor, f):
    def closure(x):
        return factor * f(x)

    return closure


closure_number = make(2.0, math.sin)
closure_function = make(1.0, math.sin)


def doubled(f):
    @functools.wraps(f)
    def wrapper(x):
        return 2.0 * f(x)

    return wrapper


@doubled
def decorated(x):
    return x * x


class Base:
    weight = 2.0
    kind = "sin"

    def shift(self, x):
        return x + 1.0

    @property
    def slope(self):
        return 3.0 * self.weight

    @staticmethod
    def twice(x):
        return x * 2.0

    @classmethod
    def named(cls, x):
        return x * cls.weight


class Model(Base):
    def __init__(self, bias, label):
        self.bias = bias
        self.label = label

    def method(self, x):
        return self.bias * x * x

    def inherited(self, x):
        return self.shift(x) * x

    def sloped(self, x):
        return self.slope * x

    def static(self, x):
        return self.twice(x) * x

    def by_class(self, x):
        return self.named(x) * x

    def labelled(self, x):
        return x if self.label == "a" else x * x

    def __call__(self, x):
        return self.bias * x


model = Model(2.0, "a")
method = model.method
inherited = model.inherited
sloped = model.sloped
static = model.static
by_class = model.by_class
labelled = model.labelled


def called_object(x):
    return model(x) * x


@dataclasses.dataclass
class State:
    position: float
    speed: float = 2.0

    def energy(self):
        return self.speed * self.position


def made_record(x):
    return State(x).energy() * x


class Pair(NamedTuple):
    first: float
    second: float = 4.0


def made_tuple(x):
    pair = Pair(x)
    return pair.first * pair.second


class Choice(enum.Enum):
    ONE = "one"
    TWO = "two"


CHOICE = Choice.ONE


def chosen(x):
    return x if CHOICE is Choice.ONE else x * x


part = functools.partial(pow, 2.0)


def power(x, y):
    return x ** y


partial_number = functools.partial(power, y=2.0)


def by_partial(x):
    return partial_number(x)


def cube(x):
    return x * x * x


slope = grad(cube)


def inner_gradient(x):
    return slope(x) * x


def two(x, y):
    return x * y * y


weighted = grad(two, argnums=0)


def inner_argnums(x):
    return weighted(x, x)


short = lambda x: x * 2.0


def called_with(x, f):
    return f(x) * x


def with_axis(x, n):
    return np.sum(np.full((2, 3), x), axis=n)[1] * x


def indexed(x, n):
    return x * TABLE[n]  # here


def product(x):
    return np.sum((MATRIX * x) @ MATRIX)


def repeated(x, n):
    parts = (x, x * x, x * 3.0, x * 4.0, x * 5.0)
    named = {3: x * x, 4: x * 2.0}
    return named[n] * parts[1]
""",
    "run.py": """
import json
import os
import sys

import numpy as np

STEP = os.environ["STEP"]
if STEP == "version":
    np.__version__ = "99.1"
import autodiff_compiler.specialize as specialize
import autodiff_compiler as ad
import far
import near

if STEP == "patched":
    near.SCALE = 7.0
    near.COUNT = 5
    near.AXIS = 1
    near.MODE = "cos"
    near.TABLE = np.array([5.0, 2.0, 3.0])
    near.NUMBERS = [4.0, 3.0]
    near.NAMES = {"b": 5.0, "a": 3.0}
    near.KINDS = {"cube"}
    near.PICKED = "either"
    near.helper = near.cube
    near.plain = far.either
    far.patched = far.either
    far.RATE = 9.0
    np.tanh = np.sinh
    near.abs = far.either
    near.with_default.__defaults__ = (5.0,)
    near.with_function_default.__defaults__ = (near.cube,)
    near.closure_number = near.make(3.5, near.math.sin)
    near.closure_function = near.make(1.0, near.math.cos)
    near.model.bias = 8.0
    near.model.label = "b"
    near.Base.weight = 6.0
    near.Base.shift = lambda self, x: x * x
    near.CHOICE = near.Choice.TWO
    near.Model.__call__ = lambda self, x: x * 11.0
    near.partial_number = near.functools.partial(near.power, y=4.0)
    near.slope = ad.grad(near.short)
    near.weighted = ad.grad(near.two, argnums=1)
    near.short = lambda x: x * 6.0

def raises(*_):
    raise AssertionError("the compiler was asked for")

ALLOWED = os.environ.get("ALLOWED", "")
answers = {}
for name in json.loads(os.environ["CASES"]):
    f = getattr(near, name)
    more = {"called_with": (near.helper,), "with_axis": (1,), "repeated": (4,), "indexed": (1,)}.get(name, ())
    g = ad.value_and_grad(f)
    x, h = 0.7, 1e-5
    wanted = (f(x + h, *more) - f(x - h, *more)) / (2 * h)
    value, got = g(x, *more)
    pulled = ad.vjp(f, x, *more)[1](1.0)[0] if name == "global_number" else got
    kernel = g.specialize(x, *more)
    stored = isinstance(kernel, specialize.StoredKernel)
    if name == "indexed":
        assert kernel.plan.checks
        assert all("# here" in place.line() for place, _ in kernel.plan.checks)
    same = abs(value - f(x, *more)) < 1e-12 and abs(got - wanted) < 1e-6 and pulled == got
    answers[name] = [stored, bool(same), got, wanted]
answers["traced"] = "autodiff_compiler.frontend" in sys.modules
# What a call does without is made when it is asked for.
assert name in kernel.source and name in kernel.c_source and kernel.ir and kernel.backend == "c"
print(json.dumps(answers))
""",
}

# What is edited in the files before the step "edited".
EDITS = {
    "far.py": [("x * x * 3.0", "x * x * 4.0"), ("np.cos(x)", "np.cos(2.0 * x)"), ("RATE = 2.0", "RATE = 6.0")],
    "near.py": [
        ("import dataclasses\n", "# Everything moves down.\n\nimport dataclasses\n"),
        ("def helper(x):\n    return x * x\n", "def helper(x):\n    return x * x * x\n"),
        ("SCALE = 2.0", "SCALE = 3.0"), ("COUNT = 3", "COUNT = 4"),
        ('MODE = "sin"', 'MODE = "cos"'), ("NUMBERS = [1.0, 2.0]", "NUMBERS = [1.0, 2.0, 3.0]"),
        ("return 2.0 * f(x)", "return 3.0 * f(x)"),
        ("return x + 1.0", "return x + 2.0"), ("return 3.0 * self.weight", "return 4.0 * self.weight"),
        ("return x * 2.0\n\n    @classmethod", "return x * 3.0\n\n    @classmethod"),
        ("return x * cls.weight", "return x + cls.weight"),
        ("return self.bias * x * x", "return self.bias * x"),
        ("speed: float = 2.0", "speed: float = 3.0"),
        ("return self.speed * self.position", "return self.speed - self.position"),
        ("second: float = 4.0", "second: float = 5.0"),
        ("x if CHOICE is", "x * x if CHOICE is"),
        ("y=2.0", "y=3.0"), ("grad(cube)", "grad(helper)"), ("argnums=0", "argnums=1"),
        ("power=3.0", "power=4.0"), ("make(2.0, math.sin)", "make(4.0, math.sin)"),
        ("make(1.0, math.sin)", "make(1.0, math.cos)"), ("short = lambda x: x * 2.0", "short = lambda x: x * 3.0"),
    ],
}  # fmt: skip

CASES = [
    "edited_helper", "edited_far_helper", "global_number", "counted", "known_global", "global_mode", "global_array",
    "global_list", "global_dict", "global_set", "picked_by_name", "rebound", "module_function", "module_number",
    "numpy_patched", "shadowed", "with_default", "with_function_default", "closure_number",
    "closure_function", "decorated", "method", "inherited", "sloped", "static", "by_class", "labelled",
    "called_object", "made_record", "made_tuple", "chosen", "by_partial", "inner_gradient",
    "inner_argnums", "short", "called_with", "with_axis", "repeated",
    "indexed", "product",
]  # fmt: skip
#: Only a number has changed that every call reads: the kernel that is there is right.
READ_AT_CALLS = {
    "counted",
    "global_number",
    "global_array",
    "module_number",
    "with_default",
    "closure_number",
}
UNTOUCHED_BY_EDITS = {
    "known_global", "global_array", "global_dict", "global_set", "picked_by_name", "rebound", "numpy_patched",
    "shadowed", "with_axis", "repeated", "indexed", "product",
}  # fmt: skip


class Home:
    """The user's folder, and the cache."""

    def __init__(self, folder: Path):
        self.folder, self.cache = folder / "code", folder / "cache"
        for made in (self.folder, self.cache):
            made.mkdir(mode=0o700)
        for name, text in FILES.items():
            (self.folder / name).write_text(text)

    def start(self, step, cases=CASES):
        environment = {
            **os.environ, "AUTODIFF_COMPILER_CACHE_DIR": str(self.cache), "STEP": step,
            "CASES": json.dumps(list(cases)), "AUTODIFF_COMPILER_CHECK": "0", "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(Path(__file__).parent.parent)]),
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "run.py"], cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, step, cases=CASES):
        return self.end(self.start(step, cases))

    @staticmethod
    def end(process):
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        answers = json.loads(output.splitlines()[-1])
        traced = answers.pop("traced")
        wrong = {name: told for name, told in answers.items() if not told[1]}
        assert not wrong
        return {name for name, told in answers.items() if told[0]}, traced

    def plans(self):
        return sorted(self.cache.glob("*/plan.json"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    folder.chmod(0o700)
    made = Home(folder)
    # One kernel serves closures that differ in a number.
    assert made.run("first") == ({"closure_function"}, True)
    return made


def test_a_later_process_traces_nothing(home):
    assert home.run("again") == (set(CASES), False)


def test_what_is_changed_in_a_running_process_is_seen(home):
    hits, _ = home.run("patched")
    assert hits >= READ_AT_CALLS
    assert hits <= READ_AT_CALLS | {
        # These read a number, or what stands for one, or were not touched.
        "method", "sloped", "by_class", "global_list", "by_partial", "repeated", "with_axis", "static", "made_record",
        "made_tuple", "decorated", "edited_far_helper", "inner_argnums", "product", "indexed",
    }  # fmt: skip


def test_another_numpy_is_another_world(home):
    assert home.run("version", ["global_number", "method"])[0] == set()


def test_a_kernel_is_found_again_when_what_was_changed_is_changed_back(home):
    assert home.run("again") == (set(CASES), False)


@pytest.mark.parametrize("harm", ["cut", "flipped", "folder", "other"])
def test_harm_to_entries_costs_time_only(home, harm):
    cases = ["global_number", "repeated", "method"]
    home.run("again", cases)
    for path in filter(Path.is_file, home.plans()):
        data = bytearray(path.read_bytes())
        if harm == "cut":
            path.write_bytes(data[: len(data) // 2])
        elif harm == "flipped":
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        else:
            path.unlink()
        if harm == "folder":
            path.mkdir()
        elif harm == "other":
            path.write_bytes(b'{"plan": {}, "library": "x", "symbol": "y"}')
    hits, traced = home.run("harmed", cases)
    assert not hits and traced
    assert home.run("again", cases) == (set(cases), False)


def test_what_is_edited_is_traced_anew(home):
    home.run("again")
    for name, edits in EDITS.items():
        text = (home.folder / name).read_text()
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        (home.folder / name).write_text(text)
    hits, _ = home.run("edited")
    assert hits >= UNTOUCHED_BY_EDITS - {"rebound"} | READ_AT_CALLS
    assert hits.isdisjoint({
        "edited_helper", "edited_far_helper", "global_mode", "closure_function", "decorated",
        "inherited", "sloped", "static", "by_class", "method", "made_record", "module_function", "short",
        "chosen", "with_function_default", "inner_gradient", "inner_argnums", "called_with",
    })  # fmt: skip
    assert home.run("again") == (set(CASES), False)


def test_processes_at_the_same_time(tmp_path):
    tmp_path.chmod(0o700)
    home = Home(tmp_path)
    cases = ["global_number", "method", "repeated", "known_global"]
    running = [home.start("first", cases) for _ in range(3)]
    for process in running:
        home.end(process)
    assert home.run("again", cases) == (set(cases), False)
