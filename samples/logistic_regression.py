"""Logistic regression on real data, fitted by SciPy with a compiled gradient.

    python -m samples.logistic_regression

The data are the 569 tumours of scikit-learn's breast cancer set, with 30 measurements each. The
objective is the one that scikit-learn's `LogisticRegression` minimises, so both must end at the
same place.
"""

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from autodiff_compiler import value_and_grad


def objective(theta, X, y, strength):
    """Penalised logistic loss; `y` holds -1 and 1, `theta` the weights and then the intercept."""
    w = theta[:-1]
    b = theta[-1]
    margin = y * (X @ w + b)
    # log(1 + exp(-margin)) in a form whose exp never overflows.
    losses = np.maximum(-margin, 0.0) + np.log(1.0 + np.exp(-np.abs(margin)))
    return np.sum(losses) + 0.5 * strength * (w @ w)


def load():
    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    y = np.where(data.target == 1, 1.0, -1.0)
    return X, y


def main():
    X, y = load()
    strength = 1.0

    # `value_and_grad` returns (value, gradient), which is what `jac=True` asks for.
    fit = minimize(
        value_and_grad(objective),
        np.zeros(X.shape[1] + 1),
        args=(X, y, strength),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000, "gtol": 1e-8, "ftol": 1e-15},
    )
    ours = fit.x
    accuracy = float(np.mean(np.sign(X @ ours[:-1] + ours[-1]) == y))

    reference = LogisticRegression(C=1.0 / strength, tol=1e-10, max_iter=10_000).fit(X, y)
    theirs = np.append(reference.coef_[0], reference.intercept_[0])
    difference = float(np.max(np.abs(ours - theirs)))
    value_there = float(objective(theirs, X, y, strength))

    print(f"breast cancer data: {X.shape[0]} rows, {X.shape[1]} columns")
    print(f"  objective at our optimum             {fit.fun:.8f}   ({fit.nit} iterations)")
    print(f"  objective at scikit-learn's optimum  {value_there:.8f}")
    print(f"  largest difference of a coefficient  {difference:.1e}")
    print(f"  rows classified correctly            {100 * accuracy:.1f} %")

    assert difference < 1e-4
    assert abs(fit.fun - value_there) < 1e-7 * value_there
    return {
        "objective": float(fit.fun),
        "reference_objective": value_there,
        "difference": difference,
        "accuracy": accuracy,
    }


if __name__ == "__main__":
    main()
