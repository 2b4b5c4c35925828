"""Comprehensions: the loops that they are short for, in a scope of their own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from ..ir.types import I64
from ..ops import elementwise as ew
from ..ops.reduce import all_
from ..ops.shape import iota, reshape
from . import arrays, known
from .frames import Frame, PythonRaises
from .scopes import NONE, scope_of_statements
from .values import Abstract, ArrayRef, DictRef, ListRef, RangeVal, Static

if TYPE_CHECKING:
    from .tracer import Tracer

Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp


def filled(st: Tracer, item: Abstract, times: Abstract) -> Abstract:
    """`[0.0] * n`: a list that grew to n items."""
    value = st.unique("item")
    st.frame.env[value] = item
    made = _collected(st, RangeVal(Static(0), times, Static(1)), value)
    del st.frame.env[value]
    return made


def listed(st: Tracer, x: Abstract) -> Abstract:
    """`list(x)` of something whose length only a run knows."""
    return _collected(st, x, "item")


def _collected(st: Tracer, iterable: Abstract, element: str) -> Abstract:
    """`[element for item in iterable]`."""
    walked = st.unique("iterable")
    st.frame.env[walked] = iterable
    source = ast.Name(walked, ast.Load())
    generator = ast.comprehension(ast.Name("item", ast.Store()), source, [], 0)
    made = comprehension(st, _located(st, ast.ListComp(ast.Name(element, ast.Load()), [generator])))
    del st.frame.env[walked]
    return made


def _located(st: Tracer, node: Any) -> Any:
    span = st.b.span
    part: Any
    for part in ast.walk(node):
        part.lineno, part.col_offset = span.lineno, span.col_offset
        part.end_lineno, part.end_col_offset = span.end_lineno, span.end_col_offset
    return node


def comprehension(st: Tracer, node: Comprehension) -> ListRef | DictRef:
    """The list that a comprehension's loop appends to, or the dict that it fills."""
    if any(g.is_async for g in node.generators):
        st.refuse("`async` is not supported")
    statements = st.comprehensions.get(id(node))
    if statements is None:
        statements = (node, _as_loop(node))
        st.comprehensions[id(node)] = statements
    made: Abstract = st.new_list(())
    if isinstance(node, ast.DictComp):
        made = DictRef(st.new_list({}).object)
    result = _run_loop(st, node, statements[1], {"<list>": made})["<list>"]
    assert isinstance(result, (ListRef, DictRef))
    return result


def _as_loop(node: Comprehension) -> ast.stmt:
    if isinstance(node, ast.DictComp):
        result = ast.Name("<list>", ast.Load())
        entry = ast.Subscript(result, node.key, ast.Store())
        inner: ast.stmt = ast.Assign([entry], node.value)
        for place in (inner, entry, result):
            ast.copy_location(place, node.value)
    else:
        inner = _appended("<list>", node.elt, node.elt)
    return _nested_loops(node.generators, [inner])


def is_nested(node: ast.Call) -> bool:
    """Is this a call with a list of lists that comprehensions make?"""
    return (
        len(node.args) == 1
        and isinstance(node.args[0], ast.ListComp)
        and isinstance(node.args[0].elt, ast.ListComp)
    )


def rows(st: Tracer, node: ast.ListComp) -> ArrayRef:
    """The array of `[[f(v) for v in row] for row in a]`, where the lengths are known to a run only.

    All numbers go into one list, and where each row ends into another.
    """
    inner = node.elt
    assert isinstance(inner, ast.ListComp)
    flat, ends = st.unique("flat"), st.unique("ends")
    loop = st.rows.get(id(node))
    if loop is None:
        loop = st.rows[id(node)] = (node, _rows_loop(node, inner, flat, ends), flat, ends)
    _, statement, flat, ends = loop
    made = _run_loop(st, node, statement, {flat: st.new_list(()), ends: st.new_list(())})
    numbers, places = (arrays.as_value(st, made[name]) for name in (flat, ends))
    if numbers.type.rank != 1 or places.type.rank != 1:
        st.refuse("an array of nested comprehensions holds numbers", "use np.stack for arrays")
    (count,), (total,) = st.b.dims[places], st.b.dims[numbers]
    height, size = (known.value(st, d) for d in (count, total))
    st.check(st.b.emit(ew.gt, height, st.b.const(0)), "a list of rows is not empty")
    width = known.value(st, known.calculate(st, ew.floordiv, size, height))
    steps = st.b.emit(iota, height, dtype=I64, one=known.constant(st, count) == 1)
    due = st.b.emit(ew.mul, st.b.emit(ew.add, steps, st.b.const(1)), width)
    fits = st.b.emit(all_, st.b.emit(ew.eq, places, due), axes=(0,))
    st.check(fits, "the rows of an array are of one length")
    shaped = st.b.emit(reshape, numbers, height, width, ones=known.ones_of((count, width)))
    return arrays.fresh_array(st, shaped)


def _rows_loop(node: ast.ListComp, inner: ast.ListComp, flat: str, ends: str) -> ast.stmt:
    element = _appended(flat, inner.elt, inner.elt)
    size = ast.Call(ast.Constant(len), [ast.Name(flat, ast.Load())], [])
    for part in ast.walk(size):
        ast.copy_location(part, inner)
    row = [_nested_loops(inner.generators, [element]), _appended(ends, size, inner)]
    return _nested_loops(node.generators, row)


def _appended(name: str, value: ast.expr, place: ast.expr) -> ast.stmt:
    append = ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load())
    inner = ast.Expr(ast.Call(append, [value], []))
    for part in (inner, inner.value, append, append.value):
        ast.copy_location(part, place)
    return inner


def _nested_loops(generators: list[ast.comprehension], body: list[ast.stmt]) -> ast.stmt:
    for generator in reversed(generators):
        for test in reversed(generator.ifs):
            body = [ast.copy_location(ast.If(test, body, []), test)]
        loop = ast.For(generator.target, generator.iter, body, [], None)
        body = [ast.copy_location(loop, generator.target)]
    return body[0]


def _run_loop(
    st: Tracer, node: ast.expr, loop: ast.stmt, env: dict[str, Abstract]
) -> dict[str, Abstract]:
    """Traces a loop in a scope of its own; gives what its names stand for afterwards."""
    body = [loop]
    scope = scope_of_statements(body, list(env))
    # What `:=` binds belongs to the function around.
    scope.locals -= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
    scope.boxed = NONE
    outer = st.frame
    frame = Frame(
        outer.name, scope, outer.filename, outer=outer, class_name=outer.class_name, node=node,
        library=outer.library, comprehension=True,
    )  # fmt: skip
    frame.env.update(env)
    st.enter(frame)
    st.run(body)
    raised = st.raised()
    st.leave()
    if raised:
        raise PythonRaises("raised in a comprehension")
    return frame.env
