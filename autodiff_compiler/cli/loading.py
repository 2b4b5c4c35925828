"""From FILE.py:FUNCTION or pkg.mod:FUNCTION to the function."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..errors import CompileError
from .faults import Fault, error, refusal

PACKAGE_FOLDER = str(Path(__file__).resolve().parent.parent)


def load_function(target: str) -> Any:
    """The function that `target` names. Raises Fault."""
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise error(f"{target!r} is neither FILE.py:FUNCTION nor pkg.mod:FUNCTION")
    if _is_path(place):
        module = _import_file(Path(place))
    else:
        module = _import_module(place)
    return _function_of(module, name, place)


def _is_path(place: str) -> bool:
    return place.endswith(".py") or os.sep in place or "/" in place


def _function_of(module: ModuleType, name: str, place: str) -> Callable[..., Any]:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            raise error(f"{place} has no function {name!r}{_others(module)}")
        value = getattr(value, part)
    if isinstance(value, (FunctionType, MethodType)) or hasattr(value, "__autodiff__"):
        return value
    if isinstance(value, BuiltinFunctionType):
        raise error(f"{name} in {place} is not written in Python")
    raise error(f"{name} in {place} is no function but of type {type(value).__name__}")


def _others(module: ModuleType) -> str:
    """The functions that the module defines, as the end of a sentence."""
    names = [
        name
        for name, value in vars(module).items()
        if hasattr(value, "__autodiff__")
        or isinstance(value, FunctionType)
        and value.__module__ == module.__name__
    ]
    if not names:
        return "; it defines none"
    more = ", ..." if len(names) > 10 else ""
    return f"; it defines {', '.join(names[:10])}{more}"


# --- importing ----------------------------------------------------------------------------------


class _FreshLoader(SourceFileLoader):
    """Loads what the file holds now: bytecode is trusted by the second, and a file may be edited
    and shown again within one."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise error(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    path = path.resolve()
    package, root = _package_of(path)
    if package:
        return _import_from_package(path, package, root)
    name = _free_name(path.stem)
    spec = importlib.util.spec_from_file_location(name, path, loader=_FreshLoader(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _importing([str(path.parent)], str(path)):
        # Dataclasses and others look a class's module up while it is being made.
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module


def _import_from_package(path: Path, package: str, root: str) -> ModuleType:
    """A file of a package is imported as the part of it that it is, so that its own imports work."""
    name = package if path.stem == "__init__" else f"{package}.{path.stem}"
    with _importing([root], str(path)):
        module = importlib.import_module(name)
    if module.__file__ is None or not os.path.samefile(module.__file__, path):
        raise error(f"another module called {name} is imported already, from {module.__file__}")
    return module


def _package_of(path: Path) -> tuple[str, str]:
    """The package that a file belongs to, for its relative imports, and the folder that holds it."""
    parts: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), str(folder)


def _free_name(stem: str) -> str:
    # A file called random.py must not take the place of the library that others import.
    taken = stem in sys.modules or stem in sys.stdlib_module_names or stem == "__main__"
    return f"{stem}_file" if taken else stem


def _import_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise error(f"{name!r} is no module's name; a file's name ends in .py")
    with _importing([os.getcwd()], name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as missing:
            # Of a module that the user's own module misses, its traceback tells more.
            if missing.name and (name == missing.name or name.startswith(f"{missing.name}.")):
                raise error(f"there is no module {missing.name!r}") from None
            raise


@contextlib.contextmanager
def _importing(folders: list[str], what: str) -> Iterator[None]:
    """Runs the user's top-level code: their folders can be imported from, and whatever it prints
    goes to stderr, so that it never becomes part of the output."""
    before = list(sys.path)
    sys.path[:0] = [folder for folder in folders if folder not in before]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Fault, KeyboardInterrupt):
        raise
    except CompileError as cause:
        raise refusal(
            cause, f"this was raised while {os.path.basename(what)} was imported"
        ) from None
    except BaseException as cause:
        # Top-level code of the user may raise anything, SystemExit too; they see it as Python
        # would show it.
        raise Fault(_users_traceback(cause, what)) from None
    finally:
        sys.path[:] = before


def _users_traceback(cause: BaseException, what: str) -> str:
    shown = traceback.TracebackException.from_exception(cause)
    _drop_own_frames(shown)
    text = "".join(shown.format()).rstrip("\n")
    return f"{text}\nerror: {os.path.basename(what)} cannot be imported"


def _drop_own_frames(shown: traceback.TracebackException) -> None:
    kept = [frame for frame in shown.stack if not _is_machinery(frame.filename)]
    shown.stack = traceback.StackSummary.from_list(kept)
    for linked in (shown.__cause__, shown.__context__):
        if linked is not None:
            _drop_own_frames(linked)


def _is_machinery(filename: str) -> bool:
    return (
        filename.startswith("<frozen importlib")
        or filename.startswith(PACKAGE_FOLDER + os.sep)
        or filename == importlib.__file__
    )
