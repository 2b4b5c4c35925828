"""Arguments of a call, written as one writes them between the parentheses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .faults import Fault, error


def parse_call(text: str, function: Callable[..., Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments. Names are those of the function's module, and `np`."""
    import numpy as np

    names: Mapping[str, Any] = {"np": np, **getattr(function, "__globals__", {})}
    try:
        code = compile(f"__collect({text}\n)", "--args", "eval", dont_inherit=True)
        return eval(code, {**names, "__collect": lambda *args, **kwargs: (args, kwargs)})
    except (Fault, KeyboardInterrupt):
        raise
    except SyntaxError as cause:
        raise error(f"--args {text!r}: {cause.msg}") from None
    except Exception as cause:
        raise error(f"--args {text!r}: {type(cause).__name__}: {cause}") from None
