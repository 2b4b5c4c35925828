"""What NumPy has that programs may use: calls by name, each with sample inputs that its variables name.

`v w` vectors, `m n` matrices, `t` of rank 3, `p q` positive, `u` between -1 and 1, `g` above 1, `z` with zeros in
it, `s` NumPy's number, `f` Python's; `i j` integers, `b c` masks, `e` a 1-row matrix, `o` of no elements.
"""

from __future__ import annotations

import numpy as np


def samples() -> dict[str, object]:
    rng = np.random.default_rng(7)
    return {
        "v": rng.normal(size=5), "w": rng.normal(size=5), "m": rng.normal(size=(3, 4)),
        "n": rng.normal(size=(3, 4)), "t": rng.normal(size=(2, 3, 4)), "a": rng.normal(size=(3, 3)),
        "p": rng.uniform(0.4, 2.0, size=5), "q": rng.uniform(0.4, 2.0, size=5),
        "u": rng.uniform(-0.9, 0.9, size=5), "g": rng.uniform(1.2, 3.0, size=5),
        "z": np.array([[0.7, 0.0, -1.2, 0.4], [0.3, 1.1, -0.6, 0.9], [0.0, 0.0, 2.0, -0.3]]),
        "s": np.float64(0.37), "f": 0.62, "i": np.array([3, 0, 2, 1, 2]),
        "j": np.array([[1, -2, 3, 0], [5, 2, 2, 7], [0, 1, -1, 4]]),
        "b": np.array([True, False, True, True, False]),
        "c": np.array([[True, False, True, False], [False, False, True, True], [True] * 4]),
        "e": rng.normal(size=(1, 4)), "o": np.zeros((0, 3)),
    }  # fmt: skip


#: One call a line.
ELEMENTWISE = """
np.exp(v)
np.exp(m)
np.expm1(v)
np.exp2(v)
np.log(p)
np.log1p(p)
np.log2(p)
np.log10(p)
np.sqrt(p)
np.cbrt(v)
np.square(v)
np.reciprocal(p)
np.power(p, v)
np.pow(p, v)
np.float_power(p, v)
np.abs(v)
np.fabs(v)
np.sign(v)
np.floor(v)
np.ceil(v)
np.trunc(v)
np.rint(v)
np.fix(v)
np.sin(v)
np.cos(v)
np.tan(v)
np.arcsin(u)
np.arccos(u)
np.arctan(v)
np.asin(u)
np.acos(u)
np.atan(v)
np.sinh(v)
np.cosh(v)
np.tanh(v)
np.arcsinh(v)
np.arccosh(g)
np.arctanh(u)
np.asinh(v)
np.acosh(g)
np.atanh(u)
np.arctan2(v, w)
np.atan2(v, w)
np.hypot(v, w)
np.logaddexp(v, w)
np.logaddexp2(v, w)
np.maximum(v, w)
np.minimum(v, w)
np.fmax(v, w)
np.fmin(v, w)
np.clip(v, -0.5, 0.5)
np.clip(v, None, w)
np.where(v > 0, v, w)
np.deg2rad(v)
np.rad2deg(v)
np.mod(v, p)
np.remainder(v, p)
np.fmod(v, p)
np.copysign(v, w)
np.heaviside(v, w)
np.sinc(v)
np.sinc(z)
np.nan_to_num(v)
np.positive(v)
np.negative(v)
np.add(m, e)
np.subtract(m, e)
np.multiply(m, e)
np.divide(m, p[:4])
np.true_divide(v, p)
np.floor_divide(v, p)
np.divmod(v, p)[1]
np.real(v)
np.conj(v)
np.conjugate(v)
np.unwrap(v * 4)
np.float64(s)
"""

