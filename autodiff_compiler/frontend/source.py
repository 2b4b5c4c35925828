"""From a function to its syntax tree: looked up by code object, compiled again, and compared.

What is found in the file is trusted only if it compiles to the code that the function runs, so
that nobody gets the gradient of a neighbour, or of an edited file.
"""

from __future__ import annotations
import __future__ as future_module

import ast
import linecache
import textwrap
from dataclasses import dataclass
from types import CodeType, FunctionType

from ..errors import NO_SPAN, Span, UnsupportedError
from .desugar import desugared

FunctionNode = ast.FunctionDef | ast.Lambda

_FUTURES = 0
for _name in future_module.all_feature_names:
    _FUTURES |= getattr(future_module, _name).compiler_flag


@dataclass(frozen=True)
class Source:
    """A function's tree. `class_name`: of the class around it, for names like `self.__x`.

    `text`: the lines on which the function stands.
    """

    node: FunctionNode
    filename: str
    class_name: str = ""
    text: str = ""


@dataclass(frozen=True)
class _Module:
    """A parsed file: its functions with the class each stands in, and its compiled code objects."""

    functions: tuple[tuple[ast.AST, str], ...]
    codes: tuple[CodeType, ...]


_modules: dict[tuple[str, str, int], _Module] = {}
_found: dict[CodeType, Source] = {}
#: Texts of files, by name, that functions brought along from other processes; the latest few.
_brought: dict[str, list[str]] = {}


def bring_text(filename: str, text: str) -> None:
    """Makes known what a file holds elsewhere. It is believed only where it compiles to the code of
    the function whose source is looked for."""
    texts = _brought.setdefault(filename, [])
    if text not in texts:
        texts.insert(0, text)
        del texts[8:]


def file_text(function: FunctionType) -> str:
    """The text of the file that holds the source of `function`. Refuses where there is none."""
    filename = find_source(function).filename
    own = "".join(linecache.getlines(filename, function.__globals__))
    texts = [own, *_brought.get(filename, ())]
    return next((t for t in texts if runs_text(function, t)), own)


def runs_text(function: FunctionType, text: str) -> bool:
    """Is what `function` runs compiled from a part of `text`?"""
    return _search_text(function, text) is not None


def find_source(function: FunctionType) -> Source:
    """The tree of `function`. Refuses where there is no source, or another one."""
    code = function.__code__
    known = _found.get(code)
    # Equal code objects may come from different files: the cached one must be this very place.
    if known is not None and known.filename == code.co_filename:
        return known
    span = Span(code.co_filename, code.co_firstlineno, 0, code.co_firstlineno, 1)
    found = _search(function, span)
    if found is None:
        linecache.checkcache(code.co_filename)
        found = _search(function, span)
    if found is None:
        raise UnsupportedError(
            f"the source of `{code.co_name}` is not what the function runs",
            span,
            "the file was edited after it was imported; start Python again",
        )
    _found[code] = found
    return found


def _search(function: FunctionType, span: Span) -> Source | None:
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    texts = (["".join(lines)] if lines else []) + _brought.get(code.co_filename, [])
    if not texts:
        raise UnsupportedError(
            f"the source of `{code.co_name}` cannot be read",
            span if linecache.getline(code.co_filename, code.co_firstlineno) else NO_SPAN,
            "put the function into a file and import it",
        )
    return next(filter(None, (_search_text(function, text) for text in texts)), None)


def _search_text(function: FunctionType, text: str) -> Source | None:
    code = function.__code__
    span = Span(code.co_filename, code.co_firstlineno, 0, code.co_firstlineno, 1)
    module = _parse(code, text)
    if module is None:
        return None
    rewritten = "@pytest_ar" in function.__globals__
    for compiled in module.codes:
        if compiled.co_firstlineno != code.co_firstlineno or compiled.co_name != code.co_name:
            continue
        for node, class_name in module.functions:
            if not _is_of(node, compiled):
                continue
            asserted = rewritten and any(isinstance(n, ast.Assert) for n in ast.walk(node))
            if _same_code(compiled, code, asserted):
                if isinstance(node, ast.AsyncFunctionDef):
                    raise UnsupportedError("`async` functions are not supported", span)
                assert isinstance(node, (ast.FunctionDef, ast.Lambda))
                return Source(node, code.co_filename, class_name, _lines_of(node, text))
    return None


