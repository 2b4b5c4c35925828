"""Both launchers against one table of cases, with hand-written kernels in C and in Python."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.errors import CheckFailed, Span, UnsupportedError
from autodiff_compiler.runtime import build, compiler
from autodiff_compiler.runtime.abi import KERNEL_PRELUDE
from autodiff_compiler.runtime.launcher import dispatcher_class, make_dispatcher, native_module
from autodiff_compiler.runtime.plan import Capture, Guard, OutLeaf, Plan
from autodiff_compiler.signature import ArraySpec, ScalarSpec, StaticSpec, describe

ROOT = Path(__file__).resolve().parent.parent
HEAD = "(const adc_leaf *in, adc_leaf *out, adc_call *call, long long *where) {\n"

# Name: the body in C, and the same in Python.
BODIES = {}


def kernel(name, c_text):
    def put(function):
        BODIES[name] = (c_text, function)
        return function

    return put


@kernel("axpy", "out[0].f = in[0].f * in[1].f + in[2].f; return 0;")
def _axpy(a, x, b):
    return (a * x + b,)


@kernel("add", "out[0].f = in[0].f + in[1].f; return 0;")
def _add(x, y):
    return (x + y,)


@kernel("count", "out[0].i = in[0].i + 1; out[1].i = in[0].i > 2; return 0;")
def _count(n):
    return n + 1, n > 2


@kernel(
    "scale",
    """double *z; const double *x = in[0].a.data;
    if (call->alloc(call, 0, in[0].a.shape, (void **)&z)) return 2;
    for (long long i = 0; i < in[0].a.shape[0]; i++) z[i] = x[i] * in[1].f;
    return 0;""",
)
def _scale(x, f):
    return (x * f,)


@kernel(
    "grid",
    """float *z; const float *x = in[0].a.data; const long long *n = in[0].a.shape;
    if (call->alloc(call, 0, n, (void **)&z)) return 2;
    for (long long i = 0; i < n[0] * n[1]; i++) z[i] = 10 * x[i];
    return 0;""",
)
def _grid(x):
    return (x * 10,)


@kernel(
    "zero_d",
    """double *z;
    if (call->alloc(call, 0, in[0].a.shape, (void **)&z)) return 2;
    *z = 2 * *(const double *)in[0].a.data; return 0;""",
)
def _zero_d(x):
    return (np.asarray(2 * x),)


@kernel(
    "total",
    """long long s = 0; const long long *x = in[0].a.data;
    for (long long i = 0; i < in[0].a.shape[0]; i++) s += x[i];
    out[0].i = s; return 0;""",
)
def _total(x):
    assert x.dtype == np.int64
    return (x.sum(),)


@kernel(
    "pick",
    """long long i = in[1].i, n = in[0].a.shape[0];
    if (i < -n || i >= n) { *where = 1; return 1; }
    out[0].f = ((const double *)in[0].a.data)[i < 0 ? i + n : i]; return 0;""",
)
def _pick(x, i):
    if not -len(x) <= i < len(x):
        raise CheckFailed(1)
    return (x[i],)


# Writes all of x, then fails if the last argument says so.
@kernel(
    "fill",
    """double *x = in[0].a.data;
    for (long long i = 0; i < in[0].a.shape[0]; i++) x[i] = in[1].f;
    if (in[1].f < 0) { *where = 0; return 1; }
    out[0].f = in[1].f; return 0;""",
)
def _fill(x, v):
    x[:] = v
    if v < 0:
        raise CheckFailed(0)
    return (v,)


@kernel("no_memory", "return 2;")
def _no_memory(*x):
    raise MemoryError


@kernel(
    "too_big",
    """long long shape[1] = {1LL << 60}; void *data;
    return call->alloc(call, 0, shape, &data);""",
)
def _too_big(x):
    raise MemoryError


@kernel("scalars", "out[0].f = in[0].f; out[1].f = in[1].f; out[2].i = in[2].i; out[3].i = in[3].i;\n"
        "out[4].i = in[4].i; return 0;")  # fmt: skip
def _scalars(*values):
    return values


@kernel(
    "last",
    """const double *x = in[2].a.data; long long n = in[2].a.shape[0];
    out[0].f = in[1].f + (n ? x[n - 1] : 0); return 0;""",
)
def _last(x, f, a):
    return (f + a[-1],)


@kernel("spin", "while (!call->poll(call)) ; return 3;")
def _spin(x):
    while True:
        pass


@kernel(
    "busy",
    """for (long long i = 0; i < in[0].i; i++) if (call->poll(call)) return 3;
    out[0].i = in[0].i; return 0;""",
)
def _busy(n):
    return (n,)


C_SOURCE = KERNEL_PRELUDE + "".join(f"int {n}{HEAD}{b[0]}\n}}\n" for n, b in BODIES.items())
LAUNCHERS = ["c", "python"]
ENTRIES = ["c", "python"]


@pytest.fixture(scope="module")
def kernels():
    if compiler.find_compiler() is None:
        return None
    return build.load_kernels(C_SOURCE, tuple(BODIES))


@pytest.fixture(params=LAUNCHERS)
def prefer_c(request):
    if request.param == "c" and native_module() is None:
        pytest.skip("the C launcher cannot be built here")
    return request.param == "c"


@pytest.fixture(params=ENTRIES)
def entry(request, kernels):
    """From a kernel's name to what a plan runs."""
    if request.param == "c":
        if kernels is None:
            pytest.skip("no C compiler")
        return lambda name: kernels[name].address
    return lambda name: BODIES[name][1]


