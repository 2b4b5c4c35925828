"""The Python back end against the interpreter, and what its text reads like."""

import itertools
import linecache
import os
import subprocess
import sys
import traceback

import numpy as np
import pytest

from autodiff_compiler.backends.python import KINDS, emit_python, load_python
from autodiff_compiler.errors import CheckFailed, Span
from autodiff_compiler.ir.build import Builder
from autodiff_compiler.ir.check import check
from autodiff_compiler.ir.graph import CHECK, CONST, DIM, Function
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.ir.types import (
    BOOL,
    F32,
    F64,
    I32,
    I64,
    NUMPY_DTYPE,
    Array,
    Scalar,
    broadcast_dims,
)  # fmt: skip
from autodiff_compiler.ops import TABLE
from tests.random_ir import RandomFunction

VECTOR, MATRIX = Array(F64, (None,)), Array(F64, (None, None))
NUMBER, INT, FLAG = Scalar(F64), Scalar(I64), Scalar(BOOL)


class Writer:
    """Builds one function: `w.op("add", a, b)`; literals become constants."""

    def __init__(self, *params):
        self.b = Builder()
        self.params = [self.b.function_param(t, name) for name, t in params]

    def value(self, x):
        return x if hasattr(x, "type") else self.b.const(x)

    def op(self, op, *operands, **attrs):
        return self.b.emit(TABLE[op], *map(self.value, operands), **attrs)

    def n(self, x, axis=0):
        return self.b.dim(x, axis)

    def load(self, base, *index, letters=None):
        return self.op("load", base, *index, index=letters or "i" * len(index))

    def store(self, base, value, *index, letters=None, op="store", name=""):
        index = [self.value(i) for i in index]
        return self.op(op, base, value, *index, index=letters or "i" * len(index), name=name)

    def full(self, value, *sizes, name=""):
        return self.op("full", value, *sizes, ones=(False,) * len(sizes), name=name)

    def loop(self, count, init, body, names=None, stops=False):
        """for i in range(count): slots = body(i, *slots)"""
        init = [self.value(v) for v in init]
        self.b.open()
        i = self.b.param(INT, "i")
        names = names or [""] * len(init)
        slots = [self.b.param(v.type, k, self.b.dims.get(v)) for v, k in zip(init, names)]
        out = [self.value(v) for v in body(i, *slots)]
        block = self.b.close([i, *slots], out)
        bounds = [self.b.const(0), self.value(count), self.b.const(1)]
        return self.b.for_(bounds, init, block, {"stops": True} if stops else {})

    def loop_while(self, init, test, body, names):
        init = [self.value(v) for v in init]
        blocks = []
        for make in (test, body):
            self.b.open()
            slots = [self.b.param(v.type, k, self.b.dims.get(v)) for v, k in zip(init, names)]
            blocks.append(self.b.close(slots, [self.value(v) for v in make(*slots)]))
        return self.b.while_(init, *blocks)

    def cond(self, pred, then, otherwise):
        blocks = []
        for make in (then, otherwise):
            self.b.open()
            blocks.append(self.b.close([], [self.value(v) for v in make()]))
        return self.b.cond(pred, *blocks)

    def done(self, *results):
        results = [self.value(r) for r in results]
        function = Function("f", self.b.close(self.params, results))
        check(function)
        return function


def copied(args):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in args]


def run(function, args, **more):
    with np.errstate(all="ignore"):
        return load_python(emit_python(function, "f", pretty=False, **more))(*args)


def close(got, want, exact_type=True):
    got_array, want_array = np.asarray(got), np.asarray(want)
    assert got_array.shape == want_array.shape
    if exact_type and isinstance(want, np.ndarray):
        assert got_array.dtype == want_array.dtype
    kind = np.float64 if want_array.dtype.kind in "fiu" else want_array.dtype
    np.testing.assert_allclose(
        got_array.astype(kind), want_array.astype(kind), rtol=1e-12, atol=1e-14
    )


def agrees(function, *args):
    """The back end gives what the interpreter gives, and leaves the arguments alone."""
    given = copied(args)
    got = run(function, given)
    for g, w in zip(got, interpret(function, args), strict=True):
        close(g, w)
    for before, after in zip(args, given):
        np.testing.assert_array_equal(before, after)
    return emit_python(function, "f").raw


def body_of(function):
    """The lines of the function's body, without indentation of the first level."""
    lines = emit_python(function, "f").text.splitlines()
    return [line[4:] for line in lines[lines.index("") + 3 :]]


# --- every op ---------------------------------------------------------------------------------

SHAPES = [(), (3,), (2, 3), (1, 3), (2, 1), (0,), (1,), "0-d"]
VALUES = {
    F64: [0.5, -0.25, 0.75, 2.0, -1.0, 0.0, 1.5],
    F32: [0.5, -0.25, 0.75, 2.0, -1.0, 0.0, 1.5],
    I64: [3, -2, 5, 0, 1, -7, 2],
    I32: [3, -2, 5, 0, 1, -7, 2],
    BOOL: [True, False, False, True, True, False, True],
}


