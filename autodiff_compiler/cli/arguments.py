"""Arguments to try a function with: those that --args writes, or random ones from the types."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.types import FLOATS, NUMPY_DTYPE
from ..records import make_record
from ..signature import PASSIVE_DTYPES, ScalarSpec, Spec, StaticSpec, TreeSpec
from .argtypes import Typed
from .faults import error

__all__ = ["evaluated", "random_arguments", "shown"]

_DTYPES = {**NUMPY_DTYPE, **{name: dtype for dtype, name in PASSIVE_DTYPES.items()}}


def evaluated(text: str, namespace: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What stands between the parentheses of a call, as (args, kwargs). Raises Fault."""
    names = {"np": np, **namespace, "__call__": lambda *args, **kwargs: (args, kwargs)}
    try:
        return eval(f"__call__({text}\n)", names)
    except Exception as cause:
        raise error(f"--args: {type(cause).__name__}: {cause}") from None


#: How numbers are drawn, in the order in which this is tried.
_KINDS = ("from -2 to 2", "from 0.1 to 0.9", "from 0.1 to 0.9, square matrices positive definite")


def random_arguments(
    function: Callable[..., Any], parameters: Sequence[tuple[str, Typed]], sizes: Mapping[str, int],
    seed: int,
) -> tuple[tuple[Any, ...], str]:  # fmt: skip
    """Arguments of the types at which the function gives a finite number, and how they were drawn.

    Raises Fault where no kind of numbers will do.
    """
    last = ""
    for kind in range(len(_KINDS)):
        draw = _Draw(np.random.default_rng(seed), dict(sizes), kind)
        args = tuple(draw.value(typed.spec, list(typed.dims)) for _, typed in parameters)
        try:
            with np.errstate(all="ignore"):
                result = function(*copy.deepcopy(args))
        except Exception as cause:
            last = f"it raises {type(cause).__name__}: {cause}"
            continue
        if np.all(np.isfinite(np.asarray(_first_number(result), dtype=float))):
            return args, _KINDS[kind]
        last = "its value is not finite"
    raise error(f"no random arguments fit the function ({last}); give others with --args")


def _first_number(result: Any) -> Any:
    while isinstance(result, tuple) and result:
        result = result[0]
    return result if isinstance(result, (int, float, np.generic, np.ndarray)) else 0.0


class _Draw:
    def __init__(self, rng: np.random.Generator, sizes: dict[str, int], kind: int):
        self.rng = rng
        self.sizes = sizes
        self.kind = kind
        self.next = 3

    def value(self, spec: Spec, dims: list[tuple[str, ...]]) -> Any:
        if isinstance(spec, StaticSpec):
            return spec.value
        if isinstance(spec, TreeSpec):
            return _container(spec, [self.value(item, dims) for item in spec.items])
        if isinstance(spec, ScalarSpec):
            x = self.array(spec.dtype, ())[()]
            return x.item() if spec.python else _DTYPES[spec.dtype].type(x)
        words = dims.pop(0) if dims else ("",) * spec.rank
        return self.array(spec.dtype, tuple(self.length(w, o) for w, o in zip(words, spec.ones)))

    def length(self, word: str, one: bool) -> int:
        if one or word.isdigit():
            return 1 if one else int(word)
        if word not in self.sizes:
            size = self.next
            self.next += 1
            if not word:
                return size
            self.sizes[word] = size
        return self.sizes[word]

    def array(self, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        if dtype == "bool":
            return np.asarray(self.rng.random(shape) < 0.5)
        if dtype not in FLOATS:
            # Indices that stand side by side, such as the two ends of an edge, differ.
            if len(shape) == 2 and shape[1] <= 3:
                return (
                    self.rng.random((shape[0], 3)).argsort(1)[:, : shape[1]].astype(_DTYPES[dtype])
                )
            return np.asarray(self.rng.integers(0, 3, shape)).astype(_DTYPES[dtype])
        low, high = (-2.0, 2.0) if self.kind == 0 else (0.1, 0.9)
        x = np.asarray(self.rng.uniform(low, high, shape))
        if self.kind == 2 and len(shape) >= 2 and shape[-1] == shape[-2]:
            x = x @ np.swapaxes(x, -1, -2) + shape[-1] * np.eye(shape[-1])
        return x.astype(_DTYPES[dtype])


def _container(spec: TreeSpec, parts: list[Any]) -> Any:
    if spec.cls is not None:
        return make_record(spec.cls, spec.keys if spec.kind == "dataclass" else None, parts)
    if spec.kind == "dict":
        return dict(zip(spec.keys, parts))
    return tuple(parts) if spec.kind == "tuple" else parts


def shown(value: Any) -> str:
    """An argument in a heading: small numbers in full, arrays by type and shape."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(shown, value))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {shown(v)}" for k, v in value.items()) + "}"
    return value.__name__ if callable(value) and hasattr(value, "__name__") else repr(value)