FLOAT = ScalarSpec("f64")
OUT = OutLeaf("scalar", "f64", True)
VECTOR = OutLeaf("array", "f64", False, 1)
SPAN = Span("<test>", 7, 0, 7, 1)


def plan(entry, params, outputs=(OUT,), result=("leaf", 0), **more):
    fields = dict(captures=(), guards=(), writes=(), mutated=(), checks=())
    fields.update(more)
    return Plan(
        "f", tuple(params), outputs=tuple(outputs), result=result, entry=entry, **fields
    )  # fmt: skip


class Maker:
    """A `miss` that makes plans by the specs of the arguments, and counts."""

    def __init__(self, make):
        self.make, self.count = make, 0

    def __call__(self, args):
        self.count += 1
        return self.make(tuple(map(describe, args)))


def dispatcher(prefer_c, function, make):
    miss = Maker(make)
    made = make_dispatcher(function, miss, prefer_c)
    made_is_native = type(made).__mro__[-2].__name__ == "Launcher"
    assert made_is_native == prefer_c
    return made, miss


# -- values in and out --------------------------------------------------------------------------


def test_arguments_by_position_name_and_default(prefer_c, entry):
    def f(a, x=3.0, *, b=1.0):
        return a * x + b

    call, miss = dispatcher(prefer_c, f, lambda specs: plan(entry("axpy"), specs))
    assert call(2.0) == 7.0 and type(call(2.0)) is float
    assert call(2.0, 5.0, b=3.0) == 13.0
    assert call(x=1.0, a=4.0) == 5.0
    assert miss.count == 1
    f.__defaults__ = (10.0,)
    f.__kwdefaults__ = {"b": 2.0}
    assert call(2.0) == 22.0
    for args, kwargs in [((), {}), ((1.0, 2.0, 3.0), {}), ((1.0,), {"c": 1}), ((1.0,), {"a": 1.0})]:
        with pytest.raises(TypeError) as ours:
            call(*args, **kwargs)
        with pytest.raises(TypeError) as pythons:
            f(*args, **kwargs)
        assert str(ours.value) == str(pythons.value)


def test_binding_follows_every_kind_of_parameter(prefer_c, entry):
    def f(a, /, x, *rest, b, **more):
        raise IndexError((a, x, rest, b, more))

    seen = []

    def make(specs):
        return plan(entry("no_memory"), specs, guards=(Guard(("const", seen), seen),))

    call, miss = dispatcher(prefer_c, f, make)
    with pytest.raises(MemoryError):
        call(1.0, 2.0, 3.0, b=4.0, c=5.0)
    known = call.plans[0].params
    assert [str(s) for s in known] == ["f64", "f64", "(f64)", "f64", "{'c': f64}"]
    with pytest.raises(TypeError, match="positional"):
        call(a=1.0, x=2.0, b=3.0)


def test_a_launcher_in_a_class_is_a_method(prefer_c, entry):
    class Model:
        bias = 1.0

    def method(self, x):
        return self.bias + x

    def make(specs):
        captured = Capture(("attr", ("const", model), "bias"), FLOAT)
        return plan(entry("add"), specs, captures=(captured,))

    model = Model()
    Model.f, miss = dispatcher(prefer_c, method, make)
    assert model.f(2.0) == 3.0
    model.bias = 5.0
    assert model.f(2.0) == 7.0 and miss.count == 1
    assert Model.f is vars(Model)["f"]


def test_scalars_keep_their_kind(prefer_c, entry):
    def g(a, b, c, d, e):
        raise AssertionError

    def make(specs):
        outs = [OutLeaf("scalar", s.dtype, s.python) for s in specs]
        return plan(entry("scalars"), specs, outs, ("tuple", [("leaf", k) for k in range(5)]))

    call, miss = dispatcher(prefer_c, g, make)
    pythons = (1.5, 2.5, -3, 7, True)
    numpys = (np.float64(1.5), np.float32(2.5), np.int64(-3), np.int32(7), np.bool_(True))
    for given in (pythons, numpys, (1.5, np.float32(0.1), 2**63 - 1, np.int32(-(2**31)), False)):
        got = call(*given)
        assert got == given and list(map(type, got)) == list(map(type, given))
    assert miss.count == 3
    with pytest.raises(TypeError, match="64 bits"):
        call(1.5, 2.5, 2**63, 7, True)


