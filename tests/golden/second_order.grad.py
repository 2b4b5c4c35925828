# The gradient of grad(wave)(x, k) in second_order.py, by x.
# Types as given: k: i64
# Types assumed, for none were given: x: f64

import numpy as np


def grad_wave(x, k):
    tape_value = []
    tape_x = []
    tape_d_x = []
    tape_x_1 = []
    tape_x_2 = []
    tape_x_3 = []
    for _ in range(k):  # line 8
        tape_x_1.append(x)
        tape_x_3.append(x)
        # line 9: x = math.sin(x)
        if np.isinf(x):
            raise ArithmeticError("check 0: math domain error")
        x = np.sin(x)
        tape_x_2.append(x)
    d_x = 0.0
    # line 8: for _ in range(k):
    for _ in range(k - 1, -1, -1):
        # line 10: total += x * x
        x = tape_x_2.pop()
        d_x = d_x + x + x
        tape_d_x.append(d_x)
        # line 9: x = math.sin(x)
        x = tape_x_3.pop()
        tape_x.append(x)
        t = np.cos(x)
        tape_value.append(t)
        d_x *= t
    # line 8: for _ in range(k):
    d_tape_x = []
    d_tape_x_1 = []
    d_d_x = 1.0
    for _ in range(k):
        # line 9: x = math.sin(x)
        d_d_x_1 = d_d_x * tape_value.pop()
        d_x = tape_d_x.pop()
        x = tape_x.pop()
        d_x = -(d_d_x * d_x) * np.sin(x)
        d_tape_x_1.append(d_x)
        # line 10: total += x * x
        d_d_x = d_d_x_1 + d_d_x_1
        d_tape_x.append(d_d_x)
        d_d_x = d_d_x_1
    d_x = 0.0
    # line 8: for _ in range(k):
    for _ in range(k - 1, -1, -1):
        # line 9: x = math.sin(x)
        x = tape_x_1.pop()
        d_x = (d_x + d_tape_x.pop()) * np.cos(x)
        # line 8: for _ in range(k):
        d_x += d_tape_x_1.pop()
    return d_x
