# The gradient of path_length(start, speed, steps) in list_append.py, by start and speed.
# Types as given: steps: i64
# Types assumed, for none were given: start: f64, speed: f64

import numpy as np


def grad_path_length(start, speed, steps):
    tape_p = []
    tape_value = []
    # line 3: for k in range(steps):
    tape = []
    tape.append(start)
    for k in range(steps):
        # line 4: positions.append(positions[-1] + speed * k)
        k_1 = len(tape)
        if not -k_1 <= -1 < k_1:
            raise IndexError("check 0: the index is out of bounds")
        k_2 = k_1 - 1
        tape_value.append(k_2)
        tape.append(tape[k_2] + speed * np.float64(k))
    # line 6: for p in positions:
    k_3 = len(tape)
    for i in range(k_3):
        p = tape[i]
        tape_p.append(p)
    tape_1 = list(np.zeros(len(tape)))
    for i in range(k_3 - 1, -1, -1):
        # line 7: total += p * p
        p = tape_p.pop()
        d_p = p + p
        # line 6: for p in positions:
        tape_1[i] = tape_1[i] + d_p
    d_speed = 0.0
    # line 3: for k in range(steps):
    for k in range(steps - 1, -1, -1):
        # line 4: positions.append(positions[-1] + speed * k)
        t = tape_1.pop()
        d_speed += t * np.float64(k)
        k_4 = tape_value.pop()
        tape_1[k_4] = tape_1[k_4] + t
    # line 3: for k in range(steps):
    d_start = tape_1.pop()
    return d_start, d_speed
