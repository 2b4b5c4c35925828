"""From the arguments of a call to one value per parameter, in the words of Python's own errors."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable
from typing import Any

import numpy as np

from ..records import field_names, is_namedtuple, make_record, with_parts

__all__ = ["Binder", "deep_copy"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Binder:
    """Binds calls of `function`. A `*args` parameter is bound to a tuple, `**kwargs` to a dict.

    `names` are the parameters in the order of the signature; `simple` says that a call with
    exactly `len(names)` positional arguments is bound already.
    """

    def __init__(self, function: Callable):
        signature = inspect.signature(function, follow_wrapped=False)
        self._parameters = tuple(signature.parameters.values())
        self.names = tuple(p.name for p in self._parameters)
        self.simple = all(p.kind in _POSITIONAL for p in self._parameters)
        # A bound method's function holds the defaults.
        self._owner = getattr(function, "__func__", function)
        self._live = hasattr(self._owner, "__defaults__") and hasattr(self._owner, "__kwdefaults__")
        self._taker = _taker(function, signature)
        self._with_default = sum(
            p.kind in _POSITIONAL and p.default is not p.empty for p in self._parameters
        )
        self._seen: tuple = (self._taker.__defaults__, self._taker.__kwdefaults__)
        self._refresh()

    def _refresh(self) -> None:
        """Follows changes of the function's defaults, which are read at every call."""
        if not self._live:
            return
        defaults, keywords = self._owner.__defaults__, self._owner.__kwdefaults__
        if defaults is not self._seen[0] or keywords is not self._seen[1]:
            self._taker.__defaults__ = defaults
            self._taker.__kwdefaults__ = keywords
            self._seen = (defaults, keywords)

    def __call__(self, *args: Any, **kwargs: Any) -> tuple:
        """One value per parameter. Raises TypeError as the function itself would."""
        self._refresh()
        return self._taker(*args, **kwargs)

    def call(self, function: Callable, values: tuple) -> Any:
        """Calls `function` with values that were bound before."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter, value in zip(self._parameters, values):
            if parameter.kind in _POSITIONAL:
                args.append(value)
            elif parameter.kind is parameter.VAR_POSITIONAL:
                args.extend(value)
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[parameter.name] = value
            else:
                kwargs.update(value)
        return function(*args, **kwargs)


def _taker(function: Callable, signature: inspect.Signature) -> Callable[..., tuple]:
    """A function with the signature of `function` that returns its parameters.

    Calling it is the only way to get the very messages of the interpreter, and the fastest one.
    """
    parts: list[str] = []
    kinds = [p.kind for p in signature.parameters.values()]
    star = False
    for k, parameter in enumerate(signature.parameters.values()):
        if not parameter.name.isidentifier() or keyword.iskeyword(parameter.name):
            raise TypeError(f"{parameter.name!r} is no name for a parameter")
        default = "=None" if parameter.default is not parameter.empty else ""
        if parameter.kind is parameter.VAR_POSITIONAL:
            parts.append(f"*{parameter.name}")
            star = True
        elif parameter.kind is parameter.VAR_KEYWORD:
            parts.append(f"**{parameter.name}")
        else:
            if parameter.kind is parameter.KEYWORD_ONLY and not star:
                parts.append("*")
                star = True
            parts.append(parameter.name + default)
        last = k + 1 == len(kinds)
        if parameter.kind is parameter.POSITIONAL_ONLY and (last or kinds[k + 1] != parameter.kind):
            parts.append("/")
    names = "".join(f"{name}, " for name in signature.parameters)
    space: dict[str, Any] = {}
    exec(f"def taker({', '.join(parts)}): return ({names})", {"__builtins__": {}}, space)
    taker = space["taker"]
    taker.__name__ = getattr(function, "__name__", type(function).__name__)
    taker.__qualname__ = getattr(function, "__qualname__", taker.__name__)
    positional = [p for p in signature.parameters.values() if p.kind in _POSITIONAL]
    taker.__defaults__ = tuple(p.default for p in positional if p.default is not p.empty) or None
    taker.__kwdefaults__ = {
        p.name: p.default
        for p in signature.parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    } or None
    return taker


def deep_copy(value: Any, done: dict[int, Any] | None = None) -> Any:
    """A copy that shares no array and no plain container with `value`, but all else.

    What is the same object twice stays one object; a read-only array stays read-only.
    """
    done = {} if done is None else done
    if id(value) in done:
        return done[id(value)]
    copy: Any = value
    if isinstance(value, np.ndarray):
        copy = value.copy(order="K")
        if not value.flags.writeable:
            copy.flags.writeable = False
    elif type(value) is tuple:
        copy = tuple(deep_copy(part, done) for part in value)
    elif type(value) is list:
        copy = [deep_copy(part, done) for part in value]
    elif type(value) is dict:
        copy = {key: deep_copy(part, done) for key, part in value.items()}
    elif is_namedtuple(type(value)):
        copy = make_record(type(value), None, [deep_copy(part, done) for part in value])
    elif names := field_names(value):
        parts = [deep_copy(getattr(value, name), done) for name in names]
        copy = with_parts(value, names, parts)
    done[id(value)] = copy
    return copy