@pytest.mark.parametrize(
    "make_array",
    [
        lambda: np.arange(5.0),
        lambda: np.arange(10.0)[::2],
        lambda: np.arange(5.0)[::-1],
        lambda: np.broadcast_to(np.float64(3.0), (5,)),
        lambda: np.frombuffer(b"\0" + np.arange(5.0).tobytes(), np.float64, offset=1),
        lambda: np.zeros(0),
        lambda: np.ones(1),
        lambda: np.arange(10000.0),
    ],
)
def test_arrays_of_every_layout(prefer_c, entry, make_array):
    call, miss = dispatcher(
        prefer_c, lambda x, f: x * f, lambda specs: plan(entry("scale"), specs, [VECTOR])
    )
    x = make_array()
    before = x.copy()
    for _ in range(3):
        got = call(x, 2.0)
        assert got.dtype == np.float64 and got.shape == x.shape
        assert np.array_equal(got, before * 2) and np.array_equal(x, before)
        assert not np.shares_memory(got, x)
    assert miss.count == 1


def test_other_ranks_and_dtypes(prefer_c, entry):
    out = OutLeaf("array", "f32", False, 2)
    call, _ = dispatcher(prefer_c, lambda x: x, lambda specs: plan(entry("grid"), specs, [out]))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for given in (x, x.T, np.asfortranarray(x), x[:, ::-1], x[:1]):
        got = call(given)
        assert got.dtype == np.float32 and np.array_equal(got, given * 10)
    point = OutLeaf("array", "f64", False, 0)
    call, _ = dispatcher(prefer_c, lambda x: x, lambda specs: plan(entry("zero_d"), specs, [point]))
    got = call(np.array(4.0))
    assert isinstance(got, np.ndarray) and got.shape == () and got == 8.0


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.uint16, np.uint32, np.int64])
def test_integers_of_other_widths_are_widened(prefer_c, entry, dtype):
    out = OutLeaf("scalar", "i64", False)
    call, _ = dispatcher(prefer_c, lambda x: x, lambda specs: plan(entry("total"), specs, [out]))
    x = np.array([1, 2, np.iinfo(dtype).max >> 1], dtype)
    assert call(x) == x.sum(dtype=np.int64) and type(call(x)) is np.int64
    assert call(x[::2]) == x[::2].sum(dtype=np.int64)


def test_arrays_that_no_kernel_takes(prefer_c, entry):
    call, _ = dispatcher(prefer_c, lambda x: x, lambda specs: plan(entry("total"), specs))
    for bad in (np.zeros(2, complex), np.array(["a"]), np.zeros(2, ">f8"), np.zeros(2, object)):
        with pytest.raises(TypeError, match="dtype"):
            call(bad)


def test_one_plan_for_all_sizes_but_one(prefer_c, entry):
    call, miss = dispatcher(
        prefer_c, lambda x, f: x, lambda specs: plan(entry("scale"), specs, [VECTOR])
    )
    for n in (0, 2, 3, 1000, 5):
        assert call(np.ones(n), 1.0).shape == (n,)
    assert miss.count == 1
    call(np.ones(1), 1.0)
    assert miss.count == 2
    for k in range(40):
        call(np.ones(1 + k % 2), 1.0)
    assert miss.count == 2
    call.forget()
    call(np.ones(2), 1.0)
    assert miss.count == 3 and len(call.plans) == 1


def test_more_plans_than_are_kept(prefer_c, entry):
    plans = {}

    def make(specs):
        return plans.setdefault(specs, plan(entry("scale"), specs[:2] + specs[2:], [VECTOR]))

    call, miss = dispatcher(prefer_c, lambda x, f, s: x, make)
    for _ in range(2):
        for k in range(12):
            assert call(np.ones(2), 2.0, str(k))[0] == 2.0
    assert miss.count == 24 and len(call.plans) == 8


