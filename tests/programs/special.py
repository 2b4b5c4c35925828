"""Likelihoods and losses in terms of special functions, of `math` and of `scipy.special`."""

import math

import numpy as np
import scipy.special as sc
from scipy import special
from scipy.special import digamma, expit, gammaln, log_ndtr, logsumexp, xlogy

from .registry import program


def _regression(r):
    x = r.normal(size=(7, 3))
    return r.normal(size=3) * 0.3, x, r.uniform(0.4, 3.0, size=7)


@program(lambda r: (*_regression(r), 1.7), (0, 3), second_order=True)
def gamma_regression(w, x, y, shape):
    """Gamma likelihood with a log link."""
    mean = np.exp(x @ w)
    rate = shape / mean
    return -np.sum(shape * np.log(rate) + (shape - 1.0) * np.log(y) - rate * y - gammaln(shape))


@program(
    lambda r: (r.normal(size=3), 9.0 * r.normal(size=(8, 3)), r.random(8) < 0.5), second_order=True
)
def probit_regression(w, x, y):
    sign = np.where(y, 1.0, -1.0)
    return -np.mean(log_ndtr(sign * (x @ w))) + 0.01 * (w @ w)


@program(lambda r: (0.3, 0.2, 4.5, r.normal(size=9) * 3.0), (0, 1, 2), second_order=True)
def student_t(mu, log_scale, dof, y):
    z = (y - mu) / np.exp(log_scale)
    n = len(y)
    norm = gammaln((dof + 1.0) / 2) - gammaln(dof / 2) - 0.5 * np.log(np.pi * dof) - log_scale
    return -(n * norm - (dof + 1.0) / 2 * np.log1p(z * z / dof).sum())


@program(
    lambda r: (r.uniform(0.5, 4.0, size=5), 2.5, np.array([0, 3, 7, 1, 9]), 9),
    (0, 1),
    second_order=True,
)
def beta_binomial(a, b, k, n):
    return -np.sum(sc.betaln(k + a, n - k + b) - sc.betaln(a, b))


@program(
    lambda r: (r.normal(size=(4, 3)), r.normal(size=(6, 4)), r.integers(0, 3, size=6)),
    second_order=True,
)
def softmax_classifier(weights, x, labels):
    scores = x @ weights
    picked = scores[np.arange(len(labels)), labels]
    return np.mean(logsumexp(scores, axis=1) - picked)


@program(lambda r: (r.normal(size=(3, 4)), np.eye(4)[r.integers(0, 4, size=3)]), second_order=True)
def cross_entropy(scores, target):
    log_share = special.log_softmax(scores, axis=-1)
    share = special.softmax(scores, axis=-1)
    return -(target * log_share).sum() + 0.1 * (share**2).sum()


@program(
    lambda r: (r.normal(size=3), r.normal(size=(6, 3)), r.poisson(2.0, size=6)), second_order=True
)
def poisson_regression(w, x, counts):
    rate = np.exp(x @ w)
    return np.sum(rate - xlogy(counts, rate) + gammaln(counts + 1.0))


@program(
    lambda r: (r.uniform(0.2, 1.0, size=4), r.uniform(0.2, 1.0, size=4)), (0, 1), second_order=True
)
def divergences(p, q):
    p = p / p.sum()
    q = q / np.sum(q)
    kl = sc.rel_entr(p, q).sum()
    return kl + sc.kl_div(q, p).sum() * 0.5 - sc.entr(0.5 * (p + q)).sum()


@program(
    lambda r: (r.uniform(0.8, 3.0, size=4), r.uniform(0.8, 3.0, size=4)), (0, 1), second_order=True
)
def dirichlet_divergence(a, b):
    total = sc.gammaln(a.sum()) - sc.gammaln(b.sum()) - np.sum(sc.gammaln(a) - sc.gammaln(b))
    return total + np.sum((a - b) * (digamma(a) - digamma(np.sum(a))))


@program(lambda r: (r.normal(size=8) * 4.0, 1.3, 0.7), (0, 1, 2), second_order=True)
def robust_losses(r, delta, width):
    return sc.huber(delta, r).sum() + np.mean(sc.pseudo_huber(width, r))


@program(lambda r: (r.normal(size=5) * 30.0, 0.4), (0, 1), second_order=True)
def saturated(x, slope):
    """Logistic functions far out, where 1 - y would be 0."""
    y = expit(slope * x)
    return np.sum(y) - np.sum(special.log_expit(slope * x)) - special.log_expit(-x / 10.0).sum()


@program(lambda r: (r.uniform(0.05, 0.95, size=6), 0.9), (0, 1), second_order=True)
def quantiles(p, scale):
    z = sc.ndtri(p) * scale
    back = sc.ndtr(z)
    return np.sum(sc.logit(back)) + sc.erfinv(2 * p - 1).sum() + sc.erfcinv(p).mean()


@program(
    lambda r: (r.normal(size=(3, 4)), r.uniform(0.1, 1.0, size=(1, 4))), (0, 1), second_order=True
)
def weighted_mixture(scores, weights):
    inner = logsumexp(scores, axis=1, b=weights, keepdims=True)
    return (inner * inner).sum() + logsumexp(scores)


@program(lambda r: (np.array([0.3, -np.inf, 1.2]), r.normal(size=3)), 1, second_order=True)
def masked_scores(mask, scores):
    """Entries that are excluded by -inf."""
    gate = np.where(mask > -1.0, 0.0, -np.inf)
    return logsumexp(scores + gate) + special.softmax(scores + gate)[0]


@program(lambda r: (1.3, 0.7, 2.2), (0, 1, 2), second_order=True)
def python_floats(a, b, c):
    total = math.lgamma(a) + math.gamma(b) * math.erf(c) - math.erfc(a * b)
    total += math.hypot(a, b, c) + math.dist((a, b), (c, 1.0))
    fraction, whole = math.modf(a * c)
    total += fraction * whole + math.remainder(c, b) + math.ldexp(b, -2)
    for k in range(3):
        total += math.fsum([a, b * k, -c]) * math.comb(4, 2)
    if math.isclose(a, 1.3, abs_tol=0.5) and not math.isclose(b, c):
        total *= math.tau / math.factorial(3)
    return total


@program(lambda r: (0.8, r.uniform(0.5, 2.0, size=5)), (0, 1), second_order=True)
def series_of_gammas(a, t):
    """The lower incomplete gamma function, term by term."""
    total = 0.0
    for i in range(len(t)):
        term = t[i] ** a / a
        for k in range(1, 40):
            total += term
            term = term * t[i] / (a + k)
            if term < 1e-14:
                break
        total *= math.exp(-t[i])
    return total / math.gamma(a) + sc.polygamma(1, a)


@program(lambda r: (r.uniform(0.5, 2.0, size=5).astype(np.float32), np.float32(0.7)), (0, 1))
def in_single_precision(x, s):
    y = sc.gammaln(x * s) + sc.erf(x) * expit(-x)
    return np.sum(y * sc.xlogy(x, s))
