"""The Cholesky factorisation by rows, in place; the loss is the sum of the factor."""

import numpy as np

from ..registry import Program


def cholesky(A):
    A = A.copy()
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[j, :j]
            A[i, j] /= A[j, j]
        A[i, i] -= A[i, :i] @ A[i, :i]
        A[i, i] = np.sqrt(A[i, i])
    return np.sum(np.tril(A))


def loops(A0):
    A = A0.copy()
    n = A.shape[0]
    total = 0.0
    for i in range(n):
        for j in range(i):
            s = A[i, j]
            for k in range(j):
                s -= A[i, k] * A[j, k]
            A[i, j] = s / A[j, j]
            total += A[i, j]
        s = A[i, i]
        for k in range(i):
            s -= A[i, k] * A[i, k]
        A[i, i] = np.sqrt(s)
        total += A[i, i]
    return total


def data(n):
    B = np.random.default_rng(0).standard_normal((n, n))
    return (B @ B.T / n + 2.0 * np.eye(n),)


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(A):
        n = A.shape[0]
        k = jnp.arange(n)

        def column(j, A, i):
            a = (A[i, j] - jnp.where(k < j, A[i], 0.0) @ A[j]) / A[j, j]
            return A.at[i, j].set(jnp.where(j < i, a, A[i, j]))

        def row(i, A):
            A = lax.fori_loop(0, n, lambda j, A: column(j, A, i), A)
            known = jnp.where(k < i, A[i], 0.0)
            return A.at[i, i].set(jnp.sqrt(A[i, i] - known @ known))

        return jnp.sum(jnp.tril(lax.fori_loop(0, n, row, A)))

    def row_carried(A):
        n = A.shape[0]
        k = jnp.arange(n)

        def row(i, A):
            def column(j, r):
                a = (r[j] - jnp.where(k < j, r, 0.0) @ A[j]) / A[j, j]
                return jnp.where((k == j) & (j < i), a, r)

            r = lax.fori_loop(0, n, column, A[i])
            known = jnp.where(k < i, r, 0.0)
            return A.at[i].set(r.at[i].set(jnp.sqrt(r[i] - known @ known)))

        return jnp.sum(jnp.tril(lax.fori_loop(0, n, row, A)))

    def library(A):
        return jnp.sum(jnp.linalg.cholesky(A))

    return {"": translation, "row carried": row_carried, "library": library}


def canonical(gradients):
    """The library's gradient is symmetric, the program's is of the triangle that it reads."""
    return [g + g.T for g in gradients]


PROGRAM = Program(
    name="cholesky",
    primal=cholesky,
    argnums=(0,),
    data=data,
    sizes=((100,), (300,)),
    tiny=(5,),
    quick=(40,),
    jax=jax_forms,
    canonical=canonical,
    numba=loops,
    overwritten=lambda n: n * (n + 1) // 2,
)