REDUCTIONS = """
np.sum(m)
np.sum(m, axis=0)
np.sum(t, axis=(0, -1))
np.sum(m, axis=1, keepdims=True)
np.sum(m, initial=2.5)
np.sum(m, where=c)
np.sum(m, dtype=np.float64)
np.mean(t, axis=(1, 2))
np.mean(m, axis=-1, keepdims=True)
np.mean(m, where=c)
np.prod(m)
np.prod(z, axis=0)
np.prod(z, axis=1, keepdims=True)
np.prod(m, initial=2.0)
np.max(m)
np.max(m, axis=0)
np.max(m, initial=0.3)
np.amax(m, axis=1)
np.min(m, axis=-1)
np.amin(m)
np.ptp(m)
np.ptp(m, axis=0)
np.std(m)
np.std(m, axis=0)
np.std(m, axis=1, ddof=1, keepdims=True)
np.var(m)
np.var(t, axis=(0, 2), ddof=1)
np.var(m, correction=1)
np.average(m)
np.average(m, axis=0)
np.average(v, weights=p)
np.average(m, axis=0, weights=p[:3])
np.average(m, weights=np.abs(n))
np.average(m, weights=p[:4], axis=-1, keepdims=True)
np.average(v, weights=p, returned=True)[1]
np.median(v)
np.median(m, axis=0)
np.median(m, axis=1, keepdims=True)
np.median(t, axis=(0, 2))
np.quantile(v, 0.3)
np.quantile(m, 0.25, axis=0)
np.quantile(m, [0.1, 0.5, 0.9], axis=1)
np.percentile(m, [25, 75])
np.percentile(m, 12.5, axis=0)
np.nansum(m)
np.nansum(m, axis=0)
np.nanmean(m, axis=1)
np.nanmax(m, axis=0)
np.nanmin(m)
np.nanstd(m)
np.nanvar(m, axis=0)
np.nanprod(z, axis=0)
np.nanmedian(v)
np.nancumsum(m, axis=0)
np.cumsum(v)
np.cumsum(m)
np.cumsum(m, axis=0)
np.cumsum(m, axis=-1)
np.cumprod(m)
np.cumprod(z, axis=0)
np.cumulative_sum(v)
np.cumulative_sum(m, axis=1)
np.cumulative_sum(m, axis=1, include_initial=True)
np.count_nonzero(m)
np.count_nonzero(z, axis=0)
np.trapezoid(v)
np.trapezoid(v, p)
np.trapezoid(v, dx=0.5)
np.trapezoid(m, axis=0)
np.trapezoid(m, dx=f)
np.trapezoid(m, np.cumsum(p[:4]))
np.interp(v, np.cumsum(p), w)
np.interp(m, np.cumsum(p), w)
np.interp(s, np.cumsum(p), w)
np.interp(v, np.cumsum(p), w, left=-1.0, right=2.0)
np.sort(v)
np.sort(m)
np.sort(m, axis=0)
np.sort(m, axis=None)
np.sort(t, axis=1)
np.argsort(v)
np.argsort(m, axis=0)
np.argsort(i, kind="stable")
np.sort(i)
np.convolve(v, p)
np.convolve(v, w[:3], "same")
np.convolve(v, w[:3], mode="valid")
np.convolve(w[:2], v, "valid")
np.correlate(v, w[:3], "full")
np.correlate(v, w[:3], mode="same")
np.correlate(w[:2], v)
np.diff(v)
np.diff(m, n=2)
np.diff(m, axis=0)
np.diff(v, prepend=0.0)
np.diff(v, append=s)
np.gradient(v)
np.gradient(v, 0.5)
np.gradient(m, axis=0)
np.gradient(m)[1]
np.gradient(v, np.cumsum(p))
np.ediff1d(m)
np.ediff1d(v, to_end=1.0, to_begin=s)
np.trace(a)
np.trace(m, offset=1)
np.trace(t)
np.trace(t, axis1=1, axis2=2)
np.diagonal(a)
np.diagonal(m, -1)
np.diagonal(t, axis1=1, axis2=2)
np.max(m, axis=(0, 1))
np.linalg.norm(v)
np.cov(v, w)
np.cov(m)
np.corrcoef(v, w)
"""

