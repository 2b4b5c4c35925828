"""A transformer's block: multi-head attention, layer norm, residuals and a GELU network."""

import numpy as np


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    exp_x = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return exp_x / np.sum(exp_x, axis=-1, keepdims=True)


def layer_norm(x, g, b, eps: float = 1e-5):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    return g * (x - mean) / np.sqrt(variance + eps) + b


def linear(x, w, b):
    return x @ w + b


def ffn(x, c_fc, c_proj):
    return linear(gelu(linear(x, **c_fc)), **c_proj)


def attention(q, k, v, mask):
    return softmax(q @ k.T / np.sqrt(q.shape[-1]) + mask) @ v


def mha(x, c_attn, c_proj, n_head):
    x = linear(x, **c_attn)
    qkv = np.split(x, 3, axis=-1)
    qkv_heads = list(map(lambda x: np.split(x, n_head, axis=-1), qkv))
    causal_mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10
    out_heads = [attention(q, k, v, causal_mask) for q, k, v in zip(*qkv_heads)]
    x = linear(np.hstack(out_heads), **c_proj)
    return x


def transformer_block(x, mlp, attn, ln_1, ln_2, n_head):
    x = x + mha(layer_norm(x, **ln_1), **attn, n_head=n_head)
    x = x + ffn(layer_norm(x, **ln_2), **mlp)
    return x


def program(params, inputs, n_head=2):
    x = params["wte"][inputs[:-1]] + params["wpe"][range(len(inputs) - 1)]
    for block in params["blocks"]:
        x = transformer_block(x, **block, n_head=n_head)
    x = layer_norm(x, **params["ln_f"])
    probs = softmax(x @ params["wte"].T)
    return -np.log(probs[range(len(inputs) - 1), inputs[1:]]).mean()


def arguments():
    rng = np.random.default_rng(10)
    d, vocab, ctx = 4, 5, 6

    def dense(n_in, n_out):
        return {
            "w": 0.4 * rng.standard_normal((n_in, n_out)),
            "b": 0.1 * rng.standard_normal(n_out),
        }

    def norm():
        return {"g": 1 + 0.1 * rng.standard_normal(d), "b": 0.1 * rng.standard_normal(d)}

    blocks = [
        {
            "mlp": {"c_fc": dense(d, 2 * d), "c_proj": dense(2 * d, d)},
            "attn": {"c_attn": dense(d, 3 * d), "c_proj": dense(d, d)},
            "ln_1": norm(),
            "ln_2": norm(),
        }
        for _ in range(2)
    ]
    params = {
        "wte": 0.5 * rng.standard_normal((vocab, d)),
        "wpe": 0.5 * rng.standard_normal((ctx, d)),
        "blocks": blocks,
        "ln_f": norm(),
    }
    return params, np.array([1, 4, 0, 2, 3])
