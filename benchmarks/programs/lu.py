"""The LU factorisation without pivots, in place; the loss is the sum of both factors."""

import numpy as np

from ..registry import Program


def lu(A):
    A = A.copy()
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            A[i, j] -= A[i, :i] @ A[:i, j]
    return np.sum(A)


def loops(A0):
    A = A0.copy()
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            s = A[i, j]
            for k in range(j):
                s -= A[i, k] * A[k, j]
            A[i, j] = s / A[j, j]
        for j in range(i, n):
            s = A[i, j]
            for k in range(i):
                s -= A[i, k] * A[k, j]
            A[i, j] = s
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += A[i, j]
    return total


def data(n):
    return (np.random.default_rng(0).random((n, n)) / n + np.eye(n) * 2.0,)


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(A):
        n = A.shape[0]
        k = jnp.arange(n)

        def lower(j, A, i):
            a = (A[i, j] - jnp.where(k < j, A[i], 0.0) @ A[:, j]) / A[j, j]
            return A.at[i, j].set(jnp.where(j < i, a, A[i, j]))

        def upper(j, A, i):
            a = A[i, j] - jnp.where(k < i, A[i], 0.0) @ A[:, j]
            return A.at[i, j].set(jnp.where(j >= i, a, A[i, j]))

        def row(i, A):
            A = lax.fori_loop(0, n, lambda j, A: lower(j, A, i), A)
            return lax.fori_loop(0, n, lambda j, A: upper(j, A, i), A)

        return jnp.sum(lax.fori_loop(0, n, row, A))

    def row_carried(A):
        n = A.shape[0]
        k = jnp.arange(n)

        def row(i, A):
            def lower(j, r):
                a = (r[j] - jnp.where(k < j, r, 0.0) @ A[:, j]) / A[j, j]
                return jnp.where((k == j) & (j < i), a, r)

            r = lax.fori_loop(0, n, lower, A[i])
            return A.at[i].set(jnp.where(k < i, r, r - jnp.where(k < i, r, 0.0) @ A))

        return jnp.sum(lax.fori_loop(0, n, row, A))

    return {"": translation, "row carried": row_carried}


PROGRAM = Program(
    name="lu",
    primal=lu,
    argnums=(0,),
    data=data,
    sizes=((60,), (220,)),
    tiny=(5,),
    quick=(30,),
    jax=jax_forms,
    numba=loops,
    overwritten=lambda n: n * n,
)
