"""Big loops shared out among threads: the same numbers, whoever does which part."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.backends.c import threads as shared
from autodiff_compiler.runtime import threads as option
from tests.c_kernels import needs_compiler

pytestmark = needs_compiler
PARTS = 3


def stencil(a, b, steps):
    b = b.copy()
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (
            a[1:-1, 1:-1] + a[:-2, 1:-1] * a[2:, 1:-1] + a[1:-1, 2:] - a[1:-1, :-2]
        )
        b[:, 0] = np.tanh(a[:, 1])
        a = 0.5 * a + b
    return np.sum(a * b) + np.max(a) - np.min(b)


def softmax(x, w):
    z = x + w
    z = z - np.max(z, axis=1, keepdims=True)
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return np.sum(p * p) + np.prod(1.0 + 1e-3 * w) + np.sum(p[:, 0] * x[:, 1])


def columns(x, y):
    total = np.sum(x, axis=0)
    return np.sum(total * total * y) + np.sum(np.sin(x) @ y)


def paths(s, rate, normals):
    total = 0.0
    for p in range(normals.shape[0]):
        x = s
        for t in range(normals.shape[1]):
            x = x * np.exp(rate + 0.1 * normals[p, t])
        total += max(x - 1.0, 0.0)
    return total / normals.shape[0]


def arguments(name, m=21, n=17):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, n)), rng.standard_normal((max(m, 1), n))
    if name == "stencil":
        b = b[:m]
    return {
        "stencil": (a, b, 3), "softmax": (a, b[0]), "columns": (a, b[0]), "paths": (1.0, 0.01, a),
    }[name]  # fmt: skip


FUNCTIONS = {"stencil": (0, 1), "softmax": (0, 1), "columns": (0, 1), "paths": (0, 1)}


@pytest.fixture
def eager(monkeypatch):
    """Every nest is worth it, and every array long enough."""
    monkeypatch.setattr(shared, "WORTH", 0)
    monkeypatch.setattr(shared, "SIDE_BY_SIDE", 1)


def made(name, threads, turned=False, **options):
    function = ad.value_and_grad(globals()[name], FUNCTIONS[name], backend="c", threads=threads)
    if turned:
        kernel = function.specialize(*arguments(name, **options))
        text, count = re.subn(
            rf"for \(int (part\w*) = 0; \1 < {threads}; \1\+\+\) \{{",
            rf"for (int \1 = {threads - 1}; \1 >= 0; \1--) {{",
            kernel.c.text,
        )
        assert count
        kernel.__dict__["c"] = replace(kernel.c, text=text)
    return function


def numbers(result):
    value, gradients = result
    return [value, *gradients]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parts_do_not_meet(eager, monkeypatch, name):
    """Parts in turn, forwards and backwards, give the same bits; one part gives the same numbers."""
    monkeypatch.setattr("autodiff_compiler.kernel.openmp_flags", lambda: ())
    args = arguments(name)
    one, forwards, backwards = (
        numbers(made(name, n, turned)(*args))
        for n, turned in ((1, False), (PARTS, False), (PARTS, True))
    )
    for x, y, z in zip(one, forwards, backwards, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(y, z)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_threads_give_what_parts_give(eager, monkeypatch, name):
    args = arguments(name)
    threaded = made(name, PARTS)
    found = numbers(threaded(*args))
    assert "omp parallel" in threaded.specialize(*args).c_source
    for _ in range(20):
        for x, y in zip(found, numbers(threaded(*args))):
            np.testing.assert_array_equal(x, y)
    monkeypatch.setattr("autodiff_compiler.kernel.openmp_flags", lambda: ())
    for x, y in zip(found, numbers(made(name, PARTS)(*args))):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("m, n", [(0, 5), (1, 5), (2, 2), (3, 9), (8, 1), (9, 8)])
def test_short_and_empty_arrays(eager, m, n):
    args = arguments("columns", m, n)
    one, many = (numbers(made("columns", k)(*args)) for k in (1, PARTS))
    for x, y in zip(one, many):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)


def test_one_thread_is_the_default_and_needs_no_library():
    kernel = ad.value_and_grad(softmax, (0, 1), backend="c").specialize(*arguments("softmax"))
    assert "omp parallel" not in kernel.c_source and "together" not in kernel.c_source
    assert kernel.threads == 1


def test_python_takes_the_option_too():
    args = arguments("columns")
    x = numbers(ad.value_and_grad(columns, (0, 1), backend="python", threads=2)(*args))
    for a, b in zip(x, numbers(ad.value_and_grad(columns, (0, 1), backend="python")(*args))):
        np.testing.assert_array_equal(a, b)


def test_vjp_and_compile_take_it(eager):
    args = arguments("softmax")
    value, pull = ad.vjp(softmax, *args, backend="c", threads=PARTS)
    wanted, (dx, dw) = ad.value_and_grad(softmax, (0, 1), backend="python")(*args)
    assert value == pytest.approx(wanted, rel=1e-12)
    for x, y in zip(pull(1.0), (dx, dw)):
        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-13)
    compiled = ad.compile(softmax, backend="c", threads=PARTS)
    assert compiled(*args) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "all", None, 10**6])
def test_what_is_no_number_of_threads(wrong):
    with pytest.raises(ValueError, match="threads is"):
        ad.grad(softmax, threads=wrong)


def test_auto_is_one_for_each_processor():
    assert 1 <= option.number_of_threads("auto") <= (os.cpu_count() or 1)
    assert option.number_of_threads(5) == 5


def test_a_compiler_without_openmp_does_all_parts_itself(eager, monkeypatch):
    from autodiff_compiler.errors import CompileError

    def fails(*args, **kwargs):
        raise CompileError("unrecognized option -fopenmp")

    args = arguments("columns")
    wanted = numbers(made("columns", PARTS)(*args))
    monkeypatch.setattr(option, "load_kernel", fails)
    monkeypatch.setattr(option, "_known", {})
    assert option.openmp_flags() == ()
    for x, y in zip(wanted, numbers(made("columns", PARTS)(*args))):
        np.testing.assert_array_equal(x, y)


def fails_late(x, i):
    y = np.sin(x) * 2.0
    return np.sum(y * y) + x[i, 0]


def test_checks_that_fail_beside_regions(eager):
    function = ad.grad(fails_late, backend="c", threads=PARTS)
    x = np.ones((9, 9))
    assert function(x, 3).shape == (9, 9)
    with pytest.raises(IndexError):
        function(x, 9)


# --- forks and signals ----------------------------------------------------------------------------

BIG = 60000


def swell(x):
    return np.sum(np.exp(-x) * np.sin(x))


SWELL = ad.value_and_grad(swell, backend="c", threads=2)


def _in_child(queue):
    queue.put(SWELL(np.linspace(0.0, 1.0, BIG)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_does_all_parts_itself():
    """The parent has started threads, which a fork does not take along."""
    value, gradient = SWELL(np.linspace(0.0, 1.0, BIG))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    try:
        theirs, slopes = queue.get(timeout=60)
    finally:
        child.join(5)
        child.kill()
        child.join()
    assert theirs == value
    np.testing.assert_array_equal(slopes, gradient)
    assert SWELL(np.linspace(0.0, 1.0, BIG))[0] == value


LATER = """
import multiprocessing, os, sys
import numpy as np
import autodiff_compiler as ad

