# The gradient of logdet(A) in cholesky.py, by A.
# Types as given: A: f64[n,n]

import numpy as np


def grad_logdet(A):
    n = A.shape[0]
    m = A.shape[1]
    tape_L = []
    tape_L_1 = []
    tape_L_2 = []
    tape_L_3 = []
    L = A.copy()  # line 6
    for j in range(n):  # line 8
        # line 9: for k in range(j):
        flag = 0 < j
        if flag:
            t = L[j, j]
            for k in range(j):
                # line 10: L[j, j] -= L[j, k] ** 2
                t_1 = L[j, k]
                t -= t_1 * t_1
            tape_L_2.append(L[j, j])
            L[j, j] = t
        # line 11: L[j, j] = np.sqrt(L[j, j])
        tape_L_3.append(L[j, j])
        L[j, j] = np.sqrt(L[j, j])
        for i in range(j + 1, n):  # line 12
            # line 13: for k in range(j):
            if flag:
                t_2 = L[i, j]
                for k in range(j):
                    # line 14: L[i, j] -= L[i, k] * L[j, k]
                    t_2 -= L[i, k] * L[j, k]
                tape_L_1.append(L[i, j])
                L[i, j] = t_2
            # line 15: L[i, j] /= L[j, j]
            tape_L.append(L[i, j])
            L[i, j] /= L[j, j]
    for j in range(n):  # line 17
        # line 18: total += np.log(L[j, j])
        if not -n <= j < n:
            raise IndexError("check 8: the index is out of bounds")
        if not -m <= j < m:
            raise IndexError("check 9: the index is out of bounds")
    # line 17: for j in range(n):
    d_L = np.zeros((n, m))
    for j in range(n - 1, -1, -1):
        # line 18: total += np.log(L[j, j])
        d_L[j, j] += 2.0 / L[j, j]
    # line 8: for j in range(n):
    for j in range(n - 1, -1, -1):
        # line 12: for i in range(j + 1, n):
        for i in range(n - 1, j, -1):
            # line 15: L[i, j] /= L[j, j]
            t_3 = d_L[i, j]
            d_L[i, j] = 0.0
            L[i, j] = tape_L.pop()
            t_4 = L[j, j]
            d_L[j, j] -= t_3 * (L[i, j] / t_4) / t_4
            d_L[i, j] += t_3 / t_4
            # line 13: for k in range(j):
            if 0 < j:
                # line 14: L[i, j] -= L[i, k] * L[j, k]
                t_5 = d_L[i, j]
                d_L[i, j] = 0.0
                L[i, j] = tape_L_1.pop()
                # line 13: for k in range(j):
                for k in range(j - 1, -1, -1):
                    # line 14: L[i, j] -= L[i, k] * L[j, k]
                    t_6 = -t_5
                    d_L[j, k] += t_6 * L[i, k]
                    d_L[i, k] += t_6 * L[j, k]
                # line 13: for k in range(j):
                d_L[i, j] += t_5
        # line 11: L[j, j] = np.sqrt(L[j, j])
        t_7 = d_L[j, j]
        d_L[j, j] = 0.0
        L[j, j] = tape_L_3.pop()
        d_L[j, j] += t_7 * 0.5 / np.sqrt(L[j, j])
        # line 9: for k in range(j):
        if 0 < j:
            # line 10: L[j, j] -= L[j, k] ** 2
            t_8 = d_L[j, j]
            d_L[j, j] = 0.0
            L[j, j] = tape_L_2.pop()
            # line 9: for k in range(j):
            for k in range(j - 1, -1, -1):
                # line 10: L[j, j] -= L[j, k] ** 2
                t_9 = -t_8 * L[j, k]
                d_L[j, k] += t_9 + t_9
            # line 9: for k in range(j):
            d_L[j, j] += t_8
    return d_L
