"""Statements: one function per node class."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UnsupportedError
from ..ops.elementwise import not_
from . import (
    arrays,
    containers,
    expressions,
    flavours,
    growing,
    indexing,
    instances,
    iteration,
    iterator_calls,
    loops,
    names,
    objects,
    promotion,
)  # fmt: skip
from .branches import Rest, branch, continue_unless, gone
from .frames import HIDDEN, RESULT, RETURNED
from .items import NeedsKnown, entry_of
from .scopes import NONE, reads
from .values import (
    Abstract,
    ArrayRef,
    DictRef,
    IterRef,
    ListRef,
    Num,
    Object,
    Poison,
    RangeVal,
    Static,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

#: Loops of a known number of trips up to this are unrolled if they cannot be traced as loops.
_FEW_TRIPS = 64


def run(st: Tracer, body: Sequence[ast.stmt]) -> None:
    """Traces statements one after the other, as far as this path goes."""
    for k in range(len(body)):
        if not _step(st, body, k):
            return


def _step(st: Tracer, body: Sequence[ast.stmt], k: int) -> bool:
    """Traces one statement. False if the rest was traced with it, or if this path ends here."""
    rest = Rest(lambda: run(st, body[k + 1 :]), st.frame.scope.after.get(body[-1], NONE))
    st.at(body[k])
    if st.guarded(lambda: _execute(st, body[k], rest)) or st.raised():
        return False
    leaving = gone(st)
    if leaving is False:
        return True
    continue_unless(st, leaving, rest)
    return False


def _execute(st: Tracer, node: ast.stmt, rest: Rest) -> bool:
    """Traces one statement. True if the rest of the block was traced with it."""
    if isinstance(node, ast.If):
        return _if(st, node, rest)
    handler = HANDLERS.get(type(node))
    if handler is None:
        st.refuse(
            f"{_WORDS.get(type(node), type(node).__name__)} is not supported",
            _HINTS.get(type(node), ""),
        )
    handler(st, node)
    return False


_WORDS: dict[type, str] = {
    ast.Try: "`try`", ast.AsyncFunctionDef: "`async def`",
    ast.AsyncFor: "`async for`", ast.AsyncWith: "`async with`", ast.ClassDef: "a class in a function",
    ast.Match: "`match`", ast.ImportFrom: "this import in a function",
}  # fmt: skip
if hasattr(ast, "TryStar"):
    _WORDS[ast.TryStar] = "`try`"
_HINTS: dict[type, str] = {
    ast.Try: "test the condition with `if` instead of catching the exception",
    ast.ClassDef: "define the class outside the function",
    ast.Match: "use `if` and `elif`",
    ast.ImportFrom: "import at the top of the file",
}  # fmt: skip


# --- branches ----------------------------------------------------------------------------------------


def _if(st: Tracer, node: ast.If, rest: Rest) -> bool:
    holds = st.truth(st.eval(node.test))
    st.at(node)
    if isinstance(holds, bool):
        run(st, node.body if holds else node.orelse)
        return False
    for arm, other, taken in ((node.body, node.orelse, True), (node.orelse, node.body, False)):
        if _always_raises(arm):
            st.check(st.b.emit(not_, holds) if taken else holds, "raise")
            run(st, other)
            return False
    after = st.frame.scope.after[node]
    _, done = branch(
        st, holds, lambda: run(st, node.body), lambda: run(st, node.orelse), after, rest
    )
    return done


def _always_raises(body: Sequence[ast.stmt]) -> bool:
    """Does this block end in an exception whichever way it takes? Then what it does before that is
    of no interest, not even to be refused."""
    if not body:
        return False
    leaves = (ast.Return, ast.Break, ast.Continue, ast.Try, ast.With)
    if any(isinstance(n, leaves) for s in body for n in ast.walk(s)):
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return _always_raises(last.body) and _always_raises(last.orelse)
    return isinstance(last, ast.Raise)


def _raise(st: Tracer, node: ast.Raise) -> None:
    if st.frame.library and isinstance(node.exc, ast.Call):
        name, what = ast.unparse(node.exc.func), ast.unparse(node.exc.args[0])
        if name == "NotImplementedError":
            st.refuse(f"{ast.literal_eval(what)} is not supported")
    st.raise_here("raise")


def _assert(st: Tracer, node: ast.Assert) -> None:
    if not __debug__:
        return
    holds = st.truth(st.eval(node.test))
    if holds is False:
        st.raise_here("assert")
    elif not isinstance(holds, bool):
        st.check(holds, "assert")


# --- leaving -----------------------------------------------------------------------------------------


def _return(st: Tracer, node: ast.Return) -> None:
    value: Abstract = Static(None) if node.value is None else st.eval(node.value)
    st.frame.env[RESULT] = value
    st.frame.env[RETURNED] = Static(True)


def _break(st: Tracer, node: ast.Break) -> None:
    st.frame.env[st.frame.loops[-1].broken] = Static(True)


def _continue(st: Tracer, node: ast.Continue) -> None:
    st.frame.env[st.frame.loops[-1].skipped] = Static(True)


def _pass(st: Tracer, node: ast.stmt) -> None:
    pass


# --- assignment --------------------------------------------------------------------------------------


def _expr(st: Tracer, node: ast.Expr) -> None:
    if not isinstance(node.value, ast.Constant):
        st.eval(node.value)


def _assign(st: Tracer, node: ast.Assign) -> None:
    value = st.eval(node.value)
    for target in node.targets:
        assign(st, target, value)


def _ann_assign(st: Tracer, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(st, node.target, st.eval(node.value))


def assign(st: Tracer, target: ast.expr, value: Abstract) -> None:
    old = st.at(target)
    if isinstance(target, ast.Name):
        names.bind(st, target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(st, target, value)
    elif isinstance(target, ast.Subscript):
        base = st.eval(target.value)
        _store(st, base, expressions.key_of(st, target.slice), value)
    elif isinstance(target, ast.Attribute):
        _set_attribute(st, st.eval(target.value), st.mangled(target.attr), value)
    else:
        st.refuse("assigning to this is not supported", "name each item")
    st.b.span = old


def _set_attribute(st: Tracer, base: Abstract, name: str, value: Abstract) -> None:
    if isinstance(base, ArrayRef):
        st.refuse("attributes of an array cannot be set here", "make a new array")
    instances.set_attribute(st, base, name, value)


def _store(st: Tracer, base: Abstract, key: Any, value: Abstract) -> None:
    if isinstance(base, ArrayRef):
        indexing.setitem(st, base, key, value)
    else:
        containers.set_item(st, base, key, value)


def _unpack(st: Tracer, target: ast.Tuple | ast.List, value: Abstract) -> None:
    count = len(target.elts)
    starred = [k for k, part in enumerate(target.elts) if isinstance(part, ast.Starred)]
    if starred:
        _unpack_starred(st, target, value, starred[0])
        return
    source = iteration.sequence(st, value)
    st.check_same(source.length, count, "the number of values to unpack")
    if isinstance(source.length, int) and source.length != count:
        st.raise_here("the number of values to unpack")
        return
    items = [source.item(k) for k in range(count)]
    for part, item in zip(target.elts, items):
        assign(st, part, names.checked(st, item, "this item"))


def _unpack_starred(st: Tracer, target: ast.Tuple | ast.List, value: Abstract, at: int) -> None:
    """`a, *b, c = value`: what is left over is a new list."""
    after = len(target.elts) - at - 1
    st.at(target.elts[at])
    value = iteration.taken(st, value)
    if isinstance(iteration.sequence(st, value).length, int):
        items = [names.checked(st, x, "this item") for x in iteration.known_items(st, value, "`*`")]
        if len(items) < at + after:
            st.raise_here("not enough values to unpack")
            return
        middle: Abstract = st.new_list(tuple(items[at : len(items) - after]))
        ends = [*items[:at], *items[len(items) - after :]]
    else:
        middle, ends = iterator_calls.split_array(st, value, at, after)
    rest = target.elts[at]
    assert isinstance(rest, ast.Starred)
    for part, item in zip([*target.elts[:at], *target.elts[at + 1 :]], ends):
        assign(st, part, item)
    assign(st, rest.value, middle)


def _aug_assign(st: Tracer, node: ast.AugAssign) -> None:
    symbol = expressions.augmented(st, node.op)
    target = node.target
    if isinstance(target, ast.Name):
        current = names.read(st, target.id)
        names.bind(st, target.id, _augmented(st, symbol, current, st.eval(node.value)))
    elif isinstance(target, ast.Subscript):
        base = st.eval(target.value)
        key = expressions.key_of(st, target.slice)
        if isinstance(base, ArrayRef):
            _augment_array(st, symbol, base, key, node)
            return
        current = containers.get_item(st, base, key)
        containers.set_item(st, base, key, _augmented(st, symbol, current, st.eval(node.value)))
    else:
        base, name = st.eval(target.value), st.mangled(target.attr)
        current = objects.attribute(st, base, name)
        value = _augmented(st, symbol, current, st.eval(node.value))
        st.at(target)
        _set_attribute(st, base, name, value)


def _augment_array(st: Tracer, symbol: str, base: ArrayRef, key: Any, node: ast.AugAssign) -> None:
    """`a[key] op= value`: the key is worked out once, and read before the value is."""
    where = indexing.place(st, base, key)
    current = indexing.fetch(st, where)
    value = st.eval(node.value)
    flavours.check_mixed(st, [current, value], symbol)
    indexing.augment(st, symbol, where, current, value)


def _augmented(st: Tracer, symbol: str, current: Abstract, value: Abstract) -> Abstract:
    """What the target is bound to after `current symbol= value`."""
    if (
        isinstance(current, ArrayRef)
        and arrays.type_of(st, current).rank == 0
        and not _writable(current)
    ):
        return flavours.binary(st, symbol, current, value)
    if isinstance(current, ArrayRef):
        flavours.check_mixed(st, [current, value], symbol)
        promotion.inplace(st, symbol, current, value)
        return current
    if isinstance(current, DictRef) and symbol == "|":
        containers.replace(
            st, current, {**entry_of(st, current), **containers.known_dict(st, value)}
        )
        return current
    if isinstance(current, ListRef) and symbol == "+":
        containers.extend(st, current, value)
        return current
    if isinstance(current, (ListRef, DictRef)):
        st.refuse(f"`{symbol}=` on this is not supported")
    own = f"__i{instances.method_name(symbol)}__"
    if instances.has_method(current, own):
        return st.call_function(st.attribute(current, own), [value])
    return flavours.binary(st, symbol, current, value)


def _writable(ref: ArrayRef) -> bool:
    """Is a 0-d array an array that is written? What iteration over narrow integers gives is a number."""
    return not (ref.object.foreign and ref.path is not None)


def _delete(st: Tracer, node: ast.Delete) -> None:
    for target in node.targets:
        st.at(target)
        if isinstance(target, ast.Name):
            names.read(st, target.id)
            names.unbind(st, target.id)
        elif isinstance(target, ast.Subscript):
            base = st.eval(target.value)
            if isinstance(base, ArrayRef):
                st.refuse("elements of an array cannot be deleted", "take a slice")
            containers.delete_item(st, base, expressions.key_of(st, target.slice))
        elif isinstance(target, ast.Attribute):
            instances.delete_attribute(st, st.eval(target.value), st.mangled(target.attr))
        else:
            st.refuse("`del` of this is not supported")


def _function_def(st: Tracer, node: ast.FunctionDef) -> None:
    decorators = [st.eval(decorator) for decorator in node.decorator_list]
    value: Abstract = names.function_value(st, node)
    for decorator, place in zip(reversed(decorators), reversed(node.decorator_list)):
        st.at(place)
        value = st.call_function(decorator, [value])
    names.bind(st, node.name, value)


def _import(st: Tracer, node: ast.Import) -> None:
    for alias in node.names:
        if alias.name not in ("numpy", "math"):
            st.refuse(f"`import {alias.name}` in a function is not supported", "import at the top")
        module = importlib.import_module(alias.name)
        names.bind(st, alias.asname or alias.name, Static(module, ("const", module)))


def _scope_statement(st: Tracer, node: ast.Global | ast.Nonlocal) -> None:
    if isinstance(node, ast.Nonlocal):
        _check_nonlocal(st, node)
        return
    written = [n for n in node.names if n in st.frame.scope.locals]
    if written:
        st.refuse(
            f"`global {written[0]}` is assigned to, which is not supported", "return the value"
        )


def _check_nonlocal(st: Tracer, node: ast.Nonlocal) -> None:
    """The functions around must be traced here as well: a closure's cell is not written."""
    for name in node.names:
        frame = st.frame.outer
        while frame is not None and name not in frame.scope.locals:
            frame = frame.outer
        if frame is None:
            st.refuse(
                f"`nonlocal {name}` is of a function outside, which is not supported",
                "return the value",
            )


