"""Arguments of a call, written as one writes them between the parentheses."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .faults import error

__all__ = ["as_floats", "parse_arguments"]


def parse_arguments(text: str, function: Callable[..., Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, evaluated where the function's module is at hand. Raises Fault."""
    try:
        call = ast.parse(f"_({text}\n)", "--args", "eval").body
    except (SyntaxError, ValueError) as cause:
        raise error(f"--args {text}: {getattr(cause, 'msg', cause)}") from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise error(f"--args {text}: these are no arguments of a call")
    space = {"np": np, **getattr(function, "__globals__", {})}
    args: list[Any] = []
    for a in call.args:
        if isinstance(a, ast.Starred):
            args += _evaluated(a.value, space, "list({})")
        else:
            args.append(_evaluated(a, space))
    kwargs: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            kwargs |= _evaluated(keyword.value, space, "dict({})")
        else:
            kwargs[keyword.arg] = _evaluated(keyword.value, space)
    _bound(function, args, kwargs)
    return args, kwargs


def _evaluated(node: ast.expr, space: Mapping[str, Any], within: str = "{}") -> Any:
    try:
        return eval(within.format(ast.unparse(node)), dict(space))
    except Exception as cause:
        raise error(f"--args: {ast.unparse(node)}: {type(cause).__name__}: {cause}") from None


def _bound(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    signature = inspect.signature(function, follow_wrapped=False)
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as cause:
        raise error(
            f"--args: {function.__name__}{signature} is called with other arguments: {cause}"
        ) from None


def as_floats(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], wrt: Sequence[int]
) -> tuple[list[Any], dict[str, Any]]:
    """Ints of the parameters `wrt` as floats: who writes `w=40` means a number to differentiate by."""
    bound = _bound(function, args, kwargs)
    names = list(inspect.signature(function, follow_wrapped=False).parameters)
    for k in wrt:
        value = bound.arguments.get(names[k])
        if type(value) is int:
            bound.arguments[names[k]] = float(value)
    return list(bound.args), dict(bound.kwargs)
