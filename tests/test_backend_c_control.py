"""The C back end: loops, branches, buffers that change hands, stacks, checks, memory."""

import os
import subprocess
import sys

import numpy as np
import pytest

from autodiff_compiler.backends.c import emit_c
from autodiff_compiler.backends.c.prelude import helpers
from autodiff_compiler.errors import CheckFailed, Span
from autodiff_compiler.ir.build import Builder
from autodiff_compiler.ir.graph import CHECK, Function
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.ir.types import F64, I64, Array, Scalar
from autodiff_compiler.ops import TABLE
from tests.c_kernels import (
    CC,
    CHECK_FAILED,
    INTERRUPTED,
    NO_MEMORY,
    KernelStopped,
    build,
    needs_compiler,
    same,
)  # fmt: skip
from tests.random_ir import RandomFunction

pytestmark = needs_compiler

VECTOR, NUMBER, INT = Array(F64, (None,)), Scalar(F64), Scalar(I64)


def make(params, body):
    b = Builder()
    values = [b.function_param(t, name) for name, t in params]
    results = body(b, *values)
    return Function("f", b.close(values, results if isinstance(results, tuple) else (results,)))


def loop(b, bounds, init, body, names=None, stops=False):
    """A counted loop; `body(i, *slots)` gives what it yields."""
    bounds = [b.const(x) if isinstance(x, int) else x for x in bounds]
    b.open()
    i = b.param(INT, "i")
    slots = [b.param(v.type, n or v.name, b.dims.get(v)) for v, n in zip(init, names or [None] * 9)]
    yields = body(i, *slots)
    return b.for_(bounds, init, b.close([i, *slots], yields), {"stops": True} if stops else {})


def branch(b, pred, then, otherwise):
    blocks = []
    for arm in (then, otherwise):
        b.open()
        blocks.append(b.close([], arm()))
    return b.cond(pred, *blocks)


def at(b, a, i):
    return b.emit(TABLE["load"], a, i, index="i")


def put(b, a, v, i):
    return b.emit(TABLE["store"], a, v, i, index="i")


X = np.arange(1.0, 7.0)


# --- buffers --------------------------------------------------------------------------------------


def swapping(b, x, n):
    p, q = b.emit(TABLE["copy"], x), b.emit(TABLE["neg"], x)

    def body(i, p, q):
        j = b.emit(TABLE["index"], i, b.dim(x, 0))
        return [q, put(b, p, at(b, q, j), j)]

    return loop(b, (0, n, 1), [p, q], body, ["p", "q"])


def smoothing(b, x, n):
    def body(i, u):
        return [b.emit(TABLE["mul"], u, b.emit(TABLE["add"], u, b.const(0.25)))]

    return loop(b, (0, n, 1), [x], body, ["u"])


def shifting(b, x, n):
    """Three terms of a recurrence of arrays: two buffers trade places with a new one."""

    def body(i, u, v):
        return [v, b.emit(TABLE["sub"], b.emit(TABLE["mul"], v, b.const(0.5)), u)]

    return loop(b, (0, n, 1), [x, b.emit(TABLE["neg"], x)], body, ["u", "v"])


def nested(b, x, n):
    """An inner loop that swaps buffers of the outer one."""

    def inner(i, u):
        return [b.emit(TABLE["mul"], u, b.const(0.5))]

    def outer(i, u, total):
        (u,) = loop(b, (0, i, 1), [u], inner, ["u"])
        u = put(b, u, total, b.const(0))
        return [u, b.emit(TABLE["add"], total, b.emit(TABLE["sum"], u, axes=(0,)))]

    return loop(b, (0, n, 1), [b.emit(TABLE["copy"], x), b.const(1.0)], outer, ["u", "total"])


def kept(b, x, n):
    """The slot alternates between an array of the body and one from outside."""
    outside = b.emit(TABLE["neg"], x)

    def body(i, u, v):
        odd = b.emit(TABLE["eq"], b.emit(TABLE["mod"], i, b.const(2)), b.const(1))
        (w,) = branch(b, odd, lambda: [outside], lambda: [b.emit(TABLE["add"], u, v)])
        return [w, u]

    u, v = loop(b, (0, n, 1), [x, outside], body, ["u", "v"])
    return u, v, outside


