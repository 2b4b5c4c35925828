"""Which names a function binds, which it reads of others, and which are live where.

Liveness decides what is joined after a branch and carried round a loop: a name that nobody reads
any more is not kept, so that what it may have stood for troubles nobody.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

FunctionNode = ast.FunctionDef | ast.Lambda
Names = frozenset[str]
NONE: Names = frozenset()
_SCOPES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


@dataclass
class Scope:
    """What is known of one function's names.

    `after`: per statement, the names live after it. `head`: per loop, those live where a trip
    begins or the loop ends; `needed`: those that a trip reads before it binds them.
    """

    locals: Names
    captured: Names
    #: names of this scope that inner functions assign (`nonlocal`, or `:=` in a comprehension)
    boxed: Names = NONE
    after: dict[ast.stmt, Names] = field(default_factory=dict)
    head: dict[ast.stmt, Names] = field(default_factory=dict)
    needed: dict[ast.stmt, Names] = field(default_factory=dict)
    _assigned: dict[ast.stmt, Names] = field(default_factory=dict)

    def assigned(self, statement: ast.stmt) -> Names:
        """The names that a statement, or one inside it, binds."""
        known = self._assigned.get(statement)
        if known is None:
            known = self._assigned[statement] = frozenset(_bound(statement))
        return known


_scopes: dict[ast.AST, Scope] = {}


def scope_of(node: FunctionNode) -> Scope:
    """The scope of a function, worked out once."""
    known = _scopes.get(node)
    if known is None:
        body = node.body if isinstance(node, ast.FunctionDef) else [ast.Expr(node.body)]
        known = scope_of_statements(body, parameters(node.args))
        _scopes[node] = known
    return known


def scope_of_statements(body: Sequence[ast.stmt], params: Iterable[str]) -> Scope:
    bound = set(params)
    captured: set[str] = set()
    boxed: set[str] = set()
    declared: set[str] = set()
    for statement in body:
        bound |= _bound(statement)
        captured |= _captured(statement)
        boxed |= _assigned_inside(statement)
        for node in _own_nodes(statement):
            declared |= set(node.names) if isinstance(node, ast.Nonlocal) else set()
    bound -= declared
    scope = Scope(frozenset(bound), frozenset(captured | boxed & bound), frozenset(boxed & bound))
    _Liveness(scope).block(body, NONE, NONE, NONE)
    return scope


def parameters(args: ast.arguments) -> list[str]:
    """All parameter names in the order of the signature."""
    found = [*args.posonlyargs, *args.args]
    if args.vararg:
        found.append(args.vararg)
    found += args.kwonlyargs
    if args.kwarg:
        found.append(args.kwarg)
    return [a.arg for a in found]


def _own_nodes(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes of this scope: an inner scope is given, but not entered."""
    yield node
    if isinstance(node, _SCOPES):
        return
    for child in ast.iter_child_nodes(node):
        yield from _own_nodes(child)


def _bound(statement: ast.stmt) -> set[str]:
    found: set[str] = set()
    for node in _own_nodes(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        if isinstance(node, _COMPREHENSIONS):
            # A walrus inside binds out here.
            found |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
    return found


def _assigned_inside(statement: ast.stmt) -> set[str]:
    """Names that scopes inside this one bind here."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Nonlocal) and node is not statement:
            found |= set(node.names)
        if isinstance(node, _COMPREHENSIONS):
            found |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
    return found


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _captured(statement: ast.stmt) -> set[str]:
    """Names that inner functions may read at any later time."""
    found: set[str] = set()
    for inner in ast.walk(statement):
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            names = {n.id for n in ast.walk(inner) if isinstance(n, ast.Name)}
            found |= names - set(parameters(inner.args))
    return found


def reads(node: ast.AST | None) -> Names:
    """The names that an expression reads; those of inner scopes are counted in."""
    if node is None:
        return NONE
    return frozenset(
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    )


def targets(node: ast.AST) -> Names:
    """The plain names that an assignment to `node` binds."""
    if isinstance(node, ast.Name):
        return frozenset((node.id,))
    if isinstance(node, (ast.Tuple, ast.List)):
        return NONE.union(*(targets(part) for part in node.elts))
    if isinstance(node, ast.Starred):
        return targets(node.value)
    return NONE


class _Liveness:
    """One backward walk; loops are walked until nothing changes."""

    def __init__(self, scope: Scope):
        self.scope = scope

    def block(self, body: Sequence[ast.stmt], out: Names, brk: Names, cont: Names) -> Names:
        for statement in reversed(body):
            self.scope.after[statement] = out | self.scope.captured
            out = self.statement(statement, out, brk, cont)
        return out

    def statement(self, s: ast.stmt, out: Names, brk: Names, cont: Names) -> Names:
        if isinstance(s, (ast.For, ast.While)):
            return self.loop(s, out, brk, cont)
        if isinstance(s, ast.If):
            then, other = (self.block(part, out, brk, cont) for part in (s.body, s.orelse))
            return then | other | reads(s.test)
        if isinstance(s, ast.Break):
            return brk
        if isinstance(s, ast.Continue):
            return cont
        if isinstance(s, ast.Return):
            return reads(s.value)
        if isinstance(s, ast.Raise):
            return NONE
        if isinstance(s, ast.Assign):
            killed = NONE.union(*map(targets, s.targets))
            return (out - killed) | reads(s.value) | NONE.union(*map(reads, s.targets))
        if isinstance(s, ast.AnnAssign):
            killed = targets(s.target) if s.value is not None else NONE
            return (out - killed) | reads(s.value) | reads(s.target)
        if isinstance(s, ast.AugAssign):
            return out | reads(s.value) | reads(s.target) | targets(s.target)
        if isinstance(s, ast.FunctionDef):
            return (out - {s.name}) | reads(s)
        if isinstance(s, ast.With):
            inside = self.block(s.body, out, brk, cont)
            return inside.union(*(reads(item.context_expr) for item in s.items))
        # Whatever else there is either binds nothing or is refused.
        return out | reads(s)

    def loop(self, s: ast.For | ast.While, out: Names, brk: Names, cont: Names) -> Names:
        leaving = self.block(s.orelse, out, brk, cont) if s.orelse else out
        bound = targets(s.target) if isinstance(s, ast.For) else NONE
        head = leaving | (reads(s.test) if isinstance(s, ast.While) else NONE)
        while True:
            needed = self.block(s.body, head, out, head) - bound
            if isinstance(s, ast.While):
                needed |= reads(s.test)
            if isinstance(s, ast.For):
                needed |= reads(s.target)
            grown = head | needed
            if grown == head:
                break
            head = grown
        self.scope.head[s] = head | self.scope.captured
        self.scope.needed[s] = needed | self.scope.captured
        return head | (reads(s.iter) if isinstance(s, ast.For) else NONE)
