"""Linear algebra: numbers of the C helpers against LAPACK's, what raises, shapes, dtypes, loops."""

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler import UnsupportedError
from autodiff_compiler.testing import check_grads
from tests.c_kernels import needs_compiler

pytestmark = needs_compiler
BACKENDS = ("python", "c")
both = pytest.mark.parametrize("backend", BACKENDS)


def in_c(f, *args):
    return ad.compile(f, backend="c")(*args)


def solve(a, b):
    return np.linalg.solve(a, b)


def inv(a):
    return np.linalg.inv(a)


def det(a):
    return np.linalg.det(a)


def slogdet(a):
    sign, logarithm = np.linalg.slogdet(a)
    return sign, logarithm


def cholesky(a):
    return np.linalg.cholesky(a)


def qr(a):
    q, r = np.linalg.qr(a)
    return q, r


def eigvalsh(a):
    return np.linalg.eigvalsh(a)


def singular(a):
    return np.linalg.svd(a, compute_uv=False)


def pinv(a):
    return np.linalg.pinv(a)


def norms(a):
    nuclear, largest = np.linalg.norm(a, "nuc"), np.linalg.norm(a, 2)
    return nuclear, largest, np.linalg.norm(a, -2)


def close(ours, theirs, rtol, scale=None):
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for x, y in zip(ours, theirs):
            close(x, y, rtol, scale)
        return
    assert np.shape(ours) == np.shape(theirs)
    assert np.asarray(ours).dtype == np.asarray(theirs).dtype
    size = np.max(np.abs(theirs), initial=0.0) if scale is None else scale
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * size)


def square(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n))


def definite(n, seed=0):
    a = square(n, seed)
    return a @ a.T / n + np.eye(n)


def ill(n, condition, seed=0):
    """A matrix with singular values from 1 down to 1 / condition."""
    q, _ = np.linalg.qr(square(n, seed))
    p, _ = np.linalg.qr(square(n, seed + 1))
    return q * np.logspace(0, -np.log10(condition), n) @ p


SIZES = [0, 1, 2, 3, 5, 17, 40, 100]


@pytest.mark.parametrize("n", SIZES)
def test_against_lapack(n):
    a, s = square(n), definite(n)
    close(in_c(inv, a), inv(a), 1e-10)
    close(in_c(det, a), det(a), 1e-11)
    close(in_c(slogdet, a), slogdet(a), 1e-12)
    close(in_c(cholesky, s), cholesky(s), 1e-13)
    close(in_c(eigvalsh, s), eigvalsh(s), 1e-12)
    close(in_c(eigvalsh, a), eigvalsh(a), 1e-12)
    for columns in (1, 3):
        b = np.random.default_rng(7).normal(size=(n, columns))
        close(in_c(solve, a, b), solve(a, b), 1e-10)
    b = np.random.default_rng(8).normal(size=n)
    close(in_c(solve, a, b), solve(a, b), 1e-10)


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 1), (5, 3), (1, 4), (3, 7), (40, 40), (90, 30), (30, 90), (4, 0), (0, 4)]
)
def test_rectangular_against_lapack(shape):
    a = np.random.default_rng(3).normal(size=shape)
    close(in_c(singular, a), singular(a), 1e-12)
    close(in_c(pinv, a), pinv(a), 1e-10)
    if min(shape):
        close(in_c(norms, a), norms(a), 1e-12)
    if shape[0] >= shape[1]:
        close(in_c(qr, a), qr(a), 1e-12)


@pytest.mark.parametrize("condition", [1e4, 1e8, 1e12])
def test_ill_conditioned(condition):
    a = ill(30, condition)
    x = np.ones(30)
    close(in_c(solve, a, a @ x), x, 1e-14 * condition)
    close(in_c(singular, a), singular(a), 1e-13)
    close(in_c(inv, a), inv(a), 1e-14 * condition)
    s = a @ a.T + 1e-9 * np.eye(30)
    close(in_c(eigvalsh, s), eigvalsh(s), 1e-13)
    close(in_c(cholesky, s), cholesky(s), 1e-6)
    q, r = in_c(qr, a)
    close(q @ r, a, 1e-14)
    close(q.T @ q, np.eye(30), 1e-13)


def test_spectra_with_structure():
    zeros, ones = np.zeros((4, 4)), np.ones((5, 5))
    for a in (zeros, ones, np.eye(6), np.diag([3.0, -1.0, 3.0, 0.0]), 1e150 * definite(5)):
        close(in_c(eigvalsh, a), eigvalsh(a), 1e-13)
        close(in_c(singular, a), singular(a), 1e-13)
    close(in_c(pinv, ones), pinv(ones), 1e-13)
    close(in_c(det, ones), 0.0, 1e-13, scale=1.0)
    assert in_c(slogdet, zeros) == (0.0, -np.inf)
    assert in_c(det, np.array([[0.0, 1.0], [1.0, 0.0]])) == -1.0


