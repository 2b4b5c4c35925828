"""The five-point average over a square, from one array to another and back."""

import numpy as np

from ..hand import ARRAY, SIZE, Results, pointer
from ..registry import Hand, Program


def jacobi_2d(tsteps, A, B):
    A = A.copy()
    B = B.copy()
    for t in range(tsteps):
        B[1:-1, 1:-1] = 0.2 * (
            A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1]
        )
        A[1:-1, 1:-1] = 0.2 * (
            B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1]
        )
    return np.sum(A)


def loops(tsteps, A0, B0):
    A = A0.copy()
    B = B0.copy()
    n = A.shape[0]
    for t in range(tsteps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                B[i, j] = 0.2 * (A[i, j] + A[i, j - 1] + A[i, j + 1] + A[i + 1, j] + A[i - 1, j])
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                A[i, j] = 0.2 * (B[i, j] + B[i, j - 1] + B[i, j + 1] + B[i + 1, j] + B[i - 1, j])
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += A[i, j]
    return total


def data(tsteps, n):
    rng = np.random.default_rng(0)
    return tsteps, rng.random((n, n)), rng.random((n, n))


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def average(X):
        return 0.2 * (X[1:-1, 1:-1] + X[1:-1, :-2] + X[1:-1, 2:] + X[2:, 1:-1] + X[:-2, 1:-1])

    def translation(tsteps, A, B):
        def step(t, arrays):
            A, B = arrays
            B = B.at[1:-1, 1:-1].set(average(A))
            A = A.at[1:-1, 1:-1].set(average(B))
            return A, B

        return jnp.sum(lax.fori_loop(0, tsteps, step, (A, B))[0])

    return {"": translation}


def torch_form():
    import torch

    def average(X):
        return 0.2 * (X[1:-1, 1:-1] + X[1:-1, :-2] + X[1:-1, 2:] + X[2:, 1:-1] + X[:-2, 1:-1])

    def loss(tsteps, A, B):
        A, B = A.clone(), B.clone()
        for _ in range(tsteps):
            B[1:-1, 1:-1] = average(A)
            A[1:-1, 1:-1] = average(B)
        return torch.sum(A)

    return loss


# Linear, so nothing of the forward sweep is kept. Each statement overwrites the inner elements, so
# their adjoints before it are a gather of those after it, from one array to another with a border of
# zeros; only the borders' adjoints accumulate.
SOURCE = """
static void average(long n, const double *restrict x, double *restrict y) {
    for (long i = 1; i < n - 1; i++) {
        const double *row = x + i * n, *up = row - n, *down = row + n;
        double *out = y + i * n;
        #pragma omp simd
        for (long j = 1; j < n - 1; j++)
            out[j] = 0.2 * (row[j] + row[j - 1] + row[j + 1] + down[j] + up[j]);
    }
}

static void border(long n, const double *restrict g, double *restrict d) {
    for (long j = 1; j < n - 1; j++) {
        d[j] += 0.2 * g[n + j];
        d[(n - 1) * n + j] += 0.2 * g[(n - 2) * n + j];
        d[j * n] += 0.2 * g[j * n + 1];
        d[j * n + n - 1] += 0.2 * g[j * n + n - 2];
    }
}

double jacobi_vg(long tsteps, long n, const double *A0, const double *B0, double *d_A, double *d_B) {
    long bytes = n * n * sizeof(double);
    double *A = malloc(bytes), *B = malloc(bytes), total = 0.0;
    memcpy(A, A0, bytes);
    memcpy(B, B0, bytes);
    for (long t = 0; t < tsteps; t++) {
        average(n, A, B);
        average(n, B, A);
    }
    #pragma omp simd reduction(+:total)
    for (long k = 0; k < n * n; k++) total += A[k];
    memset(d_B, 0, bytes);
    memset(A, 0, bytes);
    memset(B, 0, bytes);
    for (long k = 0; k < n * n; k++) d_A[k] = 1.0;
    for (long i = 1; i < n - 1; i++)
        for (long j = 1; j < n - 1; j++) A[i * n + j] = 1.0;
    for (long t = 0; t < tsteps; t++) {
        border(n, A, d_B);
        average(n, A, B);
        border(n, B, d_A);
        average(n, B, A);
    }
    for (long i = 1; i < n - 1; i++) memcpy(d_A + i * n + 1, A + i * n + 1, (n - 2) * sizeof(double));
    free(A);
    free(B);
    return total;
}
"""


def call(library):
    kept = Results()
    run = library.function("jacobi_vg", SIZE, SIZE, ARRAY, ARRAY, ARRAY, ARRAY)

    def value_and_grad(tsteps, A, B):
        d_A, d_B = kept.like("d_A", A), kept.like("d_B", B)
        given = map(pointer, (A, B, d_A, d_B))
        return run(tsteps, A.shape[0], *given), [d_A, d_B]

    return value_and_grad


PROGRAM = Program(
    name="jacobi_2d",
    primal=jacobi_2d,
    argnums=(1, 2),
    data=data,
    sizes=((50, 150),),
    tiny=(2, 6),
    quick=(10, 60),
    jax=jax_forms,
    numba=loops,
    torch=torch_form,
    hand=Hand(SOURCE, call),
    overwritten=lambda tsteps, n: 2 * tsteps * (n - 2) ** 2,
)
