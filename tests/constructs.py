"""Names the constructs of the language that a piece of source uses, so that a corpus can be asked what it covers."""

from __future__ import annotations

import ast
import re

_STATEMENTS = {
    ast.If: "if",
    ast.While: "while",
    ast.Break: "break",
    ast.Continue: "continue",
    ast.Assert: "assert",
    ast.Raise: "raise",
    ast.IfExp: "ternary",
    ast.Lambda: "lambda",
    ast.AnnAssign: "annotated assignment",
    ast.Match: "match",
    ast.NamedExpr: "walrus",
    ast.GeneratorExp: "generator expression",
    ast.DictComp: "dict comprehension",
    ast.Nonlocal: "nonlocal",
    ast.Try: "try finally",
}
_CALLS = {
    "range",
    "enumerate",
    "zip",
    "reversed",
    "len",
    "abs",
    "min",
    "max",
    "sum",
    "pow",
    "round",
    "int",
    "float",
}
_UFUNC_METHODS = {"outer", "reduce", "accumulate", "at"}
_METHODS = _UFUNC_METHODS | {
    "sum",
    "mean",
    "min",
    "max",
    "dot",
    "copy",
    "reshape",
    "transpose",
    "astype",
    "append",
    "items",
    "values",
    "ravel",
    "sort",
    "pop",
}
_MODULES = {"np", "math", "special"}
_ATTRIBUTES = {"T", "shape", "size", "dtype"}


def constructs(source: str) -> set[str]:
    """The constructs in a module's or a function's source, by name."""
    return constructs_of(ast.parse(source))


def constructs_of(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        for kind, name in _STATEMENTS.items():
            if isinstance(node, kind):
                found.add(name)
        visit = _VISITORS.get(type(node))
        if visit is not None:
            found.update(visit(node))
    found.update(_of_nesting(tree))
    return found


def _assign(node):
    if len(node.targets) > 1:
        yield "chained assignment"
    for target in node.targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            yield "tuple assignment"
            if any(isinstance(e, ast.Starred) for e in target.elts):
                yield "starred assignment"
            if all(isinstance(e, ast.Subscript) for e in target.elts):
                yield "tuple assignment to subscripts"
            if _swaps(target, node.value):
                yield "swap"
        if isinstance(target, ast.Attribute):
            yield "attribute written"
        if isinstance(target, ast.Subscript):
            yield "store"
            if len(node.targets) > 1:
                yield "chained assignment to subscripts"
            if isinstance(target.slice, ast.Compare) or _is_mask_name(target.slice):
                yield "masked store"
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Name):
            yield "alias"
        if isinstance(target, ast.Name) and _is_view(node.value):
            yield "named view"


def _swaps(target, value):
    if not isinstance(value, ast.Tuple) or not all(isinstance(e, ast.Name) for e in target.elts):
        return False
    return [ast.unparse(e) for e in target.elts] == [ast.unparse(e) for e in reversed(value.elts)]


def _is_view(value):
    if isinstance(value, ast.Attribute):
        return value.attr == "T"
    return isinstance(value, ast.Subscript)


def _is_mask_name(index):
    return re.fullmatch(r"~?(m\d*|mask)", ast.unparse(index)) is not None


def _augmented(node):
    if isinstance(node.target, ast.Attribute):
        yield "attribute written"
    yield (
        "augmented assignment to a subscript"
        if isinstance(node.target, ast.Subscript)
        else "augmented assignment"
    )
    if isinstance(node.target, ast.Subscript) and (
        isinstance(node.target.slice, ast.Compare) or _is_mask_name(node.target.slice)
    ):
        yield "masked store"


def _for(node):
    if node.orelse:
        yield "for-else"
    if not isinstance(node.iter, ast.Call):
        yield (
            "for over a tuple or list"
            if isinstance(node.iter, (ast.Tuple, ast.List))
            else "for over an object"
        )
    if (
        isinstance(node.iter, ast.Call)
        and ast.unparse(node.iter.func) == "range"
        and len(node.iter.args) == 3
    ):
        yield "range with a step"


def _compare(node):
    if len(node.ops) > 1:
        yield "chained comparison"


def _bool_op(node):
    yield "and" if isinstance(node.op, ast.And) else "or"