def chosen(b, x, n):
    """A branch that updates in place, one that swaps, one that makes anew."""
    p, q = b.emit(TABLE["copy"], x), b.emit(TABLE["neg"], x)

    def body(i, p, q):
        third = b.emit(TABLE["mod"], i, b.const(3))
        zero, one = (b.emit(TABLE["eq"], third, b.const(k)) for k in (0, 1))
        (p,) = branch(b, zero, lambda: [put(b, p, b.const(9.0), b.const(1))], lambda: [p])
        p, q = branch(b, one, lambda: [q, p], lambda: [p, q])
        (p,) = branch(b, zero, lambda: [b.emit(TABLE["mul"], p, q)], lambda: [p])
        return [p, q]

    return loop(b, (0, n, 1), [p, q], body, ["p", "q"])


def early(b, x, n):
    def body(i, u, total):
        total = b.emit(TABLE["add"], total, at(b, u, b.const(0)))
        stop = b.emit(TABLE["gt"], total, b.const(3.0))
        return [stop, b.emit(TABLE["mul"], u, b.const(1.5)), total]

    return loop(b, (0, n, 1), [x, b.const(0.0)], body, ["u", "total"], stops=True)


def reused(b, x, n):
    """Two results of a loop that may be one array: both are written afterwards."""

    def body(i, u, v):
        return [v, v]

    u, v = loop(b, (0, n, 1), [x, b.emit(TABLE["neg"], x)], body, ["u", "v"])
    return put(b, u, b.const(5.0), b.const(0)), put(b, v, b.const(6.0), b.const(1))


def looked_at_twice(b, x, n):
    """A reshape and its operand, each written after."""
    a = b.emit(TABLE["copy"], x)
    r = b.emit(TABLE["reshape"], a, b.const(2), b.const(3), ones=(False, False))
    a = put(b, a, b.const(7.0), b.const(0))
    r = b.emit(TABLE["store"], r, b.const(8.0), b.const(0), b.const(0), index="ii")
    return a, r


def given_away(b, x, n):
    """A loop consumes an array that its body also reads as it was."""
    a = b.emit(TABLE["copy"], x)

    def body(i, u):
        j = b.emit(TABLE["index"], i, b.dim(x, 0))
        return [put(b, u, b.emit(TABLE["mul"], at(b, x, j), b.const(2.0)), j)]

    return (*loop(b, (0, n, 1), [a], body, ["u"]), x)


PROGRAMS = [
    swapping, smoothing, shifting, nested, kept, chosen, early, reused, looked_at_twice, given_away,
]  # fmt: skip


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    functions = [make([("x", VECTOR), ("n", INT)], body) for body in PROGRAMS]
    kernels = build(tmp_path_factory.mktemp("programs"), functions, counted=True)
    return {body.__name__: kernel for body, kernel in zip(PROGRAMS, kernels)}


@pytest.mark.parametrize("name", [body.__name__ for body in PROGRAMS])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 6])
def test_buffers(programs, name, n):
    kernel = programs[name]
    x = X.copy()
    same(kernel(x, n), interpret(kernel.function, [X, n]))
    np.testing.assert_array_equal(x, X)
    assert kernel.library.adc_live() == 0


@pytest.mark.parametrize("name", ["swapping", "smoothing", "shifting"])
def test_loops_swap_pointers_and_copy_nothing(programs, name):
    text = programs[name].source.text
    text = text[text.index(f"int {programs[name].source.symbol}(") :]
    loop_text = text[text.index("\n  for (long long i = 0; i < n;") :]
    loop_text = loop_text[: loop_text.index("\n  }\n")]
    assert "adc_copy" not in loop_text and "adc_alloc" not in loop_text


def test_memory_runs_out_at_every_allocation(programs):
    for kernel in programs.values():
        for after in range(30):
            kernel.library.adc_fail_after(after)
            try:
                kernel(X, 3)
                break
            except KernelStopped as stopped:
                assert stopped.status == NO_MEMORY
            finally:
                kernel.library.adc_fail_after(-1)
            assert kernel.library.adc_live() == 0
        else:
            raise AssertionError("fails however much memory there is")


def test_parameters_updated_in_place(tmp_path):
    def body(b, x, y, n):
        def step(i, u, v):
            return [v, b.emit(TABLE["mul"], u, b.const(2.0))]

        u, v = loop(b, (0, n, 1), [x, y], step, ["u", "v"])
        return b.emit(TABLE["sum"], u, axes=(0,)), put(b, u, b.const(0.5), b.const(2)), v

    f = make([("x", VECTOR), ("y", VECTOR), ("n", INT)], body)
    (kernel,) = build(tmp_path, [f], inplace=(0, 1), counted=True)
    for n in range(5):
        x, y = X.copy(), -2 * X
        expected = interpret(f, [x.copy(), y.copy(), n])
        (total,) = kernel(x, y, n)
        same([total, x, y], expected)
        assert kernel.library.adc_live() == 0


