"""Every function of NumPy in the table: its value is NumPy's, its gradient that of the references, on both back ends.

Many calls are compiled as one function, whose gradient is the sum of theirs under different weights.
"""

import ast
import functools
import importlib.util
import math
import operator
import re
import sys

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.testing import grad_numeric, jvp_dual
from tests import numpy_table

BACKENDS = ("python", "c")
SECTIONS = (
    "CREATION",
    "ELEMENTWISE",
    "REDUCTIONS",
    "SHAPES",
    "PASSIVE",
    "UFUNC_METHODS",
    "METHODS",
)
SAMPLES = numpy_table.samples()
NAMES = tuple(SAMPLES)


# With AVX-512, NumPy 2.4 folds the first entry with the last, and leaves out what is between them.
MISFOLDED = () if np.power.reduce([2.0, 3.0, 2.0]) == 64.0 else ("power.reduce", "arctan2.reduce")


def here(calls):
    """The calls of functions that this NumPy has, and has right."""
    names = {call: re.findall(r"\bnp\.(\w+)", call) for call in calls.split("\n") if call}
    return [
        call
        for call, found in names.items()
        if all(hasattr(np, name) for name in found) and not call.startswith(MISFOLDED, len("np."))
    ]


CALLS = [call for section in SECTIONS for call in here(getattr(numpy_table, section))]
REFUSED = here(numpy_table.REFUSED)
PER_GROUP = 15
GROUPS = range(-(-len(CALLS) // PER_GROUP))


def group_of(k):
    return list(enumerate(CALLS))[k * PER_GROUP : (k + 1) * PER_GROUP]


def variables(call):
    """The samples that a call names."""
    found = [n.id for n in ast.walk(ast.parse(call)) if isinstance(n, ast.Name)]
    return [name for name in NAMES if name in found]


@functools.cache
def numpys(precision="f8"):
    """What NumPy makes of each call."""
    given = samples(precision)
    with np.errstate(all="ignore"):
        return [eval(call, {"np": np}, given) for call in CALLS]


def samples(precision="f8"):
    if precision == "f8":
        return SAMPLES

    def cast(x):
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f":
            return x.astype(precision)[()]
        return x

    return {name: cast(x) for name, x in SAMPLES.items()}


def differentiable(number):
    value, names = numpys()[number], variables(CALLS[number])
    floats = any(np.asarray(SAMPLES[n]).dtype.kind == "f" for n in names)
    value = np.asarray(value)
    return floats and value.dtype == np.float64 and value.size > 0 and np.max(value) < 1e6


def writable(number):
    """Is it a new array, which may be written into?"""
    value = numpys()[number]
    return (
        isinstance(value, np.ndarray) and CALLS[number] not in LOCKED and value.ndim > 0 and value.dtype == np.float64
        and value.flags.writeable
        and not any(np.shares_memory(value, x) for x in SAMPLES.values() if np.ndim(x))
    )  # fmt: skip


def module_text():
    parameters = ", ".join(NAMES)
    lines = ["import numpy as np", ""]
    for k in GROUPS:
        lines += [f"def group_{k}({parameters}):", "    total = 0.0"]
        for number, call in group_of(k):
            lines.append(f"    y{number} = {call}")
            if differentiable(number):
                lines += [
                    f"    y = np.ravel(y{number})",
                    f"    total += np.sum(np.cos(np.arange(y.size) + {number % 7}.0) * y)",
                ]
        lines += [f"    return total, ({''.join(f'y{number}, ' for number, _ in group_of(k))})", ""]
        lines += [f"def loss_{k}({parameters}):", f"    return group_{k}({parameters})[0]", ""]
        lines += [f"def values_{k}({parameters}):", f"    return group_{k}({parameters})[1]", ""]
        new = [(n, call) for n, call in group_of(k) if writable(n)]
        lines += [f"def written_{k}({parameters}):"]
        lines += [f"    y{n} = {call}\n    y{n} += 1.0" for n, call in new]
        lines += [f"    return ({''.join(f'y{n}, ' for n, _ in new)}f,)", ""]
    for k, call in enumerate(REFUSED):
        lines += [f"def refused_{k}({parameters}):", f"    return {call}", ""]
    return "\n".join(lines)


def power_folded(p):
    return np.power.reduce(p)


def arctan2_folded(p):
    return np.arctan2.reduce(p)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "folded, step", [(power_folded, operator.pow), (arctan2_folded, math.atan2)]
)
def test_folds_take_every_entry(folded, step, backend):
    p = np.array([1.3, 0.7, 2.1, 1.4, 1.9])
    value, gradient = ad.value_and_grad(folded, backend=backend)(p)
    np.testing.assert_allclose(value, functools.reduce(step, p), rtol=1e-14)
    near, _ = grad_numeric(lambda x: functools.reduce(step, x), (p,))
    np.testing.assert_allclose(gradient, near, rtol=1e-7)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "numpy_table_calls.py"
    path.write_text(module_text())
    spec = importlib.util.spec_from_file_location("numpy_table_calls", path)
    made = importlib.util.module_from_spec(spec)
    sys.modules["numpy_table_calls"] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules["numpy_table_calls"]


def assert_same(call, ours, theirs, rtol):
    assert np.asarray(ours).dtype == np.asarray(theirs).dtype, call
    assert np.shape(ours) == np.shape(theirs), call
    assert type(ours) is type(theirs), call
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol, err_msg=call)


