"""Deriche's recursive edge filter: four recurrences over an image, two each way."""

import numpy as np

from ..registry import Program


def deriche(alpha, image):
    k = (1.0 - np.exp(-alpha)) ** 2
    k = k / (1.0 + 2.0 * alpha * np.exp(-alpha) - np.exp(2.0 * alpha))
    a1 = k
    a5 = k
    a2 = k * np.exp(-alpha) * (alpha - 1.0)
    a6 = a2
    a3 = k * np.exp(-alpha) * (alpha + 1.0)
    a7 = a3
    a4 = -k * np.exp(-2.0 * alpha)
    a8 = a4
    b1 = 2.0 ** (-alpha)
    b2 = -np.exp(-2.0 * alpha)
    c1 = 1.0
    c2 = 1.0
    w, h = image.shape
    y1 = np.zeros((w, h))
    y2 = np.zeros((w, h))
    y1[:, 0] = a1 * image[:, 0]
    y1[:, 1] = a1 * image[:, 1] + a2 * image[:, 0] + b1 * y1[:, 0]
    for j in range(2, h):
        y1[:, j] = a1 * image[:, j] + a2 * image[:, j - 1] + b1 * y1[:, j - 1] + b2 * y1[:, j - 2]
    y2[:, -1] = 0.0
    y2[:, -2] = a3 * image[:, -1]
    for j in range(h - 3, -1, -1):
        y2[:, j] = (
            a3 * image[:, j + 1] + a4 * image[:, j + 2] + b1 * y2[:, j + 1] + b2 * y2[:, j + 2]
        )
    out = c1 * (y1 + y2)
    y1[0, :] = a5 * out[0, :]
    y1[1, :] = a5 * out[1, :] + a6 * out[0, :] + b1 * y1[0, :]
    for i in range(2, w):
        y1[i, :] = a5 * out[i, :] + a6 * out[i - 1, :] + b1 * y1[i - 1, :] + b2 * y1[i - 2, :]
    y2[-1, :] = 0.0
    y2[-2, :] = a7 * out[-1, :]
    for i in range(w - 3, -1, -1):
        y2[i, :] = a7 * out[i + 1, :] + a8 * out[i + 2, :] + b1 * y2[i + 1, :] + b2 * y2[i + 2, :]
    out[:, :] = c2 * (y1 + y2)
    return np.sum(out)


def loops(alpha, image):
    k = (1.0 - np.exp(-alpha)) ** 2 / (1.0 + 2.0 * alpha * np.exp(-alpha) - np.exp(2.0 * alpha))
    a1 = k
    a2 = k * np.exp(-alpha) * (alpha - 1.0)
    a3 = k * np.exp(-alpha) * (alpha + 1.0)
    a4 = -k * np.exp(-2.0 * alpha)
    b1 = 2.0 ** (-alpha)
    b2 = -np.exp(-2.0 * alpha)
    w, h = image.shape
    y1 = np.zeros((w, h))
    y2 = np.zeros((w, h))
    out = np.zeros((w, h))
    for i in range(w):
        y1[i, 0] = a1 * image[i, 0]
        y1[i, 1] = a1 * image[i, 1] + a2 * image[i, 0] + b1 * y1[i, 0]
        for j in range(2, h):
            y1[i, j] = (
                a1 * image[i, j] + a2 * image[i, j - 1] + b1 * y1[i, j - 1] + b2 * y1[i, j - 2]
            )
        y2[i, h - 2] = a3 * image[i, h - 1]
        for j in range(h - 3, -1, -1):
            y2[i, j] = (
                a3 * image[i, j + 1] + a4 * image[i, j + 2] + b1 * y2[i, j + 1] + b2 * y2[i, j + 2]
            )
        for j in range(h):
            out[i, j] = y1[i, j] + y2[i, j]
    for j in range(h):
        y1[0, j] = a1 * out[0, j]
        y1[1, j] = a1 * out[1, j] + a2 * out[0, j] + b1 * y1[0, j]
        y2[w - 1, j] = 0.0
        y2[w - 2, j] = a3 * out[w - 1, j]
    for i in range(2, w):
        for j in range(h):
            y1[i, j] = a1 * out[i, j] + a2 * out[i - 1, j] + b1 * y1[i - 1, j] + b2 * y1[i - 2, j]
    for i in range(w - 3, -1, -1):
        for j in range(h):
            y2[i, j] = (
                a3 * out[i + 1, j] + a4 * out[i + 2, j] + b1 * y2[i + 1, j] + b2 * y2[i + 2, j]
            )
    total = 0.0
    for i in range(w):
        for j in range(h):
            total += y1[i, j] + y2[i, j]
    return total