def test_containers(prefer_c, entry):
    tree = (
        "dict", ("sum", "parts"),
        [("leaf", 0), ("tuple", [("arg", (0, "w")), ("list", [("arg", (1, 1, 0)), ("static", None)])])],
    )  # fmt: skip
    call, miss = dispatcher(
        prefer_c, lambda p, q: p, lambda specs: plan(entry("axpy"), specs, result=tree)
    )

    def make(w, x, b):
        # Static leaves, and an empty container between.
        return {"w": w, "none": None}, [x, (b, ()), "text"]

    p, q = make(2.0, 3.0, 4.0)
    assert call(p, q) == {"sum": 10.0, "parts": (2.0, [4.0, None])}
    assert call(*make(1.0, 1.0, 1.0))["sum"] == 2.0
    assert miss.count == 1
    assert call({"none": None, "w": 2.0}, q)["sum"] == 10.0  # another order is another key
    assert miss.count == 2
    # Whatever differs is a miss; `make` answers with a kernel that has a place for these only.
    assert call(p, [3.0, (4.0, ()), "other"])["sum"] == 10.0 and miss.count == 3
    assert call(p, [3.0, [4.0, ()], "text"])["sum"] == 10.0 and miss.count == 4
    assert call(p, [3.0, (4.0,), "text"])["sum"] == 10.0 and miss.count == 5


def test_the_callers_own_object_comes_back(prefer_c, entry):
    call, _ = dispatcher(
        prefer_c,
        lambda x, v: x,
        lambda specs: plan(
            entry("fill"), specs, result=("tuple", [("arg", (0,)), ("leaf", 0)]),
            writes=(0,), mutated=(0,), checks=((SPAN, "v >= 0"),),
        ),
    )  # fmt: skip
    x = np.zeros(3)
    got, v = call(x, 4.0)
    assert got is x and v == 4.0 and x.tolist() == [4.0] * 3


# -- guards and captures ------------------------------------------------------------------------


def helper(x):
    return x


def other_helper(x):
    return -x


class Holder:
    pass


def test_guards(prefer_c, entry):
    space = {"helper": helper, "mode": "fast"}
    holder = Holder()
    holder.items = [10, "x"]
    holder.tuple = (1, 2)

    def make_cell(value):
        return (lambda: value).__closure__[0]

    cell = make_cell("c")
    guards = (
        Guard(("dict", space, "helper", None), helper, "is"),
        Guard(("dict", space, "helper", None), helper.__code__, "code"),
        Guard(("dict", space, "mode", None), "fast", "eq"),
        Guard(("dict", space, "len", vars(__import__("builtins"))), len, "is"),
        Guard(("cell", cell), "c", "eq"),
        Guard(("item", ("attr", ("const", holder), "items"), 0), 10, "eq"),
        Guard(("attr", ("const", holder), "tuple"), (1, 2), "eq"),
        Guard(("default", with_default, "n"), 3, "eq"),
        Guard(("default", with_default, "k"), "k", "eq"),
    )
    call, miss = dispatcher(
        prefer_c,
        lambda x, y: x + y,
        lambda specs: plan(entry("add"), specs, guards=guards if holds() else ()),
    )

    def holds():
        return miss.count in (1, 3)

    assert call(1.0, 2.0) == 3.0 and call(1.0, 2.0) == 3.0 and miss.count == 1

    def check(change, back):
        call.forget()
        miss.count = 0
        call(1.0, 2.0)
        change()
        call(1.0, 2.0)
        assert miss.count == 2, "the change was not seen"
        back()

    def put(mapping, key, value):
        return lambda: mapping.__setitem__(key, value)

    check(put(space, "helper", other_helper), put(space, "helper", helper))
    check(put(space, "mode", "slow"), put(space, "mode", "fast"))
    check(lambda: space.pop("mode"), put(space, "mode", "fast"))
    check(put(space, "len", sum), lambda: space.pop("len"))
    check(lambda: setattr(cell, "cell_contents", "d"), lambda: setattr(cell, "cell_contents", "c"))
    check(lambda: delattr(cell, "cell_contents"), lambda: setattr(cell, "cell_contents", "c"))
    check(put(holder.items, 0, 10.0), put(holder.items, 0, 10))  # 10.0 == 10, of another type
    check(holder.items.clear, lambda: holder.items.extend([10, "x"]))
    check(
        lambda: setattr(holder, "tuple", (1, True + 1.0)), lambda: setattr(holder, "tuple", (1, 2))
    )
    check(lambda: delattr(holder, "tuple"), lambda: setattr(holder, "tuple", (1, 2)))
    code = helper.__code__
    check(
        lambda: setattr(helper, "__code__", other_helper.__code__),
        lambda: setattr(helper, "__code__", code),
    )
    check(
        lambda: setattr(with_default, "__defaults__", (4,)),
        lambda: setattr(with_default, "__defaults__", (3,)),
    )
    check(
        lambda: setattr(with_default, "__kwdefaults__", None),
        lambda: setattr(with_default, "__kwdefaults__", {"k": "k"}),
    )


def with_default(a, n=3, *, k="k"):
    return a, n, k


def test_a_guard_that_raises_lets_it_out(prefer_c, entry):
    class Odd:
        calm = True

        @property
        def value(self):
            if self.calm:
                return 1
            raise ZeroDivisionError("from the property")

    odd = Odd()
    guard = Guard(("attr", ("const", odd), "value"), 1, "eq")
    call, _ = dispatcher(
        prefer_c, lambda x, y: x, lambda specs: plan(entry("add"), specs, guards=(guard,))
    )
    assert call(1.0, 2.0) == 3.0
    odd.calm = False
    with pytest.raises(ZeroDivisionError, match="property"):
        call(1.0, 2.0)