def sample(dtype, shape, shift=0):
    kind = NUMPY_DTYPE[dtype].type
    if shape == ():
        return kind(VALUES[dtype][shift % 7])
    shape = () if shape == "0-d" else shape
    values = itertools.islice(itertools.cycle(VALUES[dtype]), shift, shift + int(np.prod(shape)))
    return np.array(list(values), NUMPY_DTYPE[dtype]).reshape(shape)


def type_of(value):
    dtype = next(k for k, v in NUMPY_DTYPE.items() if v == np.asarray(value).dtype)
    if not isinstance(value, np.ndarray):
        return Scalar(dtype)
    return Array(dtype, tuple(1 if n == 1 else None for n in value.shape))


def arity(op):
    if op.infix:
        return 2
    texts = op.numpy.values() if isinstance(op.numpy, dict) else [op.numpy]
    return max(sum("{%s}" % hole in text for hole in "xyz") for text in texts)


ELEMENTWISE = [op for op in TABLE.values() if op.kind == "elementwise" and op.name != "cast"]
#: Raises on negative exponents, which the front end has checked before.
EXPONENTS = {"ipow", "wpow"}
#: Python's own ints: never in arrays.
OWN_INTS = {"iadd", "isub", "imul", "ipow"}


def operand_lists(op):
    """Operands of all dtypes that the op takes, in shapes that broadcast."""
    count = arity(op)
    for dtypes in itertools.product(NUMPY_DTYPE, repeat=count):
        try:
            op.infer({}, *map(Scalar, dtypes))
        except TypeError:
            continue
        for shapes in itertools.product(SHAPES, repeat=count):
            plain = [() if s == "0-d" else s for s in shapes]
            stretched = [tuple(None if n != 1 else 1 for n in s) for s in plain]
            known = broadcast_dims(*(Array(F64, s) for s in stretched))
            if {n for s in plain for n in s} >= {0, 3} or (0,) in plain and (1,) in plain:
                continue
            try:
                shape = np.broadcast_shapes(*plain)
            except ValueError:
                continue
            if any(k == 1 and n != 1 for k, n in zip(known, shape)):
                continue
            yield [sample(d, s, 2 * k) for k, (d, s) in enumerate(zip(dtypes, shapes))]


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_elementwise(op):
    cases = 0
    for args in operand_lists(op):
        if op.name in OWN_INTS and any(isinstance(a, np.ndarray) for a in args):
            continue
        if op.name in EXPONENTS:
            args[1] = abs(args[1])
        if op.name == "polygamma":
            if isinstance(args[0], np.ndarray):
                continue
            args[0] = 1 + abs(np.rint(args[0]))
        w = Writer(*((f"x{k}", type_of(a)) for k, a in enumerate(args)))
        function = w.done(w.op(op.name, *w.params))
        given = [int(a) if isinstance(a, np.int64) and op.name in OWN_INTS else a for a in args]
        with np.errstate(all="ignore"):
            (got,) = run(function, given)
            (want,) = interpret(function, args)
        close(got, want)
        if isinstance(want, np.float32):
            assert isinstance(got, np.float32)
        cases += 1
    assert cases


@pytest.mark.parametrize("dtype", NUMPY_DTYPE)
def test_cast(dtype):
    for source, shape in itertools.product(NUMPY_DTYPE, SHAPES):
        x = sample(source, shape)
        w = Writer(("x", type_of(x)))
        agrees(w.done(w.op("cast", w.params[0], dtype=dtype)), x)


@pytest.mark.parametrize("dtype", [F64, F32])
@pytest.mark.parametrize("op", ["add", "div", "pow", "maximum", "sub", "mod", "floordiv"])
def test_literals_keep_the_width_and_do_not_raise(op, dtype):
    kind = NUMPY_DTYPE[dtype].type
    for a, b in [(1.0, 0.0), (0.1, 3.0), (-8.0, 1 / 3), (1e200 if dtype == F64 else 1e30, 2.0)]:
        w = Writer(("x", Scalar(dtype)), ("v", Array(dtype, (None,))))
        x, v = w.params
        p, q = (w.b.const(c, dtype) for c in (a, b))
        out = [w.op(op, p, q), w.op(op, p, x), w.op(op, x, q), w.op(op, v, q), w.op(op, p, v)]
        function = w.done(*out, w.op("exp", w.op("neg", p)))
        args = [kind(0.0), np.array([0.0, 2.0, -1.5], kind)]
        for got, want in zip(run(function, args), interpret(function, args)):
            np.testing.assert_allclose(got, want, rtol=1e-6 if dtype == F32 else 1e-14)
            if dtype == F32:
                assert np.asarray(got).dtype == np.float32


def test_a_python_float_in_a_slot_is_divided_as_a_machine_number():
    w = Writer(("n", INT))
    (s,) = w.loop(w.params[0], [0.0], lambda i, s: [w.op("sub", s, 1.0)])
    function = w.done(w.op("div", 1.0, s), w.op("pow", s, 0.5), w.op("mod", 1.0, s))
    for n in (0, 3):
        for got, want in zip(run(function, [n]), interpret(function, [n])):
            np.testing.assert_equal(got, want)