SHAPES = """
np.reshape(m, (4, 3))
np.reshape(m, -1)
np.reshape(m, (2, -1))
np.ravel(m)
m.flatten()
np.transpose(t)
np.transpose(t, (2, 0, 1))
m.T
m.mT
np.permute_dims(t, (1, 0, 2))
np.matrix_transpose(t)
np.swapaxes(t, 0, -1)
np.moveaxis(t, 0, -1)
np.moveaxis(t, [0, 1], [1, 2])
np.rollaxis(t, 2)
np.rollaxis(t, 2, 1)
np.squeeze(e)
np.squeeze(e, axis=0)
np.expand_dims(m, 1)
np.expand_dims(m, (0, -1))
np.broadcast_to(e, (3, 4))
np.broadcast_arrays(e, m)[0]
np.broadcast_arrays(m, e, s)[2]
np.concatenate([m, n])
np.concatenate((m, n), axis=1)
np.concatenate([m, n], axis=None)
np.concat([v, w])
np.stack([v, w])
np.stack([m, n], axis=-1)
np.hstack([v, w])
np.hstack([m, n])
np.vstack([v, w])
np.column_stack([v, w])
np.dstack([m, n])
np.dstack([v, w])
np.block([[a, a], [a, a]])
np.block([[m, a], [n, a]])
np.block([v, w])
np.append(v, w)
np.append(m, n, axis=0)
np.append(v, 1.0)
np.insert(v, 2, 1.5)
np.insert(v, 0, s)
np.insert(m, 1, 2.0, axis=0)
np.insert(m, 1, v[:3], axis=1)
np.delete(v, 1)
np.delete(m, 1, axis=0)
np.delete(m, -1, axis=1)
np.delete(v, [0, 2])
np.repeat(v, 2)
np.repeat(m, 3, axis=0)
np.repeat(m, 2)
np.repeat(m, 2, axis=-1)
np.repeat(v, [1, 0, 2, 1, 3])
np.tile(v, 3)
np.tile(v, (2, 2))
np.tile(m, 2)
np.tile(m, (2, 1))
np.tile(m, (2, 1, 1))
np.roll(v, 2)
np.roll(m, -1)
np.roll(m, 1, axis=0)
np.roll(m, (1, 2), axis=(0, 1))
np.flip(m)
np.flip(m, 0)
np.fliplr(m)
np.flipud(m)
np.rot90(m)
np.rot90(m, 2)
np.rot90(m, -1)
np.rot90(t, 1, (1, 2))
np.split(m, 2, axis=1)[1]
np.split(v, [1, 3])[1]
np.array_split(v, 3)[2]
np.array_split(v, 2)[0]
np.hsplit(m, 2)[0]
np.vsplit(m, 3)[1]
np.dsplit(t, 2)[1]
np.diag(v)
np.diag(v, 1)
np.diag(m)
np.diagflat(v)
np.diagflat(m, 1)
np.tril(m)
np.triu(m, 1)
np.tril(t, -1)
np.pad(v, 2)
np.pad(v, (1, 2))
np.pad(m, ((1, 0), (0, 2)))
np.pad(v, 1, constant_values=2.5)
np.pad(v, 1, mode="constant", constant_values=(1.0, 2.0))
np.pad(v, 2, mode="edge")
np.pad(m, 1, mode="edge")
np.pad(v, 2, mode="reflect")
np.pad(m, ((1, 1), (2, 0)), "reflect")
np.pad(v, 2, mode="wrap")
np.pad(v, 2, "symmetric")
np.take(v, i)
np.take(m, [0, 2], axis=1)
np.take_along_axis(m, np.argsort(m, axis=1), axis=1)
np.take_along_axis(m, np.argmax(m, axis=0, keepdims=True), 0)
np.compress(b, v)
np.compress([True, False, True], m, axis=0)
np.extract(b, v)
np.choose(i[:3] % 2, [v[:3], w[:3]])
np.select([v > 0.5, v > 0], [v, w], 0.0)
np.select([v > 0.5, v > 0], [v * v, w], default=p)
np.piecewise(v, [v < 0, v >= 0], [0.0, 1.0])
np.piecewise(v, [v < 0, v >= 0], [lambda x: -x, lambda x: x * x])
np.atleast_1d(s)
np.atleast_2d(v)
np.atleast_3d(v)
np.atleast_3d(m)
m[np.ix_([0, 2], [1, 3])]
np.indices((2, 3))[1] * s
np.ascontiguousarray(m)
np.tril_indices(3)[0] * s
a[np.tril_indices(3)]
a[np.triu_indices(3, 1)]
a[np.diag_indices(3)]
a[np.diag_indices_from(a)]
a[np.tril_indices_from(a, -1)]
m[np.triu_indices_from(m, k=1)]
v[range(2, 0, -1)]
m[range(2), 1]
np.array(range(3)) * s
np.dot(range(5), v)
np.r_[v, w, w[:2]]
np.c_[v, w]
np.searchsorted(np.cumsum(p), v)
np.searchsorted(np.cumsum(p), v, side="right")
np.searchsorted(np.cumsum(p), s)
np.searchsorted([0.0, 1.0], f)
np.digitize(v, [-0.5, 0.0, 0.5])
np.digitize(v, [-0.5, 0.0, 0.5], right=True)
np.bincount(i)
np.bincount(i, weights=v)
np.bincount(i, minlength=7)
np.bincount(i, v, 7)
v[np.flatnonzero(v > 0)]
np.argwhere(m > 0)
np.nonzero(v > 0)[0]
np.where(v > 0)[0]
"""

