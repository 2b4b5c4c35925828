import numpy as np


def loss(w, X, y, strength):
    total = 0.5 * strength * np.sum(w * w)
    for i in range(X.shape[0]):
        margin = y[i] * (X[i] @ w)
        if margin > 0.0:
            total += np.log(1.0 + np.exp(-margin))
        else:
            total += np.log(1.0 + np.exp(margin)) - margin
    return total