def test_python_floats_are_handed_in_as_numpys():
    w = Writer(("x", NUMBER), ("y", Scalar(F32)))
    got = run(
        w.done(w.op("div", 1.0, w.params[0]), w.op("mul", w.params[1], w.params[1])), [0.0, 0.1]
    )
    assert got[0] == np.inf and isinstance(got[1], np.float32)


def test_python_ints_grow():
    w = Writer(("k", INT), ("v", Array(I64, (None,))))
    big = w.op("imul", w.params[0], w.params[0])
    item = w.load(w.params[1], 0)
    got = run(w.done(big, w.op("iadd", item, item)), [2**40, np.array([2**62])])
    assert got == (2**80, 2**63)


REDUCTIONS = [op for op in TABLE.values() if op.kind == "reduce"]


@pytest.mark.parametrize("op", REDUCTIONS, ids=lambda op: op.name)
def test_reductions(op):
    cases = 0
    for dtype, shape in itertools.product(NUMPY_DTYPE, [(3,), (2, 3), (2, 3, 4), (1, 3)]):
        if dtype == I32 and op.name in ("sum", "prod"):
            continue  # NumPy's would be i64: they are cast before
        for r in range(1, len(shape) + 1):
            for axes in itertools.combinations(range(len(shape)), r):
                x = sample(dtype, shape)
                w = Writer(("x", type_of(x)))
                if "arg" in op.name and r > 1:
                    continue
                try:
                    function = w.done(w.op(op.name, w.params[0], axes=axes))
                except TypeError:
                    continue
                agrees(function, x)
                cases += 1
    assert cases


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 4))])
@pytest.mark.parametrize("dtype", [F64, F32, I64])
def test_matmul(shapes, dtype):
    args = [sample(dtype, s) for s in shapes]
    w = Writer(*((f"x{k}", type_of(a)) for k, a in enumerate(args)))
    agrees(w.done(w.op("matmul", *w.params)), *args)


def test_shapes():
    w = Writer(("x", MATRIX), ("r", Array(F64, (1, None))), ("s", NUMBER))
    x, r, s = w.params
    n, m = w.n(x), w.n(x, 1)
    agrees(
        w.done(
            w.op("transpose", x, perm=(1, 0)), w.op("copy", x), n,
            w.op("reshape", x, w.op("imul", n, m), ones=(False,)),
            w.op("reshape", x, m, n, ones=(False, False)),
            w.op("expand_dims", x, axes=(0, 2)), w.op("expand_dims", s, axes=(0,)),
            w.op("expand_dims", s, axes=(0, 1)), w.op("squeeze", r, axes=(0,)),
            w.op("broadcast_to", r, n, m, ones=(False, False)),
            w.op("broadcast_to", s, n, ones=(False,)),
            w.op("squeeze", w.op("expand_dims", s, axes=(0,)), axes=(0,)),
            w.op("squeeze", w.op("expand_dims", s, axes=(0,)), axes=(0,), array=True),
            w.full(0.0, n), w.full(s, n, m), w.full(1.0), w.full(True, n), w.full(2, n),
            w.full(-0.0, n), w.op("iota", n, dtype=I64), w.op("iota", n, dtype=F32),
        ),
        np.arange(6.0).reshape(2, 3), np.ones((1, 3)), np.float64(2.5),
    )  # fmt: skip


def test_transpose_of_three_axes():
    x = np.arange(24.0).reshape(2, 3, 4)
    for perm in itertools.permutations(range(3)):
        w = Writer(("x", Array(F64, (None,) * 3)))
        agrees(w.done(w.op("transpose", w.params[0], perm=perm)), x)


@pytest.mark.parametrize("step", [1, 2, -1, -3])
def test_slices_as_written_and_computed(step):
    """A slice prints as the user wrote it; the same region from its numbers prints as arithmetic."""
    x = np.arange(7.0)
    for lo, hi in itertools.product([None, 0, 2, 6, 9, -1, -3, -9], repeat=2):
        w = Writer(("x", VECTOR), ("one", INT))
        v, one = w.params
        bounds = [b for b in (lo, hi) if b is not None]
        has = {"lo": lo is not None, "hi": hi is not None}
        start, length = w.op("slice", *bounds, step, w.n(v), **has)
        written = w.load(v, start, length, step, letters="s")
        start_2, length_2 = (w.op("imul", k, one) for k in (start, length))
        computed = w.load(v, start_2, length_2, step, letters="s")
        moving = w.load(v, start_2, length_2, w.op("imul", one, step), letters="s")
        a = w.store(w.op("copy", v), 5.0, start, length, step, letters="s")
        b = w.store(w.op("copy", v), 1.0, start_2, length_2, step, letters="s", op="add_at")
        agrees(w.done(written, computed, moving, start, length, a, b), x, 1)