def data(w, h):
    return 0.25, np.random.default_rng(0).random((w, h))


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def constants(alpha):
        k = (1.0 - jnp.exp(-alpha)) ** 2
        k = k / (1.0 + 2.0 * alpha * jnp.exp(-alpha) - jnp.exp(2.0 * alpha))
        a2 = k * jnp.exp(-alpha) * (alpha - 1.0)
        a3 = k * jnp.exp(-alpha) * (alpha + 1.0)
        a4 = -k * jnp.exp(-2.0 * alpha)
        return k, a2, a3, a4, 2.0 ** (-alpha), -jnp.exp(-2.0 * alpha)

    def translation(alpha, image):
        a1, a2, a3, a4, b1, b2 = constants(alpha)

        def rows(x):
            h = x.shape[1]
            y1 = jnp.zeros(x.shape).at[:, 0].set(a1 * x[:, 0])
            y1 = y1.at[:, 1].set(a1 * x[:, 1] + a2 * x[:, 0] + b1 * y1[:, 0])
            y2 = jnp.zeros(x.shape).at[:, h - 2].set(a3 * x[:, h - 1])

            def forwards(j, y):
                return y.at[:, j].set(
                    a1 * x[:, j] + a2 * x[:, j - 1] + b1 * y[:, j - 1] + b2 * y[:, j - 2]
                )

            def backwards(k, y):
                j = h - 1 - k
                return y.at[:, j].set(
                    a3 * x[:, j + 1] + a4 * x[:, j + 2] + b1 * y[:, j + 1] + b2 * y[:, j + 2]
                )

            return lax.fori_loop(2, h, forwards, y1) + lax.fori_loop(2, h, backwards, y2)

        def columns(x):
            w = x.shape[0]
            y1 = jnp.zeros(x.shape).at[0].set(a1 * x[0])
            y1 = y1.at[1].set(a1 * x[1] + a2 * x[0] + b1 * y1[0])
            y2 = jnp.zeros(x.shape).at[w - 2].set(a3 * x[w - 1])

            def forwards(i, y):
                return y.at[i].set(a1 * x[i] + a2 * x[i - 1] + b1 * y[i - 1] + b2 * y[i - 2])

            def backwards(k, y):
                i = w - 1 - k
                return y.at[i].set(a3 * x[i + 1] + a4 * x[i + 2] + b1 * y[i + 1] + b2 * y[i + 2])

            return lax.fori_loop(2, w, forwards, y1) + lax.fori_loop(2, w, backwards, y2)

        return jnp.sum(columns(rows(image)))

    def scans(alpha, image):
        a1, a2, a3, a4, b1, b2 = constants(alpha)

        def filtered(x):
            def forwards(state, now):
                before, y1, y2 = state
                y = a1 * now + a2 * before + b1 * y1 + b2 * y2
                return (now, y, y1), y

            def backwards(state, now):
                x1, x2, y1, y2 = state
                y = a3 * x1 + a4 * x2 + b1 * y1 + b2 * y2
                return (now, x1, y, y1), y

            zero = jnp.zeros(x.shape[1])
            _, ahead = lax.scan(forwards, (zero, zero, zero), x)
            _, back = lax.scan(backwards, (zero, zero, zero, zero), x, reverse=True)
            return ahead + back

        return jnp.sum(filtered(filtered(image.T).T))

    return {"": translation, "scan": scans}


PROGRAM = Program(
    name="deriche",
    primal=deriche,
    argnums=(1,),
    data=data,
    sizes=((400, 200),),
    tiny=(6, 5),
    quick=(60, 40),
    jax=jax_forms,
    numba=loops,
    overwritten=lambda w, h: 5 * w * h,
)
