"""How a compiled function goes to another process: by name, with a print of its source.

What goes is never a kernel. It is the name of the user's function, and what the sources of it and of
the functions that it calls hash to. On the other side the function is imported by that name, its
sources are compared, and it is compiled there, from that machine's own cache.

A function that no import can find (in `__main__`, a lambda, one inside another function) is handed to
the pickler as it is. Pickle itself then finds those of `__main__` by name, as `multiprocessing` needs
it; cloudpickle, which Dask and joblib use, sends their code. The text of their file goes along, since
the compiler reads source.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Iterator
from pickle import PicklingError
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .errors import UnsupportedError

__all__ = ["pack", "unpack", "portable", "innermost", "look_up", "Packed", "PORTABLE"]

#: (what is pickled, the prints of the sources, the texts of files that may be missing elsewhere)
Packed = tuple[Any, dict[str, str], dict[str, str]]

#: The attribute of a decorated function under which pickle finds the function that it is of.
PORTABLE = "_portable"

_SENDS_CODE = ("cloudpickle", "joblib.externals.cloudpickle", "dill")


class _Name(tuple):
    """(module, qualified name) of a function that is imported on the other side."""

    __slots__ = ()


def pack(function: Callable[..., Any]) -> Packed:
    """What stands for `function` in a pickle. Raises PicklingError for what cannot travel, and
    UnsupportedError for what has no source."""
    if _transformed(function) or not isinstance(function, FunctionType):
        return function, prints(function), {}
    if _is_local(function):
        if not any(name in sys.modules for name in _SENDS_CODE):
            raise PicklingError(_cannot_travel(function))
        return function, prints(function), _texts(function)
    found = _look_up(function.__module__, function.__qualname__)
    by_value = _goes_by_value(function.__module__)
    if innermost(found) is not function:
        if by_value:  # it came by value to here, and goes on so; or another has taken its name
            return function, prints(function), _texts(function)
        raise PicklingError(
            f"`{function.__qualname__}` of {function.__module__} is another object by now: a compiled"
            " function is pickled by the name of the function that it is of"
        )
    if not by_value:
        return _Name((function.__module__, function.__qualname__)), prints(function), {}
    sent = function if found is function else getattr(found, PORTABLE)
    return sent, prints(function), _texts(function)


def unpack(packed: Packed) -> Callable[..., Any]:
    """The function of this process. Raises UnsupportedError if its source is another one."""
    sent, expected, texts = packed
    if texts:
        from .frontend.source import bring_text

        for filename, text in texts.items():
            bring_text(filename, text)
    function = _by_name(sent) if isinstance(sent, _Name) else _received(sent)
    if texts:
        _name_files(function, texts)
    _compare(function, expected)
    return function


def portable(function: FunctionType) -> FunctionType:
    """A twin of a decorated function, by whose name pickle finds it: `loss._portable`.

    Pickle saves a function by the name under which it is found, and under the name of a decorated
    function stands what the decorator made.
    """
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        function.__closure__,
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    made.__module__ = function.__module__
    made.__qualname__ = f"{function.__qualname__}.{PORTABLE}"
    return made


def _received(sent: Any) -> Any:
    if not isinstance(sent, FunctionType) or not sent.__qualname__.endswith(f".{PORTABLE}"):
        return sent
    name = sent.__qualname__.removesuffix(f".{PORTABLE}")
    found = _look_up(sent.__module__, name)
    if getattr(found, PORTABLE, None) is sent:
        return innermost(found)
    sent.__qualname__ = name  # its code came along
    return sent


def _name_files(function: Any, texts: dict[str, str]) -> None:
    """Gives code that came without the name of its file that name back.

    cloudpickle sends "<dynamic-code>" for it since 3.1.3. Of the texts that came along, the right one
    compiles to that code.
    """
    from .frontend.source import find_source, runs_text

    for each in _reachable(function):
        try:
            find_source(each)
        except UnsupportedError:
            filename = next((name for name, text in texts.items() if runs_text(each, text)), None)
            if filename is not None:
                each.__code__ = _in_file(each.__code__, filename)


def _in_file(code: CodeType, filename: str) -> CodeType:
    parts = (_in_file(c, filename) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=filename, co_consts=tuple(parts))


def innermost(value: Any) -> Any:
    """The user's function behind any number of decorators of this package."""
    value = getattr(value, "__func__", value)
    while _transformed(value):
        value = value.primal
    return value


def look_up(function: Any) -> Any:
    """What stands under the name of the function that `function` is made of: itself, or what a
    decorator made of it. None where it is not found, and so will not live as long as its module."""
    inner = innermost(function)
    if not isinstance(inner, FunctionType) or inner is not function and not _transformed(function):
        return None
    found = _look_up(inner.__module__, inner.__qualname__)
    return found if innermost(found) is inner else None


def _transformed(value: Any) -> bool:
    return isinstance(getattr(type(value), "__autodiff__", None), property)