# --- loops ----------------------------------------------------------------------------------------


def test_ranges(tmp_path):
    def body(b, start, stop, step):
        def count(i, total, last):
            return [b.emit(TABLE["iadd"], total, b.const(1)), i]

        return loop(b, (start, stop, step), [b.const(0), b.const(-7)], count, ["total", "last"])

    def fixed(step):
        return lambda b, start, stop: body(b, start, stop, b.const(step))

    functions = [make([(x, INT) for x in ("start", "stop", "step")], body)]
    functions += [make([("start", INT), ("stop", INT)], fixed(s)) for s in (1, -1, 3, -4)]
    kernels = build(tmp_path, functions)
    top, low = 2**63 - 1, -(2**63)
    cases = [
        (0, 5),
        (5, 0),
        (3, 3),
        (-4, 9),
        (9, -4),
        (top - 3, top),
        (low + 3, low),
        (top, top - 9),
    ]
    for kernel, step in zip(kernels, (None, 1, -1, 3, -4)):
        for start, stop in cases:
            for s in (2, -2, 7, 2**62, -(2**62)) if step is None else (step,):
                numbers = range(start, stop, s)
                ours = kernel(start, stop, s) if step is None else kernel(start, stop)
                assert ours == [len(numbers), numbers[-1] if numbers else -7]


def test_while(tmp_path):
    """Newton's method for a square root."""

    def body(b, a):
        b.open()
        x, k = b.param(NUMBER, "x"), b.param(INT, "k")
        wrong = b.emit(TABLE["abs"], b.emit(TABLE["sub"], b.emit(TABLE["mul"], x, x), a))
        go = b.emit(TABLE["gt"], wrong, b.const(1e-12))
        test = b.close([x, k], [b.emit(TABLE["and"], go, b.emit(TABLE["lt"], k, b.const(50)))])
        b.open()
        x, k = b.param(NUMBER, "x"), b.param(INT, "k")
        better = b.emit(
            TABLE["mul"], b.const(0.5), b.emit(TABLE["add"], x, b.emit(TABLE["div"], a, x))
        )
        step = b.close([x, k], [better, b.emit(TABLE["iadd"], k, b.const(1))])
        return b.while_([a, b.const(0)], test, step)

    f = make([("a", NUMBER)], body)
    (kernel,) = build(tmp_path, [f])
    for a in (1.0, 2.0, 9.0, 1e4):
        same(kernel(a), interpret(f, [a]))


def test_long_loops_can_be_interrupted(tmp_path):
    def body(b, n):
        def inner(j, total):
            return [b.emit(TABLE["add"], total, b.emit(TABLE["sin"], total))]

        def outer(i, total):
            return loop(b, (0, 1000, 1), [total], inner, ["total"])

        return loop(b, (0, n, 1), [b.const(1.0)], outer, ["total"])

    (kernel,) = build(tmp_path, [make([("n", INT)], body)], counted=True)
    with pytest.raises(KernelStopped) as stopped:
        kernel(10**12, interrupt_after=2)
    assert stopped.value.status == INTERRUPTED and kernel.library.adc_live() == 0


# --- checks ---------------------------------------------------------------------------------------


def test_checks_say_which_and_free_everything(tmp_path):
    def body(b, x, n, m):
        n_x = b.dim(x, 0)
        a = b.emit(TABLE["copy"], x)
        s = b.emit(TABLE["push"], b.emit(TABLE["stack"], element=VECTOR), x)
        b.span = Span("f.py", 3, 0, 3, 1)
        a = put(b, a, b.const(1.0), b.emit(TABLE["index"], n, n_x))
        b.span = Span("f.py", 4, 0, 4, 1)
        b.emit(CHECK, b.emit(TABLE["ne"], m, b.const(13)), reason="unlucky")
        b.span = Span("f.py", 5, 0, 5, 1)
        k = b.emit(TABLE["imul"], m, m)
        b.span = Span("f.py", 6, 0, 6, 1)
        i = b.emit(
            TABLE["index"],
            b.emit(TABLE["mul"], b.emit(TABLE["iota"], b.const(3), dtype=I64), m),
            n_x,
        )
        picked = b.emit(TABLE["load"], a, i, index="a")
        s, x2 = b.emit(TABLE["pop"], s, n_x)
        return a, picked, k, x2

    f = make([("x", VECTOR), ("n", INT), ("m", INT)], body)
    (kernel,) = build(tmp_path, [f], counted=True)
    same(kernel(X, -1, 2), interpret(f, [X, -1, 2]))
    assert kernel.library.adc_live() == 0
    for n, m, line, reason in (
        (6, 1, 3, "out of bounds"), (-7, 1, 3, "out of bounds"), (2, 13, 4, "unlucky"),
        (2, 2**32, 5, "64 bits"), (2, 3, 6, "out of bounds"),
    ):  # fmt: skip
        with pytest.raises(KernelStopped) as stopped:
            kernel(X, n, m)
        assert stopped.value.status == CHECK_FAILED
        span, said = kernel.source.checks[stopped.value.check]
        assert span.lineno == line and reason in said
        assert kernel.library.adc_live() == 0