def test_indices_with_arrays():
    w = Writer(("x", Array(F64, (None,) * 3)), ("i", Array(I64, (None,))), ("k", INT))
    x, i, k = w.params
    n, m, p = (w.n(x, a) for a in range(3))
    rows, cols = w.op("index", i, n), w.op("index", i, p)
    at = w.op("index", k, m)
    whole = (w.b.const(0), m, w.b.const(1))
    results = [
        w.load(x, rows, *whole, cols, letters="asa"),
        w.load(x, rows, at, cols, letters="aia"),
        w.load(x, rows, *whole, *whole[:1], p, whole[2], letters="ass"),
        w.store(w.op("copy", x), 7.0, rows, at, cols, letters="aia"),
        w.store(w.op("copy", x), 7.0, rows, at, cols, letters="aia", op="add_at"),
        w.store(w.op("copy", x), 2.0, rows, *whole, cols, letters="asa", op="add_at"),
        w.op("distinct", rows), w.op("distinct", rows, cols),
    ]  # fmt: skip
    agrees(w.done(*results), np.arange(24.0).reshape(3, 2, 4), np.array([0, -1, 2, 2]), 1)


def test_nonzero_and_masks():
    w = Writer(("x", MATRIX), ("v", VECTOR))
    x, v = w.params
    i, j = w.op("nonzero", w.op("gt", x, 0.0))
    k = w.op("nonzero", w.op("lt", v, 0.0))
    agrees(
        w.done(i, j, w.load(x, i, j, letters="aa"), k, w.store(w.op("copy", v), 0.0, k, letters="a")),
        np.array([[1.0, -1, 2], [0, 3, -4]]), np.array([1.0, -2.0, -3.0]),
    )  # fmt: skip


@pytest.mark.parametrize("element", [NUMBER, Scalar(I64), VECTOR, Array(F32, (None,)), FLAG])
def test_stacks(element):
    shape = (3,) if isinstance(element, Array) else ()
    x, y = sample(element.dtype, shape), sample(element.dtype, shape, 3)
    w = Writer(("x", element), ("y", element))
    sizes = [w.n(w.params[0])] if shape else []
    # The interpreter's empty arrays are all f64.
    joined = (
        [w.op("to_array", w.op("stack", element=element), *sizes)] if element.dtype == F64 else []
    )
    s = w.op("push", w.op("push", w.op("stack", element=element), w.params[0]), w.params[1])
    peeked, length = w.op("peek", s, 1, *sizes), w.op("length", s)
    both = w.op("to_array", s, *sizes)
    s = w.op("poke", s, w.params[1], 0)
    s, last = w.op("pop", s, *sizes)
    s, first = w.op("pop", s, *sizes)
    agrees(w.done(peeked, length, both, last, first, *joined), x, y)


def test_every_kind_is_printed():
    kinds = {op.kind for op in TABLE.values()}
    assert kinds <= KINDS


# --- hazards ----------------------------------------------------------------------------------


def test_swap():
    w = Writer(("u", VECTOR), ("k", INT))
    u, k = w.params
    p, q = w.op("copy", u), w.full(0.0, w.n(u))
    p, q = w.loop(
        k, [p, q], lambda i, p, q: [q, w.store(p, w.load(q, 0), 1, op="add_at")], ["p", "q"]
    )
    function = w.done(p, q)
    for count in range(4):
        text = agrees(function, np.arange(3.0), count)
    assert "p, q = q, p" in text
    assert text.count("copy") == 1


def test_lost_copy():
    """The value of the last trip but one is still wanted when the slot has a new one."""
    w = Writer(("k", INT))
    a, b, c = w.loop(w.params[0], [1.0, 2.0, 3.0], lambda i, a, b, c: [b, w.op("add", a, b), a])
    function = w.done(a, b, c)
    for k in range(4):
        text = agrees(function, k)
    assert "t_2 = t\n        t, t_1 = t_1, t + t_1\n" in text


def test_fibonacci_reads_as_written():
    w = Writer(("n", INT))
    a, b = w.loop(w.params[0], [0, 1], lambda i, a, b: [b, w.op("iadd", a, b)], ["a", "b"])
    assert body_of(w.done(a)) == [
        "a = 0", "b = 1", "for i in range(n):", "    a, b = b, a + b", "return a",
    ]  # fmt: skip


def test_a_window_that_outlives_a_store_is_copied():
    w = Writer(("A", MATRIX))
    A = w.op("copy", w.params[0])
    whole = (w.b.const(0), w.n(A, 1), w.b.const(1))
    row = w.op("load", A, w.b.const(0), *whole, index="is", name="row")
    A = w.store(A, 9.0, 0, 0)
    text = agrees(w.done(A, row), np.eye(2))
    assert "row = A[0].copy()" in text or "row = t[0].copy()" in text