@pytest.mark.parametrize("n", [2, 7, 60])
def test_vectors_of_the_helpers(n):
    """Gradients of sums over spectra put the matrix together again from the vectors."""
    q, _ = np.linalg.qr(square(n))
    for w in (np.arange(n) - 1.0, np.repeat(1.0, n), np.logspace(0, -12, n), np.arange(n) // 2):
        s = (q * w) @ q.T
        s = s + s.T
        gradient = ad.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), backend="c")(s)
        close(gradient, 4 * np.tril(s, -1) + 2 * np.diag(np.diag(s)), 1e-13)
    a = q * np.logspace(0, -6, n)
    gradient = ad.grad(lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 2), backend="c")(a)
    close(gradient, 2 * a, 1e-13)


def test_lower_triangle_alone_is_read():
    s = definite(4)
    low = np.tril(s) + np.triu(np.full((4, 4), np.nan), 1)
    for f in (cholesky, eigvalsh):
        close(in_c(f, low), f(s), 1e-13)
        gradient = ad.grad(lambda a, f=f: np.sum(f(a)), backend="c")(low)
        assert np.all(np.triu(gradient, 1) == 0) and np.all(np.isfinite(gradient))


@pytest.mark.parametrize("f", [inv, det, slogdet, cholesky, eigvalsh, singular, pinv, qr])
def test_stacks(f):
    a = np.stack([definite(4, k) for k in range(6)]).reshape(2, 3, 4, 4)
    close(in_c(f, a), tuple(f(a)) if isinstance(f(a), tuple) else f(a), 1e-12)
    one = a[:1, :1]
    close(in_c(f, one), f(one), 1e-12)
    nothing = np.zeros((0, 4, 4))
    close(in_c(f, nothing), f(nothing), 1e-12)


@pytest.mark.parametrize("f", [inv, det, slogdet, cholesky, eigvalsh, singular, pinv, qr])
@both
def test_float32_and_integers(f, backend):
    a = definite(5).astype(np.float32)
    close(ad.compile(f, backend=backend)(a), f(a), 2e-5)
    whole = np.array([[5, 1, 0], [1, 7, 2], [0, 2, 6]])
    close(ad.compile(f, backend=backend)(whole), f(whole), 1e-12)


@both
def test_gradients_in_float32(backend):
    def f(a, b):
        return np.sum(np.linalg.solve(a, b)) + np.linalg.slogdet(a)[1]

    a, b = definite(4).astype(np.float32), np.ones(4, np.float32)
    gradient = ad.grad(f, argnums=(0, 1), backend=backend)(a, b)
    expected = ad.grad(f, argnums=(0, 1), backend="python")(a.astype(float), b.astype(float))
    for g, e in zip(gradient, expected):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-5)


@both
def test_views_as_operands(backend):
    def f(a, b):
        x = np.linalg.solve(a.T, b[::-1])
        y = np.linalg.solve(a[::-1, ::-1], b[:, 0])
        return (
            np.sum(np.sin(x))
            + np.sum(y)
            + np.linalg.det(a[1:, :-1])
            + np.linalg.inv(a[0::2, ::2])[0, 1]
        )

    a, b = square(4) + 4 * np.eye(4), np.random.default_rng(1).normal(size=(4, 3))
    wide = np.random.default_rng(2).normal(size=(8, 8)) + 9 * np.eye(8)
    for given in (a, np.asfortranarray(a), wide[::2, ::2], a.T):
        close(ad.compile(f, backend=backend)(given, b), f(given, b), 1e-12)
    check_grads(f, (a, b), (0, 1), order=2, backends=(backend,))


# --- what raises ------------------------------------------------------------------------------------

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])


def solve_ones(a):
    return np.sum(np.linalg.solve(a, np.ones(2)))


def sum_of_inverse(a):
    return np.sum(np.linalg.inv(a))


def sum_of_factor(a):
    return np.sum(np.linalg.cholesky(a))


def sum_of_values(a):
    return np.sum(np.linalg.svd(a, compute_uv=False))


@both
def test_nan_goes_through_where_lapack_lets_it(backend):
    a = np.full((2, 2), np.nan)
    for f in (sum_of_factor, sum_of_inverse, solve_ones):
        assert np.isnan(f(a)) and np.isnan(ad.compile(f, backend=backend)(a))


