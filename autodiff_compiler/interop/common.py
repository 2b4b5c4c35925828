"""What the bridges share: the packages, trees of arguments, the pairing of results and cotangents."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..api import Transformed, compile, grad
from ..records import field_names, is_namedtuple, make_record, with_parts

__all__ = ["required", "map_leaves", "leaves", "compiled", "paired_gradient", "is_several", "put"]


def required(package: str, extra: str) -> Any:
    """The imported package. Raises ImportError with the way to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{package} is not installed: pip install 'autodiff_compiler[{extra}]'"
        ) from error


def map_leaves(act: Callable[[Any], Any], tree: Any) -> Any:
    """The same containers with `act(leaf)` for each of their leaves, in order."""
    if type(tree) in (tuple, list):
        return type(tree)([map_leaves(act, part) for part in tree])
    if type(tree) is dict:
        return {key: map_leaves(act, part) for key, part in tree.items()}
    if is_namedtuple(type(tree)):
        return make_record(type(tree), None, [map_leaves(act, part) for part in tree])
    names = field_names(tree)
    if names:
        return with_parts(tree, names, [map_leaves(act, getattr(tree, name)) for name in names])
    return act(tree)


def leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def put(tree: Any, values: Iterable[Any]) -> Any:
    """The same containers with other leaves."""
    given: Iterator[Any] = iter(values)
    return map_leaves(lambda _: next(given), tree)


def compiled(f: Callable[..., Any], backend: str) -> Any:
    """`f` as a compiled function that never writes into its arguments' originals."""
    return f if isinstance(f, Transformed) else compile(f, backend=backend)


def is_several(result: Any, is_float: Callable[[Any], bool]) -> bool:
    """Whether a result is a container of floats and arrays (or one of them). Raises TypeError for
    one that cannot be paired with cotangents: see `paired_gradient`."""
    if is_float(result):
        return False
    if _is_container(result):
        parts = _listed(result)
        parts = [p for part in parts for p in (_listed(part) if _is_container(part) else [part])]
        if any(map(is_float, parts)) and not any(map(_is_container, parts)):
            return True
    raise TypeError(
        "derivatives of this order are those of a function that returns a float, an array of floats,"
        f" or tuples, lists and dicts of them, two deep at most; this one returns {result!r}"
    )


def _is_container(x: Any) -> bool:
    return type(x) in (tuple, list, dict) or is_namedtuple(type(x))


def _listed(container: Any) -> list[Any]:
    return list(container.values() if type(container) is dict else container)


def paired_gradient(f: Callable[..., Any], several: bool, backend: str) -> Any:
    """The pullback of `f` as a compiled function of (cotangents, moving, fixed).

    `moving` and `fixed` are both as long as `f` has arguments: in each place one of them is None and
    the other holds the argument. It is the gradient of <cotangents, f> by what is moving, so that it
    can be differentiated again. `several`: the result is a container, and so are the cotangents, with
    None for what is no float.
    """

    def paired(cotangent: Any, moving: Any, fixed: Any) -> Any:
        args = [b if a is None else a for a, b in zip(moving, fixed)]
        return np.sum(f(*args) * cotangent)

    def paired_parts(cotangents: Any, moving: Any, fixed: Any) -> Any:
        def listed(parts: Any) -> Any:
            return list(parts.values()) if isinstance(parts, dict) else parts

        args = [b if a is None else a for a, b in zip(moving, fixed)]
        total = 0.0
        for part, cotangent in zip(listed(f(*args)), listed(cotangents)):
            if cotangent is None:
                continue
            if isinstance(part, (tuple, list, dict)):
                for inner, c in zip(listed(part), listed(cotangent)):
                    if c is not None:
                        total = total + np.sum(inner * c)
            else:
                total = total + np.sum(part * cotangent)
        return total

    made = paired_parts if several else paired
    # It counts as the user's, so that it may be called where another pullback is traced.
    made.__module__ = getattr(f, "__module__", "__main__")
    return grad(made, argnums=1, backend=backend)
