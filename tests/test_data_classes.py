"""The package's `dataclass` is the standard library's, made faster."""

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from dataclasses import field
from pathlib import Path

import pytest

from autodiff_compiler.data_classes import dataclass

OPTIONS = [
    {"frozen": frozen, "slots": slots, "eq": eq}
    for frozen in (False, True)
    for slots in (False, True)
    for eq in (False, True)
]


def make(decorator, options):
    @decorator(**options)
    class Point:
        self: int
        y: "float" = 2.0
        tags: list = field(default_factory=list)
        seen: tuple = field(default=(), compare=False, repr=False)

        def twice(self):
            return 2 * self.y

    return Point


@pytest.fixture(params=OPTIONS, ids=lambda o: "-".join(k for k, v in o.items() if v) or "plain")
def pair(request):
    """The class made by each of the two."""
    options = request.param
    return make(dataclass, options), make(dataclasses.dataclass, options), options


def test_init_repr_and_fields(pair):
    ours, theirs, _ = pair
    for cls in (ours, theirs):
        assert cls(1).tags == [] and cls(1).tags is not cls(1).tags
        assert cls(1, y=5.0).twice() == 10.0
        with pytest.raises(TypeError):
            cls()
        with pytest.raises(TypeError):
            cls(1, 2.0, [], (), 5)
        with pytest.raises(TypeError):
            cls(1, z=2)
    assert repr(ours(1, seen=(3,))) == repr(theirs(1, seen=(3,)))
    names = [[f.name for f in dataclasses.fields(cls)] for cls in (ours, theirs)]
    assert names[0] == names[1]
    assert ours.__match_args__ == theirs.__match_args__
    assert dataclasses.asdict(ours(1)) == dataclasses.asdict(theirs(1))
    assert hasattr(ours(1), "__dict__") == hasattr(theirs(1), "__dict__")


def test_equality_and_hash(pair):
    results = []
    for cls in pair[:2]:
        a, b, c = cls(1, tags=(2,)), cls(1, tags=(2,), seen=(9,)), cls(1, 3.0)
        nan = float("nan")
        row = [a == b, a == c, a != b, a == 1, cls(nan, nan) == cls(nan, nan), cls(nan) == cls(1)]
        try:
            row.append((hash(a) == hash(b), hash(a) == hash(c)))
        except TypeError as error:
            row.append(str(error))
        results.append(row)
    assert results[0] == results[1]


def test_frozen(pair):
    ours, theirs, options = pair
    for cls in (ours, theirs):
        x = cls(1)
        if not options["frozen"]:
            x.y = 7.0
            assert x.y == 7.0
            continue
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'y'"):
            x.y = 7.0
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'y'"):
            del x.y
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            x.z = 7.0


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_copies_and_pickles(options):
    cls = make(dataclass, options)
    cls.__qualname__ = "Pickled"
    globals()["Pickled"] = cls
    x = cls(1, 4.0, [[5]])
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(y) is cls and dataclasses.asdict(y) == dataclasses.asdict(x)
    assert dataclasses.replace(x, y=8.0).twice() == 16.0


def test_own_methods_stay_and_bases_give_fields():
    @dataclass(frozen=True, slots=True)
    class Base:
        a: int

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 5

        def __repr__(self):
            return "base"

    @dataclass(frozen=True, slots=True)
    class Child(Base):
        """With a text of its own."""

        b: int = 2

        def __post_init__(self):
            object.__setattr__(self, "b", self.b + 1)

    assert Base(1) == Base(2) and hash(Base(1)) == 5 and repr(Base(1)) == "base"
    assert (Child(1).a, Child(1).b) == (1, 3)
    assert Child(1) != Child(2) and "Child(a=1, b=3)" in repr(Child(1))
    assert Child.__doc__ == "With a text of its own."


def test_an_object_that_holds_itself_has_a_repr():
    @dataclass
    class Knot:
        inside: object = None

    x = Knot()
    x.inside = [x]
    assert "..." in repr(x)


_FIRST_CALL = """
import dataclasses, sys
from autodiff_compiler import grad
def f(x, w):
    total = 0.0
    for i in range(len(x)):
        total += x[i] * w[i] ** 2
    return total
import numpy as np
f = grad(f, backend="python")
f(np.ones(3), np.ones(3))
import autodiff_compiler.backends.c
slow = [
    name for name, module in sys.modules.items() if name.startswith("autodiff_compiler.")
    and getattr(module, "dataclass", None) is dataclasses.dataclass
]
print(*slow)
"""


def test_what_a_first_call_loads_has_the_fast_one(tmp_path):
    # The front end reads source: the script stands in a file.
    script = tmp_path / "first.py"
    script.write_text(_FIRST_CALL)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )  # fmt: skip
    assert done.stdout.split() == []
