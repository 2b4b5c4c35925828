# The gradient of energy(x, floor) in masks.py, by x.
# Types as given: x: f64[n]
# Types assumed, for none were given: floor: f64

import numpy as np


def grad_energy(x, floor):
    y = x * x  # line 5
    # line 6: y[x < floor] = 0.0
    idx = np.nonzero(x < floor)[0]
    y[idx] = 0.0
    # line 7: safe = np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)
    mask = x > 0.0
    t = np.sqrt(np.abs(x))
    safe = np.where(mask, t, 0.0)
    # line 8: return np.sum(y * safe) + np.mean(x[x > floor])
    idx_1 = np.nonzero(x > floor)[0]
    n = idx_1.shape[0]
    d_x = np.zeros(x.shape[0])
    np.add.at(d_x, idx_1, np.full(n, 1.0 / np.float64(n)))
    d_y = safe
    # line 7: safe = np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)
    t_1 = np.where(mask, np.where(mask, y, 0.0) * 0.5 / t, 0.0) * np.sign(x)
    d_x = d_x + np.where(mask, t_1, 0.0)
    # line 6: y[x < floor] = 0.0
    d_y[idx] = 0.0
    # line 5: y = x * x
    d_x_1 = d_y * x
    d_x = d_x + d_x_1 + d_x_1
    return d_x