settings = []
sys.addaudithook(lambda event, args: event == "ctypes.dlopen" and str(args[0]).endswith("kernel.so")
                 and settings.append(os.environ.get("GOMP_SPINCOUNT")))

@ad.grad(backend="c", threads=2)
def f(x):
    return np.sum(np.sin(x) ** 2)

x = np.ones((300, 300))
f(x)
assert settings[0] == "1000", settings
assert "GOMP_SPINCOUNT" not in os.environ
child = multiprocessing.get_context("fork").Process(target=f, args=(x,))
child.start()
child.join(20)
print(len(settings), child.exitcode)
child.kill()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_kernel_found_on_disk_has_threads_that_soon_sleep_and_can_be_forked(tmp_path):
    file = tmp_path / "later.py"
    file.write_text(LATER)
    given = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    given |= {"AUTODIFF_COMPILER_CACHE_DIR": str(tmp_path / "cache"), "AUTODIFF_COMPILER_CHECK": ""}
    for loaded in ("2 0", "1 0"):  # with the library that tries OpenMP, and without
        done = subprocess.run(
            [sys.executable, str(file)], capture_output=True, text=True, timeout=100, env=given
        )
        assert done.stdout.strip() == loaded, done.stderr


LONG = """
import os, signal, threading, time
import numpy as np
import autodiff_compiler as ad

@ad.grad(backend="c", threads=2)
def f(x, n):
    for _ in range(n):
        x = x + 1e-9 * np.sin(x)
    return np.sum(x)

x = np.ones((300, 300))
f(x, 2)
def stop():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=stop).start()
try:
    f(x, 3000)
    print("ended")
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_stops_a_kernel_with_threads(tmp_path):
    file = tmp_path / "long.py"
    file.write_text(LONG)
    # A shell's background processes ignore it, and their children with them.
    start = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ),
        **start,
    )
    assert done.stdout.strip() == "stopped", done.stderr


# --- loops of sums, in parts ---------------------------------------------------------------------------


def mixture(means, scale, points):
    total = 0.0
    for i in range(points.shape[0]):
        near = np.empty(means.shape[0])
        for k in range(means.shape[0]):
            d = 0.0
            for j in range(points.shape[1]):
                d += (points[i, j] - means[k, j]) ** 2 * scale[j]
            near[k] = -d
        top = np.max(near)
        total += top + np.log(np.sum(np.exp(near - top)))
    return total / points.shape[0] + np.sum(means * means)


def roots(a, x):
    """Trips that differ in length stay scalar: the value, not the gradient, is done in parts."""
    total = 0.0
    worst = np.zeros(2)
    for i in range(len(x)):
        y = 1.0
        while abs(y * y * y - a * x[i]) > 1e-12:
            y = y - (y * y * y - a * x[i]) / (3.0 * y * y)
        total += y
        worst[0] += y * x[i]
    return total + worst[0]


def points(m):
    rng = np.random.default_rng(3)
    return rng.normal(size=(4, 3)), rng.uniform(0.5, 1.0, 3), rng.normal(size=(m, 3))


@pytest.mark.parametrize("m", (0, 2, 255, 257, 900, 2000))
def test_sums_in_parts(eager, m):
    args = points(m) if m else (*points(1)[:2], np.empty((0, 3)))
    one, many = (ad.value_and_grad(mixture, (0, 1), backend="c", threads=k) for k in (1, PARTS))
    if m == 0:
        for f in (one, many):
            with pytest.raises(ZeroDivisionError):
                f(*args)
        return
    assert "adc_enter(&kept" in many.specialize(*args).c_source
    found = numbers(many(*args))
    for x, y in zip(numbers(one(*args)), found):
        np.testing.assert_allclose(x, y, rtol=1e-12)
    for _ in range(5):
        for x, y in zip(found, numbers(many(*args))):
            np.testing.assert_array_equal(x, y)


def test_values_of_trips_of_any_length_in_parts(eager):
    x = np.random.default_rng(1).uniform(0.5, 2.0, 100)
    one, many = (ad.compile(roots, backend="c", threads=k) for k in (1, PARTS))
    assert "adc_enter(&kept" in many.specialize(1.5, x).c_source
    np.testing.assert_allclose(one(1.5, x), many(1.5, x), rtol=1e-13)
    np.testing.assert_allclose(roots(1.5, x), many(1.5, x), rtol=1e-13)


def picked(x, which):
    total = 0.0
    for i in range(len(which)):
        y = x[which[i]]
        if y > 1e30:
            raise ValueError("too big")
        total += y * y
    return total


@pytest.mark.parametrize("bad", (0, 500, 999))
def test_a_check_that_fails_in_a_part(eager, bad):
    which = np.arange(1000) % 7
    which[bad] = 7
    gradient = ad.value_and_grad(picked, backend="c", threads=PARTS)
    x = np.arange(7.0)
    with pytest.raises(IndexError):
        gradient(x, which)
    which[bad] = 3
    value, slope = gradient(x, which)
    np.testing.assert_allclose(value, picked(x, which))
    np.testing.assert_allclose(slope, 2.0 * x * np.bincount(which, minlength=7))


def test_parts_at_once_from_two_threads(eager):
    import concurrent.futures

    gradient = ad.value_and_grad(mixture, (0, 1), backend="c", threads=2)
    args = [points(m) for m in (900, 1400, 600, 1100)]
    expected = [numbers(gradient(*a)) for a in args]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda k: numbers(gradient(*args[k % 4])), range(24)))
    for k, result in enumerate(found):
        for x, y in zip(expected[k % 4], result):
            np.testing.assert_array_equal(x, y)


def shifted(x, b):
    y = 2.0 * x + b
    top, least = np.max(y), np.min(y)
    return np.sum((y - top) * (y - least) * x)


@pytest.mark.parametrize("odd", (None, 0, 700, 999))
def test_what_is_worked_out_and_its_extremes_are_one_loop(eager, odd):
    rng = np.random.default_rng(3)
    x, b = rng.standard_normal((2, 1000))
    if odd is not None:
        b[odd] = np.nan
    one, many = (ad.value_and_grad(shifted, (0, 1), backend="c", threads=k) for k in (1, PARTS))
    assert "reduction(max:" in one.specialize(x, b).c_source
    for u, v in zip(numbers(one(x, b)), numbers(many(x, b))):
        np.testing.assert_allclose(u, v, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(many(x, b)[0], shifted(x, b), rtol=1e-12)
