# The gradient of series(x, tolerance) in loop_break.py, by x.
# Types assumed, for none were given: x: f64, tolerance: f64

import numpy as np


def grad_series(x, tolerance):
    tape_term = []
    term = 1.0
    k_1 = 0
    for k in range(1, 100):  # line 5
        tape_term.append(term)
        # line 6: term = term * x / k
        t = np.float64(k)
        if t == 0.0:
            raise ArithmeticError("check 0: division by zero")
        term = term * x / t
        k_1 += 1
        if np.abs(term) < tolerance:
            break
    d_term = 0.0
    d_total = 1.0
    d_x = 0.0
    # line 5: for k in range(1, 100):
    for k in range(k_1, 0, -1):
        # line 7: if abs(term) < tolerance:
        term = tape_term.pop()
        t_1 = np.float64(k)
        term_1 = term * x / t_1
        if not np.abs(term_1) < tolerance:
            # line 9: total += term
            d_total_1 = d_term + d_total
            d_term = d_total_1
        # line 6: term = term * x / k
        t_2 = d_term / t_1
        d_term = t_2 * x
        d_x += t_2 * term
    return d_x
