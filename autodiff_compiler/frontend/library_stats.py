"""Methods of `scipy.stats.norm`: ordinary source, read by the front end when they are called.

`loc` and `scale` are None where the call leaves them out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.numerics import log_ndtr, ndtri
from .library_special import ndtr


def norm_pdf(x: Any, loc: Any, scale: Any) -> Any:
    z = standard(x, loc, scale)
    density = np.exp(-0.5 * z * z) / 2.5066282746310002
    return density if scale is None else np.where(scale > 0, density / scale, np.nan)


def norm_logpdf(x: Any, loc: Any, scale: Any) -> Any:
    z = standard(x, loc, scale)
    density = -0.5 * z * z - 0.9189385332046727
    return density if scale is None else np.where(scale > 0, density - np.log(scale), np.nan)


def norm_cdf(x: Any, loc: Any, scale: Any) -> Any:
    return where_positive(scale, ndtr(standard(x, loc, scale)))


def norm_logcdf(x: Any, loc: Any, scale: Any) -> Any:
    return where_positive(scale, log_ndtr(standard(x, loc, scale)))


def norm_sf(x: Any, loc: Any, scale: Any) -> Any:
    return where_positive(scale, ndtr(-standard(x, loc, scale)))


def norm_logsf(x: Any, loc: Any, scale: Any) -> Any:
    return where_positive(scale, log_ndtr(-standard(x, loc, scale)))


def norm_ppf(q: Any, loc: Any, scale: Any) -> Any:
    return where_positive(scale, back(ndtri(q), loc, scale))


def norm_isf(q: Any, loc: Any, scale: Any) -> Any:
    return where_positive(scale, back(-ndtri(q), loc, scale))


def standard(x: Any, loc: Any, scale: Any) -> Any:
    z = x if loc is None else x - loc
    return (z if scale is None else z / scale).astype(np.float64)


def back(z: Any, loc: Any, scale: Any) -> Any:
    x = z if scale is None else z * scale
    return x if loc is None else x + loc


def where_positive(scale: Any, value: Any) -> Any:
    return value if scale is None else np.where(scale > 0, value, np.nan)