def test_python_ints_do_not_overflow_silently(tmp_path):
    names = ("iadd", "isub", "imul", "ipow")
    functions = [
        make([("a", INT), ("b", INT)], lambda b, x, y, n=n: b.emit(TABLE[n], x, y)) for n in names
    ]
    kernels = build(tmp_path, functions)
    values = [0, 1, -1, 2, 7, 62, 63, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63), 3037000500]
    for kernel, exact in zip(kernels, (int.__add__, int.__sub__, int.__mul__, pow)):
        for x in values:
            for y in values:
                if exact is pow and not 0 <= y < 70:
                    continue
                expected = exact(x, y)
                if -(2**63) <= expected < 2**63:
                    assert kernel(x, y) == [expected]
                else:
                    with pytest.raises(KernelStopped):
                        kernel(x, y)


def test_proved_indices_are_not_checked():
    def body(b, x):
        n = b.dim(x, 0)
        one = b.const(1)

        def step(i, a):
            j = b.emit(TABLE["isub"], i, one)
            before = b.emit(TABLE["index"], j, n)
            here = b.emit(TABLE["index"], i, n)
            return [put(b, a, at(b, a, before), here)]

        def back(i, a):
            j = b.emit(TABLE["iadd"], i, one)
            return [put(b, a, at(b, a, b.emit(TABLE["index"], j, n)), b.emit(TABLE["index"], i, n))]

        (a,) = loop(b, (1, n, 1), [b.emit(TABLE["copy"], x)], step, ["a"])
        last = b.emit(TABLE["isub"], n, b.const(2))
        return loop(b, (last, -1, -1), [a], back, ["a"])

    source = emit_c(make([("x", VECTOR)], body), "kernel")
    assert "ADC_CHECK(" not in source.text and not source.checks


def test_what_cannot_be_proved_is_checked():
    def body(b, x, n):
        def step(i, a):
            return [put(b, a, b.const(0.0), b.emit(TABLE["index"], i, b.dim(x, 0)))]

        return loop(b, (0, n, 1), [b.emit(TABLE["copy"], x)], step, ["a"])

    assert len(emit_c(make([("x", VECTOR), ("n", INT)], body), "kernel").checks) == 1


# --- stacks ---------------------------------------------------------------------------------------


def pushed_in_a_loop(b, x, n):
    def save(i, tape):
        return [b.emit(TABLE["push"], tape, x)]

    (tape,) = loop(b, (0, n, 1), [b.emit(TABLE["stack"], element=VECTOR)], save, ["tape"])

    def restore(i, tape, total):
        tape, part = b.emit(TABLE["pop"], tape, b.dim(x, 0))
        return [tape, b.emit(TABLE["add"], total, b.emit(TABLE["sum"], part, axes=(0,)))]

    return loop(b, (0, n, 1), [tape, b.const(0.0)], restore, ["tape", "total"])[1]


def test_memory_is_kept_for_the_next_call(tmp_path):
    f = make([("x", VECTOR), ("n", INT)], pushed_in_a_loop)
    (kernel,) = build(tmp_path, [f], counted=True, keep=1 << 24)
    live = []
    for n in (300, 7, 300, 300, 0):
        same(kernel(X, n), interpret(f, [X, n]))
        live.append(kernel.library.adc_live())
    assert live[0] > 0 and len(set(live[2:])) == 1


def test_much_memory_is_given_back(tmp_path):
    f = make([("x", VECTOR), ("n", INT)], pushed_in_a_loop)
    (kernel,) = build(tmp_path, [f], counted=True, keep=1 << 12)
    for n in (1, 500):
        same(kernel(X, n), interpret(f, [X, n]))
    assert kernel.library.adc_live() == 0


