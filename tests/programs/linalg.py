"""Statistics and control with np.linalg."""

import numpy as np

from .registry import positive_definite, program


@program(
    lambda r: (np.array([0.3, -0.2, -1.0]), r.normal(size=(6, 2)), r.normal(size=6)),
    second_order=True,
)
def gaussian_process(theta, x, y):
    amplitude, scale, noise = np.exp(theta[0]), np.exp(theta[1]), np.exp(theta[2])
    gap = x[:, None, :] - x[None, :, :]
    k = amplitude * np.exp(-0.5 * np.sum(gap**2, axis=-1) / scale**2) + noise * np.eye(len(y))
    l = np.linalg.cholesky(k)  # noqa: E741
    alpha = np.linalg.solve(l.T, np.linalg.solve(l, y))
    return 0.5 * y @ alpha + np.sum(np.log(np.diag(l))) + 0.5 * len(y) * np.log(2 * np.pi)


@program(
    lambda r: (
        np.eye(3) + 0.1 * r.normal(size=(3, 3)), positive_definite(r, 3) * 0.1,
        r.normal(size=(2, 3)), r.normal(size=(8, 2)),
    ),
    (0, 1, 2),
)  # fmt: skip
def kalman_filter(f, q, h, observations):
    r = 0.5 * np.eye(h.shape[0])
    mean, cov = np.zeros(f.shape[0]), np.eye(f.shape[0])
    loss = 0.0
    for z in observations:
        mean = f @ mean
        cov = f @ cov @ f.T + q
        s = h @ cov @ h.T + r
        gain = np.linalg.solve(s, h @ cov).T
        innovation = z - h @ mean
        loss += 0.5 * (innovation @ np.linalg.inv(s) @ innovation + np.linalg.slogdet(s)[1])
        mean = mean + gain @ innovation
        cov = cov - gain @ s @ gain.T
    return loss


@program(
    lambda r: (r.normal(size=3), positive_definite(r, 3), r.normal(size=(7, 3))), (0, 1),
    second_order=True,
)  # fmt: skip
def normal_log_density(mean, cov, x):
    sign, logdet = np.linalg.slogdet(cov)
    centred = x - mean
    solved = np.linalg.solve(cov, centred.T)
    assert sign > 0
    return -0.5 * np.sum(centred.T * solved) - 0.5 * x.shape[0] * (logdet + np.log(2 * np.pi) * 3)


@program(lambda r: (r.normal(size=(9, 3)), r.normal(size=9), 0.3), (0, 1, 2), second_order=True)
def ridge_by_normal_equations(a, b, weight):
    x = np.linalg.solve(a.T @ a + weight * np.eye(a.shape[1]), a.T @ b)
    return np.sum((a @ x - b) ** 2) + weight * np.linalg.norm(x) ** 2


@program(lambda r: (r.normal(size=(7, 3)), r.normal(size=7)), (0, 1), second_order=True)
def least_squares_twice(a, b):
    x = np.linalg.lstsq(a, b, rcond=None)[0]
    other = np.linalg.pinv(a) @ b
    return np.sum(np.sin(x)) + x @ other


@program(lambda r: r.normal(size=(8, 4)), second_order=True)
def principal_variances(x):
    centred = x - x.mean(axis=0)
    w = np.linalg.eigvalsh(centred.T @ centred / (len(x) - 1))
    return np.sum(w[:2]) / np.sum(w) + np.log(w[-1])


@program(lambda r: (r.normal(size=(5, 4)), r.normal(size=(5, 4))))
def low_rank_completion(u, seen):
    mask = seen > 0
    rest = np.where(mask, u - seen, 0.0)
    return np.sum(rest**2) + 0.1 * np.linalg.norm(u, "nuc") + 0.01 * np.linalg.norm(u, 2)


@program(lambda r: r.normal(size=(6, 3)), second_order=True)
def whitening_by_qr(a):
    q, r = np.linalg.qr(a)
    return np.sum(q[:2] ** 3) + np.sum(np.log(np.abs(np.diagonal(r)))) + r[0, 2] ** 2


@program(lambda r: np.stack([positive_definite(r, 3) for _ in range(4)]), second_order=True)
def wishart_of_a_stack(covs):
    logs = np.linalg.slogdet(covs)[1]
    means = np.trace(np.linalg.inv(covs), axis1=1, axis2=2)
    roots = np.linalg.cholesky(covs)
    return np.sum(logs * means) + np.sum(roots[:, 2, 0] ** 2) + np.linalg.det(covs).prod() ** 0.1


@program(lambda r: (np.array([1.0, 0.4]), r.normal(size=5)), (0, 1))
def newton_with_an_inverse(p, y):
    j = np.empty((5, 2))
    for _ in range(4):
        t = np.arange(5) / 5
        j[:, 0] = np.exp(p[1] * t)
        j[:, 1] = p[0] * t * j[:, 0]
        step = np.linalg.inv(j.T @ j + 0.1 * np.eye(2)) @ j.T @ (y - p[0] * j[:, 0])
        p = p + 0.5 * step
    return p @ p + np.linalg.cond(j)


@program(lambda r: positive_definite(r, 3).astype(np.float32))
def single_float_factor(a):
    l = np.linalg.cholesky(a)  # noqa: E741
    return np.sum(np.log(np.diag(l))) + np.linalg.det(a) * np.float32(0.01)


@program(lambda r: (r.normal(size=(4, 4)), r.normal(size=4)), (0, 1), second_order=True)
def discrete_riccati(a, b):
    x = np.eye(4)
    for _ in range(3):
        gain = (b @ x @ a) / (1.0 + b @ x @ b)
        x = np.eye(4) + 0.1 * (a.T @ x @ a - np.outer(gain, b @ x @ a))
    return np.linalg.norm(x, "fro") + np.linalg.norm(x, 1) + np.linalg.slogdet(x)[1]
