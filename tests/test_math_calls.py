"""`math` as Python has it: the same numbers, and the same exceptions where NumPy gives inf or nan."""

import itertools
import linecache
import math

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.frontend import catalogue
from autodiff_compiler.testing import check_grads
from tests.c_kernels import needs_compiler

ONE = """
sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt
fabs floor ceil trunc isnan isinf isfinite degrees radians erf erfc gamma lgamma
""".split()
TWO = "atan2 pow log hypot fmod remainder copysign isclose".split()
VALUES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -2.0, 2.5, -7.25, 1e-300, 171.9, 710.0, -745.5, 1e308, 2e9,
    math.inf, -math.inf, math.nan,
]  # fmt: skip
BACKENDS = ["python", pytest.param("c", marks=needs_compiler)]


def function(name, arity):
    params = ", ".join("xy"[:arity])
    source = f"def f({params}):\n    return math.{name}({params})\n"
    filename = f"<math.{name} of {arity}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope = {"math": math}
    exec(compile(source, filename, "exec"), scope)
    return scope["f"]


def accepted(names):
    return [n for n in names if catalogue.accepted(getattr(math, n, None))]


def outcome(f, args):
    try:
        return f(*args)
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        return type(error)


def agree(name, f, compiled, args):
    theirs = outcome(f, args)
    if isinstance(theirs, int) and not isinstance(theirs, bool) and abs(theirs) >= 2**63:
        with pytest.raises(ad.UnsupportedError):
            compiled(*args)
        return
    if name == "pow" and args[0] <= 0 and not all(map(math.isfinite, args)):
        return  # what has a value there is refused
    ours = outcome(compiled, args)
    what = f"math.{name}{args}: {ours}, and Python {theirs}"
    assert type(ours) is type(theirs), what
    if isinstance(theirs, float):
        # Where a number is huge, its last digits are the argument's.
        assert np.isclose(ours, theirs, rtol=1e-13, atol=0.0, equal_nan=True), what
        if theirs == 0:
            assert math.copysign(1, ours) == math.copysign(1, theirs) or name == "modf", what
    else:
        assert ours == theirs, what


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", accepted(ONE))
def test_functions_of_one_number(name, backend):
    f = function(name, 1)
    compiled = ad.compile(f, backend=backend)
    for x in VALUES:
        agree(name, f, compiled, (x,))
    if name not in ("floor", "ceil", "trunc"):
        agree(name, f, compiled, (1,))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", accepted(TWO))
def test_functions_of_two_numbers(name, backend):
    f = function(name, 2)
    compiled = ad.compile(f, backend=backend)
    for args in itertools.product(VALUES[::2] + [-1.0, 1e-300], VALUES):
        agree(name, f, compiled, args)


def lengths(a, b, c):
    return (
        math.hypot(a, b, c) + 2 * math.hypot(a) + math.dist([a, b, c], (c, a, 1.0)) + math.hypot()
    )


def parts(a, b):
    fraction, whole = math.modf(a * 3)
    return fraction * b + whole + math.ldexp(b, 4) + math.ldexp(a, -1060) * 2.0**1000


def tolerances(a, b):
    if math.isclose(a, b):
        return a
    return 2 * a if math.isclose(a, b, rel_tol=0.0, abs_tol=0.25) else b


def sums(v, a):
    return (
        math.fsum(v) + math.fsum([a, 1e16, v[0], -1e16]) + math.fsum(()) + math.prod((a, a, v[1]))
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_of_several(backend):
    big = np.array([1e16, 1.0, -1e16, 0.25])
    for f, args in [
        (lengths, (0.3, -0.4, 1.2)), (lengths, (0.0, 0.0, 2.0)), (lengths, (1e200, 2e200, -1e200)),
        (parts, (0.77, 1.9)), (parts, (-0.77, 1.9)),
        (tolerances, (1.0, 1.0 + 1e-12)), (tolerances, (1.0, 1.2)), (tolerances, (1.0, 3.0)),
        (tolerances, (math.inf, math.inf)), (sums, (big, 0.5)), (sums, (np.array([1.0, 2.0]), 3.0)),
    ]:  # fmt: skip
        assert ad.compile(f, backend=backend)(*args) == pytest.approx(f(*args), rel=1e-14)
    for f, args in [(lengths, (0.3, -0.4, 1.2)), (parts, (0.77, 1.9)), (tolerances, (1.0, 3.0))]:
        check_grads(f, args, argnums=tuple(range(len(args))), backends=(backend,))
    assert ad.grad(sums, argnums=1, backend=backend)(big, 0.5) == pytest.approx(2.0)
    np.testing.assert_array_equal(ad.grad(sums, backend=backend)(big, 0.5), [2, 1.25, 1, 1])


def zeros_among(a, b, c):
    return math.hypot(a, b, c)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_length_is_smooth_where_only_some_coordinates_are_zero(backend):
    found = ad.grad(zeros_among, argnums=(0, 1, 2), backend=backend)(0.0, 0.0, -2.0)
    assert found == (0.0, 0.0, -1.0)


def counted(x, n):
    return x * math.factorial(n) / (math.comb(n, 2) * math.isqrt(n * n)) + math.gcd(12, n) * x


@pytest.mark.parametrize("backend", BACKENDS)
def test_integers_that_are_known(backend):
    for n in (3, 4):
        assert ad.compile(counted, backend=backend)(1.5, n) == counted(1.5, n)
        assert ad.grad(counted, backend=backend)(1.5, n) == pytest.approx(counted(1.0, n))


@pytest.mark.parametrize("name", ["nextafter", "ulp", "frexp"])
def test_what_is_refused(name):
    f = function(name, 2 if name == "nextafter" else 1)
    with pytest.raises(ad.UnsupportedError, match=f"math.{name} is not supported"):
        ad.compile(f)(*(1.0, 2.0)[: f.__code__.co_argcount])


def test_arrays_are_refused_with_the_function_to_use():
    def f(x):
        return math.dist(x, x)

    with pytest.raises(ad.UnsupportedError, match="np.linalg.norm"):
        ad.compile(f)(np.ones(3))