def _with(st: Tracer, node: ast.With) -> None:
    """`with np.errstate(...)` that only tells which warnings are shown."""
    for item in node.items:
        st.at(item.context_expr)
        call = item.context_expr
        silent = (
            item.optional_vars is None
            and isinstance(call, ast.Call)
            and getattr(st.eval(call.func), "value", None) is np.errstate
            and not call.args
            and all(
                isinstance(k.value, ast.Constant) and k.value.value in ("ignore", "warn")
                for k in call.keywords
            )
        )
        if not silent:
            st.refuse(
                "`with` is supported only for `np.errstate` that ignores or warns",
                "do this outside the function",
            )
    run(st, node.body)


# --- loops -------------------------------------------------------------------------------------------


def _while(st: Tracer, node: ast.While) -> None:
    loops.while_loop(st, loops.describe_loop(st, node))


def _hidden_lists(st: Tracer) -> set[Object]:
    """The lists that comprehensions make, which the program cannot come to yet."""
    return {
        x.object for name, x in st.frame.env.items()
        if isinstance(x, (ListRef, DictRef)) and name[0] == HIDDEN and not name.startswith("<box ")
    }  # fmt: skip


_LAZY = (
    "this loop walks over a generator or `map`, which is worked out item by item, and may change"
    " what that depends on"
)


