"""A symmetric update of rank k, lower triangle only: C = beta C + alpha A A^T."""

import numpy as np

from ..registry import Program


def syrk(alpha, beta, C, A):
    C = C.copy()
    n, m = A.shape
    for i in range(n):
        C[i, : i + 1] *= beta
        for k in range(m):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]
    return np.sum(C)


def loops(alpha, beta, C0, A):
    C = C0.copy()
    n, m = A.shape
    for i in range(n):
        for j in range(i + 1):
            C[i, j] *= beta
        for k in range(m):
            for j in range(i + 1):
                C[i, j] += alpha * A[i, k] * A[j, k]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += C[i, j]
    return total


def data(m, n):
    rng = np.random.default_rng(0)
    return 1.5, 1.2, rng.random((n, n)), rng.random((n, m))


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(alpha, beta, C, A):
        n, m = A.shape
        columns = jnp.arange(n)

        def row(i, C):
            kept = columns <= i

            def add(k, r):
                return r + jnp.where(kept, alpha * A[i, k] * A[:, k], 0.0)

            return C.at[i].set(lax.fori_loop(0, m, add, jnp.where(kept, beta * C[i], C[i])))

        return jnp.sum(lax.fori_loop(0, n, row, C))

    def library(alpha, beta, C, A):
        lower = jnp.tril(jnp.ones(C.shape, bool))
        return jnp.sum(jnp.where(lower, beta * C + alpha * (A @ A.T), C))

    return {"": translation, "library": library}


PROGRAM = Program(
    name="syrk",
    primal=syrk,
    argnums=(2, 3),
    data=data,
    sizes=((50, 70), (150, 200)),
    tiny=(3, 5),
    quick=(20, 30),
    jax=jax_forms,
    numba=loops,
    overwritten=lambda m, n: n * (n + 1) // 2,
)
