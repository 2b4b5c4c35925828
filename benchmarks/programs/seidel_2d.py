"""Gauss-Seidel sweeps of the nine-point average over a square, in place."""

import ctypes

import numpy as np

from ..hand import ARRAY, SIZE, Results, pointer
from ..registry import Hand, Program


def seidel_2d(tsteps, A):
    A = A.copy()
    n = A.shape[0]
    for t in range(tsteps):
        for i in range(1, n - 1):
            A[i, 1:-1] += (
                A[i - 1, :-2] + A[i - 1, 1:-1] + A[i - 1, 2:]
                + A[i, 2:]
                + A[i + 1, :-2] + A[i + 1, 1:-1] + A[i + 1, 2:]
            )  # fmt: skip
            for j in range(1, n - 1):
                A[i, j] = (A[i, j] + A[i, j - 1]) / 9.0
    return np.sum(A)


def loops(tsteps, A0):
    A = A0.copy()
    n = A.shape[0]
    for t in range(tsteps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                A[i, j] = (
                    A[i - 1, j - 1] + A[i - 1, j] + A[i - 1, j + 1]
                    + A[i, j - 1] + A[i, j] + A[i, j + 1]
                    + A[i + 1, j - 1] + A[i + 1, j] + A[i + 1, j + 1]
                ) / 9.0  # fmt: skip
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += A[i, j]
    return total


def data(tsteps, n):
    return tsteps, np.random.default_rng(0).random((n, n))


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(tsteps, A):
        n = A.shape[0]

        def element(j, A, i):
            return A.at[i, j].set((A[i, j] + A[i, j - 1]) / 9.0)

        def row(i, A):
            A = A.at[i, 1:-1].add(
                A[i - 1, :-2] + A[i - 1, 1:-1] + A[i - 1, 2:] + A[i, 2:]
                + A[i + 1, :-2] + A[i + 1, 1:-1] + A[i + 1, 2:]
            )  # fmt: skip
            return lax.fori_loop(1, n - 1, lambda j, A: element(j, A, i), A)

        def step(t, A):
            return lax.fori_loop(1, n - 1, row, A)

        return jnp.sum(lax.fori_loop(0, tsteps, step, A))

    def scans(tsteps, A):
        def relax(left, sum_of_rest):
            x = (sum_of_rest + left) / 9.0
            return x, x

        def row(above, rows):
            old, below = rows
            rest = (
                above[:-2] + above[1:-1] + above[2:] + old[1:-1] + old[2:]
                + below[:-2] + below[1:-1] + below[2:]
            )  # fmt: skip
            _, new = lax.scan(relax, old[0], rest)
            new = jnp.concatenate([old[:1], new, old[-1:]])
            return new, new

        def step(t, A):
            _, rows = lax.scan(row, A[0], (A[1:-1], A[2:]))
            return jnp.concatenate([A[:1], rows, A[-1:]])

        return jnp.sum(lax.fori_loop(0, tsteps, step, A))

    return {"": translation, "scan": scans}


# The program is linear: its adjoint needs nothing of the forward sweep.
SOURCE = """
double seidel_vg(long tsteps, long n, const double *A0, double *A, double *d) {
    memcpy(A, A0, n * n * sizeof(double));
    for (long t = 0; t < tsteps; t++)
        for (long i = 1; i < n - 1; i++) {
            const double *up = A + (i - 1) * n, *down = A + (i + 1) * n;
            double *row = A + i * n;
            #pragma omp simd
            for (long j = 1; j < n - 1; j++)
                row[j] += up[j - 1] + up[j] + up[j + 1] + row[j + 1] + down[j - 1] + down[j] + down[j + 1];
            double left = row[0];
            for (long j = 1; j < n - 1; j++) row[j] = left = (row[j] + left) / 9.0;
        }
    double total = 0.0;
    #pragma omp simd reduction(+:total)
    for (long k = 0; k < n * n; k++) total += A[k];
    for (long k = 0; k < n * n; k++) d[k] = 1.0;
    for (long t = 0; t < tsteps; t++)
        for (long i = n - 2; i >= 1; i--) {
            double *up = d + (i - 1) * n, *down = d + (i + 1) * n, *row = d + i * n;
            double right = 0.0;
            for (long j = n - 2; j >= 1; j--) row[j] = right = (row[j] + right) / 9.0;
            row[0] += right;
            /* row[j] is now the adjoint of the sum of nine; it reaches each of their places. */
            double *g = A;
            memcpy(g, row, n * sizeof(double));
            g[0] = g[n - 1] = 0.0;
            up[0] += g[1];
            down[0] += g[1];
            up[n - 1] += g[n - 2];
            down[n - 1] += g[n - 2];
            row[n - 1] += g[n - 2];
            #pragma omp simd
            for (long j = 1; j < n - 1; j++) {
                double s = g[j - 1] + g[j] + g[j + 1];
                up[j] += s;
                down[j] += s;
                row[j] += g[j - 1];
            }
        }
    return total;
}
"""


def call(library):
    kept = Results()
    run = library.function("seidel_vg", SIZE, SIZE, ARRAY, ARRAY, ARRAY, result=ctypes.c_double)

    def value_and_grad(tsteps, A):
        work, d_A = kept.like("work", A), kept.like("d_A", A)
        return run(tsteps, A.shape[0], pointer(A), pointer(work), pointer(d_A)), [d_A]

    return value_and_grad


PROGRAM = Program(
    name="seidel_2d",
    primal=seidel_2d,
    argnums=(1,),
    data=data,
    sizes=((8, 50), (15, 100), (50, 200)),
    tiny=(2, 6),
    jax=jax_forms,
    numba=loops,
    hand=Hand(SOURCE, call),
    overwritten=lambda tsteps, n: tsteps * (n - 2) ** 2,
)
