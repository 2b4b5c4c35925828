"""Programs that use NumPy's breadth: order statistics, interpolation, filters, padding, splitting, ufunc methods."""

import numpy as np

from .registry import matrix, program, vector


@program(lambda rng: (rng.normal(size=9), rng.normal(size=9)), argnums=(0, 1), second_order=True)
def trimmed_distance(a, b):
    """Mean of the middle of the squared differences: outliers at both ends are left out."""
    gaps = np.sort((a - b) ** 2)
    return np.mean(gaps[2:-2]) + 0.1 * np.median(np.abs(a))


@program(lambda rng: (rng.normal(size=7), rng.normal(size=7)), argnums=(0, 1), second_order=True)
def rank_weighted(scores, values):
    """The order statistics of one array weigh the entries of another."""
    order = np.argsort(-scores, kind="stable")
    weights = 0.7 ** np.arange(scores.size)
    return np.sum(weights * values[order] * np.sort(scores)[::-1])


@program(lambda rng: (rng.normal(size=(5, 4)), 0.3), argnums=(0, 1), second_order=True)
def quantile_regression(x, level):
    cut = np.quantile(x, level, axis=0)
    below = np.percentile(x, [20.0, 80.0], axis=1)
    return np.sum(cut**2) + np.sum(np.tanh(below))


@program(
    lambda rng: (rng.uniform(-0.5, 3.5, size=6), np.array([0.0, 0.7, 1.9, 3.0]), rng.normal(size=4)),
    argnums=(0, 1, 2), second_order=True,
)  # fmt: skip
def table_lookup(x, places, heights):
    """A table whose places and heights are both fitted."""
    y = np.interp(x, places, heights)
    clipped = np.interp(x, places, heights, left=0.0, right=heights[0])
    return np.sum(y**2) + np.sum(np.sin(clipped))


@program(lambda rng: (rng.normal(size=12), rng.normal(size=3)), argnums=(0, 1), second_order=True)
def filtered_energy(signal, kernel):
    smooth = np.convolve(signal, kernel, mode="same")
    edges = np.correlate(signal, kernel, mode="valid")
    padded = np.convolve(np.pad(signal, 2, mode="reflect"), kernel)
    return np.sum(smooth**2) + np.sum(np.abs(edges)) + np.mean(np.tanh(padded))


@program(matrix(4, 5), second_order=True)
def finite_difference_image(u):
    """Slopes by central differences, total variation, a periodic neighbour."""
    gy, gx = np.gradient(u)
    rolled = np.roll(u, (1, -1), axis=(0, 1))
    frame = np.pad(u, ((1, 0), (0, 2)), mode="edge")
    return np.sum(np.sqrt(gx**2 + gy**2 + 0.1)) + np.sum(u * rolled) + np.mean(frame**2)


@program(lambda rng: (rng.normal(size=6), np.sort(rng.uniform(0, 3, size=6))), argnums=(0, 1))
def integral_over_samples(y, t):
    area = np.trapezoid(y**2, t)
    running = np.cumulative_sum(y * 0.5, include_initial=True)
    return area + running[-1] ** 2 + np.sum(np.gradient(y, t) ** 2) + np.sum(np.ediff1d(y))


@program(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=4)), argnums=(0, 1), second_order=True
)
def log_partition(logits, bias):
    """Softmax in the log domain by the ufunc's own reduction, one row at a time."""
    total = 0.0
    for i in range(logits.shape[0]):
        row = logits[i] + bias
        total += np.logaddexp.reduce(row) - row[np.argmax(row)]
    return total + np.sum(np.logaddexp(logits, 0.0))


@program(vector(10), second_order=True)
def blocks_of_a_signal(x):
    """Windows by splitting, each with its own statistics."""
    score = 0.0
    for part in np.array_split(x, 3):
        score += np.var(part) * np.ptp(part) + np.max(part)
    left, right = np.split(x, 2)
    return score + np.sum(np.concatenate([left[::-1], np.repeat(right, 2)]) ** 3)


@program(lambda rng: (rng.normal(size=8), rng.integers(0, 4, size=8)))
def histogram_of_weights(w, groups):
    """Weights summed by group, the groups compared with their neighbours."""
    sums = np.bincount(groups, weights=w**2, minlength=4)
    counts = np.bincount(groups, minlength=4)
    means = sums / np.maximum(counts, 1)
    return np.sum(np.sqrt(means + 0.1)) + np.sum(np.diff(sums, prepend=0.0) ** 2)


@program(lambda rng: rng.normal(size=(4, 6)), second_order=True)
def robust_columns(data):
    """Gaps in the data are left out of the statistics."""
    holes = np.where(data < -1.0, np.nan, data)
    centre = np.nanmean(holes, axis=0)
    spread = np.nanstd(holes, axis=0) + 0.5
    return np.nansum(((holes - centre) / spread) ** 2) + np.sum(np.nanmax(holes, axis=1))