def test_stacks_in_loops(tmp_path):
    def body(b, x, n):
        """A triangle of slices pushed and popped; a stack made anew in each trip outlives it."""
        zero, one = b.const(0), b.const(1)

        def save(i, tape, list_):
            length = b.emit(TABLE["mod"], i, b.dim(x, 0))
            part = b.emit(TABLE["load"], x, zero, length, one, index="s")
            tape = b.emit(TABLE["push"], tape, part)
            fresh = b.emit(
                TABLE["push"],
                b.emit(TABLE["stack"], element=NUMBER),
                b.emit(TABLE["cast"], i, dtype=F64),
            )
            fresh = b.emit(
                TABLE["push"],
                fresh,
                b.emit(TABLE["cast"], b.emit(TABLE["length"], list_), dtype=F64),
            )
            return [tape, fresh]

        tape = b.emit(TABLE["stack"], element=VECTOR)
        tape, list_ = loop(
            b, (0, n, 1), [tape, b.emit(TABLE["stack"], element=NUMBER)], save, ["tape", "list"]
        )
        last = b.emit(TABLE["isub"], n, one)

        def restore(i, tape, total):
            length = b.emit(TABLE["mod"], i, b.dim(x, 0))
            tape, part = b.emit(TABLE["pop"], tape, length)
            weighted = b.emit(
                TABLE["mul"],
                b.emit(TABLE["sum"], part, axes=(0,)),
                b.emit(TABLE["cast"], i, dtype=F64),
            )
            return [tape, b.emit(TABLE["add"], total, weighted)]

        tape, total = loop(b, (last, -1, -1), [tape, b.const(0.0)], restore, ["tape", "total"])
        return total, b.emit(TABLE["to_array"], list_), b.emit(TABLE["length"], tape)

    f = make([("x", VECTOR), ("n", INT)], body)
    (kernel,) = build(tmp_path, [f], counted=True)
    for n in (0, 1, 2, 7, 40):
        same(kernel(X, n), interpret(f, [X, n]))
        assert kernel.library.adc_live() == 0


def test_lists_of_arrays(tmp_path):
    def body(b, A):
        rows, columns = b.dim(A, 0), b.dim(A, 1)
        s = b.emit(TABLE["from_array"], A)
        s = b.emit(TABLE["push"], s, b.emit(TABLE["peek"], s, b.const(0), columns))
        s = b.emit(TABLE["poke"], s, b.emit(TABLE["peek"], s, b.const(1), columns), b.const(0))
        joined = b.emit(TABLE["to_array"], s, columns)
        return joined, b.emit(TABLE["length"], s), rows

    f = make([("A", Array(F64, (None, None)))], body)
    (kernel,) = build(tmp_path, [f], counted=True)
    for shape in ((2, 3), (5, 1), (2, 0)):
        A = np.arange(1.0, 1 + shape[0] * shape[1]).reshape(shape)
        same(kernel(A), interpret(f, [A]))
        assert kernel.library.adc_live() == 0


# --- text -----------------------------------------------------------------------------------------


def test_text_is_the_same_every_time():
    make_again = lambda: RandomFunction(5, size=20).function
    assert emit_c(make_again(), "k").text == emit_c(make_again(), "k").text


def test_names_and_comments_are_the_users(tmp_path):
    source = tmp_path / "neuron.py"
    source.write_text("def f(w, x):\n    z = w * x  # */ int double = 1; /*\n    return z + 1.0\n")

    def body(b, w, x):
        b.span = Span(str(source), 2, 4, 2, 13)
        z = b.emit(TABLE["mul"], w, x, name="z")
        b.span = Span(str(source), 3, 4, 3, 18)
        return b.emit(TABLE["add"], z, b.const(1.0))

    f = make([("double", NUMBER), ("λ", NUMBER)], body)
    text = emit_c(f, "kernel").text
    assert "const double z = double_1 * lamda;" in text
    assert "/* neuron.py:2: z = w * x  # * / int double = 1; / * */" in text
    (kernel,) = build(tmp_path, [f])
    assert kernel(3.0, 4.0) == [13.0]


# --- random programs ------------------------------------------------------------------------------