@pytest.mark.parametrize(
    "window",
    [
        lambda w, A, n: w.op("transpose", A, perm=(1, 0)),
        lambda w, A, n: w.op("reshape", A, w.op("imul", n, n), ones=(False,)),
        lambda w, A, n: w.op("expand_dims", A, axes=(0,)),
        lambda w, A, n: w.op("stop_gradient", A),
        lambda w, A, n: w.load(A, 0, n, 1, 0, n, 1, letters="ss"),
    ],
    ids=["transpose", "reshape", "expand_dims", "identity", "load"],
)
def test_either_side_of_a_window_may_be_written(window):
    A0 = np.arange(4.0).reshape(2, 2)
    for written in ("base", "window", "both"):
        w = Writer(("A", MATRIX))
        A = w.op("copy", w.params[0])
        v = window(w, A, w.n(A))
        if written in ("base", "both"):
            A = w.store(A, 9.0, 0, 1)
        if written in ("window", "both"):
            v = w.store(v, 7.0, *[0] * v.type.rank)
        agrees(w.done(A, v), A0)


def test_a_stretched_array_may_be_written():
    w = Writer(("v", VECTOR))
    v = w.params[0]
    n = w.n(v)
    A = w.op("broadcast_to", w.op("expand_dims", v, axes=(0,)), n, n, ones=(False, False))
    agrees(w.done(w.store(A, 9.0, 0, 1)), np.arange(3.0))


def test_results_are_the_callers_own():
    w = Writer(("v", VECTOR))
    v = w.params[0]
    x = np.arange(3.0)
    results = run(w.done(v, w.op("stop_gradient", v), w.load(v, 0, w.n(v), 1, letters="s")), [x])
    for a, b in itertools.combinations([x, *results], 2):
        assert not np.shares_memory(a, b)


def test_an_array_bound_anew_in_each_trip_is_not_shared():
    w = Writer(("v", VECTOR), ("k", INT))
    v, k = w.params
    start = w.full(0.0, w.n(v))

    def body(i, p):
        w.store(p, 1.0, 0, op="add_at")
        return [v]

    (p,) = w.loop(k, [start], body, ["p"])
    agrees(w.done(p, v), np.arange(3.0), 3)


def test_a_window_read_again_in_the_next_trip_is_copied():
    w = Writer(("A", MATRIX), ("k", INT))
    A, k = w.op("copy", w.params[0]), w.params[1]
    row = w.load(A, 0, 0, w.n(A, 1), 1, letters="is")

    def body(i, s, A):
        return [w.op("add", s, w.load(row, 0)), w.store(A, 5.0, 0, 0, op="add_at")]

    s, A = w.loop(k, [0.0, A], body, ["s", "A"])
    agrees(w.done(s, A), np.eye(2), 3)


def test_slots_that_come_to_hold_one_array_are_parted():
    for first in (0, 1):
        w = Writer(("v", VECTOR), ("k", INT))
        v, k = w.params
        init = [w.op("copy", v), w.full(1.0, w.n(v))]

        def body(i, p, q):
            held = w.store(p, 3.0, 0, op="add_at")
            total = w.op("add", held, q, name="total")
            return [total, total] if first else [held, held]

        p, q = w.loop(k, init, body, ["p", "q"])
        p = w.store(p, 7.0, 1)
        function = w.done(p, q)
        for count in range(4):
            agrees(function, np.arange(3.0), count)


def test_slots_with_one_initial_array_are_parted():
    w = Writer(("v", VECTOR), ("k", INT))
    v, k = w.params
    start = w.op("copy", v)
    p, q = w.loop(k, [start, start], lambda i, p, q: [w.op("mul", p, 2.0), q], ["p", "q"])
    p = w.store(p, 7.0, 1)
    q = w.store(q, 8.0, 1)
    function = w.done(p, q)
    for count in range(3):
        agrees(function, np.arange(3.0), count)


def test_rotation_of_three():
    w = Writer(("v", VECTOR), ("k", INT))
    v, k = w.params
    init = [w.op("copy", v), w.op("mul", v, 2.0), w.full(0.0, w.n(v))]

    def body(i, p, q, r):
        return [q, r, w.store(p, w.load(r, 0), 1, op="add_at")]

    results = w.loop(k, init, body, ["p", "q", "r"])
    function = w.done(*results)
    for count in range(5):
        text = agrees(function, np.arange(1.0, 4.0), count)
    assert "p, q, r = q, r, p" in text and text.count("copy") == 1


def test_a_branch_that_hands_on_an_outer_array():
    for both in (False, True):
        w = Writer(("v", VECTOR), ("c", FLAG))
        v, c = w.params
        u = w.op("copy", v)
        (y,) = w.cond(c, lambda: [u], lambda: [u if both else w.op("mul", u, 2.0)])
        y = w.store(y, 9.0, 0)
        function = w.done(y, u)
        for flag in (True, False):
            agrees(function, np.arange(3.0), flag)


def test_branches_that_trade_places():
    w = Writer(("v", VECTOR), ("c", FLAG))
    v, c = w.params
    a, b = w.op("copy", v), w.full(1.0, w.n(v))
    p, q = w.cond(c, lambda: [a, b], lambda: [b, a])
    function = w.done(w.store(p, 9.0, 0), q)
    for flag in (True, False):
        text = agrees(function, np.arange(3.0), flag)
    assert text.count("copy") == 1


