"""What both forms of the Gaussian mixture share: the data, and JAX's forms of it.

The inverse covariance factor of component k is Q_k = diag(exp q) + L; `icf` (K, d (d + 1) / 2) holds q,
then the strict lower triangle L column by column. The loss is the log-likelihood of the points with a
Wishart prior (gamma 1, m 0).
"""

import numpy as np


def data(d, K, n):
    rng = np.random.default_rng(0)
    alphas = rng.standard_normal(K)
    means = rng.random((K, d))
    icf = 0.5 * rng.standard_normal((K, d * (d + 1) // 2))
    return alphas, means, icf, rng.standard_normal((n, d))


def jax_forms():
    """By name: one point and component at a time under vmap, matrix products, and these in chunks."""
    import jax
    import jax.numpy as jnp
    from jax import lax
    from jax.scipy.special import logsumexp

    def factors(icf, d):
        """Q (K, d, d): the triangle is filled in by one gather."""
        rows, columns = np.tril_indices(d, -1)
        by_column = np.lexsort((rows, columns))
        lower = jnp.zeros((icf.shape[0], d, d))
        lower = lower.at[:, rows[by_column], columns[by_column]].set(icf[:, d:])
        return lower + jnp.exp(icf[:, :d])[:, :, None] * jnp.eye(d)

    def ends(alphas, icf, n, d):
        q = icf[:, :d]
        prior = 0.5 * (jnp.sum(jnp.exp(q) ** 2) + jnp.sum(icf[:, d:] ** 2))
        return -n * d / 2 * np.log(2 * np.pi) - n * logsumexp(alphas) + prior

    def translation(alphas, means, icf, x):
        n, d = x.shape
        Q = factors(icf, d)
        sums = jnp.sum(icf[:, :d], axis=1)

        def component(alpha, mean, factor, total, point):
            y = factor @ (point - mean)
            return alpha + total - 0.5 * (y @ y)

        components = jax.vmap(component, in_axes=(0, 0, 0, 0, None))
        point = lambda p: logsumexp(components(alphas, means, Q, sums, p))
        return jnp.sum(jax.vmap(point)(x)) + ends(alphas, icf, n, d)

    def prepared(alphas, means, icf, d):
        Q = factors(icf, d)
        shift = jnp.einsum("kij,kj->ki", Q, means).reshape(-1)
        return Q.reshape(-1, d).T, shift, alphas + jnp.sum(icf[:, :d], axis=1)

    def likelihood(W, shift, offsets, x):
        y = (x @ W - shift).reshape(x.shape[0], offsets.shape[0], x.shape[1])
        return jnp.sum(logsumexp(offsets - 0.5 * jnp.sum(y * y, axis=2), axis=1))

    def matrix(alphas, means, icf, x):
        n, d = x.shape
        return likelihood(*prepared(alphas, means, icf, d), x) + ends(alphas, icf, n, d)

    def chunked(alphas, means, icf, x):
        n, d = x.shape
        chunk = next(c for c in range(min(n, 250), 0, -1) if n % c == 0)
        given = prepared(alphas, means, icf, d)
        part = jax.checkpoint(likelihood)
        step = lambda total, points: (total + part(*given, points), None)
        total, _ = lax.scan(step, 0.0, x.reshape(n // chunk, chunk, d))
        return total + ends(alphas, icf, n, d)

    return {"vmap": translation, "matrix": matrix, "chunked": chunked}
