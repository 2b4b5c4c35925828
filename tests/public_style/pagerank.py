"""PageRank by power iteration over an adjacency list with weights, and a ranking loss."""

import numpy as np

DAMPING = 0.85


def build_transition(weights, edges, n):
    M = np.zeros((n, n))
    for w, (src, dst) in zip(weights, edges):
        M[dst, src] += np.exp(w)
    col_sums = M.sum(axis=0)
    dangling = col_sums == 0
    M[:, dangling] = 1.0 / n
    col_sums[dangling] = 1.0
    return M / col_sums


def pagerank(M, d=DAMPING, eps=1e-12, max_iterations=200):
    n = M.shape[1]
    v = np.ones(n) / n
    M_hat = d * M + (1 - d) / n
    delta = 1.0
    iterations = 0
    while delta > eps:
        v_new = M_hat @ v
        delta = np.linalg.norm(v_new - v, 1)
        v = v_new
        iterations += 1
        if iterations >= max_iterations:
            raise RuntimeError(f"no convergence after {iterations} iterations, delta={delta:.3e}")
    return v


def program(weights, edges, preferences):
    n = int(edges.max()) + 1
    ranks = pagerank(build_transition(weights, edges, n))
    loss = 0.0
    for better, worse in preferences:
        margin = 0.02 + ranks[worse] - ranks[better]
        loss += np.maximum(0.0, margin) ** 2
    return 100 * loss + np.sum(ranks * np.log(ranks))


def arguments():
    edges = np.array([[0, 1], [0, 2], [1, 2], [2, 0], [3, 2], [3, 0], [2, 4], [1, 3]])
    weights = np.array([0.3, -0.2, 0.5, 0.1, 0.7, -0.4, 0.2, 0.6])
    preferences = np.array([[1, 2], [3, 0], [2, 3]])
    return weights, edges, preferences