def arguments(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    vectors = [
        rng.normal(size=n),
        rng.normal(size=n),
        rng.normal(size=(n, n)),
        rng.normal(size=(n, n)),
    ]
    return [*vectors, float(rng.normal()), int(rng.integers(-3, 6))]


def compare_random(folder, seeds, size, **options):
    functions = [RandomFunction(seed, size=size).function for seed in seeds]
    for seed, kernel in zip(seeds, build(folder, functions, **options)):
        args = arguments(seed)
        before = [np.copy(x) for x in args]
        try:
            expected = interpret(kernel.function, args)
        except (CheckFailed, IndexError):
            with pytest.raises(KernelStopped):
                kernel(*args)
            continue
        try:
            same(kernel(*args), expected, 1e-9)
        except (AssertionError, KernelStopped) as error:
            raise AssertionError(f"seed {seed}") from error
        for x, y in zip(args, before):
            np.testing.assert_array_equal(x, y)
        if kernel.library is not None and options.get("counted"):
            assert kernel.library.adc_live() == 0, seed


def test_random_programs(tmp_path):
    compare_random(tmp_path, range(80), 16, counted=True, flags=["-O1"])


def test_under_sanitizers(tmp_path):
    """A process of its own: the sanitizers must be loaded before everything else."""
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        found = subprocess.run([CC, f"-print-file-name={name}"], capture_output=True, text=True)
        libraries.append(found.stdout.strip())
    if not all(map(os.path.isabs, libraries)):
        pytest.skip("the compiler has no sanitizers")
    script = (
        "from tests.test_backend_c_control import compare_random\n"
        "compare_random(%r, range(1000, 1040), 16,"
        " flags=['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-O1'])\n"
    ) % str(tmp_path)
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]


ODD_ALLOCATOR = """
#include <stdlib.h>
#include <string.h>
/* blocks that begin 16 bytes past a multiple of 64, with bytes behind them that must stay as they are */
static long torn;
static void *odd_block(size_t n) {
  char *q = malloc(n + 256), *p = (char *)(((size_t)q + 95) & ~(size_t)63) + 16;
  ((char **)p)[-1] = q;
  ((size_t *)p)[-2] = n;
  memset(p + n, 90, 64);
  return p;
}
static void odd_free(void *block) {
  char *p = block;
  if (!p) return;
  for (int k = 0; k < 64; k++) torn += p[((size_t *)p)[-2] + k] != 90;
  free(((char **)p)[-1]);
}
static void *odd_realloc(void *old, size_t n) {
  char *p = odd_block(n);
  if (old) memcpy(p, old, ((size_t *)old)[-2] < n ? ((size_t *)old)[-2] : n);
  odd_free(old);
  return p;
}
#define malloc odd_block
#define realloc odd_realloc
#define free odd_free
#define ADC_KEEP 0
"""
FILLED_TO_THE_BRIM = """
int main(void) {
  for (long long n = 1000; n < 90000; n += 777) {
    adc_frame frame = {adc_enter(adc_spare()), 0, 0};
    adc_mark mark;
    adc_stack *s;
    long long room, had;
    adc_alloc(&frame, 1, 8);
    mark = adc_here(&frame);
    s = adc_stack_new(&frame, 7);
    for (long long k = 0; k < n; k++) *(double *)adc_push(s, 1, 8) = 1.0;
    had = s->room;
    room = had / 8;
    adc_release(&frame, mark);
    memset(adc_alloc(&frame, room, 8), 0, room * 8);
    s = adc_stack_new(&frame, 8);
    adc_push(s, 1, 8);
    if (s->room == had) return 2; /* not the room of another one */
    s = adc_stack_new(&frame, 7);
    adc_push(s, 1, 8);
    if (s->room != had) return 3; /* but its own */
    adc_leave(&frame, adc_spare());
  }
  return torn != 0;
}
"""


def test_a_stack_finds_the_room_that_it_had_and_arrays_have_theirs(tmp_path):
    words = ("spare", "enter", "leave", "alloc", "stack_new", "push", "here", "release")
    lines, _ = helpers({f"adc_{word}" for word in words})
    source, program = tmp_path / "brim.c", tmp_path / "brim"
    source.write_text("\n".join([ODD_ALLOCATOR, *lines, FILLED_TO_THE_BRIM]))
    subprocess.run([CC, "-std=gnu99", "-O1", "-w", str(source), "-o", str(program)], check=True)
    assert subprocess.run([str(program)]).returncode == 0