def test_a_pushed_array_keeps_its_value():
    w = Writer(("v", VECTOR))
    v = w.op("copy", w.params[0])
    n = w.n(v)
    s = w.op("push", w.op("stack", element=VECTOR), v)
    v = w.store(v, 9.0, 0)
    s = w.op("push", s, v)
    v = w.store(v, 7.0, 0)
    s, b = w.op("pop", s, n)
    b = w.store(b, 5.0, 1)
    s, a = w.op("pop", s, n)
    agrees(w.done(a, b, v), np.arange(3.0))


def test_one_array_pushed_twice_is_two_elements():
    w = Writer(("v", VECTOR))
    v = w.params[0]
    n = w.n(v)
    s = w.op("push", w.op("push", w.op("stack", element=VECTOR), v), v)
    s, b = w.op("pop", s, n)
    b = w.store(b, 5.0, 1)
    s, a = w.op("pop", s, n)
    agrees(w.done(a, b), np.arange(3.0))


def test_overlapping_windows_are_read_first():
    w = Writer(("v", VECTOR))
    v = w.op("copy", w.params[0])
    n = w.n(v)
    less = w.op("isub", n, 1)
    tail, head = (1, less, 1), (0, less, 1)
    v = w.store(v, w.load(v, *head, letters="s"), *tail, letters="s")
    v = w.store(v, w.load(v, *tail, letters="s"), *head, letters="s", op="add_at")
    i = w.op("index", w.op("iota", n, dtype=I64), n)
    backwards = w.op("sub", less, i)
    v = w.store(v, v_of(w, v, n), w.op("index", backwards, n), letters="a")
    agrees(w.done(v), np.arange(5.0))


def v_of(w, v, n):
    return w.load(v, 0, n, 1, letters="s")


def test_parameters_may_be_written_if_the_program_says_so():
    w = Writer(("v", VECTOR), ("u", VECTOR))
    v, u = w.params
    out = w.store(v, 5.0, 0)
    given = [np.zeros(2), np.ones(2)]
    run(w.done(out), given)
    assert given[0][0] == 5.0
    # Nothing reads the last version, and still the caller sees it.
    w = Writer(("v", VECTOR), ("u", VECTOR))
    w.store(w.params[0], 3.0, 1)
    run(w.done(w.op("sum", w.params[1], axes=(0,))), given)
    assert given[0][1] == 3.0


def check_random(seed, size, writes):
    function = RandomFunction(seed, size, writes).function
    check(function)
    kernel = load_python(emit_python(function, "f", pretty=False))
    for n in (3, 1):
        rng = np.random.default_rng(seed)
        args = [rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, n))]
        args += [rng.normal(size=(n, n)), np.float64(rng.normal()), int(rng.integers(-5, 6))]
        given = copied(args)
        with np.errstate(all="ignore"):
            got = kernel(*given)
        for g, want in zip(got, interpret(function, copied(args)), strict=True):
            assert np.shape(g) == np.shape(want)
            np.testing.assert_allclose(
                np.asarray(g, float), np.asarray(want, float), rtol=1e-9, atol=1e-12
            )
        arrays = [g for g in got if isinstance(g, np.ndarray)]
        for a, b in itertools.combinations(arrays, 2):
            assert not np.shares_memory(a, b)
        if not writes:
            for before, after in zip(args, given):
                np.testing.assert_array_equal(before, after)
            for a, b in itertools.product(arrays, given[:4]):
                assert a.flags.writeable and not np.shares_memory(a, b)


@pytest.mark.parametrize("block", range(12))
def test_random_programs(block):
    for seed in range(25 * block, 25 * block + 25):
        check_random(seed, 10 + 5 * (seed % 5), writes=seed % 3 == 0)


@pytest.mark.parametrize("block", range(4))
def test_random_programs_that_fail(block):
    """The back end stops where the interpreter stops, and only there."""
    failed = 0
    for seed in range(10000 + 25 * block, 10025 + 25 * block):
        function = RandomFunction(seed, 15, risky=True).function
        rng = np.random.default_rng(seed)
        args = [rng.normal(size=3), rng.normal(size=3), rng.normal(size=(3, 3))]
        args += [rng.normal(size=(3, 3)), np.float64(rng.normal()), int(rng.integers(-5, 6))]
        try:
            want = interpret(function, copied(args))
        except (CheckFailed, IndexError):
            failed += 1
            with pytest.raises((CheckFailed, IndexError)):
                run(function, copied(args))
        else:
            for g, w in zip(run(function, copied(args)), want, strict=True):
                np.testing.assert_allclose(
                    np.asarray(g, float), np.asarray(w, float), rtol=1e-9, atol=1e-12
                )
    assert 3 < failed < 22


# --- what it reads like -------------------------------------------------------------------------


