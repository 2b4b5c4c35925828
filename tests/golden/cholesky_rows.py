import numpy as np


def logdet(A):
    """As cholesky.py, with a row's inner products taken at once."""
    L = A.copy()
    total = 0.0
    for j in range(len(L)):
        L[j, j] = np.sqrt(L[j, j] - L[j, :j] @ L[j, :j])
        for i in range(j + 1, len(L)):
            L[i, j] = (L[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
        total += 2.0 * np.log(L[j, j])
    return total
