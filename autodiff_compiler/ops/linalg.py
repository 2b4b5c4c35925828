"""Linear algebra on matrices and stacks of them: solving, factorising, spectra.

A *signature* names the dims of operands and results by letters, "nn,nk->nk"; behind a semicolon
stand operands that are themselves the lengths of dims ("mn;k->k"). The dims in front broadcast.
Formulas: Giles, An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation (2008); Golub and Pereyra (1973) for the pseudoinverse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ir.op import Kink, Op, register
from ..ir.types import FLOATS, I64, Array, Dim, Scalar, Type, broadcast_dims
from .contract import column, matmul, row, swapped
from .elementwise import broadcast_known, select
from .shape import expand_dims, iota


def split(signature: str) -> tuple[list[str], str, list[str]]:
    """The dims of each array operand, the dims given as operands, the dims of each result."""
    left, _, right = signature.partition("->")
    arrays, _, sizes = left.partition(";")
    return arrays.split(","), sizes, right.split(",")


VALUES_TWICE = Kink("a value comes twice", "that of the vectors which are taken")
VECTORS_TWICE = Kink("a value comes twice", "infinite or nan")


def linalg(
    name: str, signature: str, evaluate: Callable[..., Any], *, vjp: Any, numpy: str,
    c: str | None, torch: str = "", spellings: tuple[str, ...] = (), effect: bool = True,
    reason: str = "singular, or not positive definite, or not finite",
    kinks: tuple[Kink, ...] = (),
) -> Op:  # fmt: skip
    """`c`: the helper that works on one matrix of doubles each: nonzero where NumPy raises, or for
    `reason`. None: the result is not settled by the operands alone (signs of eigenvectors), and only
    NumPy can give it.
    attrs["ones"]: which of the dims given as operands are known to be 1.
    """
    arrays, sizes, results = split(signature)

    def infer(attrs: Mapping[str, Any], *types: Type) -> tuple[Type, ...]:
        matrices, lengths = types[: len(arrays)], types[len(arrays) :]
        if len(matrices) != len(arrays) or len(lengths) != len(sizes):
            raise TypeError(f"{name} takes {signature}, not {types}")
        if len({t.dtype for t in matrices}) != 1 or matrices[0].dtype not in FLOATS:
            raise TypeError(f"{name} takes arrays of one float dtype, not {types}")
        if any(t.rank < len(d) for t, d in zip(matrices, arrays)):
            raise TypeError(f"{name} takes {signature}, not {types}")
        if any(t != Scalar(I64) for t in lengths):
            raise TypeError(f"{name} takes lengths of i64, not {lengths}")
        ones = attrs.get("ones", (False,) * len(sizes))
        known: dict[str, Dim] = {d: 1 if one else None for d, one in zip(sizes, ones)}
        batch = broadcast_dims(
            *(Array(t.dtype, t.dims[: t.rank - len(d)]) for t, d in zip(matrices, arrays))
        )
        for t, letters in zip(matrices, arrays):
            for letter, d in zip(letters, t.dims[t.rank - len(letters) :]):
                known[letter] = 1 if d == 1 else known.get(letter)
        return tuple(_typed(matrices[0].dtype, (*batch, *(known[x] for x in r))) for r in results)

    def dims(
        attrs: Mapping[str, Any], operands: Sequence[Value], given: Sequence[Sequence[KnownDim]]
    ) -> tuple[tuple[KnownDim, ...], ...]:
        ones = attrs.get("ones", (False,) * len(sizes))
        known: dict[str, KnownDim] = {
            d: 1 if one else n for d, one, n in zip(sizes, ones, operands[len(arrays) :])
        }
        for d, letters in zip(given, arrays):
            for letter, n in zip(letters, d[len(d) - len(letters) :]):
                known[letter] = n if isinstance(n, int) else known.get(letter, n)
        fronts = [d[: len(d) - len(x)] for d, x in zip(given, arrays)]
        batch = broadcast_known({}, (), fronts)[0]
        return tuple((*batch, *(known[x] for x in r)) for r in results)

    return register(
        Op(
            name, "linalg", infer, dims=dims, vjp=vjp, numpy=numpy, cost=2, effect=effect,
            torch=torch or numpy.replace("np.", "torch."),
            evaluate=lambda attrs, *x: evaluate(*x[: len(arrays)]), spellings=spellings,
            c=None if c is None else {"signature": signature, "call": c, "reason": reason},
            kinks=kinks,
        )
    )  # fmt: skip


def _typed(dtype: str, dims: tuple[Dim, ...]) -> Type:
    return Array(dtype, dims) if dims else Scalar(dtype)


# --- parts of matrices ------------------------------------------------------------------------------


def _places(x: Any) -> tuple[Any, Any]:
    """The numbers of the rows, as a column, and of the columns, as a row, of square matrices."""
    counted = iota(x.sizes[-1], dtype=I64, one=x.type.dims[-1] == 1)
    return column(counted), row(counted)


def _lower(x: Any) -> Any:
    i, j = _places(x)
    return select(j > i, 0, x)


def _upper(x: Any) -> Any:
    i, j = _places(x)
    return select(i > j, 0, x)


def _folded(x: Any) -> Any:
    """The cotangent of a symmetric matrix of which the lower triangle alone is read."""
    i, j = _places(x)
    return select(j > i, 0, select(i == j, x, x + swapped(x)))


def _with_diagonal(x: Any, diagonal: Any) -> Any:
    i, j = _places(x)
    return select(i == j, column(diagonal), x)


def _gaps(x: Any, differences: Any) -> Any:
    """The inverse of the differences between each two of a spectrum, 0 on the diagonal."""
    i, j = _places(x)
    return select(i == j, 0, 1 / select(i == j, 1, differences))


# --- solving ----------------------------------------------------------------------------------------


def _solve_vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
    share = solve(swapped(a), g)
    return [-matmul(share, swapped(y)), share]


def _solve_vector_vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
    share = solve_vector(swapped(a), g)
    return [-(column(share) * row(y)), share]


solve = linalg(
    "solve", "nn,nk->nk", np.linalg.solve, vjp=_solve_vjp, numpy="np.linalg.solve({x}, {y})",
    c="adc_solve", spellings=("np.linalg.solve",),
)  # fmt: skip
#: Of one matrix and one vector.
solve_vector = linalg(
    "solve_vector", "nn,n->n", np.linalg.solve, vjp=_solve_vector_vjp,
    numpy="np.linalg.solve({x}, {y})", c="adc_solve_vector", spellings=("np.linalg.solve",),
)  # fmt: skip
inv = linalg(
    "inv", "nn->nn", np.linalg.inv, numpy="np.linalg.inv({x})", c="adc_inv",
    vjp=lambda g, y, a: [-matmul(matmul(swapped(y), g), swapped(y))],
    spellings=("np.linalg.inv",),
)  # fmt: skip


def _spread(x: Any) -> Any:
    """A number for each matrix, to be multiplied with it."""
    return expand_dims(x, axes=(x.rank, x.rank + 1)) if x.rank else x


det = linalg(
    "det", "nn->", np.linalg.det, numpy="np.linalg.det({x})", c="adc_det", effect=False,
    vjp=lambda g, y, a: [_spread(g * y) * swapped(inv(a))], spellings=("np.linalg.det",),
)  # fmt: skip


def _slogdet_vjp(g: Any, y: Any, a: Any) -> list[Any]:
    """The sign is piecewise constant."""
    return [None if g[1] is None else _spread(g[1]) * swapped(inv(a))]


#: Sign, and logarithm of the absolute value, of the determinant.
slogdet = linalg(
    "slogdet", "nn->,", np.linalg.slogdet, numpy="np.linalg.slogdet({x})", c="adc_slogdet",
    effect=False, vjp=_slogdet_vjp, spellings=("np.linalg.slogdet",),
)  # fmt: skip


def _solve_lower(a: Any, b: Any) -> Any:
    return np.linalg.solve(np.tril(a), b)


def _solve_upper(a: Any, b: Any) -> Any:
    return np.linalg.solve(np.triu(a), b)


def _solve_lower_vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
    share = solve_upper(swapped(a), g)
    return [_lower(-matmul(share, swapped(y))), share]


def _solve_upper_vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
    share = solve_lower(swapped(a), g)
    return [_upper(-matmul(share, swapped(y))), share]


#: Only the lower (upper) triangle is read.
solve_lower = linalg(
    "solve_lower", "nn,nk->nk", _solve_lower, vjp=_solve_lower_vjp,
    numpy="np.linalg.solve(np.tril({x}), {y})", c="adc_solve_lower",
    torch="torch.linalg.solve_triangular({x}, {y}, upper=False)",
    spellings=("scipy.linalg.solve_triangular",),
)  # fmt: skip
solve_upper = linalg(
    "solve_upper", "nn,nk->nk", _solve_upper, vjp=_solve_upper_vjp,
    numpy="np.linalg.solve(np.triu({x}), {y})", c="adc_solve_upper",
    torch="torch.linalg.solve_triangular({x}, {y}, upper=True)",
    spellings=("scipy.linalg.solve_triangular",),
)  # fmt: skip


def _pinv_vjp(g: Any, y: Any, a: Any) -> list[Any]:
    """Where the rank is constant nearby (Golub and Pereyra)."""
    turned = swapped(g)
    first = matmul(matmul(turned, y), swapped(y))
    second = matmul(swapped(y), matmul(y, turned))
    through = matmul(matmul(swapped(y), g), swapped(y))
    outside = first - matmul(a, matmul(y, first))
    return [outside + (second - matmul(matmul(second, y), a)) - through]


pinv = linalg(
    "pinv", "mn->nm", np.linalg.pinv, vjp=_pinv_vjp, numpy="np.linalg.pinv({x})", c="adc_pinv",
    spellings=("np.linalg.pinv",),
    kinks=(Kink("rank changes", "that at constant rank"),),
)  # fmt: skip

# --- factorisations ---------------------------------------------------------------------------------


def _cholesky_vjp(g: Any, y: Any, a: Any) -> list[Any]:
    product = matmul(swapped(y), g)
    i, j = _places(product)
    halved = select(j > i, 0, select(i == j, 0.5 * product, product))
    half = solve_upper(swapped(y), halved)
    return [_folded(swapped(solve_upper(swapped(y), swapped(half))))]


#: PyTorch spreads a derivative over both triangles; NumPy reads one.
_SYMMETRIC = "torch.tril({x}) + torch.tril({x}, -1).mT"

#: The lower factor; only the lower triangle is read.
cholesky = linalg(
    "cholesky", "nn->nn", np.linalg.cholesky, vjp=_cholesky_vjp,
    numpy="np.linalg.cholesky({x})", torch=f"torch.linalg.cholesky({_SYMMETRIC})", c="adc_cholesky", spellings=("np.linalg.cholesky",),
)  # fmt: skip


def _qr_vjp(g: Any, y: Any, a: Any) -> list[Any]:
    (gq, gr), (q, r) = g, y
    parts = []
    if gr is not None:
        parts.append(matmul(r, swapped(gr)))
    if gq is not None:
        parts.append(-matmul(swapped(gq), q))
    mixed = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    i, j = _places(mixed)
    symmetric = select(j > i, swapped(mixed), mixed)
    whole = matmul(q, symmetric)
    whole = whole if gq is None else gq + whole
    return [swapped(solve_upper(r, swapped(whole)))]


#: Of matrices with no fewer rows than columns (checked before), for formulas in which signs cancel.
orthogonal = linalg(
    "orthogonal", "mn->mn,nn", np.linalg.qr, vjp=_qr_vjp, numpy="np.linalg.qr({x})", c="adc_qr",
    effect=False,
)  # fmt: skip
#: The same for users: the signs are LAPACK's, and a kernel in C stops where one hangs on rounding.
qr = linalg(
    "qr", "mn->mn,nn", np.linalg.qr, vjp=_qr_vjp, numpy="np.linalg.qr({x})", c="adc_qr_signed",
    effect=False, spellings=("np.linalg.qr",), reason="the sign of a column of Q hangs on rounding",
)  # fmt: skip

# --- spectra ----------------------------------------------------------------------------------------


def _eigh_vjp(g: Any, y: Any, a: Any) -> list[Any]:
    (gw, gv), (w, v) = g, y
    if gv is None:
        return [_folded(matmul(v * row(gw), swapped(v)))]
    inner = _gaps(v, row(w) - column(w)) * matmul(swapped(v), gv)
    if gw is not None:
        inner = _with_diagonal(inner, gw)
    return [_folded(matmul(matmul(v, inner), swapped(v)))]


def _eigvalsh_vjp(g: Any, y: Any, a: Any) -> list[Any]:
    return _eigh_vjp((g, None), eigen(a), a)


#: Ascending eigenvalues of symmetric matrices, of which the lower triangle is read.
eigvalsh = linalg(
    "eigvalsh", "nn->n", np.linalg.eigvalsh, vjp=_eigvalsh_vjp,
    numpy="np.linalg.eigvalsh({x})", torch=f"torch.linalg.eigvalsh({_SYMMETRIC})", c="adc_eigvalsh", spellings=("np.linalg.eigvalsh",),
    kinks=(VALUES_TWICE,),
)  # fmt: skip
#: Eigenvalues and eigenvectors for formulas in which the vectors' signs cancel.
eigen = linalg(
    "eigen", "nn->n,nn", np.linalg.eigh, vjp=_eigh_vjp, numpy="np.linalg.eigh({x})", c="adc_eigh",
    torch=f"torch.linalg.eigh({_SYMMETRIC})",
    kinks=(VECTORS_TWICE,),
)  # fmt: skip
#: The same for users, who see the signs.
eigh = linalg(
    "eigh", "nn->n,nn", np.linalg.eigh, vjp=_eigh_vjp, numpy="np.linalg.eigh({x})", c=None,
    torch=f"torch.linalg.eigh({_SYMMETRIC})",
    spellings=("np.linalg.eigh",),
    kinks=(VECTORS_TWICE,),
)  # fmt: skip


def _svd_vjp(g: Any, y: Any, a: Any, k: Any, **attrs: Any) -> list[Any]:
    (gu, gs, gvh), (u, s, vh) = g, y
    scaled = u if gs is None else u * row(gs)
    total = None if gs is None else matmul(scaled, vh)
    differences = (row(s) - column(s)) * (row(s) + column(s))
    if gu is not None:
        own = matmul(swapped(u), gu)
        inner = _gaps(own, differences) * (own - swapped(own))
        share = matmul(matmul(u, inner) * row(s) + (gu - matmul(u, own)) / row(s), vh)
        total = share if total is None else total + share
    if gvh is not None:
        own = matmul(vh, swapped(gvh))
        inner = _gaps(own, differences) * (own - swapped(own))
        outside = (gvh - matmul(swapped(own), vh)) / column(s)
        share = matmul(u, column(s) * matmul(inner, vh) + outside)
        total = share if total is None else total + share
    return [total, None]


def _svdvals_vjp(g: Any, y: Any, a: Any, k: Any, **attrs: Any) -> list[Any]:
    return _svd_vjp((None, g, None), singular(a, k, **attrs), a, k)


def _reduced(a: Any) -> Any:
    return np.linalg.svd(a, full_matrices=False)


def _values(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


#: Singular values, descending; k is the smaller of m and n.
svdvals = linalg(
    "svdvals", "mn;k->k", _values, vjp=_svdvals_vjp, c="adc_svdvals",
    numpy="np.linalg.svd({x}, compute_uv=False)", torch="torch.linalg.svdvals({x})", spellings=("np.linalg.svdvals",),
    kinks=(VALUES_TWICE,),
)  # fmt: skip
#: The reduced factors, for formulas in which the vectors' signs cancel.
singular = linalg(
    "singular", "mn;k->mk,k,kn", _reduced, vjp=_svd_vjp, c="adc_svd",
    numpy="np.linalg.svd({x}, full_matrices=False)",
    kinks=(VECTORS_TWICE,),
)  # fmt: skip
#: The same for users, who see the signs.
svd = linalg(
    "svd", "mn;k->mk,k,kn", _reduced, vjp=_svd_vjp, c=None,
    numpy="np.linalg.svd({x}, full_matrices=False)", spellings=("np.linalg.svd",),
    kinks=(VECTORS_TWICE,),
)  # fmt: skip