def test_names_inlining_and_sums():
    w = Writer(("x", MATRIX), ("w", VECTOR), ("b", NUMBER))
    x, weights, b = w.params
    z = w.op("add", w.op("matmul", x, weights), b, name="z")
    y = w.op("div", 1.0, w.op("add", 1.0, w.op("exp", w.op("neg", z))), name="y_hat")
    n = w.n(x)

    def body(i, s):
        return [w.op("add", s, w.load(y, w.op("index", i, n)))]

    (s,) = w.loop(n, [0.0], body, ["s"])
    assert body_of(w.done(s, y)) == [
        "z = x @ w + b",
        "y_hat = 1.0 / (1.0 + np.exp(-z))",
        "s = 0.0",
        "for i in range(x.shape[0]):",
        "    s += y_hat[i]",
        "return s, y_hat",
    ]


def test_updates_in_place():
    w = Writer(("A", MATRIX), ("k", INT))
    A = w.op("copy", w.params[0])
    k = w.params[1]
    i, d = w.op("index", w.op("iadd", k, 1), w.n(A)), w.op("index", k, w.n(A))
    j = w.op("index", k, w.n(A, 1))
    A = w.store(A, w.op("mul", w.load(A, i, j), 2.0), i, j, name="A")
    A = w.store(A, w.op("neg", w.op("mul", w.load(A, d, j), 2.0)), i, j, op="add_at", name="A")
    A = w.store(A, w.op("mul", w.op("neg", w.load(A, d, j)), 3.0), i, j, op="add_at", name="A")
    lines = body_of(w.done(A))
    assert "A[k + 1, k] *= 2.0" in lines
    assert "A[k + 1, k] -= A[k, k] * 2.0" in lines
    assert "A[k + 1, k] -= A[k, k] * 3.0" in lines


def test_an_index_that_no_subscript_checks_is_checked():
    w = Writer(("v", VECTOR), ("k", INT), ("go", FLAG))
    v, k, go = w.params
    i = w.op("index", k, w.n(v))
    (s,) = w.cond(go, lambda: [w.load(v, i)], lambda: [0.0])
    function = w.done(s)
    assert run(function, [np.arange(3.0), -1, True]) == (2.0,)
    with pytest.raises(CheckFailed):
        run(function, [np.arange(3.0), 3, False])
    w = Writer(("v", VECTOR), ("k", INT))
    function = w.done(w.op("index", w.params[1], w.n(w.params[0])))
    assert run(function, [np.arange(3.0), -1]) == (2,)


def test_a_subscript_of_another_axis_wraps_by_its_own_length():
    w = Writer(("u", VECTOR), ("v", VECTOR), ("k", INT))
    u, v, k = w.params
    i = w.op("index", k, w.n(u))
    agrees(w.done(w.load(u, i), w.load(v, i)), np.arange(3.0), np.arange(5.0), -1)


def test_break_is_printed_as_break():
    w = Writer(("v", VECTOR), ("limit", NUMBER))
    v, limit = w.params
    n = w.n(v)

    def body(i, s):
        x = w.load(v, w.op("index", i, n))
        return w.cond(w.op("gt", x, limit), lambda: [True, s], lambda: [False, w.op("add", s, x)])

    (s,) = w.loop(n, [0.0], body, ["s"], stops=True)
    lines = body_of(w.done(s))
    assert lines[1:] == [
        "for i in range(v.shape[0]):",
        "    t = v[i]",
        "    if t > limit:",
        "        break",
        "    s += t",
        "return s",
    ]


def test_a_stop_is_tested_with_the_values_of_its_trip():
    w = Writer(("k", INT))
    (a,) = w.loop(
        10, [0], lambda i, a: [w.op("gt", a, w.params[0]), w.op("iadd", a, 2)], ["a"], stops=True
    )
    function = w.done(a)
    for k in (-1, 0, 3, 100):
        agrees(function, k)


def test_while_has_its_test_in_the_head():
    w = Writer(
        ("a", NUMBER),
    )
    (x,) = w.loop_while(
        [w.params[0]],
        lambda x: [w.op("gt", w.op("abs", w.op("sub", w.op("mul", x, x), 2.0)), 1e-9)],
        lambda x: [w.op("mul", 0.5, w.op("add", x, w.op("div", 2.0, x)))],
        ["x"],
    )
    function = w.done(x)
    agrees(function, np.float64(1.5))
    assert body_of(function) == [
        "x = a",
        "while np.abs(x * x - 2.0) > 1e-09:",
        "    x = 0.5 * (x + 2.0 / x)",
        "return x",
    ]


def test_branches():
    w = Writer(("x", NUMBER), ("c", FLAG))
    x, c = w.params
    (small,) = w.cond(w.op("lt", x, 0.0), lambda: [-1.0], lambda: [1.0])
    (y,) = w.cond(c, lambda: [w.op("mul", x, 2.0, name="y")], lambda: [x])
    function = w.done(w.op("mul", y, small))
    assert body_of(function)[-1] == "return y * (-1.0 if x < 0.0 else 1.0)"
    for flag in (True, False):
        agrees(function, np.float64(3.0), flag)