def _for(st: Tracer, node: ast.For) -> None:
    named = st.eval(node.iter)
    st.at(node)
    iterable = iteration.taken(st, named)
    pinned = st.unique("iterable")
    eager = names.is_eager(iterable) or names.is_eager(named)
    if eager and st.frame.scope.assigned(node) & (st.frame.scope.captured | reads(node.iter)):
        st.refuse(_LAZY, "make it a list: `list(...)`")
    before = dict(st.heap)
    # What is walked over stays alive, whatever the body does to the names that led to it.
    st.frame.env[pinned] = iterable
    loop = loops.describe_loop(st, node)
    if isinstance(iterable, RangeVal):
        _over_range(st, loop, iterable)
    else:
        _over_sequence(st, loop, iterable)
    st.frame.env.pop(pinned, None)
    own = _hidden_lists(st)
    if eager and any(
        st.heap.get(made) is not entry for made, entry in before.items() if made not in own
    ):
        st.at(node)
        st.refuse(_LAZY, "make it a list: `list(...)`")
    if isinstance(named, IterRef) and _may_leave(node):
        st.heap[named.object] = Poison(
            "this iterator was used by a loop that may have left it early",
            "walk over the list itself, with an index",
        )


def _may_leave(node: ast.For) -> bool:
    return any(isinstance(n, (ast.Break, ast.Return)) for s in node.body for n in ast.walk(s))


