"""A convolution with bias, no padding, stride one, by loops over the pixels of the output."""

import numpy as np

from ..registry import Program


def conv2d(images, weights, bias):
    n, height, width, _ = images.shape
    k, _, _, channels = weights.shape
    rows = height - k + 1
    columns = width - k + 1
    out = np.empty((n, rows, columns, channels))
    for i in range(rows):
        for j in range(columns):
            window = images[:, i : i + k, j : j + k, :, np.newaxis]
            out[:, i, j, :] = np.sum(window * weights[np.newaxis, :, :, :, :], axis=(1, 2, 3))
    return np.sum(out + bias)


def loops(images, weights, bias):
    n, height, width, depth = images.shape
    k = weights.shape[0]
    channels = weights.shape[3]
    sums = np.empty(channels)
    total = 0.0
    for p in range(n):
        for i in range(height - k + 1):
            for j in range(width - k + 1):
                for c in range(channels):
                    sums[c] = bias[c]
                for a in range(k):
                    for b in range(k):
                        for d in range(depth):
                            x = images[p, i + a, j + b, d]
                            for c in range(channels):
                                sums[c] += x * weights[a, b, d, c]
                for c in range(channels):
                    total += sums[c]
    return total


def data(n, size, depth, k, channels):
    rng = np.random.default_rng(0)
    images = rng.random((n, size, size, depth))
    return images, rng.random((k, k, depth, channels)), rng.random(channels)


def jax_forms():
    import jax.numpy as jnp
    from jax import lax

    def translation(images, weights, bias):
        n, height, width, depth = images.shape
        k, _, _, channels = weights.shape
        rows, columns = height - k + 1, width - k + 1

        def pixel(p, out):
            i, j = p // columns, p % columns
            window = lax.dynamic_slice(images, (0, i, j, 0), (n, k, k, depth))
            return out.at[:, i, j, :].set(jnp.einsum("nabd,abdc->nc", window, weights))

        out = lax.fori_loop(0, rows * columns, pixel, jnp.zeros((n, rows, columns, channels)))
        return jnp.sum(out + bias)

    def library(images, weights, bias):
        out = lax.conv_general_dilated(
            images, weights, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.sum(out + bias)

    return {"": translation, "library": library}


def torch_form():
    import torch

    def loss(images, weights, bias):
        out = torch.nn.functional.conv2d(
            images.permute(0, 3, 1, 2), weights.permute(3, 2, 0, 1), bias
        )
        return torch.sum(out)

    return loss


PROGRAM = Program(
    name="conv2d",
    primal=conv2d,
    argnums=(0, 1, 2),
    data=data,
    sizes=((8, 32, 3, 2, 16),),
    tiny=(2, 5, 3, 2, 4),
    quick=(2, 12, 3, 2, 8),
    jax=jax_forms,
    numba=loops,
    torch=torch_form,
)
