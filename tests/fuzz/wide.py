"""The wide language, a snippet a line: every program gets some of them, in turn, so that none is rare.

In a snippet `<v>` is a vector with values of size one, `<d>` one of distinct values, `<p>` a positive one, `<m>` a
matrix of size one, `<spd>` a well-conditioned one, `<e>` a number of size one, `<q>` a positive one, `<V>` and `<M>`
names of arrays, `<i>` a place that is in range, `<c>` a number as text and `<u>` what makes a name the snippet's own.
"""

from __future__ import annotations

import importlib.util
import re

from . import containers
from .statements import SimpleStatements

HAS_SCIPY = importlib.util.find_spec("scipy") is not None

#: Numbers.
NUMBERS = """
math.asin(0.8 * <e>) * math.acos(0.7 * <e>)
math.atan2(<e>, <q>) + math.atanh(0.6 * <e>)
math.sinh(<e>) * math.cosh(<e>)
math.asinh(<e>) + math.acosh(1.4 + <q>)
math.hypot(<q>, <e>) - math.fabs(<e> + 0.013)
math.erf(<e>) * math.erfc(<e>)
math.gamma(<q>) + math.lgamma(1.1 + <q>)
math.log1p(<q>) * math.expm1(<e>)
math.log2(<q>) - math.log10(<q>)
math.cbrt(<q>) * math.exp2(<e>)
math.pow(<q>, <e>)
math.copysign(<q>, <e> + 0.017) * math.floor(3 * <e>)
math.fmod(3.1 * <q>, 1.3) + math.ceil(2 * <e>)
math.dist([<e>, <e>], [2.5, <e>])
math.fsum([<e>, <e>, <e>]) * math.sqrt(<q>)
math.degrees(0.01 * <e>) + math.radians(30 * <e>)
math.tan(0.7 * <e>) * math.pi
math.trunc(4 * <e>) * <e>
np.prod(<v>)
np.var(<v>) + np.std(<d>)
(<d>).std() * (<v>).var()
np.median(<d>)
np.quantile(<d>, 0.3) - np.percentile(<d>, 62.5)
np.average(<v>, weights=<p>)
np.ptp(<d>)
np.trapezoid(<v>) + np.trapezoid(<v>, dx=0.5)
np.trapezoid(<v>, np.cumsum(<p>))
np.interp(1.7 * <e>, np.cumsum(<p>), <v>)
np.count_nonzero(<v> > 0.013) * <e>
np.argmax(<d>) * <e> + <V>[np.argmin(<d>)]
np.inner(<v>, <v>) * np.vdot(<v>, <v>)
np.trace(<m>) + (<m>).diagonal().sum()
np.nansum(<v>) + np.nanmean(<v>)
np.polyval(<v>, <e>)
np.cov(<d>, <d>)[0, 1] + np.corrcoef(<d>, TABLE[:n])[1, 0]
np.linalg.det(0.4 * <spd>)
np.linalg.slogdet(<spd>)[1]
np.linalg.norm(<d>) - np.linalg.norm(<m>)
np.linalg.norm(<d>, 1) + np.linalg.norm(<d>, np.inf)
np.einsum("i,i->", <v>, <v>)
np.einsum("ij,jk,ki->", <m>, <m>, <m>) * 0.1
np.tensordot(<m>, <m>, axes=2)
np.matmul(<v>, <v>) + np.linalg.trace(<m>)
sum(y * y for y in <V>) * 0.3
max(np.sin(y) for y in <V>) + min(0.5 * y for y in <V>)
sum([y for y in <V> if y > <c>]) * 0.3
sum(y * z for y, z in zip(<V>, <v>) if y < z) * 0.2
sum(np.sin(<M>[i, j]) for i in range(n) for j in range(i)) * 0.3
np.array([0.5 * y for i, y in enumerate(<V>) if i % 2 == 0]).sum()
np.searchsorted(np.cumsum(<p>), <e>) * <e>
np.any(<v> > <c>) * <e> + np.all(<v> < 1.5) * <e>
np.min(<m>, axis=(0, 1)) + np.max(<m>, initial=0.3)
np.mean(<m>, axis=(0, 1)) + np.sum(<v>, where=<V> > <c>)
np.linalg.eigvalsh(0.5 * (<spd>))[0]
np.linalg.svd(<spd>, compute_uv=False).sum()
np.linalg.cond(<spd>) * 0.1
"""

