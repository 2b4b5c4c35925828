# The gradient of loss(w, X, y, strength) in logistic_loss.py, by w.
# Types as given: w: f64[m], X: f64[n,m], y: f64[n]
# Types assumed, for none were given: strength: f64

import numpy as np


def grad_loss(w, X, y, strength):
    n = w.shape[0]
    X_n0 = X.shape[0]
    m = X.shape[1]
    y_n0 = y.shape[0]
    tape_value = []
    tape_value_1 = []
    tape_value_2 = []
    # line 6: for i in range(X.shape[0]):
    for i in range(X_n0):
        # line 7: margin = y[i] * (X[i] @ w)
        if m != n:
            raise ArithmeticError("check 2: matmul: the inner dimensions do not agree")
        margin = y[i] * (X[i] @ w)
        # line 8: if margin > 0.0:
        flag = margin > 0.0
        tape_value_2.append(flag)
        if flag:
            # line 9: total += np.log(1.0 + np.exp(-margin))
            tape_value_1.append(np.exp(-margin))
        else:
            # line 11: total += np.log(1.0 + np.exp(margin)) - margin
            tape_value.append(np.exp(margin))
    # line 6: for i in range(X.shape[0]):
    d_w = np.zeros(n)
    d_total = 1.0
    for i in range(X_n0 - 1, -1, -1):
        # line 8: if margin > 0.0:
        if tape_value_2.pop():
            # line 9: total += np.log(1.0 + np.exp(-margin))
            t = tape_value_1.pop()
            d_margin = -(d_total / (1.0 + t) * t)
        else:
            # line 11: total += np.log(1.0 + np.exp(margin)) - margin
            t_1 = tape_value.pop()
            d_margin = -d_total + d_total / (1.0 + t_1) * t_1
        # line 7: margin = y[i] * (X[i] @ w)
        d_w = d_w + d_margin * y[i] * X[i]
    # line 5: total = 0.5 * strength * np.sum(w * w)
    d_w_1 = d_total * (0.5 * strength) * w
    d_w = d_w + d_w_1 + d_w_1
    return d_w