@program(lambda rng: (rng.normal(size=5), rng.normal(size=4)), argnums=(0, 1), second_order=True)
def surface_on_a_grid(x, y):
    xx, yy = np.meshgrid(x, y, indexing="ij")
    surface = np.exp(-(xx**2)) * np.cos(yy) + np.hypot(xx, 1.0)
    corner = surface[np.ix_([0, 2, 4], [1, 3])]
    return np.sum(surface) + np.sum(corner**2) + np.trace(np.tile(surface, (2, 1))[:4, :4])


@program(vector(6), second_order=True)
def piecewise_potential(r):
    core = np.select([r < -0.5, r < 0.5], [np.exp(-r), 1.0 - r + r**2], default=np.log1p(r**2))
    ramp = np.piecewise(r, [r < 0, r >= 1], [lambda t: t**2, lambda t: 2 * t - 1, 0.25])
    return np.sum(core) + np.sum(ramp * r) + np.sum(np.sinc(r) * np.copysign(r, -1.0))


@program(
    lambda rng: (rng.uniform(0.2, 2.0, size=5), rng.normal(size=5)),
    argnums=(0, 1),
    second_order=True,
)
def less_common_functions(p, x):
    a = np.cbrt(p) + np.exp2(x) + np.arcsinh(x) + np.arccosh(p + 1.0) + np.arctanh(np.tanh(x) * 0.9)
    b = np.logaddexp2(x, p) + np.fmod(x, p) + np.fmax(x, p) * np.fmin(x, p)
    return np.sum(a * b) + np.sum(np.nan_to_num(x / p) + np.heaviside(x, 0.5))


@program(
    lambda rng: (rng.normal(size=(3, 5)), rng.uniform(0.1, 1.0, size=5)),
    argnums=(0, 1),
    second_order=True,
)
def weighted_moments(x, w):
    mean = np.average(x, axis=1, weights=w)
    table = np.cov(x)
    return np.sum(mean**2) + np.sum(np.triu(table, 1)) + np.sum(np.corrcoef(x)[0] * mean)


@program(vector(7), second_order=True)
def sorted_in_a_loop(x):
    """A sorting step of a simulation: the array is put in order again and again."""
    x = x.copy()
    for k in range(4):
        x.sort()
        x[0] += 0.3 * x[-1]
        x[k] = np.sin(x[k]) + 0.1 * np.median(x)
        if x[2] > 0.0:
            x[:] = np.insert(np.delete(x, 1), 3, x[1] * x[2])
    return np.sum(x * np.arange(1.0, 8.0))


@program(lambda rng: (rng.normal(size=(4, 3)),), second_order=True)
def ufuncs_along_axes(a):
    steepest = np.hypot.reduce(a, axis=1)
    ratio = np.divide.accumulate(np.exp(a * 0.3), axis=0)
    outer = np.logaddexp.outer(a[0], a[1])
    totals = np.zeros(3)
    np.maximum.at(totals, np.array([0, 1, 0, 2]), a[:, 0])
    return np.sum(steepest * ratio[-1, 0]) + np.sum(outer) + np.sum(totals**2)


@program(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=3)), argnums=(0, 1), second_order=True
)
def picks_along_an_axis(table, shift):
    best = np.take_along_axis(table, np.argmax(table, axis=1, keepdims=True), axis=1)
    order = np.take_along_axis(table, np.argsort(table, axis=1), axis=1)
    second = order[:, -2] + shift
    out = np.zeros((3, 4))
    np.put_along_axis(out, np.argmin(table, axis=1)[:, None], second[:, None] ** 2, axis=1)
    return np.sum(best[:, 0] * second) + np.sum(out * table)


@program(lambda rng: rng.normal(size=(2, 3)), second_order=True)
def assembled_matrix(b):
    grid = np.block([[np.eye(2), b], [b.T, np.diagflat(np.array([1.0, 2.0, 3.0]))]])
    lower = grid[np.tril_indices(5, -1)]
    return np.sum(lower**2) + np.sum(np.rot90(grid) * grid) + np.sum(np.vander(b[0], 3))


@program(lambda rng: rng.normal(size=6) * 3.0)
def phase_unwrapped(angle):
    turned = np.unwrap(np.mod(angle, 2 * np.pi))
    return np.sum(np.diff(turned) ** 2) + np.polyval(turned[:3], 0.5)


@program(lambda rng: rng.normal(size=9).astype(np.float32))
def single_precision_statistics(x):
    middle = np.median(x) + np.quantile(x, 0.25)
    ends = np.pad(x, 1, mode="wrap")
    return np.sum(np.sort(x)[-3:] * middle) + np.sum(
        np.logaddexp(ends[:-1], ends[1:]) * np.cbrt(x[0])
    )


@program(vector(5))
def flag_of_either_kind(x):
    """A flag that is Python's own until a comparison of NumPy's sets it, counted as 0 or 1."""
    seen = False
    for v in x:
        if v > 0.2:
            seen = v > 0.1
    return np.sum(np.exp(x) * seen) + (1 - seen) * 2.0 + 3.0 * seen * x[0]
