"""Numbers and arrays as short text."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Digits"]

#: Arrays of more entries are summarised.
_WHOLE = 6
_FIRST = 3


class Digits:
    """Formats with so many significant digits."""

    def __init__(self, digits: int = 6):
        self.digits = digits

    def number(self, x: Any) -> str:
        if isinstance(x, (bool, np.bool_)):
            return str(bool(x))
        if isinstance(x, (int, np.integer)):
            return str(int(x))
        text = f"{float(x):.{self.digits}g}"
        return "0" if text == "-0" else text

    def factor(self, x: Any) -> str:
        """A number in a product."""
        text = self.number(x)
        return f"({text})" if text.startswith("-") else text

    def data(self, x: Any) -> str:
        """A number, an array or a list: whole if it is small, else its shape, norm and first entries."""
        if isinstance(x, tuple):
            inside = ", ".join(self.data(part) for part in x[:_FIRST])
            return f"list of {len(x)}: [{inside}{', ...' if len(x) > _FIRST else ''}]"
        array = np.asarray(x)
        if array.ndim == 0:
            return self.number(array[()])
        if array.size <= _WHOLE:
            return self._nested(array)
        first = ", ".join(self.number(v) for v in array.ravel()[:_FIRST])
        shape = " x ".join(map(str, array.shape))
        norm = ""
        if array.dtype != np.bool_:
            norm = f", norm {self.number(np.linalg.norm(array.ravel().astype(float)))}"
        return f"[{first}, ...] of {shape}{norm}"

    def _nested(self, array: np.ndarray) -> str:
        if array.ndim == 1:
            return "[" + ", ".join(self.number(v) for v in array) + "]"
        return "[" + ", ".join(self._nested(part) for part in array) + "]"
