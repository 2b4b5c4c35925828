"""Softmax over the last axis. The loss is the sum of squares: the sum itself is a constant."""

import numpy as np

from ..hand import ARRAY, SIZE, Results, pointer
from ..registry import Hand, Program


def softmax(x):
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    out = shifted / np.sum(shifted, axis=-1, keepdims=True)
    return np.sum(out * out)


def data(n, heads, rows, columns):
    return (np.random.default_rng(0).standard_normal((n, heads, rows, columns)),)


def jax_forms():
    import jax
    import jax.numpy as jnp

    def translation(x):
        shifted = jnp.exp(x - jnp.max(x, axis=-1, keepdims=True))
        out = shifted / jnp.sum(shifted, axis=-1, keepdims=True)
        return jnp.sum(out * out)

    def library(x):
        out = jax.nn.softmax(x, axis=-1)
        return jnp.sum(out * out)

    return {"": translation, "library": library}


def torch_form():
    import torch

    def loss(x):
        out = torch.softmax(x, dim=-1)
        return torch.sum(out * out)

    return loss


# d x = 2 y (y - sum y^2): nothing of the forward sweep is kept beyond a row. Sums and maxima run in
# four vectors side by side.
SOURCE = """
typedef double V __attribute__((vector_size(32), aligned(8)));

typedef long long I __attribute__((vector_size(32), aligned(8)));

static inline V larger(V a, V b) {
    I m = a > b;
    return (V)((m & (I)a) | (~m & (I)b));
}

static double largest(long n, const double *x) {
    double top = x[0];
    long j = 0;
    if (n >= 16) {
        V a = *(const V *)x, b = *(const V *)(x + 4), c = *(const V *)(x + 8), d = *(const V *)(x + 12);
        for (j = 16; j + 16 <= n; j += 16) {
            a = larger(a, *(const V *)(x + j));
            b = larger(b, *(const V *)(x + j + 4));
            c = larger(c, *(const V *)(x + j + 8));
            d = larger(d, *(const V *)(x + j + 12));
        }
        a = larger(larger(a, b), larger(c, d));
        for (int k = 0; k < 4; k++) top = a[k] > top ? a[k] : top;
    }
    for (; j < n; j++) top = x[j] > top ? x[j] : top;
    return top;
}

static void sums(long n, const double *x, double *sum, double *squares) {
    V s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, q0 = {0}, q1 = {0}, q2 = {0}, q3 = {0};
    long j = 0;
    for (; j + 16 <= n; j += 16) {
        V a = *(const V *)(x + j), b = *(const V *)(x + j + 4);
        V c = *(const V *)(x + j + 8), d = *(const V *)(x + j + 12);
        s0 += a;
        s1 += b;
        s2 += c;
        s3 += d;
        q0 += a * a;
        q1 += b * b;
        q2 += c * c;
        q3 += d * d;
    }
    s0 = (s0 + s1) + (s2 + s3);
    q0 = (q0 + q1) + (q2 + q3);
    *sum = (s0[0] + s0[1]) + (s0[2] + s0[3]);
    *squares = (q0[0] + q0[1]) + (q0[2] + q0[3]);
    for (; j < n; j++) {
        *sum += x[j];
        *squares += x[j] * x[j];
    }
}

double softmax_vg(long rows, long n, const double *restrict x, double *restrict d) {
    double loss = 0.0;
    for (long r = 0; r < rows; r++, x += n, d += n) {
        double top = largest(n, x), sum, squares;
        #pragma omp simd
        for (long j = 0; j < n; j++) d[j] = exp(x[j] - top);
        sums(n, d, &sum, &squares);
        double scale = 1.0 / sum;
        squares *= scale * scale;
        loss += squares;
        double twice = 2.0 * scale;
        #pragma omp simd
        for (long j = 0; j < n; j++) d[j] = twice * d[j] * (scale * d[j] - squares);
    }
    return loss;
}
"""


def call(library):
    kept = Results()
    run = library.function("softmax_vg", SIZE, SIZE, ARRAY, ARRAY)

    def value_and_grad(x):
        d_x = kept.like("d_x", x)
        columns = x.shape[-1]
        return run(x.size // columns, columns, pointer(x), pointer(d_x)), [d_x]

    return value_and_grad


PROGRAM = Program(
    name="softmax",
    primal=softmax,
    argnums=(0,),
    data=data,
    sizes=((16, 16, 128, 128),),
    tiny=(2, 3, 2, 5),
    quick=(4, 4, 32, 128),
    loops=False,
    jax=jax_forms,
    torch=torch_form,
    hand=Hand(SOURCE, call),
)
