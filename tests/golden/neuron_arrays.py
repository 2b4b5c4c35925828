import numpy as np


def loss(w, b, x, y):
    z = x @ w + b
    y_hat = 1.0 / (1.0 + np.exp(-z))
    return np.mean((y - y_hat) ** 2)
