"""Expressions: one function per node class, from tree to abstract value."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.graph import Node, Value
from ..ir.types import BOOL, Scalar
from ..ops.elementwise import and_, not_, or_
from . import comprehensions, containers, flavours, indexing, instances, names, objects
from .branches import branch
from .frames import PythonRaises
from .indexing import SliceVal
from .items import known_constant, known_key
from .iteration import known_items, known_set
from .numbers import kind_of
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    DictRef,
    FunctionVal,
    GeneratorVal,
    Num,
    Static,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

#: What makes an array of a list of lists.
_OF_ROWS: list[Any] = [np.array, np.asarray]
Handler = Callable[["Tracer", Any], Abstract]

_BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
_COMPARE = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def evaluate(st: Tracer, node: ast.expr) -> Abstract:
    """The value of an expression. What it emits and refuses points at it."""
    handler = HANDLERS.get(type(node))
    old = st.at(node)
    if handler is None:
        st.refuse(f"{_kind(node)} is not supported", _HINTS.get(type(node), ""))
    value = handler(st, node)
    st.b.span = old
    return value


def _kind(node: ast.AST) -> str:
    return _WORDS.get(type(node)) or f"`{type(node).__name__}`"


_WORDS: dict[type, str] = {
    ast.Await: "`await`", ast.Yield: "`yield`", ast.YieldFrom: "`yield from`",
    ast.Starred: "a starred expression here",
}  # fmt: skip
_HINTS: dict[type, str] = {
    ast.Yield: "return an array or a list instead",
    ast.YieldFrom: "return an array or a list instead",
    ast.Starred: "write the items out",
}  # fmt: skip


def truth(st: Tracer, x: Abstract) -> Value | bool:
    return flavours.truth(st, x)


# --- literals and names ------------------------------------------------------------------------------


def _constant(st: Tracer, node: ast.Constant) -> Abstract:
    if isinstance(node.value, complex):
        st.refuse("complex numbers are not supported", "work with real and imaginary parts")
    return Static(node.value)


def _name(st: Tracer, node: ast.Name) -> Abstract:
    return names.read(st, node.id)


def _tuple(st: Tracer, node: ast.Tuple) -> Abstract:
    return TupleVal(tuple(_items(st, node.elts)))


def _list(st: Tracer, node: ast.List) -> Abstract:
    return st.new_list(tuple(_items(st, node.elts)))


def _items(st: Tracer, nodes: list[ast.expr]) -> list[Abstract]:
    found: list[Abstract] = []
    for part in nodes:
        if isinstance(part, ast.Starred):
            found += known_items(st, st.eval(part.value), "`*` in a literal")
        else:
            found.append(names.kept(st, st.eval(part)))
    return found


def _dict(st: Tracer, node: ast.Dict) -> Abstract:
    entry: dict[Any, Abstract] = {}
    for key, value in zip(node.keys, node.values):
        if key is None:
            entry.update(containers.known_dict(st, st.eval(value)))
        else:
            known = known_key(st, st.eval(key))
            entry[known] = names.kept(st, st.eval(value))
    return DictRef(st.new_list(entry).object)


def _joined_str(st: Tracer, node: ast.JoinedStr) -> Abstract:
    """An f-string is a key or a mode if all of its parts are known; else nothing takes it."""
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += part.value
            continue
        assert isinstance(part, ast.FormattedValue)
        value = known_constant(st, st.eval(part.value))
        if not isinstance(value, Static) or part.format_spec is not None or part.conversion != -1:
            st.at(node)
            st.refuse("text made of numbers is not supported", "format results outside")
        text += format(value.value)
    return Static(text)


def _formatted_value(st: Tracer, node: ast.FormattedValue) -> Abstract:
    st.refuse("text made of numbers is not supported", "format results outside")


# --- operators ---------------------------------------------------------------------------------------


def _bin_op(st: Tracer, node: ast.BinOp) -> Abstract:
    symbol = _BINARY[type(node.op)]
    left = st.eval(node.left)
    right = st.eval(node.right)
    return flavours.binary(st, symbol, left, right)


def _unary_op(st: Tracer, node: ast.UnaryOp) -> Abstract:
    return flavours.unary(st, _UNARY[type(node.op)], st.eval(node.operand))


def augmented(st: Tracer, op: ast.operator) -> str:
    return _BINARY[type(op)]


def _bool_op(st: Tracer, node: ast.BoolOp) -> Abstract:
    return _chain(st, node.values, isinstance(node.op, ast.And))


def _chain(st: Tracer, operands: list[ast.expr], conjunction: bool) -> Abstract:
    """`a and b and c` (or `or`): the value of the operand that decides."""
    first = st.eval(operands[0])
    if len(operands) == 1:
        return first
    holds = st.truth(first)
    if isinstance(holds, bool):
        return _chain(st, operands[1:], conjunction) if holds == conjunction else first

    def rest() -> Abstract:
        return _chain(st, operands[1:], conjunction)

    if _is_bool(first):
        return short_circuit(st, holds, rest, conjunction)

    def keep() -> Abstract:
        return first

    return _value_of(st, holds, *((rest, keep) if conjunction else (keep, rest)))


def _is_bool(x: Abstract) -> bool:
    kind = kind_of(x)
    return kind is not None and kind.dtype == BOOL


def both(st: Tracer, pred: Value, test: Callable[[], Abstract]) -> Abstract:
    """`pred and test()` for a test that gives a bool."""
    return short_circuit(st, pred, test, True)


def short_circuit(
    st: Tracer, pred: Value, test: Callable[[], Abstract], conjunction: bool
) -> Abstract:
    """`pred and test()` or `pred or test()`, for a bool `pred`.

    If the right side is only a few operations that cannot fail, both are worked out and combined.
    """
    before = st.snapshot()
    st.b.open()
    value = st.guarded(test)
    nodes = st.b.suspend()
    if _is_bool(value) and not st.raised() and _harmless(nodes) and _untouched(st, before):
        st.b.splice(nodes)
        assert isinstance(value, (Num, Static))
        if isinstance(value, Static):
            return value if bool(value.value) != conjunction else Num(pred, True)
        # Python gives one of the two operands: its bool or NumPy's.
        return Num(st.b.emit(and_ if conjunction else or_, pred, value.value), True, True)
    st.restore(before)

    def known() -> Abstract:
        return Num(st.b.const(not conjunction), True)

    return _value_of(st, pred, *((test, known) if conjunction else (known, test)))


def _harmless(nodes: list[Node]) -> bool:
    return all(n.op.kind in ("elementwise", "create") and not n.op.effect for n in nodes) and all(
        isinstance(r.type, Scalar) for n in nodes for r in n.results
    )


def _untouched(st: Tracer, before: Any) -> bool:
    return all(st.heap.get(made) is entry for made, entry in before.heap.items())


def _value_of(
    st: Tracer, pred: Value, then: Callable[[], Abstract], otherwise: Callable[[], Abstract]
) -> Abstract:
    value, _ = branch(st, pred, then, otherwise)
    if value is None:
        raise PythonRaises("raised on either way")
    return names.checked(st, value, "the value of this expression")


def chosen(st: Tracer, pred: Value, then: Abstract, otherwise: Abstract) -> Abstract:
    return _value_of(st, pred, lambda: then, lambda: otherwise)


def _if_exp(st: Tracer, node: ast.IfExp) -> Abstract:
    holds = st.truth(st.eval(node.test))
    if isinstance(holds, bool):
        return st.eval(node.body if holds else node.orelse)
    return _value_of(st, holds, lambda: st.eval(node.body), lambda: st.eval(node.orelse))


# --- comparisons -------------------------------------------------------------------------------------


def _compare(st: Tracer, node: ast.Compare) -> Abstract:
    left = st.eval(node.left)
    return _compare_chain(st, left, list(node.ops), list(node.comparators))


def _compare_chain(
    st: Tracer, left: Abstract, ops: list[ast.cmpop], comparators: list[ast.expr]
) -> Abstract:
    """`a < b < c` is `a < b and b < c` with b worked out once."""
    right = st.eval(comparators[0])
    first = _compare_two(st, ops[0], left, right)
    if len(ops) == 1:
        return first
    holds = st.truth(first)

    def rest() -> Abstract:
        return _compare_chain(st, right, ops[1:], comparators[1:])

    if isinstance(holds, bool):
        return rest() if holds else first
    return short_circuit(st, holds, rest, True)


def _compare_two(st: Tracer, op: ast.cmpop, left: Abstract, right: Abstract) -> Abstract:
    if isinstance(op, (ast.Is, ast.IsNot)):
        same = _is(st, left, right)
        return Static(same if isinstance(op, ast.Is) else not same)
    if isinstance(op, (ast.In, ast.NotIn)):
        found = contains(st, left, right)
        if isinstance(found, bool):
            return Static(found if isinstance(op, ast.In) else not found)
        return Num(found if isinstance(op, ast.In) else st.b.emit(not_, found), True)
    return flavours.binary(st, _COMPARE[type(op)], left, right)


def _is(st: Tracer, left: Abstract, right: Abstract) -> bool:
    if isinstance(left, Static) and isinstance(right, Static):
        plain = (type(None), bool, type(Ellipsis))
        numbers = (int, float, str, bytes, tuple, np.generic)
        if all(
            isinstance(x.value, numbers) and not isinstance(x.value, plain) for x in (left, right)
        ):
            st.refuse("`is` between numbers or strings is not supported", "use `==`")
        return left.value is right.value
    if isinstance(left, Static) or isinstance(right, Static):
        # What is traced as a value is never None, nor True itself: a bool of the graph may be.
        other = right if isinstance(left, Static) else left
        known = left if isinstance(left, Static) else right
        assert isinstance(known, Static)
        if isinstance(other, Num) and other.dtype == BOOL and isinstance(known.value, bool):
            st.refuse("`is` with a bool that is computed is not supported", "use `==`")
        return False
    if isinstance(left, ArrayRef) and isinstance(right, ArrayRef):
        if left == right and left.path is None:
            return True
        if left.object.locked or right.object.locked or left.path or right.path:
            st.refuse("it is not known whether these are the same array")
        return False
    if isinstance(left, HEAPED) and isinstance(right, HEAPED):
        return left == right
    if isinstance(left, FunctionVal) and isinstance(right, FunctionVal):
        return left == right
    if type(left) is not type(right):
        return False
    st.refuse("`is` is not supported between these", "use `==`")


def contains(st: Tracer, item: Abstract, container: Abstract) -> bool | Value:
    if isinstance(container, Static) and isinstance(item, Static):
        known_set(st, container)
        try:
            return bool(item.value in container.value)
        except TypeError as error:
            st.refuse(str(error))
    if instances.has_method(container, "__contains__"):
        method = st.attribute(container, "__contains__")
        return st.truth(st.call_function(method, [item]))
    if isinstance(container, DictRef):
        return known_key(st, item) in containers.known_dict(st, container)
    found: Value | None = None
    for other in known_items(st, container, "`in`"):
        equal = st.truth(flavours.binary(st, "==", item, other))
        if equal is True:
            return True
        if equal is not False:
            found = equal if found is None else st.b.emit(or_, found, equal)
    return False if found is None else found


# --- subscripts, attributes, calls -------------------------------------------------------------------


def _subscript(st: Tracer, node: ast.Subscript) -> Abstract:
    base = st.eval(node.value)
    return get_item(st, base, key_of(st, node.slice))


def key_of(st: Tracer, node: ast.expr) -> Any:
    """A subscript's key: abstract values, and SliceVal for slices."""
    if isinstance(node, ast.Slice):
        return _slice(st, node)
    if isinstance(node, ast.Tuple) and any(isinstance(e, ast.Slice) for e in node.elts):
        return TupleVal(tuple(key_of(st, e) for e in node.elts))
    return st.eval(node)