def _unary(node):
    if isinstance(node.op, ast.Not):
        yield "not"
    if isinstance(node.op, ast.Invert):
        yield "inverted mask"


def _binary(node):
    if isinstance(node.op, ast.FloorDiv):
        yield "//"
    if isinstance(node.op, ast.Mod):
        yield "%"
    if isinstance(node.op, ast.MatMult):
        yield "@"
    if isinstance(node.op, ast.Pow):
        yield "**"


def _subscript(node):
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for part in parts:
        if isinstance(part, ast.Slice):
            yield "slice"
            if part.step is not None:
                negative = isinstance(part.step, ast.UnaryOp)
                yield "slice with a negative step" if negative else "slice with a step"
            bounds = [b for b in (part.lower, part.upper) if isinstance(b, ast.Subscript)]
            if bounds:
                yield "slice bounds read from an array"
        elif isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
            yield "negative index"
        elif isinstance(part, ast.Constant) and part.value is Ellipsis:
            yield "ellipsis"
        elif (isinstance(part, ast.Constant) and part.value is None) or ast.unparse(
            part
        ) == "np.newaxis":
            yield "newaxis"
        elif isinstance(part, ast.Compare) or _is_mask_name(part):
            yield "mask"


def _call(node):
    name = _dotted(node.func)
    module = None if name is None else name.partition(".")[0]
    if isinstance(node.func, ast.Name):
        yield f"{name}()" if name in _CALLS else "call of a helper"
    elif isinstance(node.func, ast.Attribute):
        method = node.func.attr
        if module in _MODULES and not (name.count(".") == 2 and method in _UFUNC_METHODS):
            yield name
        elif method in _METHODS:
            yield f".{method}()"
        elif module is not None and module not in ("rng", "r"):
            yield "method call"
    if any(isinstance(a, ast.Starred) for a in node.args):
        yield "starred argument"
    for keyword in node.keywords:
        if keyword.arg is None:
            yield "double starred argument"
        elif keyword.arg in ("out", "axis", "keepdims", "dtype"):
            yield f"{keyword.arg}="
        elif isinstance(node.func, ast.Name):
            yield "keyword argument"


def _dotted(node):
    """`np.linalg.det` as text; None where something else than names is asked, as in `f(x).sum`."""
    if isinstance(node, ast.Name):
        return node.id
    base = _dotted(node.value) if isinstance(node, ast.Attribute) else None
    return None if base is None else f"{base}.{node.attr}"


def _attribute(node):
    if node.attr in _ATTRIBUTES:
        yield f".{node.attr}"


def _function(node):
    if node.args.vararg or node.args.kwarg:
        yield "star parameter"
    if node.args.defaults or any(node.args.kw_defaults):
        yield "default"
    if node.returns is not None or any(a.annotation for a in node.args.args):
        yield "annotations"
    if ast.get_docstring(node):
        yield "docstring"
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return)]
    if len(returns) > 1:
        yield "several returns"
    if any(isinstance(r.value, ast.Tuple) for r in returns):
        yield "returns a tuple"


def _comprehension(node):
    yield "comprehension"
    if any(g.ifs for g in node.generators):
        yield "comprehension with a condition"


def _list(node):
    if isinstance(node.ctx, ast.Load):
        yield "list literal"


_VISITORS = {
    ast.Assign: _assign,
    ast.AugAssign: _augmented,
    ast.For: _for,
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.FunctionDef: _function,
    ast.ListComp: _comprehension,
    ast.List: _list,
    ast.Dict: lambda node: ["dict literal"],
}


def _of_nesting(tree):
    for outer in ast.walk(tree):
        inside = [n for n in ast.walk(outer) if n is not outer]
        if isinstance(outer, (ast.For, ast.While)):
            if any(isinstance(n, (ast.For, ast.While)) for n in inside):
                yield "nested loops"
            if any(isinstance(n, ast.Return) for n in inside):
                yield "return in a loop"
        if isinstance(outer, ast.FunctionDef) and any(
            isinstance(n, ast.FunctionDef) for n in inside
        ):
            yield "nested function"
        if isinstance(outer, ast.For) and isinstance(outer.target, ast.Name):
            ranges = [n for n in inside if isinstance(n, ast.For) and isinstance(n.iter, ast.Call)]
            if any(outer.target.id in ast.unparse(n.iter) for n in ranges):
                yield "triangular loops"