@both
@pytest.mark.parametrize(
    ("f", "a", "message"),
    [
        (solve_ones, SINGULAR, "Singular matrix"),
        (sum_of_inverse, SINGULAR, "Singular matrix"),
        (sum_of_inverse, np.stack([np.eye(2), SINGULAR]), "Singular matrix"),
        (sum_of_factor, INDEFINITE, "not positive definite"),
        (sum_of_factor, -np.eye(1), "not positive definite"),
        (sum_of_values, np.full((2, 2), np.nan), "did not converge"),
        (sum_of_inverse, np.ones((2, 3)), "must be square"),
    ],
)
def test_linalg_errors(f, a, message, backend):
    for made in (ad.compile(f, backend=backend), ad.grad(f, backend=backend)):
        with pytest.raises(np.linalg.LinAlgError, match=message):
            made(a)


@both
def test_a_result_that_nobody_reads_raises_too(backend):
    def f(a, x):
        np.linalg.inv(a)
        return x * x

    assert ad.grad(f, argnums=1, backend=backend)(np.eye(2), 3.0) == 6.0
    with pytest.raises(np.linalg.LinAlgError):
        ad.grad(f, argnums=1, backend=backend)(SINGULAR, 3.0)


@both
def test_in_a_branch_that_is_not_taken_nothing_raises(backend):
    def f(a, x):
        if x > 0:
            return x * np.sum(np.linalg.inv(a))
        return x

    assert ad.grad(f, argnums=1, backend=backend)(SINGULAR, -1.0) == 1.0
    with pytest.raises(np.linalg.LinAlgError):
        ad.grad(f, argnums=1, backend=backend)(SINGULAR, 1.0)


@both
def test_shapes_that_do_not_fit(backend):
    with pytest.raises(ValueError):
        ad.grad(lambda a, b: np.sum(np.linalg.solve(a, b)), backend=backend)(np.eye(3), np.ones(2))
    with pytest.raises(np.linalg.LinAlgError):
        ad.grad(lambda a: np.sum(np.linalg.inv(a)), backend=backend)(np.ones(3))
    with pytest.raises(ValueError):
        ad.grad(lambda a, b: np.sum(np.einsum("ij,jk", a, b)), backend=backend)(
            np.ones((2, 3)), np.ones((2, 3))
        )
    with pytest.raises(ValueError):
        ad.grad(lambda a, b: np.sum(a @ b), backend=backend)(np.ones((2, 3, 4)), np.ones((3, 4, 5)))


@both
def test_what_has_no_gradient_here_is_refused(backend):
    singular_ = np.ones((3, 3))
    assert abs(ad.compile(det, backend=backend)(singular_)) < 1e-12
    with pytest.raises(UnsupportedError):
        ad.grad(det, backend=backend)(np.zeros((2, 2)))
    with pytest.raises(UnsupportedError, match="full rank"):
        ad.grad(lambda a: np.sum(np.linalg.lstsq(a, np.ones(4))[0]), backend=backend)(
            np.ones((4, 2))
        )
    with pytest.raises(UnsupportedError, match="more columns than rows"):
        ad.grad(lambda a: np.sum(np.linalg.qr(a)[1]), backend=backend)(np.ones((2, 4)))
    with pytest.raises(UnsupportedError, match="residuals"):
        ad.grad(lambda a: np.sum(np.linalg.lstsq(a, np.ones(4))[1]), backend=backend)(square(4))
    with pytest.raises(UnsupportedError, match="eigvals"):
        ad.grad(lambda a: np.sum(np.linalg.eigvals(a)), backend=backend)(square(3))


def an_underscore_that_is_read(k):
    _, logarithm = np.linalg.slogdet(k)
    w, v = np.linalg.eigh(k)
    np.linalg.inv(k)
    rows, _rows = np.nonzero(k > 100.0)
    return _ * logarithm * abs(v[0, 0]) + len(_rows)


def test_an_underscore_is_a_name_like_any_other():
    k = definite(3) - 1.5 * np.eye(3)
    assert ad.compile(an_underscore_that_is_read)(k) == an_underscore_that_is_read(k)
    check_grads(an_underscore_that_is_read, (k,), backends=("python",))


# --- vectors whose signs only NumPy knows ----------------------------------------------------------------


def first_axis(a):
    w, v = np.linalg.eigh(a)
    return v[0, 0] + w[0]


def test_eigenvectors_have_no_form_in_c():
    a = definite(3)
    with pytest.raises(UnsupportedError, match="no form in C") as refused:
        ad.grad(first_axis, backend="c")(a)
    assert refused.value.lineno and "auto" in refused.value.hint
    np.testing.assert_array_equal(ad.grad(first_axis)(a), ad.grad(first_axis, backend="python")(a))
    assert ad.compile(first_axis)(a) == first_axis(a)


def reconstruction_error(x):
    centred = x - x.mean(axis=0)
    w, v = np.linalg.eigh(centred.T @ centred)
    top = v[:, -2:]
    return np.sum((centred - centred @ top @ top.T) ** 2) + w[0]


def procrustes(x):
    u, _, vh = np.linalg.svd(x[:4].T @ x[4:])
    return np.sum((x[:4] @ u @ vh - x[4:]) ** 2)