SCARCE = """
#include <stdlib.h>
static int live, none_left;
static void *scarce_malloc(size_t n) { void *p = malloc(n); live += p != 0; return p; }
static void *scarce_realloc(void *old, size_t n) {
  if (none_left) return 0;
  live += !old;
  return realloc(old, n);
}
static void scarce_free(void *p) { live -= p != 0; free(p); }
#define malloc scarce_malloc
#define realloc scarce_realloc
#define free scarce_free
"""
MORE_THAN_THE_LAST_CALL_HAD = """
int main(void) {
  for (int call = 0; call < 2; call++) {
    adc_frame frame = {adc_enter(adc_spare()), 0, 0};
    adc_stack *s = adc_stack_new(&frame, 7);
    none_left = call;
    if ((adc_push(s, 1000, 8 << call) == 0) != call) return 2;
    adc_leave(&frame, adc_spare());
  }
  for (adc_chunk *c = adc_enter(adc_spare()), *next; c; c = next) { next = c->next; free(c); }
  return live;
}
"""


def test_room_that_cannot_grow_is_not_lost(tmp_path):
    words = ("spare", "enter", "leave", "stack_new", "push")
    lines, _ = helpers({f"adc_{word}" for word in words})
    source, program = tmp_path / "scarce.c", tmp_path / "scarce"
    source.write_text("\n".join([SCARCE, *lines, MORE_THAN_THE_LAST_CALL_HAD]))
    subprocess.run([CC, "-std=gnu99", "-O1", "-w", str(source), "-o", str(program)], check=True)
    assert subprocess.run([str(program)]).returncode == 0