def test_captures_are_read_at_every_call(prefer_c, entry):
    space = {"y": 2.0}
    call, miss = dispatcher(
        prefer_c,
        lambda x: x,
        lambda specs: plan(
            entry("add"), specs, captures=(Capture(("dict", space, "y", None), FLOAT),),
            result=("tuple", [("leaf", 0), ("capture", 0)]),
        )
        if type(space["y"]) is float
        else plan(
            lambda x: (2 * x,), specs, guards=(Guard(("dict", space, "y", None), 5, "eq"),)
        ),
    )  # fmt: skip
    for y in (2.0, 3.0, -1.0):
        space["y"] = y
        assert call(1.0) == (1.0 + y, y)
    assert miss.count == 1
    space["y"] = 5
    assert call(1.0) == 2.0 and miss.count == 2
    space["y"] = 4.0
    assert call(1.0) == (5.0, 4.0) and miss.count == 2


def test_captured_arrays(prefer_c, entry):
    space = {"box": {"f": 2.0, "x": np.arange(3.0)}}
    inside = Capture(("dict", space, "box", None), describe({"f": 1.0, "x": np.arange(3.0)}))
    run = entry("last")
    call, miss = dispatcher(
        prefer_c, lambda f: f, lambda specs: plan(run, specs, captures=(inside,))
    )
    assert call(1.0) == 2.0 + 2.0
    space["box"]["x"][-1] = 10.0
    assert call(1.0) == 12.0
    space["box"] = {"f": 0.0, "x": np.arange(8.0)[::-1][:4].copy()}
    assert call(1.0) == 4.0 and miss.count == 1
    space["box"]["x"] = 3
    with pytest.raises(UnsupportedError):
        call(1.0)
    assert miss.count == 2


def test_unequal_to_itself(prefer_c, entry):
    nan = float("nan")
    space = {}
    guard = Guard(("item", ("const", space), "y"), nan, "eq")
    space["y"] = float("nan")
    call, _ = dispatcher(
        prefer_c, lambda x, y: x, lambda specs: plan(entry("add"), specs, guards=(guard,))
    )
    with pytest.raises(UnsupportedError, match="equal to themselves"):
        call(1.0, 2.0)


# -- failing ------------------------------------------------------------------------------------

CHECKS = ((SPAN, "n > 0"), (SPAN, "the index is out of range"))


def test_a_failed_check_raises_what_the_function_raises(prefer_c, entry):
    def pick(x, i):
        return float(x[i])

    call, _ = dispatcher(prefer_c, pick, lambda specs: plan(entry("pick"), specs, checks=CHECKS))
    x = np.arange(4.0)
    assert call(x, -1) == 3.0
    for i in (4, -5):
        with pytest.raises(IndexError) as ours:
            call(x, i)
        with pytest.raises(IndexError) as pythons:
            pick(x, i)
        assert str(ours.value) == str(pythons.value)
        assert ours.value.__cause__ is None and ours.value.__context__ is None
    assert call(x, 0) == 0.0


def test_a_failed_check_that_the_function_does_not_have(prefer_c, entry):
    call, _ = dispatcher(
        prefer_c, lambda x, i: 0.0, lambda specs: plan(entry("pick"), specs, checks=CHECKS)
    )
    with pytest.raises(UnsupportedError, match="the index is out of range") as caught:
        call(np.arange(4.0), 9)
    assert caught.value.lineno == 7


@pytest.mark.parametrize("error", [ZeroDivisionError, IndexError, ValueError, OverflowError])
def test_exceptions_of_python_kernels_are_replayed(prefer_c, error):
    def run(x):
        raise error("of the kernel")

    def f(x):
        if x > 0:
            raise error("of the function")

    call, _ = dispatcher(prefer_c, f, lambda specs: plan(run, specs))
    with pytest.raises(error, match="of the function") as caught:
        call(1.0)
    assert caught.value.__context__ is None
    with pytest.raises(UnsupportedError, match="of the kernel"):
        call(-1.0)


def test_python_kernels_give_no_warnings(prefer_c, recwarn):
    call, _ = dispatcher(
        prefer_c, lambda x: x, lambda specs: plan(lambda x: (np.float64(1.0) / x,), specs)
    )
    assert call(0.0) == np.inf
    assert not recwarn.list


