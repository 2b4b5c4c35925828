"""The reverse pass on random programs of the IR, against differences, at first and second order."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff_compiler.ir.build import Rewriter
from autodiff_compiler.ir.check import check
from autodiff_compiler.ir.graph import Function
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.ir.types import Array
from autodiff_compiler.ops import TABLE
from autodiff_compiler.transforms.promote import promote
from autodiff_compiler.transforms.reverse import reverse
from autodiff_compiler.transforms.simplify import simplify
from tests.reversible_ir import Program

EVERYTHING = [0, 1, 2]


class _SumOfSines(Rewriter):
    """A scalar made of all results but the first: a function whose gradient is a second derivative."""

    def of(self, function: Function) -> Function:
        b = self.b
        params = [b.function_param(p.type, p.name) for p in function.params]
        self.env.update(zip(function.params, params))
        self.nodes(function.block.nodes)
        total = b.const(0.0)
        for r in function.results[1:]:
            v = b.emit(TABLE["sin"], self.env[r])
            if isinstance(v.type, Array):
                v = b.emit(TABLE["sum"], v, axes=tuple(range(v.type.rank)))
            total = b.emit(TABLE["add"], total, v)
        return Function("second", b.close(params, [total]))


def arguments(seed):
    r = np.random.default_rng(seed)
    return [r.normal(size=4), r.normal(size=4), r.normal()]


def slope(function, args, direction, h):
    def at(t):
        return interpret(function, [a + t * d for a, d in zip(args, direction)])[0]

    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def compare(function, gradient, args, seed, counts):
    """The gradient along random directions; where differences do not settle there is a kink."""
    check(gradient)
    results = interpret(gradient, args)
    assert results[0] == interpret(function, args)[0]
    r = np.random.default_rng(seed + 10**6)
    for _ in range(2):
        direction = [r.normal(size=4), r.normal(size=4), r.normal()]
        ours = sum(np.sum(g * d) for g, d in zip(results[1:], direction))
        coarse, fine = (slope(function, args, direction, h) for h in (4e-5, 1e-5))
        if abs(coarse - fine) > 1e-5 * max(1.0, abs(fine)):
            counts["kinks"] += 1
            continue
        counts["compared"] += 1
        assert abs(ours - fine) <= 1e-5 * max(1.0, abs(fine)), seed


def test_first_order():
    counts = {"kinks": 0, "compared": 0}
    for seed in range(200):
        function = Program(seed).function()
        check(function)
        simpler = promote(simplify(function))
        check(simpler)
        args = arguments(seed)
        assert interpret(simpler, args)[0] == interpret(function, args)[0]
        gradient = reverse(simpler, EVERYTHING, [0], [0])
        compare(simpler, gradient, args, seed, counts)
    assert counts["kinks"] < 0.05 * counts["compared"]


def test_second_order():
    counts = {"kinks": 0, "compared": 0}
    for seed in range(30):
        first = reverse(simplify(Program(seed, 2).function()), EVERYTHING, [0], [0])
        function = _SumOfSines().of(first)
        check(function)
        gradient = reverse(function, EVERYTHING, [0], [0])
        compare(function, gradient, arguments(seed), seed, counts)
    assert counts["kinks"] < 0.05 * counts["compared"]


@pytest.mark.parametrize("wrt", [[0], [2], [1, 2]])
def test_only_what_is_asked_for(wrt):
    function = simplify(Program(5).function())
    every = interpret(reverse(function, EVERYTHING, [0], [0]), arguments(5))
    some = interpret(reverse(function, wrt, [0], []), arguments(5))
    for k, g in zip(wrt, some, strict=True):
        np.testing.assert_allclose(g, every[1 + k], rtol=1e-13, atol=1e-13)