def test_comments_show_the_users_lines(tmp_path):
    path = tmp_path / "user.py"
    path.write_text("y = x * 2.0\nz = (y +\n     1.0)\n")
    w = Writer(("x", NUMBER))
    w.b.span = Span(str(path), 1, 0, 1, 11)
    y = w.op("mul", w.params[0], 2.0, name="y")
    w.b.span = Span(str(path), 2, 0, 3, 10)
    z = w.op("add", y, 1.0, name="z")
    function = w.done(w.op("mul", y, z))
    function = Function("f", function.block, str(path))
    assert body_of(function) == [
        "y = x * 2.0  # line 1", "# line 2: z = (y +", "z = y + 1.0", "return y * z",
    ]  # fmt: skip


def test_nothing_of_the_users_can_end_a_comment_or_a_string(tmp_path):
    path = tmp_path / "user.py"
    path.write_bytes("y = x  # a\x0cb \u2028 c \u202e d\rraise SystemExit\n".encode())
    linecache.checkcache()
    w = Writer(("x", NUMBER), ("n", INT))
    w.b.span = Span(str(path), 1, 0, 1, 5)
    w.b.emit(CHECK, w.op("gt", w.params[1], 0), reason='\'"""\n\\ raise SystemExit')
    function = w.done(w.op("add", w.params[0], 1.0))
    doc = '"""\nraise SystemExit\\'
    source = emit_python(function, "f", ["class", "a b; raise SystemExit"], doc)
    kernel = load_python(source)
    assert kernel(1.0, 1) == (2.0,)
    assert kernel.__wrapped__.__doc__ == doc
    with pytest.raises(CheckFailed):
        kernel(1.0, 0)


def test_names_are_legal_and_unique():
    names = ["lambda", "np", "x", "x", "", "sum", "µ", "μ", "f"]
    w = Writer(*((n, NUMBER) for n in names))
    total = w.params[0]
    for p in w.params[1:]:
        total = w.op("add", total, p, name="lambda")
    args = [np.float64(2.0**k) for k in range(len(names))]
    agrees(w.done(total), *args)


def test_checks_have_numbers():
    w = Writer(("a", INT), ("b", INT))
    a, b = w.params
    w.b.span = Span("user.py", 4, 0, 4, 1)
    w.b.emit(CHECK, w.op("eq", a, b), reason="lengths differ")
    w.b.span = Span("user.py", 5, 0, 5, 1)
    w.b.emit(CHECK, w.op("not", w.op("lt", a, 0)), reason="negative")
    source = emit_python(w.done(a), "f")
    assert [(span.lineno, reason) for span, reason in source.checks] == [
        (4, "lengths differ"), (5, "negative"),
    ]  # fmt: skip
    assert 'if a != b:\n        raise ArithmeticError("check 0: lengths differ")' in source.text
    assert "if a < 0:" in source.text
    kernel = load_python(source)
    assert kernel(1, 1) == (1,)
    for args, number in (((1, 2), 0), ((-1, -1), 1)):
        with pytest.raises(CheckFailed) as failure:
            kernel(*args)
        assert failure.value.where == number


def test_one_result_is_returned_bare_and_none_as_none():
    w = Writer(("x", NUMBER))
    one = emit_python(w.done(w.params[0]), "f")
    assert one.single and "return x\n" in one.text
    assert load_python(one)(3.0) == (3.0,)
    none = emit_python(Writer(("x", NUMBER)).done(), "f")
    assert load_python(none)(3.0) == ()


def test_tracebacks_show_the_emitted_line():
    w = Writer(("v", VECTOR), ("k", INT))
    function = w.done(w.load(w.params[0], w.op("index", w.params[1], w.n(w.params[0]))))
    with pytest.raises(IndexError) as failure:
        run(function, [np.zeros(2), 5])
    assert "return v[k]" in "".join(traceback.format_exception(failure.value))


def test_the_module_imports_numpy_only_and_stands_alone(tmp_path):
    w = Writer(("v", VECTOR))
    text = emit_python(w.done(w.op("sum", w.op("sin", w.params[0]), axes=(0,))), "f").text
    (tmp_path / "emitted.py").write_text(text)
    code = "import numpy as np, emitted; print(emitted.f(np.zeros(2)))"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "0.0"


def test_the_same_function_gives_the_same_bytes():
    code = (
        "import hashlib\nfrom tests.random_ir import RandomFunction\n"
        "from autodiff_compiler.backends.python import emit_python\n"
        "texts = [emit_python(RandomFunction(s, 20).function, 'f').raw for s in range(20)]\n"
        "print(hashlib.sha256(''.join(texts).encode()).hexdigest())\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    seen = set()
    for seed in ("0", "1"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root}
        out = subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(out.stdout)
    assert len(seen) == 1


def test_constants_and_dims_have_no_lines_of_their_own():
    w = Writer(("v", VECTOR))
    n = w.n(w.params[0])
    assert {CONST, DIM} == {node.op for node in w.b.nodes} | {CONST}
    assert body_of(w.done(w.full(0.0, n))) == ["return np.zeros(v.shape[0])"]