def test_a_derivative_replays_on_copies(prefer_c, entry):
    table = np.zeros(2)

    def f(x, i, box):
        x[0] = 99.0
        box["a"][0].append(1)
        box["a"][1][:] = -1
        table[0] = 5.0
        assert x is box["same"]
        return x[i]

    def make(specs):
        # The kernel sees x and i only: what is around them is taken for static here.
        run = entry("pick")
        if not callable(run):
            return plan(run, specs, checks=CHECKS, mutated=(0,), captures=captures)
        return plan(
            lambda x, i, *_: run(x, i), specs, checks=CHECKS, mutated=(0, 4), captures=captures
        )

    captures = (Capture(("const", table), ArraySpec("f64", (False,))),)
    call, _ = dispatcher(prefer_c, f, make)
    x = np.arange(3.0)
    box = {"a": ([], np.zeros(2)), "same": x}
    with pytest.raises((IndexError, UnsupportedError)):
        call(x, 7, box)
    assert x.tolist() == [0.0, 1.0, 2.0] and box["a"][0] == [] and not box["a"][1].any()


def test_a_captured_array_survives_the_replay(prefer_c, entry):
    table = np.arange(2.0)

    def f(v):
        table[:] = v
        if v < 0:
            raise ValueError("negative")

    captures = (Capture(("const", table), ArraySpec("f64", (False,))),)

    def run(v, x):
        raise CheckFailed(0)

    call, _ = dispatcher(
        prefer_c, f, lambda specs: plan(run, specs, captures=captures, mutated=(1,))
    )
    with pytest.raises(ValueError, match="negative"):
        call(-1.0)
    assert table.tolist() == [0.0, 1.0]


def fill(x, v):
    x[0] = v
    if v < -1:
        raise ValueError("half done")
    x[:] = v
    return v


def make_fill(entry, **more):
    fields = dict(writes=(0,), mutated=(0,), checks=((SPAN, "v >= 0"),))
    return lambda specs: plan(entry("fill"), specs, **{**fields, **more})


@pytest.mark.parametrize("step", [1, 2, -1])
def test_writes_reach_the_callers_array(prefer_c, entry, step):
    call, miss = dispatcher(prefer_c, fill, make_fill(entry))
    whole = np.arange(12.0)
    x = whole[::step]
    rest = np.setdiff1d(np.arange(12), np.arange(12)[::step])
    for v in (3.0, 4.0):
        assert call(x, v) == v
        assert (x == v).all() and np.array_equal(whole[rest], rest)
    assert miss.count == 1


@pytest.mark.parametrize("step", [1, 2])
def test_a_failing_write_leaves_what_python_leaves(prefer_c, entry, step):
    call, _ = dispatcher(prefer_c, fill, make_fill(entry))
    x = np.arange(8.0)[::step]
    before = x.copy()
    with pytest.raises(ValueError, match="half done"):
        call(x, -5.0)
    assert x[0] == -5.0 and np.array_equal(x[1:], before[1:])
    # Where the function does not raise, the refusal undoes what the replay wrote.
    x = before.copy()
    with pytest.raises(UnsupportedError, match="v >= 0"):
        call(x, -0.5)
    assert np.array_equal(x, before)


def test_read_only_arrays(prefer_c, entry):
    for writes in ((0,), ()):
        call, _ = dispatcher(prefer_c, fill, make_fill(entry, writes=writes))
        x = np.zeros(3)
        x.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            call(x, 1.0)
    call, _ = dispatcher(prefer_c, lambda x, v: v, make_fill(entry))
    with pytest.raises(UnsupportedError, match="read-only"):
        call(x, 1.0)


def test_overlaps_are_refused(prefer_c, entry):
    def make(specs):
        run = entry("fill")
        inner = run if not callable(run) else lambda x, v, *_: run(x, v)
        return plan(inner, specs, writes=(0,), mutated=(0,), checks=((SPAN, "v >= 0"),))

    def f(x, v, y):
        return fill(x, v)

    call, _ = dispatcher(prefer_c, f, make)
    base = np.zeros(10)
    for x, y in [
        (base, base),
        (base[:6], base[5:]),
        (base[::2], base[4:5]),
        (base[:5], base[::-1]),
    ]:
        with pytest.raises(
            UnsupportedError, match="'x' is written, and shares memory with 'y'"
        ) as e:
            call(x, 1.0, y)
        assert "copy" in e.value.hint and not base.any()
    for x, y in [(base[:5], base[5:]), (base[::2], base[1::2]), (base[:0], base), (base, base[:0])]:
        assert call(x, 1.0, y) == 1.0
        base[:] = 0
    folded = np.lib.stride_tricks.as_strided(base, (4,), (0,))
    with pytest.raises(UnsupportedError, match="one place in memory"):
        call(folded, 1.0, np.zeros(1))


def test_no_memory(prefer_c, entry):
    for name in ("no_memory", "too_big"):
        call, _ = dispatcher(
            prefer_c, lambda x: x, lambda specs, n=name: plan(entry(n), specs, [VECTOR])
        )
        with pytest.raises(MemoryError):
            call(1.0)