LONG_CHUNKS = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
"""
PUSHED_AND_POPPED = """
int main(void) {
  const long long n = 3000000;
  for (int call = 0; call < 3; call++) {
    adc_frame frame = {adc_enter(adc_spare()), 0, 0};
    adc_stack *s = adc_stack_new(&frame, 7), *t = adc_stack_new(&frame, 8);
    double *a = adc_alloc(&frame, 700000, 8), *b = adc_alloc(&frame, 800000, 8);
    memset(a, 1, 700000 * 8);
    for (long long k = 0; k < n; k++) {
      *(double *)adc_push(s, 1, 8) = k;
      if (k % 3 == 0) *(double *)adc_push(t, 1, 8) = -k;
    }
    memset(b, 2, 800000 * 8);
#ifdef ADC_LARGE_PAGE
    if (!((adc_chunk *)s->data - 1)->mapped) return 2;
#endif
    for (long long k = n - 1; k >= 0; k--) {
      if (*(double *)adc_pop(s, 1, 8) != k) return 3;
      if (k % 3 == 0 && *(double *)adc_pop(t, 1, 8) != -k) return 4;
    }
    for (long long k = 0; k < 700000 * 8; k++) if (((char *)a)[k] != 1) return 5;
    for (long long k = 0; k < 800000 * 8; k++) if (((char *)b)[k] != 2) return 6;
    adc_leave(&frame, adc_spare());
  }
  return 0;
}
"""


@pytest.mark.parametrize("keep", ["", "#define ADC_KEEP 0"])
def test_long_chunks_keep_what_is_in_them_as_they_grow(keep, tmp_path):
    words = ("spare", "enter", "leave", "alloc", "stack_new", "push", "pop")
    lines, _ = helpers({f"adc_{word}" for word in words})
    source, program = tmp_path / "long.c", tmp_path / "long"
    source.write_text("\n".join([LONG_CHUNKS, keep, *lines, PUSHED_AND_POPPED]))
    subprocess.run([CC, "-std=gnu99", "-O1", "-w", str(source), "-o", str(program)], check=True)
    assert subprocess.run([str(program)]).returncode == 0


# --- loops that vectorise -------------------------------------------------------------------------


def elementwise_loop(b, x):
    n = b.dim(x, 0)

    def body(i, y):
        j = b.emit(TABLE["index"], i, n)
        return [put(b, y, b.emit(TABLE["exp"], b.emit(TABLE["neg"], at(b, x, j))), j)]

    return loop(b, (0, n, 1), [b.emit(TABLE["copy"], x)], body, ["y"])


def sum_loop(b, x):
    n = b.dim(x, 0)

    def body(i, s):
        v = at(b, x, b.emit(TABLE["index"], i, n))
        return [b.emit(TABLE["sub"], s, b.emit(TABLE["mul"], v, v))]

    return loop(b, (b.emit(TABLE["isub"], n, b.const(1)), -1, -1), [b.const(0.5)], body, ["s"])


def recurrence(b, x):
    n = b.dim(x, 0)

    def body(i, y):
        before = b.emit(TABLE["index"], b.emit(TABLE["isub"], i, b.const(1)), n)
        return [
            put(
                b,
                y,
                b.emit(TABLE["mul"], at(b, y, before), b.const(0.5)),
                b.emit(TABLE["index"], i, n),
            )
        ]

    return loop(b, (1, n, 1), [b.emit(TABLE["copy"], x)], body, ["y"])


def product_and_state(b, x):
    n = b.dim(x, 0)

    def body(i, s):
        v = at(b, x, b.emit(TABLE["index"], i, n))
        return [b.emit(TABLE["add"], b.emit(TABLE["mul"], s, b.const(0.5)), v)]

    return loop(b, (0, n, 1), [b.const(0.5)], body, ["s"])


@pytest.mark.parametrize(
    ("body", "pragma"),
    [
        (elementwise_loop, "#pragma omp simd\n  for (long long i = 0;"),
        (sum_loop, "#pragma omp simd reduction(+:s)\n  for (long long i = 0;"),
        (recurrence, None),
        (product_and_state, None),
    ],
)
def test_loops_without_dependences_vectorise(tmp_path, body, pragma):
    f = make([("x", VECTOR)], body)
    (kernel,) = build(tmp_path, [f])
    text = kernel.source.text
    if pragma is None:
        assert "#pragma omp simd\n  for (long long i" not in text and "reduction" not in text
    else:
        assert pragma in text
    for n in (0, 1, 5, 33):
        x = np.linspace(-1.0, 2.0, n)
        same(kernel(x), interpret(f, [x]))


def test_checks_move_in_front_of_loops(tmp_path):
    def body(b, x, y):
        def step(i, s):
            v = at(b, y, b.emit(TABLE["index"], i, b.dim(y, 0)))
            return [b.emit(TABLE["add"], s, v)]

        return loop(b, (0, b.dim(x, 0), 1), [b.const(0.0)], step, ["s"])

    f = make([("x", VECTOR), ("y", VECTOR)], body)
    (kernel,) = build(tmp_path, [f])
    text = kernel.source.text
    assert text.index("ADC_CHECK(0,") < text.index("for (long long i")
    assert kernel(X, X) == [X.sum()] and kernel(X[:2], X) == [3.0] and kernel(X[:0], X[:0]) == [0.0]
    with pytest.raises(KernelStopped):
        kernel(X, X[:3])


def test_neighbouring_loops_are_joined(tmp_path):
    """A stencil's adjoint: cleared, scaled and added within one loop over the rows."""

    def body(b, d):
        rows, columns = b.dim(d, 0), b.dim(d, 1)
        zero, one, two = b.const(0), b.const(1), b.const(2)
        high, wide = (b.emit(TABLE["isub"], n, two) for n in (rows, columns))
        d = b.emit(TABLE["copy"], d)
        e = b.emit(TABLE["full"], b.const(0.0), rows, columns, ones=(False, False))
        inner = (one, high, one, one, wide, one)
        g = b.emit(TABLE["load"], d, *inner, index="ss")
        d = b.emit(TABLE["store"], d, b.const(0.0), *inner, index="ss")
        g = b.emit(TABLE["mul"], g, b.const(0.25))
        for row, column in ((zero, one), (two, one), (one, zero), (one, two)):
            e = b.emit(TABLE["add_at"], e, g, row, high, one, column, wide, one, index="ss")
        return d, e, b.emit(TABLE["sum"], e, axes=(0, 1))

    f = make([("d", Array(F64, (None, None)))], body)
    (kernel,) = build(tmp_path, [f])
    text = kernel.source.text
    assert text.count("for (long long i = 0; i < t") == 1, text
    for shape in ((2, 2), (3, 3), (5, 9)):
        d = np.arange(1.0, 1 + shape[0] * shape[1]).reshape(shape)
        same(kernel(d), interpret(f, [d]))


def test_chains_of_arrays_become_scalars(tmp_path):
    """Used twice each, so that they are no single expression; none needs memory."""

    def body(b, x):
        u = b.emit(TABLE["sin"], x)
        v = b.emit(TABLE["mul"], u, u)
        w = b.emit(TABLE["add"], v, b.emit(TABLE["neg"], v))
        return b.emit(TABLE["sum"], b.emit(TABLE["mul"], w, b.emit(TABLE["add"], w, x)), axes=(0,))

    f = make([("x", VECTOR)], body)
    (kernel,) = build(tmp_path, [f])
    assert "adc_alloc" not in kernel.source.text
    same(kernel(X), interpret(f, [X]))
