"""Both back ends on the gradients of random programs, against the reference interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff_compiler.backends.python import emit_python, load_python
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.transforms.promote import promote
from autodiff_compiler.transforms.reverse import reverse
from autodiff_compiler.transforms.simplify import simplify
from tests.c_kernels import build, needs_compiler
from tests.reversible_ir import Program

# The first of them once wrote into what a tape held: a fresh array, kept, that the next trip updates.
SEEDS = [1013, *range(60)]


def arguments(seed):
    r = np.random.default_rng(seed)
    return [r.normal(size=4), r.normal(size=4), np.float64(r.normal())]


def gradient(seed):
    return reverse(promote(simplify(Program(seed, 3).function())), [0, 1, 2], [0], [0])


def agree(function, results, seed):
    args = arguments(seed)
    for ours, reference in zip(results, interpret(function, args), strict=True):
        scale = 1.0 + np.max(np.abs(reference))
        np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-11 * scale, err_msg=str(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_python(seed):
    function = gradient(seed)
    source = emit_python(function, "kernel", pretty=False)
    args = arguments(seed)
    given = [a.copy() for a in args]
    with np.errstate(all="ignore"):
        results = load_python(source)(*given)
    agree(function, results, seed)
    for before, after in zip(args, given, strict=True):
        np.testing.assert_array_equal(before, after)


@needs_compiler
def test_c(tmp_path):
    functions = [gradient(seed) for seed in SEEDS]
    for seed, function, kernel in zip(SEEDS, functions, build(tmp_path, functions), strict=True):
        args = arguments(seed)
        given = [a.copy() for a in args]
        agree(function, kernel(*given), seed)
        for before, after in zip(args, given, strict=True):
            np.testing.assert_array_equal(before, after)