SPECIAL = """
special.expit(<e>) * special.logit(0.3 * special.expit(<e>) + 0.2)
special.logsumexp(<v>)
special.logsumexp(<m>, axis=0)[<i>] + special.log_expit(<e>)
special.softmax(<v>)[<i>] * special.log_softmax(<v>)[<i>]
special.erf(<e>) + special.erfc(<e>) * special.erfcx(<e>)
special.gammaln(0.3 + <q>) * special.gamma(<q>)
special.digamma(<q>) + special.polygamma(1, 0.5 + <q>)
special.xlogy(<q>, <q>) - special.xlog1py(<q>, <q>)
special.entr(<q>) + special.rel_entr(<q>, <q>)
special.kl_div(<q>, <q>) * special.beta(<q>, <q>)
special.betaln(<q>, <q>) - special.ndtr(<e>)
special.log_ndtr(<e>) + special.ndtri(0.2 + 0.5 * special.expit(<e>))
special.erfinv(0.6 * <e>) - special.erfcinv(1.0 + 0.5 * <e>)
special.huber(0.413, <e>) * special.pseudo_huber(0.7, <e>)
"""

VECTORS = """
np.exp2(<v>) - np.expm1(<v>)
np.log2(<p>) * np.log10(<p>)
np.log1p(<p>) + np.cbrt(<p>)
np.reciprocal(<p>) * np.power(<p>, <v>)
np.float_power(<p>, 1.5) - np.square(<v>)
np.arcsin(0.8 * <v>) * np.arccos(0.7 * <v>)
np.arctan(<v>) + np.arctanh(0.6 * <v>)
np.arcsinh(<v>) * np.arccosh(1.3 + <p>)
np.sinh(<v>) - np.cosh(<v>)
np.arctan2(<v>, <p>) * np.hypot(<p>, <v>)
np.logaddexp(<v>, <v>) + np.logaddexp2(<v>, <e>)
np.fmax(<v>, <d>) - np.fmin(<d>, <e>)
np.clip(<v>, -0.513, 0.487)
np.clip(<d>, <e> - 0.7, None)
np.mod(3.3 * <p>, 1.7) + np.fmod(2.9 * <p>, 1.3)
np.floor_divide(5.1 * <p>, 1.3) * <e>
np.copysign(<p>, <v> + 0.017) * np.heaviside(<v> + 0.011, 0.5)
np.ceil(3 * <p>) * <e> + np.trunc(2 * <p>) * np.rint(1.7 * <p>)
np.sinc(<d>) + np.deg2rad(40 * <v>) - np.rad2deg(0.01 * <v>)
np.nan_to_num(<v>) * np.fabs(<p>)
np.add(<v>, <v>) - np.subtract(<v>, <e>)
np.multiply(<v>, <v>) + np.divide(<v>, <p>)
np.where(np.logical_and(<v> > <c>, <d> < <c>), <v>, <v>)
np.where(np.logical_or(<v> > <c>, np.logical_not(<d> < <c>)), <v>, <e>)
np.where(np.isfinite(<v>), <v>, 0.0)
np.where(np.isnan(<v>), 0.0, np.negative(<v>))
np.select([<v> > 0.513, <d> > -0.117], [<v>, <v> * <v>], <e>)
np.piecewise(<d>, [<d> < 0.113], [lambda y: y * y, lambda y: np.sin(y)])
np.choose(np.arange(n) % 2, [<v>, <v>])
np.sort(<d>)
np.sort(<m>, axis=0)[<i>]
<V>[np.argsort(<d>)]
np.median(<m>, axis=0) + np.quantile(<m>, 0.4, axis=1)
np.cumsum(<v>) - 0.3 * np.cumprod(<p>)
(<v>).cumsum() * (<v>).cumprod()
np.cumsum(<m>, axis=0)[<i>] + np.cumprod(<m>, axis=1)[:, <i>]
np.cumulative_sum(<v>) * 0.5
np.diff(<v>, prepend=<e>)
np.diff(<v>, n=2, prepend=<v>[:2]) + np.ediff1d(<v>, to_end=<e>)
np.gradient(<v>) + np.gradient(<v>, 0.5)
np.interp(2.3 * <v>, np.cumsum(<p>), <v>)
np.convolve(<v>, [0.3, <e>, 0.5], "same")
np.convolve(<v>, <v>)[:n] + np.correlate(<v>, <v>, "full")[-n:]
np.unwrap(0.5 * <v>)
np.concatenate([<v>, <v>])[1 : n + 1]
np.concatenate((<v>[:2], [<e>], <V>[1 : n - 2]))
np.hstack([<e>, <v>])[:-1] + np.append(<v>, <e>)[1:]
np.insert(<v>, 1, <e>)[:n] - np.delete(np.append(<v>, <e>), 1)
np.tile(<v>, 2)[1 : n + 1] * np.repeat(<v>, 2)[:n]
np.repeat(<v>, 2)[::2]
np.pad(<v>, 1)[2:] + np.pad(<v>, (1, 2), mode="edge")[2:-1]
np.pad(<v>, 2, mode="reflect")[1 : n + 1] - np.pad(<v>, 1, mode="wrap")[:n]
np.roll(<v>, 1) - np.roll(<v>, -2)
np.flip(<v>) * <v>
np.take(<v>, idx) + (<v>).take([0] * 2)[0]
np.take_along_axis(<m>, idx[:, None], axis=1)[:, 0]
np.searchsorted(np.cumsum(<p>), <v>) * <e>
np.digitize(<v>, [-0.513, 0.117]) * <v>
np.bincount(idx, weights=<v>, minlength=n)[:n]
np.split(<v>, [1])[1].sum() * <v>
np.array_split(<v>, 2)[0][0] * <v>
np.diag(<m>) + np.diagonal(<m>) * <e>
np.tril(<m>) @ <v> + np.triu(<m>, 1).sum(axis=0)
np.linspace(<e>, 1.5 + <e>, n)
np.full(n, <e>) + np.full_like(<v>, <e>) * np.ones_like(<v>)
np.prod(<m>, axis=0) + (<m>).prod(axis=1)
np.std(<m> + TABLE[:n], axis=1) + (<m>).var(axis=0)
np.average(<m>, axis=0, weights=<p>)
np.broadcast_to(<e>, (n,)) * <v>
np.squeeze(np.expand_dims(<v>, 0)) + np.atleast_1d(<e>)
np.einsum("ij,j->i", <m>, <v>) + np.einsum("ij->j", <m>)
np.einsum("ij,ij->i", <m>, <m>)
np.tensordot(<m>, <v>, axes=1)
np.linalg.solve(<spd>, <v>)
np.linalg.norm(<m> + TABLE[:n], axis=1)
np.linalg.inv(<spd>) @ <v>
np.matmul(<v>, <m>) - np.inner(<m>, <v>)
np.vander(<v>, 3).sum(axis=1)
np.stack([<v>, <v>]).max(axis=0)
np.array([y * <e> for y in <V>])
np.array([np.sin(y) if y > 0.013 else 0.5 * y for y in <V>])
np.cross(<v>[:3], <V>[-3:])[(<i>) % 3] * <v>
np.extract(<d> > -5.0, <v>)
np.trapezoid(<m>, axis=0) + np.trapezoid(<m>, dx=0.3)
np.column_stack([<v>, <v>])[:, 1] * np.ravel(<m>)[:n]
np.max(<m>, axis=1, keepdims=True).reshape(n) * (<v>).argmax()
np.minimum.accumulate(<d>) + np.maximum.reduce(<m>)
np.subtract.outer(<v>, <v>)[<i>]
"""