def _look_up(module: str | None, qualname: str) -> Any:
    value: Any = sys.modules.get(module or "")
    for part in qualname.split("."):
        value = getattr(value, part, None)
    return value


def _by_name(name: _Name) -> Any:
    module, qualname = name
    try:
        __import__(module)
    except ImportError as error:
        raise UnsupportedError(
            f"the compiled function `{qualname}` cannot be unpickled: {error}",
            hint=f"install what holds {module} here, too",
        ) from error
    found = innermost(_look_up(module, qualname))
    if not isinstance(found, FunctionType):
        raise UnsupportedError(
            f"the compiled function `{qualname}` cannot be unpickled: {module} here has no such function",
            hint=f"install the same version of {module} everywhere",
        )
    return found


def _is_local(function: FunctionType) -> bool:
    return "<" in function.__qualname__


def _goes_by_value(module: str) -> bool:
    """Modules of which the other side may know nothing."""
    if module in ("__main__", "__mp_main__"):
        return True
    for name in _SENDS_CODE[:2]:
        registry = getattr(sys.modules.get(name), "list_registry_pickle_by_value", None)
        if registry is not None and any(f"{module}.".startswith(f"{m}.") for m in registry()):
            return True
    return False


def _cannot_travel(function: FunctionType) -> str:
    what = "a lambda" if function.__name__ == "<lambda>" else f"`{function.__name__}`"
    return (
        f"{what} ({function.__qualname__} of {function.__module__}) cannot be pickled by name: define"
        " it with `def` at the top level of a module, or pickle it with cloudpickle, which sends code"
    )


# --- prints --------------------------------------------------------------------------------------


def prints(function: Any) -> dict[str, str]:
    """By name, what the sources of a function and of all that it may call hash to."""
    from .frontend.source import find_source

    found: dict[str, str] = {}
    for each in _reachable(function):
        try:
            text = find_source(each).text
        except UnsupportedError:
            if each is innermost(function):
                raise
            continue  # nothing without source can be inlined, so none of it is differentiated
        name = f"{_module_name(each)}.{each.__qualname__}"
        hashed = hashlib.sha256(text.encode()).hexdigest()[:32]
        while name in found and found[name] != hashed:
            name += "'"
        found[name] = hashed
    return found


def _texts(function: FunctionType) -> dict[str, str]:
    """The texts of the files whose functions are sent as code."""
    from .frontend.source import file_text

    texts = {}
    for each in _reachable(function):
        if _is_local(each) or _goes_by_value(each.__module__):
            try:
                texts[each.__code__.co_filename] = file_text(each)
            except UnsupportedError:
                continue
    return texts


def _compare(function: Any, expected: dict[str, str]) -> None:
    here = prints(function)
    if here == expected:
        return
    names = [name for name in expected if here.get(name) != expected[name]]
    names += [name for name in here if name not in expected]
    what = getattr(innermost(function), "__qualname__", type(function).__name__)
    raise UnsupportedError(
        f"the compiled function `{what}` is not the one that was pickled:"
        f" the source of {', '.join(names)} differs here",
        hint="bring the same version of it to every process, and start them again",
    )


def _module_name(function: FunctionType) -> str:
    # A child process of multiprocessing calls its parent's `__main__` by another name.
    return "__main__" if function.__module__ == "__mp_main__" else str(function.__module__)


def _reachable(function: Any) -> Iterator[FunctionType]:
    """The user's functions that `function` may call, itself first, found by the names in its code."""
    seen: dict[FunctionType, None] = {}
    work = list(_functions_of(function, frozenset()))
    while work:
        each = work.pop(0)
        if each not in seen and not _of_library(each):
            seen[each] = None
            work += _mentioned(each)
    yield from seen


def _of_library(function: FunctionType) -> bool:
    root = str(function.__module__).partition(".")[0]
    return root in sys.stdlib_module_names or root in ("numpy", "scipy")


def _mentioned(function: FunctionType) -> Iterator[FunctionType]:
    names = frozenset(_names(function.__code__))
    space = function.__globals__
    values = [space[name] for name in sorted(names) if name in space]
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    values += function.__defaults__ or ()
    values += (function.__kwdefaults__ or {}).values()
    for value in values:
        yield from _functions_of(value, names)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _names(const)


def _functions_of(value: Any, names: frozenset[str], depth: int = 0) -> Iterator[FunctionType]:
    """The functions that a value is or holds; of a module those that are mentioned by name."""
    if isinstance(value, functools.partial):
        value = value.func
    value = innermost(value)
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, ModuleType):
        root = value.__name__.partition(".")[0]
        if root in ("numpy", "scipy") or root in sys.stdlib_module_names or depth > 3:
            return
        for name in sorted(names):
            part = value.__dict__.get(name)
            if part is not value:
                yield from _functions_of(part, names, depth + 1)
    elif callable(value):
        cls = value if isinstance(value, type) else type(value)
        for part in [part for c in cls.__mro__ for part in vars(c).values()]:
            part = innermost(getattr(part, "fget", None) or part)
            if isinstance(part, FunctionType):
                yield part