# -- threads, signals, references ---------------------------------------------------------------

INTERRUPT = """
import os, signal, sys, threading, time
sys.path.insert(0, {root!r})
from tests.test_runtime_dispatch import *
from autodiff_compiler.runtime import build
address = build.load_kernels(C_SOURCE, ("spin",))["spin"].address
call = make_dispatcher(lambda *a: 0, lambda args: plan(address, tuple(map(describe, args))), {c})
for handler in (signal.default_int_handler, None):
    if handler is None:
        def handler(*_):
            raise OSError("from the handler")
    signal.signal(signal.SIGINT, handler)
    for args in ((1.0,), (np.ones(10000),))[: 2 if {c} else 1]:
        call = make_dispatcher(lambda x: 0, lambda args: plan(address, tuple(map(describe, args))), {c})
        sent = []
        def send():
            time.sleep(0.3)
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=send).start() if {c} else None
        if not {c}:
            # The GIL is held: another process sends the signal.
            if os.fork() == 0:
                time.sleep(0.3); os.kill(os.getppid(), signal.SIGINT); os._exit(0)
            sent.append(time.monotonic() + 0.3)
        try:
            call(*args)
        except (KeyboardInterrupt, OSError) as error:
            print(type(error).__name__, time.monotonic() - sent[0] < 1)
"""


def test_ctrl_c_ends_a_long_kernel_within_a_second(prefer_c, kernels):
    if kernels is None:
        pytest.skip("no C compiler")
    program = INTERRUPT.format(root=str(ROOT), c=prefer_c)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, cwd=ROOT
    )
    times = 2 if prefer_c else 1
    assert (
        done.stdout.split() == ["KeyboardInterrupt", "True"] * times + ["OSError", "True"] * times
    ), done.stderr


def test_other_threads_run_beside_a_long_kernel(kernels):
    if native_module() is None:
        pytest.skip("the C launcher cannot be built here")
    out = OutLeaf("scalar", "i64", True)
    call, _ = dispatcher(True, lambda n: n, lambda s: plan(kernels["busy"].address, s, [out]))
    call(1)
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(0)
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    count = len(ticks)
    call(20_000_000)
    during = len(ticks) - count
    stop.set()
    thread.join()
    assert during > 20


