"""PyTorch as an oracle: every program of the corpus as eager source there, with the same gradients."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler.backends.python import emit_python, load_python
from autodiff_compiler.backends.torch import emit_torch, load_torch
from autodiff_compiler.errors import UnsupportedError
from autodiff_compiler.ops import TABLE
from tests.op_reference import REFERENCES
from tests.programs import PROGRAMS
from tests.test_op_table import active, elementwise, first_order, vectors
from tests.test_public_style import ARGNUMS as PUBLIC
from tests.test_public_style import module
from tests.twins import both, need_torch, twin_of

need_torch()

import torch  # noqa: E402

BY_NAME = {p.name: p for p in PROGRAMS}
#: Where PyTorch's own result is another. "nan": what is not a number there, and is one here.
DIFFERENT = {
    # Its derivative of `where` multiplies that of the arm which was not taken by zero.
    "where_never_leaks": "nan",
    "robust_columns": "nan",
    # Its trigamma function has about nine digits.
    "series_of_gammas": 1e-8,
}


def close(a, b, tolerance):
    scale = np.max(np.abs(a), initial=0.0)
    np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_gradients_of_the_corpus(name):
    p = BY_NAME[name]
    argnums = p.argnums if isinstance(p.argnums, tuple) else (p.argnums,)
    with np.errstate(all="ignore"):
        twin, (value, theirs), (expected, ours) = both(p.fn, p.args(), argnums)
    single = any(v.type.dtype == "f32" for v in twin.function.params)
    known = DIFFERENT.get(name, 1e-4 if single else 1e-9)
    tolerance = known if known != "nan" else 1e-9
    np.testing.assert_allclose(value, expected, rtol=max(tolerance / 10, 1e-11), atol=0)
    assert len(ours) == len(theirs) > 0
    missing = 0
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        there = np.isnan(b) & ~np.isnan(a) if known == "nan" else np.zeros(a.shape, bool)
        missing += int(np.sum(there))
        close(np.where(there, 0.0, a), np.where(there, 0.0, b), tolerance)
    assert (missing > 0) == (known == "nan")


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_gradients_of_programs_in_public_style(name):
    made = module(name)
    _, (value, theirs), (expected, ours) = both(made.program, made.arguments(), PUBLIC[name])
    np.testing.assert_allclose(value, expected, rtol=1e-11, atol=0)
    for a, b in zip(ours, theirs, strict=True):
        close(a, b, 1e-9)


def test_every_op_has_a_spelling():
    """All that calculates; what the emitter spells by kind needs none."""
    by_kind = {"index", "shape", "create", "stack", "control", "check", "undefined"}
    without = set()
    for op in TABLE.values():
        texts = op.numpy.values() if isinstance(op.numpy, dict) else [op.numpy or ""]
        shared = op.infix is not None or (op.numpy and not any("np." in t for t in texts))
        if op.kind not in by_kind and op.torch is None and not shared:
            without.add(op.name)
    assert without == {"cast"}


OPS = sorted(
    op.name
    for op in TABLE.values()
    if op.kind == "elementwise" and callable(op.vjp) and op.name not in ("select", "cast")
)
#: Those that PyTorch itself has to fewer digits, or that are made of several functions there.
ROUGH = {"polygamma": 1e-7, "digamma": 1e-7, "beta": 1e-9, "betaln": 1e-9, "erfcx_slope": 1e-7}


@pytest.mark.parametrize("name", OPS)
def test_each_op_and_its_derivatives(name):
    """The spelling gives what NumPy's gives, and PyTorch's derivatives are those of the record."""
    reference = REFERENCES[name]
    types = vectors(name)
    points = reference.points(7)
    points = [p[0] if k in reference.constants else np.resize(p, 7) for k, p in enumerate(points)]
    run = load_torch(emit_torch(elementwise(name, types), "twin", pretty=False))
    inputs = [torch.tensor(p, dtype=torch.float64) for p in points]
    wrt = [inputs[k].requires_grad_() for k in active(name)]
    total, values = run(*inputs)
    slopes = torch.autograd.grad(total, wrt)
    here = load_python(emit_python(first_order(name, types), "kernel", pretty=False))
    expected = here(*points)
    tolerance = ROUGH.get(name, 1e-10)
    for theirs, ours in zip((values, *slopes), expected, strict=True):
        np.testing.assert_allclose(theirs.detach().numpy(), ours, rtol=tolerance, atol=1e-13)


# --- what is kept, and copied ---------------------------------------------------------------------


def chain_of_stores(x):
    a = x * 2.0
    a[0] = a[0] * a[1]
    a[1:] *= 3.0
    return np.sum(a * a)


def test_an_update_that_is_linear_copies_nothing():
    twin, *_ = twin_of(chain_of_stores, (np.array([1.0, 2.0, 3.0]),))
    text = twin.source.text
    assert "a[0] = a[0].clone() * a[1].clone()" in text
    assert "a[1:] *= 3.0" in text and twin.copies == 2


def fresh_each_trip(x):
    total = 0.0
    for i in range(len(x)):
        t = np.zeros(2)
        t[0] = x[i]
        t[1] = x[i] * x[i]
        total += np.sum(t * t)
    return total


def carried(x):
    t = np.zeros(2)
    total = 0.0
    for i in range(len(x)):
        t[0] = x[i]
        t[1] = t[0] * x[i]
        total += np.sum(t * t)
    return total


def test_an_array_of_each_trip_is_not_copied_and_a_carried_one_is():
    x = np.array([0.5, -1.0, 2.0])
    for f, copies in ((fresh_each_trip, 0), (carried, 3)):
        twin, (value, theirs), (expected, ours) = both(f, (x,))
        assert twin.copies == copies, twin.source.text
        assert value == pytest.approx(expected, rel=1e-14)
        close(ours[0], theirs[0], 1e-13)


def overlapping(x):
    a = x.copy()
    a[1:] = a[:-1]
    a[:-1] += a[1:]
    a -= a[0]
    a[::-1] = a
    return np.sum(a * np.arange(1.0, len(a) + 1.0))


def element_before_it_changes(x):
    a = x.copy()
    first = a[0]
    a[0] = 7.0
    swapped = a[1] if first > 0.0 else a[0]
    a[1] = first
    return first * swapped + a[1]


def argument_written(x):
    x[0] *= x[1]
    x[1:] = np.exp(x[1:])
    x[2] = 0.0
    return np.sum(x)


def result_kept(x):
    y = np.exp(x)
    z = np.sqrt(y)
    y[0] = 3.0
    z[1:] = 0.0
    return np.sum(y) + np.sum(z)


def reversed_rows(x):
    a = np.outer(x, x)
    b = a[::-1, 1:][:, ::-2]
    a[::-1, 0] = x
    return np.sum(b * b) + np.sum(a[::-1] * np.arange(len(x)))


def negative_index_arrays(x):
    a = np.outer(x, x)
    idx = np.array([0, -1, 0])
    np.add.at(a, (idx, 1), x[:3])
    np.add.at(a, idx, x)
    a[idx, 2] *= 2.0
    return np.sum(a * a) + np.sum(np.stack([a, a + 1.0])[0, :, idx])


def remainder_of_a_number(x):
    return np.sum(5.0 % x) + np.sum(x % 2.0) + np.sum(3.0 // x)


def list_of_rows(x):
    rows = []
    for i in range(4):
        row = x * i
        row[0] = 1.0
        rows.append(row)
    rows[2] = rows[1] * 2.0
    rows[1] = rows[2] + rows[0] * x
    return np.sum(np.array(rows) ** 2)


MIXED = [
    overlapping, element_before_it_changes, argument_written, result_kept, reversed_rows,
    negative_index_arrays, remainder_of_a_number, list_of_rows,
]  # fmt: skip


@pytest.mark.parametrize("f", MIXED, ids=lambda f: f.__name__)
def test_stores_mean_what_they_mean_in_numpy(f):
    x = np.array([1.3, -0.7, 2.1, 0.4])
    kept = x.copy()
    _, (value, theirs), (expected, ours) = both(f, (x,))
    np.testing.assert_array_equal(x, kept)
    assert value == pytest.approx(f(x.copy()), rel=1e-14) == expected
    close(ours[0], theirs[0], 1e-12)


# --- kinks ----------------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "static_and_dynamic.md"
INF, NAN = np.inf, np.nan
A = np.array
#: By the row of the page: the function, its argument, the derivative here and PyTorch's.
KINKS = {
    "`np.abs(x)`": (lambda x: np.abs(x), 0.0, 0.0, 0.0),
    "`np.maximum(a, b)`, `np.clip` at a limit": (lambda x: np.maximum(x, 1.0), 1.0, 0.5, 0.5),
    "`np.max(x)`": (lambda x: np.max(x), A([1.0, 1.0, 0.0]), [0.5, 0.5, 0.0], [0.5, 0.5, 0.0]),
    "`np.fmax(a, b)`, `np.fmin`": (lambda x: np.fmax(x, 1.0), 1.0, 0.5, 1.0),
    "`np.sqrt(x)`, `np.log(x)`": (lambda x: np.sqrt(x), 0.0, INF, INF),
    "`np.cbrt(x)`": (lambda x: np.cbrt(x), 0.0, INF, NAN),
    "`np.hypot(x, y)`, `np.linalg.norm`, `np.std`": (lambda x: np.hypot(x, 0.0), 0.0, NAN, NAN),
    "`np.arctan2(x, y)`": (lambda x: np.arctan2(x, 0.0), 0.0, NAN, 0.0),
    "`np.logaddexp(a, b)`": (lambda x: np.logaddexp(x, INF), INF, 0.5, NAN),
    "`x ** 0`": (lambda x: x**0.0, 0.0, 0.0, 0.0),
    "`np.where(x > 0, np.sqrt(x), 0)`": (
        lambda x: np.sum(np.where(x > 0.0, np.sqrt(x), 0.0)), A([0.0, 1.0]), [0.0, 0.5], [NAN, 0.5],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", KINKS)
def test_kinks(row):
    f, x, here, there = KINKS[row]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, (_, theirs), (_, ours) = both(f, (x,))
    np.testing.assert_array_equal(ours[0], here)
    np.testing.assert_array_equal(theirs[0], there)


def test_the_page_has_the_kinks():
    told = re.findall(r"^\| (`.*?) \| .*? \| (.*?) \| (.*?) \|$", PAGE.read_text("utf-8"), re.M)
    said = {name: (cells[0], cells[1]) for name, *cells in told}
    assert said.keys() == KINKS.keys()
    for name, (_, _, here, there) in KINKS.items():
        same = np.array_equal(here, there, equal_nan=True)
        assert (said[name][0] == said[name][1]) == same, name


# --- refusals -------------------------------------------------------------------------------------


def unknown_step(x, k):
    return np.sum(x[::k])


def addition_beside_a_slice(x):
    a = np.outer(x, x)
    np.add.at(a, (np.array([0, 0]), slice(1, 3)), 1.5)
    return np.sum(a * a)


@pytest.mark.parametrize("f", [unknown_step, addition_beside_a_slice], ids=lambda f: f.__name__)
def test_what_has_no_spelling_is_refused_with_its_line(f):
    args = (np.array([1.0, 2.0, 3.0]), 2)[: f.__code__.co_argcount]
    with pytest.raises(UnsupportedError, match="no spelling in PyTorch") as caught:
        twin_of(f, args)
    line = f.__code__.co_firstlineno + (1 if f is unknown_step else 2)
    assert caught.value.lineno == line