def _slice(st: Tracer, node: ast.Slice) -> Any:
    old = st.at(node)
    bounds = [None if e is None else st.eval(e) for e in (node.lower, node.upper, node.step)]
    st.b.span = old
    known = [None if isinstance(x, Static) and x.value is None else x for x in bounds]
    return SliceVal(*known)


def get_item(st: Tracer, base: Abstract, key: Any) -> Abstract:
    if isinstance(base, ArrayRef):
        return indexing.getitem(st, base, key)
    return containers.get_item(st, base, key)


def _attribute(st: Tracer, node: ast.Attribute) -> Abstract:
    return objects.attribute(st, st.eval(node.value), st.mangled(node.attr))


def _call(st: Tracer, node: ast.Call) -> Abstract:
    callee = st.eval(node.func)
    if isinstance(callee, Static) and any(callee.value is f for f in _OF_ROWS):
        if comprehensions.is_nested(node):
            return _of_rows(st, callee, node)
    args = _arguments(st, node)
    kwargs = _keywords(st, node)
    with st.step(node):
        return st.call_function(callee, args, kwargs)


def _of_rows(st: Tracer, callee: Static, node: ast.Call) -> Abstract:
    """np.array of a list of lists, whose lengths may be known to a run only."""
    args, error = st.attempt(lambda: _arguments(st, node))
    if error is not None:
        listed = node.args[0]
        assert isinstance(listed, ast.ListComp)
        made, _ = st.attempt(lambda: comprehensions.rows(st, listed))
        if made is None:
            raise error
        args = [made]
    with st.step(node):
        return st.call_function(callee, args, _keywords(st, node))


