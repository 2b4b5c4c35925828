import numpy as np


def logdet(A):
    """The log-determinant of a positive definite matrix, by a factorisation in its own place."""
    L = A.copy()
    n = L.shape[0]
    for j in range(n):
        for k in range(j):
            L[j, j] -= L[j, k] ** 2
        L[j, j] = np.sqrt(L[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                L[i, j] -= L[i, k] * L[j, k]
            L[i, j] /= L[j, j]
    total = 0.0
    for j in range(n):
        total += np.log(L[j, j])
    return 2.0 * total