MATRICES = """
np.stack([<v>] * 2).sum() * <m>
np.vstack([<m>[1:], <v>])
np.concatenate([<m>[:, :1], <m>[:, 1:]], axis=1)
np.stack([<V> * y for y in (<e>, 0.5, <e>)], axis=1)[:, :1] * <m>
np.array([[y * z for y in <V>] for z in <V>])
np.tile(<v>, (n, 1)) + np.repeat(<m>[:1], n, axis=0)
np.pad(<m>, ((1, 0), (0, 1)))[:-1, 1:]
np.roll(<m>, 1, axis=0) - np.roll(<m>, -1)
np.flip(<m>, 0) * np.fliplr(<m>) + np.flipud(<m>)
np.rot90(<m>) + np.swapaxes(<m>, 0, 1)
np.moveaxis((<m>)[:, :, None] * <v>, -1, 0)[<i>]
np.take(<m>, idx, axis=1)
np.where(np.tri(n) > 0, <m>, <e>)
np.einsum("ij,kj->ik", <m>, <m>) * 0.4
np.einsum("i,j->ji", <v>, <v>)
np.tensordot(<m>, <m>, axes=(0, 1)) * 0.4
np.matmul(np.stack([<m>, <m>]), <m>)[(<i>) % 2] * 0.4
np.linalg.cholesky(<spd>)
np.linalg.inv(<spd>)
np.linalg.solve(<spd>, <m>)
np.linalg.solve(np.stack([<spd>, <spd>]), <m>)[1]
np.linalg.matrix_power(<m>, 2) * 0.3 + np.linalg.pinv(<spd>)
np.linalg.multi_dot([<m>, <m>, <m>]) * 0.2
np.linalg.qr(<spd>)[0]
np.diff(<m>, axis=0, append=(<v>)[None])
np.cumsum(<m>, axis=1) * 0.4
np.gradient(<m>, axis=0)
np.meshgrid(<v>, <v>)[0] * <m>
np.diag(<v>) + np.identity(n) * <e>
np.kron(<m>[:1], (<v>)[:, None])[:n, :n]
np.split(<m>, [1], axis=1)[0] * <m>
np.expand_dims(<v>, 1) * <m>
np.broadcast_to(<v>, (n, n)) - <m>
np.maximum(<m>, <v>) * np.minimum(<m>, 0.313)
np.sort(<m>, axis=1)
np.delete(np.insert(<m>, 1, <v>, axis=0), 0, axis=0)
np.transpose(<m>, (1, 0)) * np.permute_dims(<m>, (1, 0))
np.block([[<m>, <m>], [<m>, <m>]])[1 : n + 1, :n]
np.clip(<m>, -0.613, 0.587)
"""


