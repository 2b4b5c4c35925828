"""Factorisations and solvers written out by hand."""

import math

import numpy as np

from .registry import positive_definite, program


@program(lambda r: positive_definite(r, 4), second_order=True)
def cholesky_log_determinant(a):
    l = a.copy()  # noqa: E741
    n = l.shape[0]
    for j in range(n):
        for k in range(j):
            l[j, j] -= l[j, k] ** 2
        l[j, j] = math.sqrt(l[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                l[i, j] -= l[i, k] * l[j, k]
            l[i, j] /= l[j, j]
    total = 0.0
    for i in range(n):
        total += 2.0 * math.log(l[i, i])
    return total


@program(lambda r: positive_definite(r, 4))
def cholesky_by_rows(a):
    n = len(a)
    l = a.copy()  # noqa: E741
    for k in range(n):
        l[k, k] = np.sqrt(l[k, k])
        l[k + 1 :, k] /= l[k, k]
        for j in range(k + 1, n):
            l[j:, j] -= l[j:, k] * l[j, k]
    return np.sum(np.log(np.abs(l[0]))[:1]) + l[-1, 0] * l[-1, -1]


@program(lambda r: (r.normal(size=(4, 4)) + 5 * np.eye(4), r.normal(size=4)), (0, 1))
def lu_solve(a, b):
    lu = a.copy()
    x = b.copy()
    n = len(b)
    for k in range(n - 1):
        for i in range(k + 1, n):
            lu[i, k] /= lu[k, k]
            lu[i, k + 1 :] -= lu[i, k] * lu[k, k + 1 :]
            x[i] -= lu[i, k] * x[k]
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - lu[i, i + 1 :] @ x[i + 1 :]) / lu[i, i]
    return x @ x


@program(lambda r: (r.normal(size=(4, 4)) + 2 * np.eye(4),))
def pivoted_determinant(a):
    u = a.copy()
    n = u.shape[0]
    sign = 1.0
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(u[i, k]) > abs(u[p, k]):
                p = i
        if p != k:
            held = u[k].copy()
            u[k] = u[p]
            u[p] = held
            sign = -sign
        for i in range(k + 1, n):
            u[i] -= u[i, k] / u[k, k] * u[k]
    for k in range(n):
        sign *= u[k, k]
    return sign


@program(
    lambda r: (np.tril(r.normal(size=(4, 4))) + 3 * np.eye(4), r.normal(size=4)),
    (0, 1),
    second_order=True,
)
def triangular_solve(l, b):  # noqa: E741
    x = np.zeros(4)
    for i in range(4):
        s = b[i]
        for j in range(i):
            s -= l[i, j] * x[j]
        x[i] = s / l[i, i]
    return np.sum(x**2)


@program(lambda r: r.normal(size=(4, 3)))
def gram_schmidt(a):
    q = a.copy()
    r = np.zeros((3, 3))
    for j in range(3):
        for k in range(j):
            r[k, j] = q[:, k] @ q[:, j]
            q[:, j] -= r[k, j] * q[:, k]
        r[j, j] = np.sqrt(q[:, j] @ q[:, j])
        q[:, j] /= r[j, j]
    return r.sum() + (q * q * q).sum()


@program(lambda r: np.array([0.5, 0.2, 0.1, -0.05]))
def durbin(r):
    n = len(r)
    y = np.zeros(n)
    y[0] = -r[0]
    alpha, beta = -r[0], 1.0
    for k in range(1, n):
        beta = (1.0 - alpha * alpha) * beta
        s = r[k]
        for i in range(k):
            s += r[k - 1 - i] * y[i]
        alpha = -s / beta
        z = y[:k] + alpha * y[:k][::-1]
        y[:k] = z
        y[k] = alpha
    return y @ np.arange(1.0, n + 1)


@program(
    lambda r: (r.normal(size=4), 4.0 + r.uniform(size=5), r.normal(size=4), r.normal(size=5)),
    (0, 1, 2, 3),
)
def thomas_algorithm(lower, diagonal, upper, right):
    d = diagonal.copy()
    b = right.copy()
    n = d.size
    for i in range(1, n):
        w = lower[i - 1] / d[i - 1]
        d[i] -= w * upper[i - 1]
        b[i] -= w * b[i - 1]
    x = np.empty(n)
    x[-1] = b[-1] / d[-1]
    for i in range(n - 2, -1, -1):
        x[i] = (b[i] - upper[i] * x[i + 1]) / d[i]
    return np.sum(x * x)


@program(lambda r: (positive_definite(r, 3), r.normal(size=3)), (0, 1))
def conjugate_gradients(a, b):
    x = np.zeros(3)
    r = b - a @ x
    p = r.copy()
    rs = r @ r
    for _ in range(2):
        ap = a @ p
        alpha = rs / (p @ ap)
        x += alpha * p
        r -= alpha * ap
        new = r @ r
        p = r + new / rs * p
        rs = new
    return x.sum()


@program(lambda r: positive_definite(r, 3))
def power_iteration(a):
    v = np.ones(3)
    eigenvalue = 0.0
    for _ in range(6):
        w = a @ v
        eigenvalue = np.sqrt(w @ w)
        v = w / eigenvalue
    return eigenvalue + v[0]


@program(lambda r: (r.normal(size=(3, 4)), r.normal(size=(4, 2))), (0, 1), second_order=True)
def matrix_product_by_loops(a, b):
    n, k = a.shape
    m = b.shape[1]
    c = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            for t in range(k):
                c[i, j] += a[i, t] * b[t, j]
    return (c * c).sum()


@program(lambda r: (r.normal(size=(3, 3)) + 4 * np.eye(3), r.normal(size=3)), (0, 1))
def jacobi_swapped(a, b):
    x, y = np.zeros(3), np.zeros(3)
    for _ in range(6):
        for i in range(3):
            s = b[i]
            for j in range(3):
                if j != i:
                    s -= a[i, j] * x[j]
            y[i] = s / a[i, i]
        x, y = y, x
    return x @ x