def float_numbers():
    return tuple(j for j, x in enumerate(SAMPLES.values()) if np.asarray(x).dtype.kind == "f")


def direction(seed):
    rng = np.random.default_rng(seed)
    floats = float_numbers()
    return [
        rng.normal(size=np.shape(x))[()] if j in floats else None
        for j, x in enumerate(SAMPLES.values())
    ]


@functools.cache
def slope(loss, seed):
    """The derivative along a direction, by dual numbers."""
    with np.errstate(all="ignore"):
        return jvp_dual(loss, tuple(SAMPLES.values()), direction(seed))[1]


@pytest.mark.parametrize("k", GROUPS)
def test_the_references_agree(module, k):
    loss = getattr(module, f"loss_{k}")

    def along(h):
        moved = [x if d is None else x + h * d for x, d in zip(SAMPLES.values(), direction(0))]
        return loss(*moved)

    with np.errstate(all="ignore"):
        numeric, error = grad_numeric(along, (0.0,))
    scale = max(abs(slope(loss, 0)), 1.0)
    assert error <= 1e-6 * scale
    assert abs(slope(loss, 0) - numeric) <= 20 * error + 1e-9 * scale


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("k", GROUPS)
def test_values_and_gradients(module, k, backend):
    group, loss = getattr(module, f"group_{k}"), getattr(module, f"loss_{k}")
    with_gradient = ad.value_and_grad(group, float_numbers(), has_aux=True, backend=backend)
    (_, values), gradient = with_gradient(*SAMPLES.values())
    for (number, call), value in zip(group_of(k), values, strict=True):
        assert_same(call, value, numpys()[number], 1e-12)
    for seed in range(3):
        parts = [
            np.sum(g * direction(seed)[j]) for j, g in zip(float_numbers(), gradient, strict=True)
        ]
        expected = slope(loss, seed)
        assert abs(sum(parts) - expected) <= 1e-9 * max(map(abs, parts)), (seed, parts, expected)


@pytest.mark.parametrize("k", GROUPS)
def test_values_of_single_precision(module, k):
    ours = ad.compile(getattr(module, f"values_{k}"), backend="python")(**samples("f4"))
    for (number, call), value in zip(group_of(k), ours, strict=True):
        assert_same(call, value, numpys("f4")[number], 2e-5)


#: New arrays in NumPy which are views here, as far as anybody can tell: writing to them is refused.
LOCKED = ("m.T.ravel()", "np.broadcast_arrays(e, m)[0]", "np.broadcast_arrays(m, e, s)[2]")


@pytest.mark.parametrize("k", GROUPS)
def test_new_arrays_may_be_written(module, k):
    """What NumPy makes anew belongs to the program: no lock is on it."""
    written = getattr(module, f"written_{k}")
    ours, theirs = ad.compile(written, backend="python")(**samples()), written(**samples())
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)


def test_refusals(module):
    for k, call in enumerate(REFUSED):
        with pytest.raises(ad.UnsupportedError):
            ad.compile(getattr(module, f"refused_{k}"), backend="python")(**samples())
            pytest.fail(f"{call} was accepted")