def snippets():
    """All of them: what kind of value it is (`statements`: none), and its text."""
    kinds = [("number", NUMBERS), ("vector", VECTORS), ("matrix", MATRICES)]
    if HAS_SCIPY:
        kinds.append(("number", SPECIAL))
    found = [(kind, line) for kind, text in kinds for line in text.strip().split("\n")]
    return found + [("statements", text) for text in containers.SNIPPETS]


class WideStatements(SimpleStatements):
    """Writes snippets; what they give is added to `total`."""

    due: list[tuple[str, str]]

    def wide(self, s, depth):
        """The next snippet that is due, or nothing."""
        return self.written(s, *self.due.pop()) if self.due else []

    def written(self, s, kind, text):
        filled = self.filled(s, text)
        if kind == "statements":
            return filled.split("\n")
        if kind == "number":
            if self.chance(0.5):
                return [f"total += 0.3 * ({filled})"]
            name = self.fresh("s")
            s.floats.append(name)
            return [f"{name} = np.tanh({filled})", f"total += {name} * {self.leaf(s)}"]
        if kind == "vector":
            if self.chance(0.5):
                return [f"total += 0.2 * (({filled}) @ TABLE[:n])"]
            name = self.fresh("v")
            lines = [f"{name} = np.sin({filled})", f"total += {name} @ TABLE[:n]"]
            s.vectors.append(name)
            s.owned.append(name)
            return lines
        if self.chance(0.5):
            return [f"total += 0.2 * (TABLE[:n] @ ({filled}) @ TABLE[:n])"]
        name = self.fresh("B")
        lines = [f"{name} = np.tanh({filled})", f"total += 0.2 * ({name}[{self.place(s)}] @ x)"]
        s.matrices.append(name)
        return lines

    def filled(self, s, text):
        own = self.fresh("")
        fill = {
            "v": lambda: f"({self.bounded_vector(s, int(self.chance(0.15)))})",
            "d": lambda: f"np.sin({self.pick(*s.vectors)} + 1.1 * TABLE[:n])",
            "p": lambda: f"(1.2 + 0.5 * {self.bounded_vector(s, 0)})",
            "m": lambda: (
                f"np.sin({self.pick(*s.matrices)})"
                if self.chance(0.7)
                else f"({self.bounded_matrix(s)})"
            ),
            "spd": lambda: f"definite({self.pick(*s.matrices)})",
            "e": lambda: f"({self.bounded(s, int(self.chance(0.2)))})",
            "q": lambda: f"(1.2 + 0.5 * np.tanh({self.leaf(s)}))",
            "V": lambda: self.pick(*s.vectors),
            "M": lambda: self.pick(*s.matrices),
            "i": lambda: self.place(s),
            "c": lambda: self.number(),
            "u": lambda: own,
        }
        return re.sub(r"<(\w+)>", lambda found: fill[found[1]](), text)


def constructs_of_snippets(constructs):
    """What `constructs` finds in the snippets: all that a set of programs must hold."""
    found = set()
    for _, text in snippets():
        found |= constructs(re.sub(r"<u>", "", re.sub(r"<[^u]\w*>", "x", text)))
    return found
