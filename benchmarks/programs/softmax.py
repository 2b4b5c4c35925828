"""Softmax over the last axis. The loss is the sum of squares: the sum itself is a constant."""

import numpy as np

from ..hand import ARRAY, SIZE, pointer
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


# d x = 2 y (y - sum y^2): nothing of the forward sweep is kept beyond a row.
SOURCE = """
double softmax_vg(long rows, long n, const double *restrict x, double *restrict d) {
    double loss = 0.0;
    for (long r = 0; r < rows; r++, x += n, d += n) {
        double top = x[0], sum = 0.0, squares = 0.0;
        #pragma omp simd reduction(max:top)
        for (long j = 0; j < n; j++) top = x[j] > top ? x[j] : top;
        #pragma omp simd
        for (long j = 0; j < n; j++) d[j] = exp(x[j] - top);
        #pragma omp simd reduction(+:sum, squares)
        for (long j = 0; j < n; j++) { sum += d[j]; squares += d[j] * d[j]; }
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
    run = library.function("softmax_vg", SIZE, SIZE, ARRAY, ARRAY)

    def value_and_grad(x):
        d_x = np.empty_like(x)
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