def entries_of_vectors(x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    w, v = np.linalg.eigh(x.T @ x, UPLO="U")
    return np.sum(np.sin(u) * s) + vh[0, 1] ** 3 + v[1, 1] * w[0]


def vectors_of_a_stack(x):
    stack = np.stack((x[:4], x[2:6], x[4:8])) @ np.diag([1.0, 2.0, 3.0, 4.0])
    w, v = np.linalg.eigh(stack + stack.swapaxes(1, 2))
    u, s, vh = np.linalg.svd(stack[:, :3], full_matrices=False)
    return np.sum(v[:, 0] * w) + np.sum(np.cos(u @ vh[:, :, 1:])) + s[1, 0]


@pytest.mark.parametrize(
    "f", [reconstruction_error, procrustes, entries_of_vectors, vectors_of_a_stack]
)
def test_vectors_in_python(f):
    check_grads(f, (np.random.default_rng(5).normal(size=(8, 4)),), order=2, backends=("python",))


def test_a_sign_that_hangs_on_rounding_stops_the_kernel():
    """The second column is orthogonal to the first: LAPACK's sign there is that of a rounding error."""
    a = np.array([[3.0, 4.0], [4.0, -3.0], [0.0, 1.0]])
    try:
        close(in_c(qr, a), qr(a), 1e-12)
    except UnsupportedError as error:
        assert "hangs on rounding" in str(error)


# --- in programs ------------------------------------------------------------------------------------------


def refined(a, b):
    x = b
    for _ in range(3):
        x = x + np.linalg.solve(a, b - a @ np.tanh(x))
    return np.sum(x * x)


def factors_on_the_way(a, n):
    total = 0.0
    s = a.copy()
    for k in range(n):
        l = np.linalg.cholesky(s)  # noqa: E741
        total = total + np.log(l[0, 0]) + l[-1, 0]
        s[k, k] += total
        if total > 100.0:
            break
    return total + np.linalg.slogdet(s)[1]


def switched(a, x):
    if np.linalg.det(a) > x:
        w = np.linalg.eigvalsh(a)
    else:
        w = np.linalg.svd(a, compute_uv=False)
    return np.sum(w**3) * x


def sizes_from_data(a, m):
    part = a[: int(np.sum(m)), : int(np.sum(m))]
    return np.linalg.slogdet(part)[1]


@pytest.mark.parametrize(
    ("f", "args", "argnums"),
    [
        (refined, (square(3) + 4 * np.eye(3), np.ones(3)), (0, 1)),
        (factors_on_the_way, (definite(4), 3), 0),
        (switched, (definite(3), 0.5), (0, 1)),
        (switched, (definite(3), 50.0), (0, 1)),
        (sizes_from_data, (definite(5), np.array([True, True, False, True])), 0),
    ],
)
def test_in_loops_and_branches(f, args, argnums):
    check_grads(f, args, argnums, order=1)
    if not isinstance(args[1], (int, np.ndarray)) or f is refined:
        check_grads(f, args, 0, order=2)


@pytest.mark.parametrize("n", [1, 2])
def test_dims_of_one(n):
    a = definite(n)

    def f(a):
        b = np.ones((a.shape[0], 1))
        return np.sum(np.linalg.solve(a, b)) * np.linalg.det(a) + np.sum(np.linalg.norm(a, axis=0))

    check_grads(f, (a,), order=2)
    check_grads(lambda a: np.sum(np.linalg.svd(a[:, :1], compute_uv=False)), (a,), order=2)
    check_grads(
        lambda a: np.linalg.norm(a[:1], "nuc") + np.sum(np.linalg.cholesky(a)), (a,), order=2
    )


@both
def test_nothing_at_all(backend):
    def f(a):
        return np.sum(np.linalg.inv(a)) + np.linalg.det(a) + np.linalg.slogdet(a)[1]

    value, gradient = ad.value_and_grad(f, backend=backend)(np.zeros((0, 0)))
    assert value == 1.0 and gradient.shape == (0, 0)
    stack = ad.grad(lambda a: np.sum(np.linalg.det(a)), backend=backend)(np.zeros((0, 3, 3)))
    assert stack.shape == (0, 3, 3)


@both
def test_repeated_values_have_a_derivative(backend):
    """That of a sum over all of them; vectors have none: their formula divides by zero."""
    gradient = ad.grad(lambda a: np.sum(np.linalg.eigvalsh(a)), backend=backend)(np.eye(3))
    np.testing.assert_allclose(gradient, np.eye(3), atol=1e-15)
    gradient = ad.grad(lambda a: np.linalg.norm(a, "nuc"), backend=backend)(2 * np.eye(3))
    np.testing.assert_allclose(gradient, np.eye(3), atol=1e-15)
