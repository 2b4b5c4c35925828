# The gradient of logdet(A) in cholesky_rows.py, by A.
# Types as given: A: f64[n,n]

import numpy as np


def grad_logdet(A):
    n = A.shape[0]
    m = A.shape[1]
    tape_value = []
    tape_value_1 = []
    tape_L = []
    tape_L_1 = []
    L = A.copy()  # line 6
    # line 8: for j in range(len(L)):
    for j in range(n):
        # line 9: L[j, j] = np.sqrt(L[j, j] - L[j, :j] @ L[j, :j])
        t = np.sqrt(L[j, j] - L[j, :j] @ L[j, :j])
        tape_value_1.append(t)
        tape_L_1.append(L[j, j])
        L[j, j] = t
        # line 10: for i in range(j + 1, len(L)):
        for i in range(j + 1, n):
            # line 11: L[i, j] = (L[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
            t_1 = (L[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
            tape_value.append(t_1)
            tape_L.append(L[i, j])
            L[i, j] = t_1
    # line 8: for j in range(len(L)):
    d_L = np.zeros((n, m))
    for j in range(n - 1, -1, -1):
        # line 12: total += 2.0 * np.log(L[j, j])
        d_L[j, j] += 2.0 / L[j, j]
        # line 10: for i in range(j + 1, len(L)):
        for i in range(n - 1, j, -1):
            # line 11: L[i, j] = (L[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
            t_2 = d_L[i, j]
            d_L[i, j] = 0.0
            L[i, j] = tape_L.pop()
            t_3 = L[j, j]
            t_4 = t_2 / t_3
            d_L[j, j] -= t_2 * tape_value.pop() / t_3
            t_5 = -t_4
            d_L[j, :j] += t_5 * L[i, :j]
            d_L[i, :j] += t_5 * L[j, :j]
            d_L[i, j] += t_4
        # line 9: L[j, j] = np.sqrt(L[j, j] - L[j, :j] @ L[j, :j])
        t_6 = d_L[j, j]
        d_L[j, j] = 0.0
        L[j, j] = tape_L_1.pop()
        t_7 = t_6 * 0.5 / tape_value_1.pop()
        t_8 = -t_7
        d_L[j, :j] += t_8 * L[j, :j]
        d_L[j, :j] += t_8 * L[j, :j]
        d_L[j, j] += t_7
    return d_L
