"""What is done row by row, done in chunks of rows: which programs, and the same numbers."""

import subprocess
import sys

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.transforms import chunks
from tests.c_kernels import needs_compiler

pytestmark = needs_compiler


def mixture(centres, width, x):
    offsets = x[:, np.newaxis, :] - centres[np.newaxis, :, :]
    near = -0.5 * np.sum((offsets / width) ** 2, axis=2)
    top = np.max(near, axis=1, keepdims=True)
    return np.sum(top[:, 0] + np.log(np.sum(np.exp(near - top), axis=1)))


def as_products(w, shift, x):
    n, d = x.shape
    y = (x @ w - shift).reshape(n, 3, d)
    return np.sum(np.exp(-np.sum(y * y, axis=2)))


def stored_in_place(w, x):
    y = x[:, :, np.newaxis] * w
    y[:, 0] = np.sin(y[:, 1])
    y[:, 1:, 0] += 0.5
    return np.sum(y * y) + np.sum(np.tanh(x) @ w[0, : x.shape[1]])


def of_columns(w, x):
    y = w[:, :, np.newaxis] * x
    return np.sum(np.transpose(y, (2, 0, 1)) ** 2) + np.sum(w @ x)


def labelled(w, x, labels):
    scores = np.sum(x[:, np.newaxis, :] * w, axis=2)
    at = np.sum(np.where(np.arange(w.shape[0]) == labels[:, np.newaxis], scores, 0.0), axis=1)
    return np.sum(np.log(np.sum(np.exp(scores), axis=1)) - at)


def of_a_mean(w, x):
    """The rows need a sum over the rows."""
    centred = x - np.mean(x, axis=0)
    y = centred[:, np.newaxis, :] * w
    return np.mean(np.sum(y * y, axis=2) ** 2)


def root_of_a_sum(w, x):
    y = x[:, np.newaxis, :] * w
    return np.sqrt(np.sum(y * y))


def rows_that_meet(w, x):
    y = x[:, np.newaxis, :] * w
    return np.sum(y[1:] * y[:-1]) + np.sum(np.cumsum(y, axis=0))


def all_pairs(w, x):
    between = x[:, np.newaxis, :] - x[np.newaxis, :, :]
    return np.sum(np.exp(-np.sum((between * w) ** 2, axis=2)))


def data(name, n, dtype=np.float64):
    rng = np.random.default_rng(5)

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x = normal(n, 4)
    return {
        "mixture": lambda: (normal(3, 4), 0.7, x),
        "as_products": lambda: (normal(4, 12), normal(12), x),
        "stored_in_place": lambda: (normal(4, 5), x),
        "of_columns": lambda: (normal(3, 4), normal(4, n)),
        "labelled": lambda: (normal(3, 4), x, rng.integers(0, 3, n)),
        "all_pairs": lambda: (normal(4), x),
    }.get(name, lambda: (normal(3, 4), x))()


#: By name: the parameters to differentiate, and whether rows are done in chunks.
CASES = {
    "mixture": ((0, 1), True), "as_products": ((0, 1), True), "stored_in_place": (0, True),
    "of_columns": (0, True), "labelled": (0, True), "of_a_mean": (0, False),
    "root_of_a_sum": (0, False), "rows_that_meet": (0, False), "all_pairs": (0, False),
}  # fmt: skip


def chunked(function, args):
    return " for chunk in " in function.specialize(*args).ir


def agree(one, other, args, near=1e-12):
    (value, gradients), (wanted, others) = one(*args), other(*args)
    if not isinstance(gradients, tuple):
        gradients, others = (gradients,), (others,)
    for x, y in zip((value, *gradients), (wanted, *others), strict=True):
        size = np.max(np.abs(y), initial=1.0)
        np.testing.assert_allclose(x, y, rtol=near, atol=near * size)


@pytest.fixture
def short(monkeypatch):
    """Chunks of a few rows."""
    monkeypatch.setattr(chunks, "ROWS", 3)
    monkeypatch.setattr(chunks, "NUMBERS", 1)
    monkeypatch.setattr(chunks, "OF_SUMS", 0)


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_numpy_s(short, name):
    argnums, done = CASES[name]
    c, python = (ad.value_and_grad(globals()[name], argnums, backend=b) for b in ("c", "python"))
    assert chunked(c, data(name, 7)) == done
    for n in (0, 2, 3, 7, 9, 20):
        agree(c, python, data(name, n))


@pytest.mark.parametrize("name", ["mixture", "stored_in_place"])
def test_the_value_alone_too(short, name):
    function = ad.compile(globals()[name], backend="c")
    for n in (0, 7):
        args = data(name, n)
        assert function(*args) == pytest.approx(globals()[name](*args), rel=1e-12)
    assert chunked(function, args)


def test_rows_that_are_asked_for_stay_whole(short):
    c, python = (ad.value_and_grad(mixture, (0, 2), backend=b) for b in ("c", "python"))
    args = data("mixture", 8)
    assert not chunked(c, args)
    agree(c, python, args)


def test_single_floats_are_summed_at_once(short):
    args = data("mixture", 8, np.float32)
    assert not chunked(ad.value_and_grad(mixture, backend="c"), args)


def test_second_derivatives(short):
    def slope(centres, x):
        return np.sum(ad.grad(mixture)(centres, 0.7, x) ** 2)

    globals()["slope"] = slope
    args = data("mixture", 8)
    agree(
        *(ad.value_and_grad(slope, backend=b) for b in ("c", "python")), (args[0], args[2]), 1e-11
    )


def test_what_is_read_keeps_its_form():
    kernel = ad.value_and_grad(mixture, backend="python").specialize(*data("mixture", 7))
    assert "chunk" not in kernel.ir and "chunk" not in kernel.source


def test_memory_is_that_of_a_chunk():
    """Temporaries of all rows would take 160 MB."""
    args = data("mixture", 7)
    function = ad.value_and_grad(mixture, backend="c")
    assert chunked(function, args)
    text = function.specialize(*args).c_source
    assert "adc_alloc(&frame, adc_times(adc_times(x_n0" not in text


SHOW = """
import sys
elsewhere = [type("T", (), {})() for _ in range(int(sys.argv[1]) * 37)]
import autodiff_compiler as ad
from benchmarks import registry
program = registry.load("gmm_matrix")
kernel = ad.value_and_grad(program.primal, program.argnums, backend="c")
print(kernel.specialize(*program.data(*program.tiny)).c_source)
"""


def test_the_same_text_in_each_process():
    """How long a chunk is hangs on many sizes: they are added up in the order of the program."""
    commands = ([sys.executable, "-c", SHOW, str(k)] for k in range(6))
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    texts = {process.communicate(timeout=300)[0] for process in running}
    assert len(texts) == 1 and b"adc_floordivi" in texts.pop()
