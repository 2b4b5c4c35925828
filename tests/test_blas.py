"""Big products and factorisations, which go to the BLAS that NumPy has loaded."""

import ctypes
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler.backends.c import blas_text, prelude
from autodiff_compiler.cli import main
from autodiff_compiler.runtime import blas
from autodiff_compiler.runtime.build import load_kernels
from tests.c_kernels import needs_compiler

pytestmark = needs_compiler
needs_library = pytest.mark.skipif(blas.find_blas() is None, reason="NumPy has no known BLAS")


def test_table_is_in_the_order_that_kernels_know():
    assert blas_text.ENTRIES == ("width", *blas.CBLAS, *blas.LAPACK, "forked")


def test_helpers_with_a_library_are_those_that_exist():
    pasted, _ = prelude.helpers({*blas_text.WITH_LIBRARY, *blas_text.WITH_LIBRARY.values()})
    text = "\n".join(pasted)
    for plain, big in blas_text.WITH_LIBRARY.items():
        assert f" {plain}(" in text and f" {big}(" in text


@needs_library
def test_table_is_what_is_said_of_it():
    found = blas.find_blas()
    assert found.width in (32, 64) and "dgemm" in found.pointers and found.owner == "NumPy"
    assert found.table[0] == found.width
    for name, entry in zip((*blas.CBLAS, *blas.LAPACK), found.table[1:-1], strict=True):
        assert found.pointers.get(name) == entry


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("AUTODIFF_COMPILER_BLAS", "none")
    assert blas.find_blas() is None
    table = (ctypes.c_void_p * len(blas_text.ENTRIES)).from_address(blas.table_address())
    assert not any(table)


# --- the helpers, by strides ----------------------------------------------------------------------

LONG, POINTER = ctypes.c_longlong, ctypes.c_void_p


@pytest.fixture(scope="module")
def products():
    """adc_product and adc_productf, and the number of calls that the library was good for."""
    pasted, words = prelude.helpers({"adc_product", "adc_productf"})
    names = [("product", "", "double"), ("productf", "f", "float")]
    exported = [
        f"void {name}(void *const *t, long long m, long long n, long long k, {real} *a, long long ar,"
        f" long long ac, {real} *b, long long br, long long bc, {real} *c)"
        f" {{ adc_product{end}(t, m, n, k, a, ar, ac, b, br, bc, c); }}\n"
        for name, end, real in names
    ]
    text = "\n".join([*prelude.prototypes(words, ()), *pasted, *exported])
    loaded = load_kernels(text, ("product", "productf"), extra_flags=("-fwrapv",))
    kind = ctypes.CFUNCTYPE(None, POINTER, *[LONG] * 3, *[POINTER, LONG, LONG] * 2, POINTER)
    return {
        np.dtype(np.float64): kind(loaded["product"].address),
        np.dtype(np.float32): kind(loaded["productf"].address),
    }


def tables():
    out = [("own", 0)]
    found = blas.find_blas()
    if found is not None:
        out.append((f"NumPy's, {found.width} bits", found.address))
    try:
        import scipy.linalg  # noqa: F401  (its library takes integers of 32 bits)
    except ImportError:
        return out
    for owner, modules in blas._modules():
        libraries = [x for path in modules if (x := blas._loaded(path)) is not None]
        for spelling in blas._SPELLINGS if owner == "SciPy" else ():
            theirs = blas._spelled(owner, libraries, *spelling)
            if theirs is not None:
                out.append((f"SciPy's, {theirs.width} bits", theirs.address))
                KEPT.append(theirs)
    return out


KEPT: list = []
TABLES = tables()


def laid_out(x, how):
    """The numbers of x in memory of another order."""
    m, n = x.shape
    if how == "rows":
        return x.copy()
    if how == "columns":
        return x.T.copy().T
    wide = np.full((m + 3, n + 5), np.nan, x.dtype)
    if how == "part":
        wide[1 : m + 1, 2 : n + 2] = x
        return wide[1 : m + 1, 2 : n + 2]
    if how == "part of columns":
        wide = np.full((n + 5, m + 3), np.nan, x.dtype)
        wide[2 : n + 2, 1 : m + 1] = x.T
        return wide[2 : n + 2, 1 : m + 1].T
    if how == "every other":
        wide = np.full((2 * m, 2 * n), np.nan, x.dtype)
        wide[::2, ::2] = x
        return wide[::2, ::2]
    wide = np.full((m, n), np.nan, x.dtype)
    wide[::-1] = x
    return wide[::-1]