def _over_range(st: Tracer, loop: loops.Loop, iterable: RangeVal) -> None:
    fixed = iteration.known_range(st, iterable)
    bounds = iteration.bounds(st, iterable)
    if fixed is not None and not fixed:
        st.run(loop.node.orelse)
        return
    loop.at_least_one = fixed is not None
    assert isinstance(loop.node, ast.For)
    target = loop.node.target

    def begin(counter: Any) -> None:
        assign(st, target, Num(counter, True))

    loop.begin = begin
    if fixed is not None and st.frame.comprehension and len(fixed) <= _FEW_TRIPS:
        # A list of known length is worth more than a short loop.
        _unroll(st, loop, [Static(k) for k in fixed])
        return
    if fixed is None or len(fixed) > _FEW_TRIPS:
        loops.counted(st, loop, bounds)
        return
    _counted_or_unrolled(st, loop, bounds, [Static(k) for k in fixed])


def _counted_or_unrolled(
    st: Tracer, loop: loops.Loop, bounds: Any, items: Sequence[Abstract]
) -> None:
    """Few trips whose counter must be known at compile time are traced one by one."""
    _, error = st.attempt(lambda: loops.counted(st, loop, bounds))
    if error is None:
        return
    told = ("known at compile time", growing.LOCKED_ELEMENT)
    if not (isinstance(error, NeedsKnown) or any(text in error.message for text in told)):
        raise error
    _, second = st.attempt(lambda: _unroll(st, loop, items))
    if second is not None:
        raise error


