"""A character model: LSTM layers with diagonal weights, one array statement per gate and step.

`main` (2 l, 4 b): row 2 i holds the weights of layer i, row 2 i + 1 its biases, each in four parts of b:
forget, in, out, change. `extra` (3, b): in-weight, out-weight, out-bias. `state` (2 l, b): rows 2 i
hidden, 2 i + 1 cell. `sequence` (c, b) holds zeros and ones.
"""

import math

import numpy as np

from ..registry import Program


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm(main, extra, state, sequence):
    state = state.copy()
    layers = state.shape[0] // 2
    b = state.shape[1]
    count = sequence.shape[0]
    total = 0.0
    for t in range(count - 1):
        x = sequence[t] * extra[0]
        for i in range(layers):
            w = main[2 * i]
            bias = main[2 * i + 1]
            h = state[2 * i]
            c = state[2 * i + 1]
            forget = sigmoid(x * w[:b] + bias[:b])
            ingate = sigmoid(h * w[b : 2 * b] + bias[b : 2 * b])
            outgate = sigmoid(x * w[2 * b : 3 * b] + bias[2 * b : 3 * b])
            change = np.tanh(h * w[3 * b :] + bias[3 * b :])
            cell = c * forget + ingate * change
            x = outgate * np.tanh(cell)
            state[2 * i] = x
            state[2 * i + 1] = cell
        y = x * extra[1] + extra[2]
        total += np.sum(sequence[t + 1] * (y - np.log(np.sum(np.exp(y)) + 2.0)))
    return -total / ((count - 1) * b)


def loops(main, extra, state0, sequence):
    state = state0.copy()
    layers = state.shape[0] // 2
    b = state.shape[1]
    count = sequence.shape[0]
    x = np.empty(b)
    total = 0.0
    for t in range(count - 1):
        for j in range(b):
            x[j] = sequence[t, j] * extra[0, j]
        for i in range(layers):
            w = main[2 * i]
            bias = main[2 * i + 1]
            for j in range(b):
                h = state[2 * i, j]
                forget = 1.0 / (1.0 + math.exp(-(x[j] * w[j] + bias[j])))
                ingate = 1.0 / (1.0 + math.exp(-(h * w[b + j] + bias[b + j])))
                outgate = 1.0 / (1.0 + math.exp(-(x[j] * w[2 * b + j] + bias[2 * b + j])))
                change = math.tanh(h * w[3 * b + j] + bias[3 * b + j])
                cell = state[2 * i + 1, j] * forget + ingate * change
                x[j] = outgate * math.tanh(cell)
                state[2 * i, j] = x[j]
                state[2 * i + 1, j] = cell
        s = 0.0
        for j in range(b):
            s += math.exp(x[j] * extra[1, j] + extra[2, j])
        norm = math.log(s + 2.0)
        for j in range(b):
            total += sequence[t + 1, j] * (x[j] * extra[1, j] + extra[2, j] - norm)
    return -total / ((count - 1) * b)


def data(layers, count, b):
    rng = np.random.default_rng(0)
    main = rng.uniform(-1.0, 1.0, (2 * layers, 4 * b))
    extra = rng.uniform(-1.0, 1.0, (3, b))
    state = rng.uniform(-1.0, 1.0, (2 * layers, b))
    return main, extra, state, (rng.random((count, b)) < 0.5).astype(np.float64)


def jax_forms():
    import jax
    import jax.numpy as jnp
    from jax import lax

    def translation(main, extra, state, sequence):
        layers, b = state.shape[0] // 2, state.shape[1]
        weights = main.reshape(layers, 2, 4, b)

        def step(carry, now):
            state, total = carry
            given, wanted = now
            x = given * extra[0]
            rows = []
            for i in range(layers):
                w, bias = weights[i]
                h, c = state[2 * i], state[2 * i + 1]
                forget = jax.nn.sigmoid(x * w[0] + bias[0])
                ingate = jax.nn.sigmoid(h * w[1] + bias[1])
                outgate = jax.nn.sigmoid(x * w[2] + bias[2])
                change = jnp.tanh(h * w[3] + bias[3])
                cell = c * forget + ingate * change
                x = outgate * jnp.tanh(cell)
                rows += [x, cell]
            y = x * extra[1] + extra[2]
            total += jnp.sum(wanted * (y - jnp.log(jnp.sum(jnp.exp(y)) + 2.0)))
            return (jnp.stack(rows), total), None

        (_, total), _ = lax.scan(step, (state, 0.0), (sequence[:-1], sequence[1:]))
        return -total / ((sequence.shape[0] - 1) * b)

    return {"": translation}


def torch_form():
    import torch

    def loss(main, extra, state, sequence):
        layers, b = state.shape[0] // 2, state.shape[1]
        rows = list(state)
        total = 0.0
        for t in range(sequence.shape[0] - 1):
            x = sequence[t] * extra[0]
            for i in range(layers):
                w, bias = main[2 * i].view(4, b), main[2 * i + 1].view(4, b)
                h, c = rows[2 * i], rows[2 * i + 1]
                forget = torch.sigmoid(x * w[0] + bias[0])
                ingate = torch.sigmoid(h * w[1] + bias[1])
                outgate = torch.sigmoid(x * w[2] + bias[2])
                cell = c * forget + ingate * torch.tanh(h * w[3] + bias[3])
                x = outgate * torch.tanh(cell)
                rows[2 * i], rows[2 * i + 1] = x, cell
            y = x * extra[1] + extra[2]
            total = total + torch.sum(sequence[t + 1] * (y - torch.log(torch.exp(y).sum() + 2.0)))
        return -total / ((sequence.shape[0] - 1) * b)

    return loss


PROGRAM = Program(
    name="lstm",
    primal=lstm,
    argnums=(0, 1),
    data=data,
    sizes=((2, 1024, 14), (4, 4096, 14)),
    tiny=(2, 4, 3),
    quick=(2, 64, 14),
    jax=jax_forms,
    numba=loops,
    torch=torch_form,
)
