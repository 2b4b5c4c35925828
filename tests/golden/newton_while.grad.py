# The gradient of eccentric_anomaly(mean, eccentricity) in newton_while.py, by mean and eccentricity.
# Types assumed, for none were given: mean: f64, eccentricity: f64

import numpy as np


def grad_eccentric_anomaly(mean, eccentricity):
    tape_value = []
    tape_value_1 = []
    tape_E = []
    E = mean
    step = 1.0
    k = 0
    # line 8: while abs(step) > 1e-10:
    while np.abs(step) > 1e-10:
        tape_E.append(E)
        # line 9: step = (E - eccentricity * math.sin(E) - mean) / (1.0 - eccentricit...
        if np.isinf(E):
            raise ArithmeticError("check 0: math domain error")
        t = np.sin(E)
        tape_value_1.append(t)
        t_1 = np.cos(E)
        tape_value.append(t_1)
        t_2 = 1.0 - eccentricity * t_1
        if t_2 == 0.0:
            raise ArithmeticError("check 1: division by zero")
        step = (E - eccentricity * t - mean) / t_2
        E -= step  # line 10
        k += 1
    d_E = 1.0
    d_eccentricity = 0.0
    d_mean = 0.0
    # line 8: while abs(step) > 1e-10:
    for i in range(k):
        # line 10: E -= step
        d_step = -d_E
        # line 9: step = (E - eccentricity * math.sin(E) - mean) / (1.0 - eccentricit...
        t_3 = tape_value.pop()
        t_4 = 1.0 - eccentricity * t_3
        d_E_1 = d_step / t_4
        E = tape_E.pop()
        t_5 = tape_value_1.pop()
        step = (E - eccentricity * t_5 - mean) / t_4
        t_6 = -(-d_step * step / t_4)
        d_mean_1 = -d_E_1
        d_mean += d_mean_1
        d_E = d_E - t_6 * eccentricity * np.sin(E) + d_E_1
        d_eccentricity = d_eccentricity + t_6 * t_3 + d_mean_1 * t_5
        d_E += d_mean_1 * eccentricity * np.cos(E)
    # line 8: while abs(step) > 1e-10:
    d_E = d_mean + d_E
    return d_E, d_eccentricity