def _unroll(st: Tracer, loop: loops.Loop, items: Sequence[Abstract]) -> None:
    assert isinstance(loop.node, ast.For)
    target = loop.node.target
    loops.unrolled(st, loop, [lambda item=item: assign(st, target, item) for item in items])


def _over_sequence(st: Tracer, loop: loops.Loop, iterable: Abstract) -> None:
    source = iteration.sequence(st, iterable)
    assert isinstance(loop.node, ast.For)
    target = loop.node.target
    if source.apart and isinstance(source.length, int):
        _unroll_items(st, loop, iterable, source.length)
        return
    grown = iteration.growing_lists(st, iterable)

    def begin(counter: Any) -> None:
        for made, version in grown.items():
            if st.heap[made] is not version and not st.b.visible(version):
                st.refuse("a list must not grow while it is walked over")
        assign(st, target, iteration.sequence(st, iterable).item(counter))

    loop.begin = begin
    length = source.length
    if isinstance(length, int) and length == 0:
        st.run(loop.node.orelse)
        return
    loop.at_least_one = isinstance(length, int)
    stop = st.b.const(length) if isinstance(length, int) else length
    bounds = (st.b.const(0), stop, st.b.const(1))
    if source.apart and source.at_most is not None:
        _, error = st.attempt(lambda: loops.counted(st, loop, bounds))
        if isinstance(error, NeedsKnown):
            _unroll_to_the_bound(st, loop, iterable, source.at_most, error)
        elif error is not None:
            raise error
    else:
        loops.counted(st, loop, bounds)
    for made, version in grown.items():
        if st.heap[made] is not version:
            st.refuse("a list must not change while it is walked over", "walk over a copy of it")


def _unroll_to_the_bound(
    st: Tracer, loop: loops.Loop, iterable: Abstract, count: int, error: UnsupportedError
) -> None:
    """`zip` of items that are not alike with an array, which must be as long as they are many."""
    assert isinstance(loop.node, ast.For)
    target = loop.node.target

    def item(k: int) -> Abstract:
        source = iteration.sequence(st, iterable)
        if source.at_most != count:
            st.refuse("a list must not grow or shrink while it is walked over", "walk over a copy")
        return source.item(k)

    def bind(k: int) -> Callable[[], None]:
        return lambda: assign(st, target, item(k))

    def unroll() -> None:
        length = iteration.sequence(st, iterable).length
        st.check_same(length, count, "`zip` of unlike items with an array that is shorter")
        loops.unrolled(st, loop, [bind(k) for k in range(count)])

    _, second = st.attempt(unroll)
    if second is not None:
        raise error


def _unroll_items(st: Tracer, loop: loops.Loop, iterable: Abstract, length: int) -> None:
    """The body once per item. A list is read item by item, as the body has left it."""
    assert isinstance(loop.node, ast.For)
    target = loop.node.target

    def items() -> iteration.Sequence:
        source = iteration.sequence(st, iterable)
        if source.length != length:
            st.refuse("a list must not grow or shrink while it is walked over", "walk over a copy")
        return source

    def bind(k: int) -> Callable[[], None]:
        return lambda: assign(st, target, names.checked(st, items().item(k), "this item"))

    loops.unrolled(st, loop, [bind(k) for k in range(length)])
    st.at(loop.node)
    if not st.raised():
        items()


HANDLERS: dict[type, Callable[[Any, Any], None]] = {
    ast.Expr: _expr, ast.Assign: _assign, ast.AnnAssign: _ann_assign, ast.AugAssign: _aug_assign,
    ast.Return: _return, ast.Break: _break, ast.Continue: _continue, ast.Pass: _pass,
    ast.Raise: _raise, ast.Assert: _assert, ast.For: _for, ast.While: _while,
    ast.Delete: _delete, ast.FunctionDef: _function_def, ast.Import: _import,
    ast.Global: _scope_statement, ast.Nonlocal: _scope_statement, ast.With: _with,
}  # fmt: skip