def _lines_of(node: FunctionNode, text: str) -> str:
    lines = text.split("\n")[node.lineno - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines))


def _parse(code: CodeType, text: str) -> _Module | None:
    flags = code.co_flags & _FUTURES
    key = (code.co_filename, text, flags)
    module = _modules.get(key)
    if module is None:
        try:
            tree = ast.parse(text, code.co_filename)
            compiled = compile(text, code.co_filename, "exec", flags=flags, dont_inherit=True)
        except (SyntaxError, ValueError):
            return None
        module = _Module(tuple(_functions(desugared(tree), "")), tuple(_codes(compiled)))
        _modules[key] = module
    return module


def _functions(tree: ast.AST, class_name: str) -> list[tuple[ast.AST, str]]:
    found: list[tuple[ast.AST, str]] = []
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found.append((child, class_name))
        inner = child.name if isinstance(child, ast.ClassDef) else class_name
        found += _functions(child, inner)
    return found


def _codes(code: CodeType) -> list[CodeType]:
    found = []
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found.append(const)
            found += _codes(const)
    return found


def _is_of(node: ast.AST, code: CodeType) -> bool:
    """Is `code` compiled from `node`? Several lambdas may stand on one line."""
    if isinstance(node, ast.Lambda):
        if code.co_name != "<lambda>" or node.lineno != code.co_firstlineno:
            return False
        # By itself a lambda has other ways to its variables, but its parts stand where they stood.
        alone = compile(ast.Expression(node), "<lambda>", "eval")
        return any(_places(c) == _places(code) for c in _codes(alone)[:1])
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    return False


def _places(code: CodeType) -> set[tuple[int | None, ...]]:
    """Where the parts of a function's body stand in the file."""
    return {place for place in code.co_positions() if None not in place and place[2:] != (0, 0)}


def _same_code(ours: CodeType, theirs: CodeType, asserted: bool) -> bool:
    """Do both run the same? `asserted`: an `assert` in theirs was rewritten by pytest."""
    if (
        ours.co_name != theirs.co_name
        or ours.co_argcount != theirs.co_argcount
        or ours.co_posonlyargcount != theirs.co_posonlyargcount
        or ours.co_kwonlyargcount != theirs.co_kwonlyargcount
        or ours.co_freevars != theirs.co_freevars
    ):
        return False
    inner = [c for c in ours.co_consts if isinstance(c, CodeType)]
    other = [c for c in theirs.co_consts if isinstance(c, CodeType)]
    if len(inner) != len(other):
        return False
    if asserted:
        same = _same_but_for_asserts(ours, theirs)
    else:
        same = (
            ours.co_code == theirs.co_code
            and ours.co_names == theirs.co_names
            and ours.co_varnames == theirs.co_varnames
            and ours.co_cellvars == theirs.co_cellvars
            and _plain(ours) == _plain(theirs)
        )
    return same and all(_same_code(a, b, asserted) for a, b in zip(inner, other))


def _same_but_for_asserts(ours: CodeType, theirs: CodeType) -> bool:
    """Whatever names and constants the source has, the rewritten code has, in the same order."""
    names = set(theirs.co_names)
    variables = [v for v in theirs.co_varnames if not v.startswith("@")]
    needed = [n for n in ours.co_names if n != "AssertionError"]
    consts = _plain(theirs)
    return (
        all(n in names for n in needed)
        and list(ours.co_varnames) == variables
        and all(c in consts for c in _plain(ours) if not c.startswith("str"))
    )


def _plain(code: CodeType) -> list[str]:
    """The constants that are no code, as text that tells 1 from 1.0 and 0.0 from -0.0."""
    return [f"{type(c).__name__} {c!r}" for c in code.co_consts if not isinstance(c, CodeType)]
