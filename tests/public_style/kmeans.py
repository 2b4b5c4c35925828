"""The k-means objective after a few of Lloyd's iterations."""

import numpy as np


def pairwise_sq_dists(X, C):
    return ((X[:, np.newaxis, :] - C[np.newaxis, :, :]) ** 2).sum(axis=2)


def assign(X, centroids):
    return np.argmin(pairwise_sq_dists(X, centroids), axis=1)


def lloyd(X, centroids, max_iter=10, tol=1e-6):
    for it in range(max_iter):
        labels = assign(X, centroids)
        new = np.zeros_like(centroids)
        for k in range(centroids.shape[0]):
            members = X[labels == k]
            if len(members) == 0:
                new[k] = centroids[k]
            else:
                new[k] = members.mean(axis=0)
        shift = np.linalg.norm(new - centroids)
        centroids = new
        if shift < tol:
            break
    return centroids


def program(X, centroids):
    n, d = X.shape
    assert centroids.shape[1] == d, f"dimension mismatch: {centroids.shape[1]} != {d}"
    centroids = lloyd(X, centroids)
    labels = assign(X, centroids)
    inertia = 0.0
    for i in range(n):
        inertia += np.sum((X[i] - centroids[labels[i]]) ** 2)
    soft = -np.log(np.exp(-pairwise_sq_dists(X, centroids)).sum(axis=1)).mean()
    return inertia / n + 0.1 * soft


def arguments():
    rng = np.random.default_rng(5)
    means = np.array([[0.0, 0.0], [3.0, 1.0], [-1.0, 4.0]])
    X = np.vstack([m + 0.5 * rng.standard_normal((6, 2)) for m in means])
    return X, X[[0, 7, 13]] + 0.1
