# The gradient of diffuse(u0, rate, steps) in swapped_buffers.py, by u0 and rate.
# Types as given: u0: f64[n], steps: i64
# Types assumed, for none were given: rate: f64

import numpy as np


def grad_diffuse(u0, rate, steps):
    n = u0.shape[0]
    tape_q = []
    p = u0.copy()  # line 5
    # line 6: q = np.zeros_like(p)
    q = np.zeros(n)
    for _ in range(steps):  # line 7
        # line 8: for i in range(1, len(p) - 1):
        for i in range(1, n - 1):
            # line 9: q[i] = p[i] + rate * (p[i - 1] - 2.0 * p[i] + p[i + 1])
            tape_q.append(q[i])
            q[i] = p[i] + rate * (p[i - 1] - 2.0 * p[i] + p[i + 1])
        p, q = q, p
    # line 11: return np.sum(p**2)
    d_p = p + p
    # line 7: for _ in range(steps):
    d_q = np.zeros(n)
    d_rate = 0.0
    for _ in range(steps - 1, -1, -1):
        # line 8: for i in range(1, len(p) - 1):
        for i in range(n - 2, 0, -1):
            # line 9: q[i] = p[i] + rate * (p[i - 1] - 2.0 * p[i] + p[i + 1])
            t = d_p[i]
            d_p[i] = 0.0
            p[i] = tape_q.pop()
            d_rate += t * (q[i - 1] - 2.0 * q[i] + q[i + 1])
            t_1 = t * rate
            d_q[i + 1] += t_1
            d_q[i] -= t_1 * 2.0
            d_q[i - 1] += t_1
            d_q[i] += t
        d_p, d_q, p, q = d_q, d_p, q, p
    return d_p, d_rate