CREATION = """
np.zeros(3) + s
np.zeros((2, 3)) + s
np.ones((2,)) * s
np.empty((0, 2)) + s
np.full((2, 3), s)
np.full(4, f)
np.full((2, 3), v[:3])
np.eye(3) * s
np.eye(3, 4, k=1) * s
np.identity(3) * s
np.arange(5) * s
np.arange(1, 7, 2) * s
np.arange(0.0, 1.0, 0.3) * s
np.linspace(0, 1, 5) * s
np.linspace(f, s, 4)
np.linspace(0.0, s, 5, endpoint=False)
np.linspace(v, w, 3)
np.linspace(0.0, s, 5, retstep=True)[1]
np.logspace(0, s, 4)
np.logspace(0, s, 4, base=2.0)
np.array([s, f, 1.0])
np.array([v, w])
np.array([[s, f], [1.0, 2.0]])
np.array(v, copy=True)
np.array(v, dtype=np.float64)
np.array(v, ndmin=2)
np.asarray(v)
np.asanyarray(v)
np.asarray([s, f])
np.copy(m)
np.zeros_like(m) + s
np.ones_like(v) * s
np.full_like(v, s)
np.empty_like(o) + s
np.ndarray((0, 2), np.float64) + s
np.tri(3) * s
np.tri(3, 4, 1) * s
np.vander(v)
np.vander(v, 3)
np.vander(v, 3, increasing=True)
np.meshgrid(v, w[:3])[0]
np.meshgrid(v, w[:3])[1]
np.meshgrid(v, w[:3], indexing="ij")[0]
np.meshgrid(v, w[:3], p[:2], indexing="ij")[2]
np.polyval([1.0, 2.0, 3.0], v)
np.polyval(v, w)
np.block(s)
"""

PASSIVE = """
np.logical_and(v > 0, w > 0)
np.logical_or(v > 0, b)
np.logical_not(v > 0)
np.logical_xor(v > 0, b)
np.logical_and(v, w)
np.argmax(v)
np.argmax(m, axis=1)
np.argmin(m, axis=0, keepdims=True)
np.nanargmax(v)
np.isnan(v)
np.isinf(v)
np.isfinite(v)
np.isneginf(v)
np.isposinf(v)
np.isclose(v, w)
np.isclose(v, v + 1e-9)
np.isclose(s, f, rtol=0.1, atol=0.2)
np.allclose(v, v + 1e-9)
np.allclose(v, w, atol=0.1)
np.array_equal(v, w)
np.array_equal(v, v)
np.array_equal(v, m)
np.any(v > 0)
np.any(m > 0, axis=0)
np.all(m > 0, axis=1, keepdims=True)
np.shape(m)[1]
np.size(m)
np.size(m, 1)
np.ndim(m)
np.signbit(v)
np.greater(v, w)
np.less(v, w)
np.greater_equal(v, w)
np.less_equal(v, w)
np.equal(i, 2)
np.not_equal(i, 2)
np.isin(i, [1, 2])
np.isscalar(s)
np.iscomplexobj(v)
np.isrealobj(v)
np.isreal(v)
np.iscomplex(v)
np.finfo(np.float64).eps * s
np.finfo(v.dtype).max
np.iinfo(np.int64).max
np.pi * s
np.e * s
np.inf
np.euler_gamma * s
np.newaxis is None
np.bitwise_and(i, 1)
np.bitwise_or(i, 1)
np.bitwise_xor(i, 1)
np.bitwise_not(i)
np.invert(i)
np.left_shift(i, 2)
np.right_shift(i, 1)
np.sign(i)
np.result_type(v, i) == np.float64
np.promote_types("f4", "f8") == np.float64
np.can_cast(np.float32, np.float64)
np.dtype("float64") == v.dtype
np.issubdtype(v.dtype, np.floating)
np.iterable(v)
np.broadcast_shapes((3, 1), (1, 4))[0]
"""

