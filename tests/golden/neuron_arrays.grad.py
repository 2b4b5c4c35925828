# The gradient of loss(w, b, x, y) in neuron_arrays.py, by w and b.
# Types as given: w: f64[m], x: f64[n,m], y: f64[n]
# Types assumed, for none were given: b: f64

import numpy as np


def grad_loss(w, b, x, y):
    n = y.shape[0]
    # line 5: z = x @ w + b
    if x.shape[1] != w.shape[0]:
        raise ArithmeticError("check 0: matmul: the inner dimensions do not agree")
    z = x @ w + b
    # line 6: y_hat = 1.0 / (1.0 + np.exp(-z))
    t = np.exp(-z)
    t_1 = 1.0 + t
    y_hat = 1.0 / t_1
    # line 7: return np.mean((y - y_hat) ** 2)
    if n != x.shape[0]:
        raise ArithmeticError("check 1: operands could not be broadcast together")
    t_2 = 1.0 / np.float64(n) * (y - y_hat)
    d_y_hat = -(t_2 + t_2)
    # line 6: y_hat = 1.0 / (1.0 + np.exp(-z))
    d_z = -(-d_y_hat * y_hat / t_1 * t)
    # line 5: z = x @ w + b
    d_b = np.sum(d_z)
    d_w = x.T @ d_z
    return d_w, d_b
