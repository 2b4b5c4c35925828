# The gradient of energy(x, floor) in masks.py, by x.
# Types as given: x: f64[n]
# Types assumed, for none were given: floor: f64

import numpy as np


def grad_energy(x, floor):
    n = x.shape[0]
    # line 5: y = x * x
    y = x * x
    # line 6: y[x < floor] = 0.0
    idx = np.nonzero(x < floor)[0]
    y[idx] = 0.0
    # line 7: safe = np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)
    mask = x > 0.0
    t = np.sqrt(np.abs(x))
    safe = np.where(mask, t, 0.0)
    # line 8: return np.sum(y * safe) + np.mean(x[x > floor])
    idx_1 = np.nonzero(x > floor)[0]
    k = idx_1.shape[0]
    t_1 = np.broadcast_to(np.reshape(1.0 / np.float64(k), 1), k)
    d_x = np.zeros(n)
    np.add.at(d_x, idx_1, t_1)
    t_2 = np.broadcast_to(np.reshape(1.0, 1), n)
    d_y = t_2 * safe
    d_safe = t_2 * y
    # line 7: safe = np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)
    t_3 = np.where(mask, np.where(mask, d_safe, 0.0) * 0.5 / t, 0.0)
    d_x_1 = np.where(mask, t_3 * np.sign(x), 0.0)
    d_x = d_x + d_x_1
    # line 6: y[x < floor] = 0.0
    d_y[idx] = 0.0
    # line 5: y = x * x
    d_x_1 = d_y * x
    d_x = d_x + d_x_1
    d_x_1 = d_y * x
    d_x = d_x + d_x_1
    return d_x
