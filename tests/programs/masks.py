"""Boolean masks and index arrays."""

import numpy as np

from .registry import program


@program(lambda r: r.normal(size=8))
def rectify_both_sides(x):
    y = x.copy()
    m = y < 0
    y[m] = 0.1 * np.exp(y[m]) - 0.1
    y[~m] += 1.0
    return (y * y).sum()


@program(lambda r: r.normal(size=9))
def statistics_of_a_subset(x):
    m = x > -0.5
    kept = x[m]
    spread = ((x[m] - x[m].mean()) ** 2).sum()
    return spread / m.sum() + kept.max() + np.where(m, x, 0.0).sum()


@program(lambda r: r.normal(size=(4, 3)), second_order=True)
def where_never_leaks(a):
    safe = np.where(a > 0, a, 1.0)
    logs = np.where(a > 0, np.log(safe), -(a**2))
    roots = np.where(a > 0.2, np.sqrt(a), 0.0)
    return logs.sum() + roots.sum()


@program(lambda r: (r.normal(size=6), np.array([0, 3, 3, 5, -1])))
def gather_and_scatter(x, k):
    picked = x[k] ** 2
    y = np.zeros(6)
    y[k] = picked
    y[[0, 2]] += picked[:2]
    np.add.at(y, k, 0.5 * picked)
    return y @ x


@program(lambda r: (r.normal(size=6), np.array([0, 1, 0, 2, 1, 0], dtype=np.int32)))
def grouped_sums(x, group):
    sums = np.zeros(3)
    counts = np.zeros(3)
    np.add.at(sums, group, x)
    np.add.at(counts, group, 1.0)
    means = sums / counts
    return ((x - means[group]) ** 2).sum() * means[0]


@program(lambda r: (r.normal(size=(4, 4)), np.array([2, 0, 1], dtype=np.uint8)))
def rows_by_index(a, order):
    b = a[order]
    c = a[:, order]
    d = a[order, np.array([1, 1, 3])]
    return (b[:, :3] * c[:3]).sum() + np.sum(d * d)


@program(lambda r: r.normal(size=(3, 4)))
def masked_matrix(a):
    b = a.copy()
    b[b > 0.5] = 0.5
    b[np.abs(a) < 0.2] *= 10.0
    total = b[a > 0].sum()
    return total + (b * (a < 0)).sum() * b[0, 0]


@program(lambda r: np.array([1.0, np.nan, -2.0, 0.5]))
def ignore_missing(x):
    seen = ~np.isnan(x)
    clean = np.where(np.isnan(x), 0.0, x)
    return (clean**3).sum() / seen.sum() + x[seen].mean()


@program(lambda r: (r.normal(size=5), r.normal(size=5)), (0, 1))
def pointwise_choice(a, b):
    total = 0.0
    for i in range(5):
        total += np.where(a[i] > b[i], a[i] * b[i], a[i] - b[i])
    return total + np.where(np.logical_and(a > 0, b > 0), a, b).sum()
