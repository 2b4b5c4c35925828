"""Statements that are written with others, before anything is traced: `match`, and `try: ... finally:`.

What cannot be written so is left as it stands, to be refused where it is met.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

_Bound = list[tuple[str, ast.expr]]
_LEAVING = (ast.Return, ast.Break, ast.Continue)


class _Unsupported(Exception):
    """A pattern that has no such form."""


def match_arg(subject: Any, cls: type, k: int) -> Any:
    """What the k-th positional pattern of a class is matched with: the front end knows it by identity."""
    raise NotImplementedError


def desugared(tree: ast.Module) -> ast.Module:
    """The tree, changed in place."""
    return ast.fix_missing_locations(_Desugar().visit(tree))


class _Desugar(ast.NodeTransformer):
    def __init__(self) -> None:
        self.count = 0

    def visit_Match(self, node: ast.Match) -> Any:
        self.generic_visit(node)
        self.count += 1
        subject: ast.expr = node.subject
        before: list[ast.stmt] = []
        if not isinstance(subject, ast.Name):
            # No name of the user's looks like this.
            name = f"$subject{self.count}"
            before = [ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], subject), node)]
            subject = ast.Name(name, ast.Load())
        try:
            rest: list[ast.stmt] = []
            for case in reversed(node.cases):
                rest = _case(subject, case, rest)
        except _Unsupported:
            return node
        return [*before, *rest] or ast.copy_location(ast.Pass(), node)

    def visit_Try(self, node: ast.Try) -> Any:
        self.generic_visit(node)
        inside = [n for s in (*node.body, *node.finalbody) for n in ast.walk(s)]
        if node.handlers or node.orelse or any(isinstance(n, _LEAVING) for n in inside):
            return node
        # If the body raises, the program stops there, and the user's own function is run.
        return [*node.body, *node.finalbody]


def _case(subject: ast.expr, case: ast.match_case, rest: Sequence[ast.stmt]) -> list[ast.stmt]:
    test, bound = _pattern(case.pattern, subject)
    if case.guard is not None:
        if bound:
            raise _Unsupported
        test = case.guard if test is None else ast.BoolOp(ast.And(), [test, case.guard])
    binds = [_at(case.pattern, ast.Assign([ast.Name(n, ast.Store())], v)) for n, v in bound]
    body = [*binds, *case.body]
    if test is None:
        return body
    return [_at(case.pattern, ast.If(_at(case.pattern, test), body, list(rest)))]


def _at(place: ast.AST, node: Any) -> Any:
    """Gives a new node, and the new ones in it, the place of a pattern."""
    for part in ast.walk(node):
        if isinstance(part, (ast.expr, ast.stmt)) and not hasattr(part, "lineno"):
            ast.copy_location(part, place)
    return node


def _pattern(p: ast.pattern, x: ast.expr) -> tuple[ast.expr | None, _Bound]:
    """(the test, None for what always fits; the names that are bound then)."""
    if isinstance(p, ast.MatchValue):
        return ast.Compare(x, [ast.Eq()], [p.value]), []
    if isinstance(p, ast.MatchSingleton):
        return ast.Compare(x, [ast.Is()], [ast.Constant(p.value)]), []
    if isinstance(p, ast.MatchAs):
        test, bound = (None, []) if p.pattern is None else _pattern(p.pattern, x)
        return test, [*bound, (p.name, x)] if p.name else bound
    if isinstance(p, ast.MatchOr):
        found = [_pattern(q, x) for q in p.patterns]
        if any(bound for _, bound in found):
            raise _Unsupported
        tests = [test for test, _ in found if test is not None]
        return ast.BoolOp(ast.Or(), tests) if len(tests) == len(found) else None, []
    if isinstance(p, ast.MatchSequence):
        return _sequence(p, x)
    if isinstance(p, ast.MatchClass):
        parts = [
            (q, ast.Call(ast.Constant(match_arg), [x, p.cls, ast.Constant(k)], []))
            for k, q in enumerate(p.patterns)
        ]
        named = zip(p.kwd_patterns, p.kwd_attrs)
        attributes = [(q, ast.Attribute(x, name, ast.Load())) for q, name in named]
        return _all([_is_a(x, p.cls)], [*parts, *attributes])
    if isinstance(p, ast.MatchMapping) and p.rest is None:
        holds = [ast.Compare(key, [ast.In()], [x]) for key in p.keys]
        items = [(q, _item(x, key)) for q, key in zip(p.patterns, p.keys)]
        return _all([_is_a(x, ast.Constant(dict)), *holds], items)
    raise _Unsupported


def _sequence(p: ast.MatchSequence, x: ast.expr) -> tuple[ast.expr | None, _Bound]:
    stars = [k for k, q in enumerate(p.patterns) if isinstance(q, ast.MatchStar)]
    length = ast.Call(ast.Constant(len), [x], [])
    count = ast.Constant(len(p.patterns) - len(stars))
    op: ast.cmpop = ast.GtE() if stars else ast.Eq()
    kinds = ast.Tuple([ast.Constant(tuple), ast.Constant(list)], ast.Load())
    tests: list[ast.expr] = [_is_a(x, kinds), ast.Compare(length, [op], [count])]
    if not stars:
        return _all(tests, [(q, _item(x, ast.Constant(k))) for k, q in enumerate(p.patterns)])
    at = stars[0]
    after = len(p.patterns) - at - 1
    places = [*range(at), *range(-after, 0)]
    others = [*p.patterns[:at], *p.patterns[at + 1 :]]
    test, bound = _all(tests, [(q, _item(x, _number(k))) for k, q in zip(places, others)])
    star = p.patterns[at]
    assert isinstance(star, ast.MatchStar)
    if star.name:
        middle = ast.Slice(_number(at), _number(-after) if after else None)
        bound = [*bound, (star.name, ast.Call(ast.Constant(list), [_item(x, middle)], []))]
    return test, bound


def _all(
    tests: list[ast.expr], parts: Sequence[tuple[ast.pattern, ast.expr]]
) -> tuple[ast.expr | None, _Bound]:
    bound: _Bound = []
    for pattern, value in parts:
        test, names = _pattern(pattern, value)
        tests = tests if test is None else [*tests, test]
        bound += names
    return (tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)), bound


def _number(k: int) -> ast.expr:
    return ast.Constant(k)


def _is_a(x: ast.expr, cls: ast.expr) -> ast.expr:
    return ast.Call(ast.Constant(isinstance), [x, cls], [])


def _item(x: ast.expr, key: ast.expr) -> ast.expr:
    return ast.Subscript(x, key, ast.Load())
