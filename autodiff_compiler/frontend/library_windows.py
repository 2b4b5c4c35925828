"""NumPy's windows as programs: read by the front end when called."""

from __future__ import annotations

from typing import Any

import numpy as np


def places(M: Any) -> Any:
    """1 - M, 3 - M, ..., M - 1, as NumPy has them; of one entry, 0."""
    return np.arange(1 - M, M, 2)


def hanning(M: Any) -> Any:
    if M == 1:
        return np.ones(M)
    return 0.5 + 0.5 * np.cos(np.pi * places(M) / (M - 1))


def hamming(M: Any) -> Any:
    if M == 1:
        return np.ones(M)
    return 0.54 + 0.46 * np.cos(np.pi * places(M) / (M - 1))


def blackman(M: Any) -> Any:
    if M == 1:
        return np.ones(M)
    angle = np.pi * places(M) / (M - 1)
    return 0.42 + 0.5 * np.cos(angle) + 0.08 * np.cos(2.0 * angle)


def bartlett(M: Any) -> Any:
    if M == 1:
        return np.ones(M)
    n = places(M)
    return np.where(n <= 0, 1 + n / (M - 1), 1 - n / (M - 1))
