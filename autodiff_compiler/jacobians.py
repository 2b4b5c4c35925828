"""`jacobian`: all derivatives of a function that returns an array, row by row or column by column.

A row is a pullback: the value once, then a reverse sweep (behind its own forward one) for each
number of the result. A column is the derivative of <u, J v> by u, which is J v whatever u is, since
a pullback is linear in its cotangent: a reverse pass over a reverse pass, for each number of the
argument. So few residuals of many parameters cost as little as many residuals of few.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .api import Argnums, _known_options, _positions, grad, vjp
from .errors import UnsupportedError

__all__ = ["jacobian"]

_MODES = ("auto", "rows", "columns")
#: What a column costs, in rows: two reverse passes, one over the other.
_COLUMN_COST = 2


def jacobian(
    f: Callable[..., Any] | None = None, argnums: Argnums = 0, *, mode: str = "auto",
    backend: str = "auto",
) -> Any:  # fmt: skip
    """The Jacobian of a function that returns one float or one array of floats.

    f        the function; left out when used as a decorator with options
    argnums  what to differentiate by: a position or a name, or a tuple of them; each a float or an
             array of floats
    mode     "rows", "columns", or "auto": what is likely to be cheaper, by the sizes
    backend  "auto", "c" or "python", as for `grad`

    Returns a function of the same arguments, for one argnum an array of the shape
    `value.shape + argument.shape` and the dtype of the argument, for a tuple a tuple of them. So
    from vectors it is the matrix that `scipy.optimize.root` and `least_squares` take as `jac`:
    a row for each residual, a column for each parameter.

    Raises, when called, what `vjp` raises, and TypeError for other results and arguments.
    """
    if f is None:
        return lambda g: jacobian(g, argnums, mode=mode, backend=backend)
    if not callable(f):
        raise TypeError(f"jacobian takes a function, not {type(f).__name__}")
    if mode not in _MODES:
        raise ValueError(f'mode is "auto", "rows" or "columns", not {mode!r}')
    _known_options(backend, 1)
    return _Jacobian(f, _positions(f, argnums), mode, backend)


class _Jacobian:
    """What `jacobian` returns."""

    def __init__(
        self, f: Callable[..., Any], argnums: int | tuple[int, ...], mode: str, backend: str
    ):
        self.primal = f
        self.argnums = argnums
        self.mode = mode
        self.backend = backend
        self._signature = inspect.signature(f, follow_wrapped=False)
        self._columns: dict[int, Any] = {}
        self._lock = threading.Lock()
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            if hasattr(f, name):
                setattr(self, name, getattr(f, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._bound(args, kwargs)
        value, pullback = vjp(self.primal, *args, backend=self.backend)
        if not isinstance(value, (float, np.floating)) and not (
            isinstance(value, np.ndarray) and value.dtype.kind == "f"
        ):
            raise TypeError(
                "the Jacobian is that of a function that returns a float or an array of floats;"
                f" this one returns {_told(value)}"
            )
        wanted = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        for k in wanted:
            _differentiable(k, args[k])
        by_columns = {
            k: self._by_columns(value, args, k) for k in wanted if self._narrow(value, args[k])
        }
        by_columns = {k: made for k, made in by_columns.items() if made is not None}
        rows = [k for k in wanted if k not in by_columns]
        made = {**by_columns, **dict(zip(rows, _by_rows(value, pullback, args, rows)))}
        all_made = tuple(_own_kind(made[k], args[k]) for k in wanted)
        return all_made if isinstance(self.argnums, tuple) else all_made[0]

    def __reduce__(self) -> tuple[Any, ...]:
        from .pickling import pack

        return _unpickled, (pack(self.primal), self.argnums, self.mode, self.backend)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            names = ", ".join(bound.kwargs)
            raise TypeError(
                f"jacobian passes arguments by position, and {names} cannot be passed so"
            )
        return bound.args

    def _narrow(self, value: Any, x: Any) -> bool:
        """Are columns wanted?"""
        if self.mode == "auto":
            return _COLUMN_COST * np.size(x) < np.size(value)
        return self.mode == "columns"

    def _by_columns(self, value: Any, args: tuple[Any, ...], k: int) -> np.ndarray | None:
        """None where there is no second derivative, and rows will do."""
        with self._lock:
            column = self._columns.get(k)
            if column is None:
                column = self._columns[k] = grad(_along(self.primal), backend=self.backend)
        x = args[k]
        # Any cotangent will do; of zeros, products could lose what is infinite.
        u = np.ones_like(value) if isinstance(value, np.ndarray) else type(value)(1.0)
        out = np.empty((*np.shape(value), *np.shape(x)), getattr(x, "dtype", np.float64))
        for place, direction in _units(x):
            try:
                out[(..., *place)] = column(u, x, direction, args[:k], args[k + 1 :])
            except UnsupportedError:
                if self.mode == "columns":
                    raise
                return None
        return out


def _unpickled(packed: Any, *options: Any) -> _Jacobian:
    from .pickling import unpack

    return _Jacobian(unpack(packed), *options)


def _own_kind(made: np.ndarray, x: Any) -> Any:
    """The derivative of a number by a number is a number of that kind."""
    if made.ndim == 0 and not isinstance(x, np.ndarray):
        return type(x)(made)
    return made


def _along(f: Callable[..., Any]) -> Callable[..., Any]:
    """<u, J v> by J's transpose: its gradient by `u` is J v."""

    def along(u: Any, x: Any, v: Any, before: tuple[Any, ...], after: tuple[Any, ...]) -> Any:
        def paired(x: Any) -> Any:
            return np.sum(f(*before, x, *after) * u)

        return np.sum(grad(paired)(x) * v)

    return along


def _by_rows(
    value: Any, pullback: Callable[..., tuple[Any, ...]], args: Sequence[Any], wanted: Sequence[int]
) -> list[np.ndarray]:
    made = [
        np.zeros((*np.shape(value), *np.shape(args[k])), getattr(args[k], "dtype", np.float64))
        for k in wanted
    ]
    if wanted:
        for place, cotangent in _units(value):
            pulled = pullback(cotangent)
            for out, k in zip(made, wanted):
                out[place] = pulled[k]
    return made


def _units(x: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Each place of a number or array, with what has a one there and zeros elsewhere."""
    if not isinstance(x, np.ndarray):
        yield (), type(x)(1.0)
        return
    for place in np.ndindex(x.shape):
        unit = np.zeros_like(x, order="C")
        unit[place] = 1.0
        yield place, unit


def _differentiable(k: int, x: Any) -> None:
    if isinstance(x, (float, np.floating)) or isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return
    raise TypeError(f"argument {k} is {_told(x)}; the Jacobian is by a float or an array of floats")


def _told(x: Any) -> str:
    return f"an array of {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
