"""Forward substitution with a lower triangular matrix."""

import numpy as np

from ..hand import ARRAY, SIZE, Results, pointer
from ..registry import Hand, Program


def trisolv(L, b):
    n = L.shape[0]
    x = np.zeros(n)
    for i in range(n):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
    return np.sum(x)


def loops(L, b):
    n = L.shape[0]
    x = np.zeros(n)
    total = 0.0
    for i in range(n):
        s = b[i]
        for j in range(i):
            s -= L[i, j] * x[j]
        x[i] = s / L[i, i]
        total += x[i]
    return total


def data(n):
    rng = np.random.default_rng(0)
    return np.tril(rng.random((n, n)) / n, -1) + np.eye(n) * 2.0, rng.random(n)


def jax_forms():
    import jax.numpy as jnp
    from jax import lax
    from jax.scipy.linalg import solve_triangular

    def translation(L, b):
        n = L.shape[0]
        k = jnp.arange(n)

        def row(i, x):
            return x.at[i].set((b[i] - jnp.where(k < i, L[i], 0.0) @ x) / L[i, i])

        return jnp.sum(lax.fori_loop(0, n, row, jnp.zeros(n)))

    def library(L, b):
        return jnp.sum(solve_triangular(L, b, lower=True))

    return {"": translation, "library": library}


def canonical(gradients):
    d_L, d_b = gradients
    return [np.tril(d_L), d_b]


# With L^T y = 1: d b = y, d L = -y x^T below and on the diagonal. The sweep over rows solves for y.
SOURCE = """
static double dot(long n, const double *restrict a, const double *restrict b) {
    typedef double V __attribute__((vector_size(32), aligned(8)));
    V s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    long k = 0;
    for (; k + 16 <= n; k += 16) {
        s0 += *(const V *)(a + k) * *(const V *)(b + k);
        s1 += *(const V *)(a + k + 4) * *(const V *)(b + k + 4);
        s2 += *(const V *)(a + k + 8) * *(const V *)(b + k + 8);
        s3 += *(const V *)(a + k + 12) * *(const V *)(b + k + 12);
    }
    s0 = (s0 + s1) + (s2 + s3);
    double s = (s0[0] + s0[1]) + (s0[2] + s0[3]);
    for (; k < n; k++) s += a[k] * b[k];
    return s;
}

double trisolv_vg(long n, const double *restrict L, const double *restrict b,
                  double *restrict d_L, double *restrict d_b) {
    double *restrict x = malloc(n * sizeof(double)), total = 0.0;
    for (long i = 0; i < n; i++) {
        x[i] = (b[i] - dot(i, L + i * n, x)) / L[i * n + i];
        total += x[i];
    }
    for (long i = 0; i < n; i++) d_b[i] = 1.0;
    for (long i = n - 1; i >= 0; i--) {
        const double *row = L + i * n;
        double *out = d_L + i * n, y = d_b[i] / row[i];
        d_b[i] = y;
        #pragma omp simd
        for (long j = 0; j < i; j++) {
            d_b[j] -= y * row[j];
            out[j] = -y * x[j];
        }
        out[i] = -y * x[i];
    }
    free(x);
    return total;
}
"""


def call(library):
    kept = Results()
    run = library.function("trisolv_vg", SIZE, ARRAY, ARRAY, ARRAY, ARRAY)

    def value_and_grad(L, b):
        # Zeros that nobody writes cost no memory: the upper triangle is never touched.
        d_L, d_b = np.zeros(L.shape), kept.like("d_b", b)
        return run(L.shape[0], *map(pointer, (L, b, d_L, d_b))), [d_L, d_b]

    return value_and_grad


PROGRAM = Program(
    name="trisolv",
    primal=trisolv,
    argnums=(0, 1),
    data=data,
    sizes=((2000,),),
    tiny=(6,),
    quick=(300,),
    jax=jax_forms,
    canonical=canonical,
    numba=loops,
    hand=Hand(SOURCE, call),
    overwritten=lambda n: n,
)