def _arguments(st: Tracer, node: ast.Call) -> list[Abstract]:
    args: list[Abstract] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            args += known_items(st, st.eval(argument.value), "`*` in a call")
        else:
            args.append(st.eval(argument))
    return args


def _keywords(st: Tracer, node: ast.Call) -> dict[str, Abstract]:
    kwargs: dict[str, Abstract] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            for name, value in containers.known_dict(st, st.eval(keyword.value)).items():
                kwargs[str(name)] = value
        else:
            kwargs[keyword.arg] = st.eval(keyword.value)
    return kwargs


def _lambda(st: Tracer, node: ast.Lambda) -> Abstract:
    return names.function_value(st, node)


def _named_expr(st: Tracer, node: ast.NamedExpr) -> Abstract:
    value = st.eval(node.value)
    assert isinstance(node.target, ast.Name)
    names.bind(st, node.target.id, value)
    return value


def _comprehension(st: Tracer, node: Any) -> Abstract:
    return comprehensions.comprehension(st, node)


def _generator(st: Tracer, node: ast.GeneratorExp) -> Abstract:
    before = dict(st.heap)
    made = comprehensions.comprehension(st, node)
    changed = any(st.heap.get(m) is not entry for m, entry in before.items())
    return GeneratorVal(made, changed)


def _set_comp(st: Tracer, node: ast.SetComp) -> Abstract:
    return set_of(st, known_items(st, comprehensions.comprehension(st, node), "a set"))


def set_of(st: Tracer, items: list[Abstract]) -> Abstract:
    """A set of what is known at compile time."""
    return Static({known_key(st, item) for item in items})


def _set(st: Tracer, node: ast.Set) -> Abstract:
    return set_of(st, _items(st, node.elts))


HANDLERS: dict[type, Handler] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Dict: _dict,
    ast.JoinedStr: _joined_str,
    ast.FormattedValue: _formatted_value,
    ast.BinOp: _bin_op,
    ast.UnaryOp: _unary_op,
    ast.BoolOp: _bool_op,
    ast.IfExp: _if_exp,
    ast.Compare: _compare,
    ast.Subscript: _subscript,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named_expr,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _generator,
    ast.DictComp: _comprehension,
    ast.SetComp: _set_comp,
    ast.Set: _set,
}