def test_threads_share_a_dispatcher(prefer_c, entry):
    call, miss = dispatcher(
        prefer_c, lambda x, f: x, lambda specs: plan(entry("scale"), specs, [VECTOR])
    )
    wrong = []

    def work(seed):
        for k in range(60):
            n = (seed + k) % 3 + (9000 if k % 20 == 0 else 1)
            x = np.full(n, float(seed))
            if not (call(x, 2.0) == 2.0 * seed).all():
                wrong.append((seed, k))

    threads = [threading.Thread(target=work, args=(s,)) for s in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong and miss.count == 2


def test_a_guard_may_call_the_launcher_itself(prefer_c, entry):
    class Odd:
        @property
        def value(self):
            if self.depth < 5:
                self.depth += 1
                call(*((1.0, 2.0) if self.depth % 2 else (np.float64(1.0), 2.0)))
                call.forget()
            return 1

    odd = Odd()
    odd.depth = 10
    guards = (Guard(("attr", ("const", odd), "value"), 1, "eq"),)
    call, _ = dispatcher(
        prefer_c, lambda x, y: x, lambda specs: plan(entry("add"), specs, guards=guards)
    )
    assert call(1.0, 2.0) == 3.0 and call(np.float64(1.0), 2.0) == 3.0
    odd.depth = 0
    assert call(1.0, 2.0) == 3.0


def test_no_references_leak(prefer_c, entry):
    space = {"y": np.arange(3.0)}

    def f(x, i, box):
        return x[i]

    run = entry("pick")
    captured = (Capture(("dict", space, "y", None), ArraySpec("f64", (False,))),)
    tree = ("dict", ("a", "b"), [("leaf", 0), ("tuple", [("arg", (2, "k")), ("capture", 0)])])
    call, _ = dispatcher(
        prefer_c,
        f,
        lambda specs: plan(
            run if not callable(run) else lambda x, i, *_: run(x, i), specs, result=tree,
            captures=captured, checks=CHECKS,
        ),
    )  # fmt: skip
    x, box, part = np.arange(3.0), {}, np.arange(4.0)
    box["k"] = part

    def use():
        for _ in range(50):
            call(x, 1, box)
            call(x, i=2, box=box)
            call(x[::2], 0, box)
            with pytest.raises(IndexError):
                call(x, 5, box)
            with pytest.raises(TypeError):
                call(x, box=box)

    watched = (x, box, part, space["y"], None, tree, call)
    use()
    gc.collect()
    counts = [sys.getrefcount(o) for o in watched]
    tracemalloc.start()
    use()
    gc.collect()
    first = tracemalloc.get_traced_memory()[0]
    use()
    gc.collect()
    second = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    after = [sys.getrefcount(o) for o in watched]
    for before, now, what in zip(counts, after, watched):
        assert abs(now - before) < (50 if what is None else 2), type(what)
    assert second - first < 20_000


def test_a_dropped_dispatcher_is_collected(prefer_c, entry):
    class Mixin:
        def hello(self):
            return "hello"

    def f(x, y):
        return call and x

    call = make_dispatcher(
        f, lambda args: plan(entry("add"), (FLOAT, FLOAT), guards=guards), prefer_c, mixin=Mixin
    )
    # Through its own guard the plan refers to the dispatcher.
    guards = (Guard(("const", call), call),)
    assert call(1.0, 2.0) == 3.0 and call.hello() == "hello" and isinstance(call, Mixin)
    watch = weakref.ref(call)
    call = f = guards = None
    gc.collect()
    assert watch() is None


def test_the_class_is_made_once(prefer_c):
    class Mixin:
        pass

    assert dispatcher_class(prefer_c, Mixin) is dispatcher_class(prefer_c, Mixin)
    assert dispatcher_class(prefer_c) is dispatcher_class(prefer_c)


def test_static_arguments(prefer_c, entry):
    call, miss = dispatcher(prefer_c, lambda x, y, mode: x, lambda specs: plan(entry("add"), specs))
    for mode in (None, "mean", b"x", np.dtype(np.float64), helper, ...):
        before = miss.count
        assert call(1.0, 2.0, mode) == 3.0 and call(1.0, 2.0, mode) == 3.0
        assert miss.count == before + 1
    assert isinstance(call.plans[0].params[2], StaticSpec)
    assert call(1.0, 2.0, "me" + "an") == 3.0 and miss.count == 6
    call(1.0, 2.0, other_helper)
    assert miss.count == 7


def test_a_kernel_that_forgets_a_result_is_caught(prefer_c, kernels):
    if kernels is None:
        pytest.skip("no C compiler")
    call, _ = dispatcher(
        prefer_c, lambda x, y: x, lambda specs: plan(kernels["add"].address, specs, [VECTOR])
    )
    with pytest.raises(RuntimeError, match="did not make"):
        call(1.0, 2.0)


def test_leaf_layout():
    from autodiff_compiler.runtime import foreign

    assert ctypes.sizeof(foreign._Leaf) == 16
    assert os.name != "posix" or signal.SIGINT == 2


# --- long results: memory that nobody has any more is used again ---------------------------------------


def test_long_results_are_never_handed_out_while_somebody_has_them():
    import weakref

    def f(x, s):
        return np.sum(x * x) * s

    g = ad.grad(f, backend="c")
    x = np.arange(50000.0)
    first = g(x, 1.0)
    view, kept = first[10:20], first
    for k in range(2, 6):
        again = g(x, float(k))
        assert not np.shares_memory(again, kept)
        np.testing.assert_array_equal(again, 2.0 * k * x)
    del first, kept, again
    for k in range(2, 6):
        np.testing.assert_array_equal(g(x, float(k)), 2.0 * k * x)
    np.testing.assert_array_equal(view, 2.0 * x[10:20])  # a view is somebody, too
    seen = weakref.ref(g(x, 1.0))
    other = g(x, 2.0)
    assert seen() is not other


def test_results_that_were_changed_by_their_owner_are_not_used_again():
    def f(x):
        return np.sum(x * x)

    g = ad.grad(f, backend="c")
    x = np.arange(60000.0)
    changes = [
        lambda a: a.setflags(write=False),
        lambda a: setattr(a, "shape", (300, 200)),
        lambda a: setattr(a, "dtype", np.int64),
        lambda a: a.resize(70000, refcheck=False),
        lambda a: a.fill(np.nan),
    ]
    for change in changes:
        change(g(x))
        for _ in range(3):
            again = g(x)
            assert again.shape == x.shape and again.dtype == x.dtype and again.flags.writeable
            np.testing.assert_array_equal(again, 2.0 * x)
    shorter = g(x[:50000])
    np.testing.assert_array_equal(shorter, 2.0 * x[:50000])
    np.testing.assert_array_equal(g(x), 2.0 * x)


def test_long_results_from_several_threads():
    import concurrent.futures

    def f(x, s):
        return np.sum(np.sin(x) * s)

    g = ad.grad(f, backend="c")
    x = np.linspace(0.0, 1.0, 200000)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for k, result in enumerate(pool.map(lambda k: g(x, float(k % 7)), range(60))):
            np.testing.assert_allclose(result, np.cos(x) * (k % 7), rtol=1e-14, atol=1e-15)