UFUNC_METHODS = """
np.add.reduce(m, axis=None)
np.add.reduce(m, axis=1, keepdims=True)
np.multiply.reduce(z, axis=0)
np.maximum.reduce(m, axis=1)
np.minimum.reduce(m)
np.subtract.reduce(m)
np.divide.reduce(p)
np.power.reduce(p)
np.hypot.reduce(v)
np.logaddexp.reduce(v)
np.logaddexp.reduce(m, axis=1)
np.arctan2.reduce(v)
np.fmax.reduce(v)
np.logical_and.reduce(b)
np.logical_or.reduce(m > 0, axis=1)
np.logical_xor.reduce(b)
np.bitwise_or.reduce(i)
np.add.accumulate(m)
np.add.accumulate(m, axis=1)
np.multiply.accumulate(v)
np.maximum.accumulate(v)
np.minimum.accumulate(m, axis=-1)
np.subtract.accumulate(v)
np.divide.accumulate(p)
np.logaddexp.accumulate(v)
np.hypot.accumulate(v)
np.fmin.accumulate(v)
np.logical_or.accumulate(b)
np.add.outer(v, w)
np.subtract.outer(v, m)
np.multiply.outer(v, w)
np.divide.outer(v, p)
np.power.outer(p, v)
np.maximum.outer(v, w)
np.hypot.outer(v, w)
np.arctan2.outer(v, w)
np.logaddexp.outer(v, w)
np.less.outer(v, w)
np.fmod.outer(v, p)
"""

METHODS = """
m.sum()
m.sum(axis=0, keepdims=True)
m.mean(axis=1)
m.prod(axis=0)
m.max()
m.min(axis=1)
m.std(axis=0)
m.var(ddof=1)
m.cumsum()
m.cumsum(axis=1)
z.cumprod(axis=0)
m.clip(-0.5, 0.5)
m.clip(max=0.3)
v.argsort()
m.argmax(axis=1)
m.argmin()
v.item(2)
m.item(1, 2)
v.repeat(2)
m.repeat(2, axis=0)
v.take(i)
m.take([0, 1], axis=1)
t.swapaxes(0, 2)
t.transpose(2, 0, 1)
t.transpose((2, 0, 1))
t.transpose()
m.reshape(4, 3)
m.reshape((4, 3))
m.ravel()
m.flatten()
e.squeeze()
m.diagonal()
a.trace()
v.compress(b)
v.searchsorted(0.2)
m.any()
m.all(axis=0)
m.nonzero()[0]
v.conj()
v.conjugate()
m.copy()
v.dot(w)
v.astype(np.float32)
v.astype(float)
i.astype(float) * s
m.T.ravel()
v.real
m.size * s
m.nbytes
v.itemsize
s.item() * 2
s.sum()
s.reshape(1)
i.choose([v, w, p, u])
"""

#: What is refused.
REFUSED = """
np.geomspace(1.0, g[0], 4)
np.asarray_chkfinite(v)
np.fromiter((x * s for x in range(3)), dtype=float)
np.mgrid[0:3] * s
np.ogrid[0:3] * s
np.r_[0:3] * s
np.kaiser(4, 1.0) * s
np.require(v)
np.imag(v)
np.ldexp(v, i)
np.modf(v)[0]
np.frexp(v)[0]
np.spacing(v)
np.nextafter(v, w)
np.i0(v)
np.angle(v)
np.around(m[0] > 1)
np.partition(v, 2)[2]
np.delete(m, slice(0, 2), axis=1)
np.unstack(m)[1]
np.take(m, i, axis=1, mode="wrap")
np.take(v, i + 9, mode="clip")
np.resize(v, 3)
np.trim_zeros(v)
np.unravel_index(3, (2, 3))[1]
np.ravel_multi_index((1, 2), (2, 3))
np.array_equiv(v, v)
np.gcd(i, 6)
np.lcm(i, 6)
np.bitwise_count(i)
np.lexsort((i, i))
np.unique(i)
np.histogram(v)[0]
np.may_share_memory(v, w)
np.shares_memory(v, w)
v.tolist()[1]
m.tolist()[1][2]
v.imag
m.__len__()
"""
