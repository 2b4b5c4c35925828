# The gradient of angle(a, b) in helper_writes.py, by a and b.
# Types as given: a: f64[n], b: f64[n]

import numpy as np


def grad_angle(a, b):
    n = a.shape[0]
    b_n0 = b.shape[0]
    # line 10: a, b = a.copy(), b.copy()
    a = a.copy()
    a_old = a.copy()
    b = b.copy()
    b_old = b.copy()
    # line 6: v /= np.sqrt(np.sum(v * v))
    t = np.sqrt(np.sum(a * a))
    t_1 = a / t
    a[:] = t_1
    t_2 = np.sqrt(np.sum(b * b))
    t_3 = b / t_2
    b[:] = t_3
    # line 13: return 1.0 - a @ b
    if n != b_n0:
        raise ArithmeticError("check 0: matmul: the inner dimensions do not agree")
    d_a = -1.0 * b
    d_b = -1.0 * a
    # line 6: v /= np.sqrt(np.sum(v * v))
    t_4 = d_b.copy()
    d_b[:] = 0.0
    d_b_1 = np.sum(-t_4 * t_3 / t_2) * 0.5 / t_2 * b_old
    d_b = d_b + t_4 / t_2 + d_b_1 + d_b_1
    t_5 = d_a.copy()
    d_a[:] = 0.0
    d_a_1 = np.sum(-t_5 * t_1 / t) * 0.5 / t * a_old
    d_a = d_a + t_5 / t + d_a_1 + d_a_1
    return d_a, d_b