LAYOUTS = ("rows", "columns", "part", "part of columns", "every other", "turned round")
SHAPES = [
    (9, 8, 10),
    (1, 40, 30),
    (40, 1, 30),
    (30, 20, 1),
    (1, 1, 600),
    (0, 8, 9),
    (8, 0, 9),
    (8, 9, 0),
]


@pytest.mark.parametrize("table", [t for _, t in TABLES], ids=[name for name, _ in TABLES])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_all_layouts(products, table, dtype):
    rng = np.random.default_rng(0)
    call = products[np.dtype(dtype)]
    size = np.dtype(dtype).itemsize
    for m, n, k in SHAPES:
        x, y = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        wanted = x.astype(np.float64) @ y.astype(np.float64)
        for first, second in itertools.product(LAYOUTS, LAYOUTS):
            a, b = laid_out(x, first), laid_out(y, second)
            c = np.full((m, n), np.nan, dtype)
            a_steps, b_steps = ([s // size for s in z.strides] for z in (a, b))
            call(
                table or None,
                m,
                n,
                k,
                a.ctypes.data,
                *a_steps,
                b.ctypes.data,
                *b_steps,
                c.ctypes.data,
            )
            near = 1e-13 if dtype == np.float64 else 2e-5
            np.testing.assert_allclose(
                c, wanted, rtol=near, atol=near, err_msg=f"{first}, {second}"
            )


# --- programs -------------------------------------------------------------------------------------


def network(x, w, v, b):
    h = np.tanh(x @ w + b)
    parts = w[1:, 2:].T @ w[1:, :5]
    return np.sum((h @ v) ** 2) + np.sum(h.T @ x[:, ::2]) + np.sum(parts**2) + np.sum(v.T @ w[:5].T)


def stacks(x, y):
    z = np.matmul(x, y)
    return np.sum(z * z) + np.sum(np.matmul(x[0].T, z))


BACKENDS = ("c", "python")
NETWORK = [ad.value_and_grad(network, argnums=(0, 1, 2, 3), backend=b) for b in BACKENDS]
STACKS = [ad.value_and_grad(stacks, argnums=(0, 1), backend=b) for b in BACKENDS]


def network_data(dtype, m=40, k=20, n=30, p=7):
    rng = np.random.default_rng(1)
    shapes = (m, k), (k, n), (n, p), (n,)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def agree(pair, args, near):
    (value, gradients), (other, others) = (function(*args) for function in pair)
    np.testing.assert_allclose(value, other, rtol=near)
    for g, h in zip(gradients, others, strict=True):
        assert g.dtype == h.dtype
        size = np.max(np.abs(h[np.isfinite(h)]), initial=1.0)
        np.testing.assert_allclose(g, h, rtol=near, atol=near * size)


@pytest.mark.parametrize("dtype, near", [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_gradients_agree_with_numpy_s(dtype, near):
    agree(NETWORK, network_data(dtype), near)


@pytest.mark.parametrize("empty", ["m", "n", "p"])
def test_no_rows_and_no_columns(empty):
    agree(NETWORK, network_data(np.float64, **{empty: 0}), 1e-12)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_where_numpy_has_it(odd):
    args = network_data(np.float64)
    args[0][3, 4] = odd
    args[2][5, 6] = odd
    with np.errstate(all="ignore"):
        agree(NETWORK, args, 1e-12)


def test_stacks_of_matrices():
    rng = np.random.default_rng(2)
    agree(STACKS, (rng.standard_normal((3, 12, 11)), rng.standard_normal((3, 11, 13))), 1e-12)
    agree(STACKS, (rng.standard_normal((1, 12, 11)), rng.standard_normal((3, 11, 13))), 1e-12)
    agree(STACKS, (rng.standard_normal((3, 12, 11)), rng.standard_normal((11, 13))), 1e-12)


def test_without_a_library_the_numbers_are_the_same(monkeypatch):
    args = network_data(np.float64)
    _, wanted = NETWORK[0](*args)
    with_library = NETWORK[0].specialize(*args).plan.table
    monkeypatch.setenv("AUTODIFF_COMPILER_BLAS", "none")
    own = ad.value_and_grad(network, argnums=(0, 1, 2, 3), backend="c")
    assert own.specialize(*args).plan.table == blas.table_address() != with_library
    for g, h in zip(own(*args)[1], wanted):
        np.testing.assert_allclose(g, h, rtol=1e-11, atol=1e-11)


@needs_library
def test_kernels_without_products_get_no_table():
    assert NETWORK[0].specialize(*network_data(np.float64)).plan.table == blas.table_address()
    assert ad.grad(lambda x: x * x, backend="c").specialize(2.0).plan.table == 0


# --- linear algebra -------------------------------------------------------------------------------


def solved(a, b):
    return np.sum(np.linalg.solve(a, b) ** 2)


def inverted(a):
    return np.sum(np.linalg.inv(a) ** 2)


def factor(a):
    return np.sum(np.linalg.cholesky(a) ** 3)


def volumes(a):
    sign, logarithm = np.linalg.slogdet(a)
    return sign * logarithm + np.linalg.det(a / 8.0)


N = 80
CASES = {
    "solve": (solved, (0, 1)), "inv": (inverted, (0,)), "cholesky": (factor, (0,)),
    "det": (volumes, (0,)),
}  # fmt: skip
LINEAR = {
    name: [ad.value_and_grad(f, argnums=wrt, backend=b) for b in BACKENDS]
    for name, (f, wrt) in CASES.items()
}


def matrices(dtype=np.float64):
    rng = np.random.default_rng(3)
    a = rng.standard_normal((N, N)) + 3 * np.eye(N)
    return a.astype(dtype), (a @ a.T + N * np.eye(N)).astype(dtype)


@pytest.mark.parametrize("name", LINEAR)
def test_linear_algebra_agrees_with_numpy_s(name):
    a, spd = matrices()
    a = spd / N if name == "cholesky" else a
    agree(LINEAR[name], (a, np.cos(a[:, :5])) if name == "solve" else (a,), 1e-11)


def test_one_right_side_and_single_floats():
    a, spd = matrices(np.float32)
    agree(LINEAR["solve"], (a, np.ones(N, np.float32)), 1e-3)
    agree(LINEAR["cholesky"], (spd / N,), 1e-4)
    a, _ = matrices()
    agree(LINEAR["solve"], (a, np.ones(N)), 1e-11)
    stack = np.stack([a, 2 * a])
    agree(LINEAR["solve"], (stack, np.ones((2, N, 3))), 1e-11)


@pytest.mark.parametrize("name", ["solve", "inv", "cholesky"])
def test_matrices_that_numpy_raises_for(name):
    a, spd = matrices()
    singular, b = a.copy(), (np.ones((N, 2)),) if name == "solve" else ()
    singular[:, 7] = 0.0
    spd[7, 7] = -1.0
    c, _ = LINEAR[name]
    with pytest.raises(np.linalg.LinAlgError):
        c(spd if name == "cholesky" else singular, *b)
    with pytest.raises(np.linalg.LinAlgError):
        CASES[name][0](spd if name == "cholesky" else singular, *b)


def test_the_determinant_of_a_singular_matrix():
    a, _ = matrices()
    a[:, 7] = 0.0
    with np.errstate(invalid="ignore"):
        assert ad.compile(volumes, backend="c")(a) == pytest.approx(volumes(a), nan_ok=True)


@pytest.mark.parametrize("name", LINEAR)
def test_nan_is_treated_as_numpy_treats_it(name):
    a, spd = matrices()
    a = spd if name == "cholesky" else a
    a[9, 5] = np.nan
    args = (a, np.ones(N)) if name == "solve" else (a,)
    function = ad.compile(CASES[name][0], backend="c")
    with np.errstate(all="ignore"):
        try:
            wanted = CASES[name][0](*args)
        except np.linalg.LinAlgError:
            with pytest.raises(np.linalg.LinAlgError):
                function(*args)
            return
        assert function(*args) == pytest.approx(wanted, nan_ok=True)


# --- what is said of it ---------------------------------------------------------------------------


def test_doctor_says_which(capsys, monkeypatch):
    main(["doctor"])
    assert "BLAS" in capsys.readouterr().out
    monkeypatch.setenv("AUTODIFF_COMPILER_BLAS", "none")
    main(["doctor"])
    assert "AUTODIFF_COMPILER_BLAS" in capsys.readouterr().out


def test_scipy_is_never_imported(tmp_path):
    file = tmp_path / "product.py"
    file.write_text(
        "import sys\nimport numpy as np\nimport autodiff_compiler as ad\n"
        "@ad.grad(backend='c')\n"
        "def f(x):\n    return np.sum((x @ x.T) ** 2)\n"
        "f(np.ones((20, 20)))\n"
        "assert not any(m.split('.')[0] == 'scipy' for m in sys.modules)\n"
    )
    subprocess.run([sys.executable, str(file)], check=True, env=dict(os.environ))
