"""A Gaussian mixture's log-likelihood as four nested loops: points, components, rows, columns."""

import math

import numpy as np

from ..hand import ARRAY, SIZE, pointer
from ..registry import Hand, Program
from .gmm_common import data
from .gmm_common import jax_forms as all_jax_forms


def gmm_loops(alphas, means, icf, x):
    n, d = x.shape
    K = alphas.shape[0]
    diagonal = np.exp(icf[:, :d])
    sums = np.sum(icf[:, :d], axis=1)
    main = np.empty(K)
    total = 0.0
    for i in range(n):
        for k in range(K):
            norm = 0.0
            for row in range(d):
                y = diagonal[k, row] * (x[i, row] - means[k, row])
                for col in range(row):
                    place = d + col * (2 * d - col - 1) // 2 + row - col - 1
                    y += icf[k, place] * (x[i, col] - means[k, col])
                norm += y * y
            main[k] = alphas[k] + sums[k] - 0.5 * norm
        top = np.max(main)
        total += top + np.log(np.sum(np.exp(main - top)))
    top = np.max(alphas)
    weights = top + np.log(np.sum(np.exp(alphas - top)))
    prior = 0.5 * (np.sum(diagonal**2) + np.sum(icf[:, d:] ** 2))
    return -n * d / 2 * math.log(2.0 * math.pi) + total - n * weights + prior


def jax_forms():
    forms = all_jax_forms()
    return {"": forms["vmap"], "matrix": forms["matrix"], "chunked": forms["chunked"]}


# The same loops, point by point: a point's y and main are kept until its own adjoint is done.
SOURCE = """
double gmm_vg(long n, long K, long d, long w, double constant, const double *restrict alphas,
              const double *restrict means, const double *restrict icf, const double *restrict x,
              double *restrict d_alphas, double *restrict d_means, double *restrict d_icf) {
    double *restrict diagonal = malloc(K * d * sizeof(double)), *restrict sums = malloc(K * sizeof(double));
    double *restrict d_diagonal = malloc(K * d * sizeof(double)), *restrict y = malloc(K * d * sizeof(double));
    double *restrict c = malloc(K * d * sizeof(double)), *restrict d_c = malloc(d * sizeof(double));
    double *restrict main = malloc(K * sizeof(double));
    double total = constant;
    memset(d_alphas, 0, K * sizeof(double));
    memset(d_means, 0, K * d * sizeof(double));
    memset(d_icf, 0, K * w * sizeof(double));
    memset(d_diagonal, 0, K * d * sizeof(double));
    for (long k = 0; k < K; k++) {
        sums[k] = 0.0;
        for (long j = 0; j < d; j++) {
            diagonal[k * d + j] = exp(icf[k * w + j]);
            sums[k] += icf[k * w + j];
        }
    }
    for (long i = 0; i < n; i++) {
        const double *p = x + i * d;
        for (long k = 0; k < K; k++) {
            double *ck = c + k * d, *yk = y + k * d, norm = 0.0;
            for (long row = 0; row < d; row++) ck[row] = p[row] - means[k * d + row];
            for (long row = 0; row < d; row++) {
                double s = diagonal[k * d + row] * ck[row];
                for (long col = 0; col < row; col++)
                    s += icf[k * w + d + col * (2 * d - col - 1) / 2 + row - col - 1] * ck[col];
                yk[row] = s;
                norm += s * s;
            }
            main[k] = alphas[k] + sums[k] - 0.5 * norm;
        }
        double top = main[0], sum = 0.0;
        for (long k = 1; k < K; k++) top = main[k] > top ? main[k] : top;
        for (long k = 0; k < K; k++) sum += main[k] = exp(main[k] - top);
        total += top + log(sum);
        for (long k = 0; k < K; k++) {
            const double *ck = c + k * d, *yk = y + k * d;
            double g = main[k] / sum;
            d_alphas[k] += g;
            for (long row = 0; row < d; row++) d_c[row] = 0.0;
            for (long row = d - 1; row >= 0; row--) {
                double d_y = -g * yk[row];
                for (long col = 0; col < row; col++) {
                    long place = k * w + d + col * (2 * d - col - 1) / 2 + row - col - 1;
                    d_icf[place] += d_y * ck[col];
                    d_c[col] += d_y * icf[place];
                }
                d_diagonal[k * d + row] += d_y * ck[row];
                d_c[row] += d_y * diagonal[k * d + row];
            }
            for (long row = 0; row < d; row++) d_means[k * d + row] -= d_c[row];
        }
    }
    double top = alphas[0], sum = 0.0, squares = 0.0;
    for (long k = 1; k < K; k++) top = alphas[k] > top ? alphas[k] : top;
    for (long k = 0; k < K; k++) sum += main[k] = exp(alphas[k] - top);
    total -= n * (top + log(sum));
    for (long k = 0; k < K; k++) {
        /* d_alphas[k] is the adjoint of sums[k], too, before what the weights add to it */
        for (long j = 0; j < d; j++) {
            double q = diagonal[k * d + j];
            squares += q * q;
            d_icf[k * w + j] += d_alphas[k] + (d_diagonal[k * d + j] + q) * q;
        }
        for (long j = d; j < w; j++) {
            squares += icf[k * w + j] * icf[k * w + j];
            d_icf[k * w + j] += icf[k * w + j];
        }
        d_alphas[k] -= n * main[k] / sum;
    }
    free(diagonal);
    free(sums);
    free(d_diagonal);
    free(y);
    free(c);
    free(d_c);
    free(main);
    return total + 0.5 * squares;
}
"""


def call(library):
    from ..hand import REAL, Results

    kept = Results()
    run = library.function("gmm_vg", SIZE, SIZE, SIZE, SIZE, REAL, *[ARRAY] * 7)

    def value_and_grad(alphas, means, icf, x):
        n, d = x.shape
        constant = -n * d / 2 * math.log(2.0 * math.pi)
        out = [kept.like(str(k), a) for k, a in enumerate((alphas, means, icf))]
        given = map(pointer, (alphas, means, icf, x, *out))
        return run(n, alphas.size, d, icf.shape[1], constant, *given), out

    return value_and_grad


PROGRAM = Program(
    name="gmm_loops",
    primal=gmm_loops,
    argnums=(0, 1, 2),
    data=data,
    sizes=((10, 25, 1000), (10, 25, 10000), (32, 25, 1000)),
    tiny=(3, 2, 4),
    quick=(10, 25, 40),
    jax=jax_forms,
    numba=gmm_loops,
    hand=Hand(SOURCE, call, levels=("-O2", "-O3")),
)
