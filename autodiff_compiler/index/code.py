"""What a code object says: the text that stands for it, and the names that it asks for."""

from __future__ import annotations

import opcode
import os
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType
from typing import Any

__all__ = ["Code", "read_code", "is_foreign", "is_library", "constant"]

_EXTENDED = opcode.opmap["EXTENDED_ARG"]
_GLOBALS = {
    opcode.opmap[name]
    for name in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL",
                 "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS")
    if name in opcode.opmap
}  # fmt: skip
_LOAD_GLOBAL = opcode.opmap["LOAD_GLOBAL"]
_SETS = {opcode.opmap[name] for name in ("BUILD_SET", "SET_ADD") if name in opcode.opmap}


class Code:
    """Of a function's code, the functions in it included: `text` stands for all of it but the place
    of its file and its first line; `names` are read as globals; `attributes` may be those of modules
    and objects (string constants too, for `getattr`); `hashes`: a set may be made, in an order that
    differs from process to process."""

    __slots__ = ("text", "names", "attributes", "hashes", "rewritten")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.names: dict[str, None] = {}
        self.attributes: dict[str, None] = {}
        self.hashes = False
        self.rewritten = False


def read_code(code: CodeType) -> Code:
    found = Code()
    _read(found, code, code.co_firstlineno)
    return found


def _read(into: Code, code: CodeType, first: int) -> None:
    text = into.text
    raw = code.co_code
    text += (
        "code", code.co_name, code.co_qualname, raw.hex(), code.co_linetable.hex(),
        code.co_exceptiontable.hex(),
        " ".join(map(str, (
            code.co_firstlineno - first, code.co_flags, code.co_argcount,
            code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals,
        ))),
    )  # fmt: skip
    for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
        text.append(str(len(names)))
        text += names
    into.attributes.update(dict.fromkeys(code.co_names))
    into.names.update(dict.fromkeys(_global_names(code, raw)))
    into.hashes |= any(op in _SETS for op in raw[::2]) or not {"set", "frozenset"}.isdisjoint(
        code.co_names
    )
    # pytest's way to write an `assert`: the source is compared less strictly then.
    into.rewritten |= any(name.startswith("@py_") for name in code.co_varnames + code.co_names)
    text.append(str(len(code.co_consts)))
    for const in code.co_consts:
        if isinstance(const, CodeType):
            _read(into, const, first)
        else:
            text.append(constant(const))
            into.attributes.update(dict.fromkeys(_words(const)))


def _words(const: Any) -> Iterator[str]:
    if type(const) is str and const.isidentifier():
        yield const
    elif type(const) in (tuple, frozenset):
        for part in const:
            yield from _words(part)


def _global_names(code: CodeType, raw: bytes) -> Iterator[str]:
    """The names that are looked up among the globals; all names where that cannot be told."""
    if sys.version_info >= (3, 15):
        yield from code.co_names
        return
    extended = 0
    for k in range(0, len(raw), 2):
        op, argument = raw[k], raw[k + 1] | extended
        extended = argument << 8 if op == _EXTENDED else 0
        if op in _GLOBALS:
            number = argument >> 1 if op == _LOAD_GLOBAL else argument
            if number < len(code.co_names):
                yield code.co_names[number]


def constant(value: Any) -> str:
    """Text that tells constants apart, 1 from 1.0 and 0.0 from -0.0 too.

    Raises TypeError for what is no constant of Python's own.
    """
    kind = type(value)
    if value is None or value is ... or kind in (bool, int, str, bytes):
        return f"{kind.__name__} {value!r}"
    if kind is float:
        return f"float {value.hex()}" if value == value else "float nan"
    if kind is complex:
        return f"complex {constant(value.real)} {constant(value.imag)}"
    if kind in (tuple, frozenset):  # a set in the order in which this process goes through it
        return f"{kind.__name__} [{', '.join(constant(x) for x in value)}]"
    if kind is slice:
        return f"slice {constant((value.start, value.stop, value.step))}"
    raise TypeError(f"{kind.__name__} is no constant")


# --- whose code ------------------------------------------------------------------------------------

#: Where libraries are, with and without SciPy.
_places: dict[bool, list[str]] = {}


def is_foreign(file: str | None) -> bool:
    """Is this a file of Python's, NumPy's, SciPy's or of this package?"""
    scipy = "scipy" in sys.modules  # it may be imported at any time
    if scipy not in _places:
        names = ("numpy", "scipy", __name__.partition(".")[0])
        files = [getattr(sys.modules.get(name), "__file__", None) for name in names]
        paths = map(sysconfig.get_path, ("stdlib", "platstdlib"))
        _places[scipy] = [
            *{path + os.sep for path in paths if path},
            *(os.path.dirname(file) + os.sep for file in files if file),
        ]
    if file is None:
        return False
    # What others install stands below the standard library.
    return file.startswith("<frozen ") or any(
        file.startswith(place) and "-packages" + os.sep not in file[len(place) :]
        for place in _places[scipy]
    )


def is_library(name: str | None) -> bool:
    """Is this the name of a module of Python's, NumPy's, SciPy's or of this package? A file of the
    user's may have the name of one of Python's."""
    module = sys.modules.get(name or "")
    if module is None:
        return False
    if name in sys.builtin_module_names:
        return True
    return is_foreign(getattr(module, "__file__", None))
