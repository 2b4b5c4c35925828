"""Tuples, lists and dicts: taken apart at compile time, but for lists that grow in loops."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ir.graph import Value
from ..ops.index import index as index_op
from . import arrays, growing, instances, iteration, names
from .frames import Frame, PythonRaises
from .indexing import SliceVal
from .items import at_index, entry_of, known_key, needs_known
from .iteration import known_items
from .numbers import kind_of
from .scopes import scope_of_statements
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    DictRef,
    InstanceRef,
    ListRef,
    Num,
    RangeVal,
    Static,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer


_LAST, _NONE = Static(-1), Static(None)


def known_dict(st: Tracer, x: Abstract) -> dict[Any, Abstract]:
    if not isinstance(x, DictRef):
        st.refuse("a dict with known keys is needed here")
    return entry_of(st, x)


def _known_index(st: Tracer, key: Any) -> int | None:
    if isinstance(key, Static) and isinstance(key.value, int):
        return int(key.value)
    if isinstance(key, Num):
        literal = st.b.constants.get(key.value)
        return int(literal) if isinstance(literal, int) else None
    return None


# --- reading -----------------------------------------------------------------------------------------


def get_item(st: Tracer, base: Abstract, key: Any) -> Abstract:
    """`base[key]` of anything that is no array."""
    if instances.has_method(base, "__getitem__"):
        return st.call_function(st.attribute(base, "__getitem__"), [_as_key(st, key)])
    if isinstance(base, DictRef):
        entry, known = entry_of(st, base), known_key(st, key)
        if known not in entry:
            raise PythonRaises(f"KeyError: {known!r}")
        return names.checked(st, entry[known], "this entry")
    if isinstance(base, ListRef) and isinstance(entry_of(st, base), Value):
        return _from_stack(st, base, key)
    if isinstance(base, (TupleVal, ListRef)):
        items = base.items if isinstance(base, TupleVal) else entry_of(st, base)
        return _from_items(st, items, key, isinstance(base, ListRef))
    if isinstance(base, RangeVal):
        return _from_range(st, base, key)
    if isinstance(base, Static):
        return _from_static(st, base, key)
    st.refuse("this cannot be indexed")


def _from_items(st: Tracer, items: tuple[Abstract, ...], key: Any, is_list: bool) -> Abstract:
    if isinstance(key, SliceVal):
        part = items[_known_slice(st, key)]
        return st.new_list(part) if is_list else TupleVal(part)
    k = _known_index(st, key)
    if k is not None:
        if not -len(items) <= k < len(items):
            raise PythonRaises("index out of range")
        return names.checked(st, items[k], "this item")
    index = st.i64(key)
    checked = st.b.emit(index_op, index, st.b.const(len(items)))
    return at_index(st, items, checked)


def _known_slice(st: Tracer, key: SliceVal) -> slice:
    bounds = []
    for part in (key.lower, key.upper, key.step):
        k = None if part is None else _known_index(st, part)
        if part is not None and k is None:
            needs_known(
                st, "the slice of a list or tuple must be known at compile time", "use an array"
            )
        bounds.append(k)
    if bounds[2] == 0:
        raise PythonRaises("slice step cannot be zero")
    return slice(*bounds)


def _from_stack(st: Tracer, base: ListRef, key: Any) -> Abstract:
    if isinstance(key, SliceVal):
        st.refuse(
            "a slice of a list that grew in a loop is not supported", "`np.array(items)[a:b]`"
        )
    return growing.peek(st, base.object, growing.checked_index(st, base.object, st.i64(key)))


def _from_range(st: Tracer, base: RangeVal, key: Any) -> Abstract:
    found = iteration.sequence(st, base)
    length = found.length if isinstance(found.length, Value) else st.b.const(found.length)
    return found.item(st.b.emit(index_op, st.i64(key), length))


def _from_static(st: Tracer, base: Static, key: Any) -> Abstract:
    if isinstance(key, SliceVal) and isinstance(base.value, (str, tuple, bytes)):
        return Static(base.value[_known_slice(st, key)])
    try:
        return Static(base.value[known_key(st, key)])
    except (TypeError, LookupError) as error:
        raise PythonRaises(str(error)) from None


# --- writing -----------------------------------------------------------------------------------------


def set_item(st: Tracer, base: Abstract, key: Any, value: Abstract) -> None:
    """`base[key] = value` of anything that is no array."""
    if instances.has_method(base, "__setitem__"):
        st.call_function(st.attribute(base, "__setitem__"), [_as_key(st, key), value])
        return
    if isinstance(base, DictRef):
        entry, known = dict(entry_of(st, base)), known_key(st, key)
        if known in entry and unchanged(entry[known], value):
            return
        entry[known] = names.kept(value)
        replace(st, base, entry)
        return
    if not isinstance(base, ListRef):
        raise PythonRaises("this does not support item assignment")
    if isinstance(key, SliceVal):
        st.refuse("assigning to a slice of a list is not supported", "use an array")
    entry = entry_of(st, base)
    k = _known_index(st, key)
    if isinstance(entry, tuple) and k is not None:
        if not -len(entry) <= k < len(entry):
            raise PythonRaises("list assignment index out of range")
        k %= len(entry)
        if unchanged(entry[k], value):
            return
        replace(st, base, (*entry[:k], names.kept(value), *entry[k + 1 :]))
        return
    check_writable(st, base)
    if not growing.to_stack(st, base):
        needs_known(
            st, "the items of this list are not alike, so an index must be known at compile time",
            "use an array",
        )  # fmt: skip
    index = growing.checked_index(st, base.object, st.i64(key))
    growing.poke(st, base.object, index, value)


def unchanged(old: Abstract, new: Abstract) -> bool:
    """Is what is stored the array, list or object that stands there? So it is after `a[k] += 1`."""
    return isinstance(new, (ArrayRef, *HEAPED)) and old == new


def copied_item(st: Tracer, x: Abstract) -> Abstract:
    """A copy of an array; all else as it is."""
    return arrays.copied(st, x) if isinstance(x, ArrayRef) else x


def _as_key(st: Tracer, key: Any) -> Abstract:
    if isinstance(key, SliceVal):
        st.refuse("slices of the user's own objects are not supported")
    return key


def replace(st: Tracer, base: ListRef | DictRef | InstanceRef, entry: Any) -> None:
    check_writable(st, base)
    st.heap[base.object] = entry


def check_writable(st: Tracer, base: ListRef | DictRef | InstanceRef) -> None:
    if base.object.locked:
        hint = "work on a copy: `list(xs)` or `dict(d)`"
        st.refuse(f"this changes a list or dict that {base.object.locked}", hint)


def delete_item(st: Tracer, base: Abstract, key: Any) -> None:
    if isinstance(base, DictRef):
        entry, known = dict(entry_of(st, base)), known_key(st, key)
        if known not in entry:
            raise PythonRaises(f"KeyError: {known!r}")
        del entry[known]
        replace(st, base, entry)
        return
    k = _known_index(st, key)
    if isinstance(base, ListRef) and isinstance(entry_of(st, base), tuple) and k is not None:
        left = list(entry_of(st, base))
        if not -len(left) <= k < len(left):
            raise PythonRaises("list index out of range")
        del left[k]
        replace(st, base, tuple(left))
        return
    st.refuse("deleting this is not supported")


# --- operators ---------------------------------------------------------------------------------------


def binary(st: Tracer, symbol: str, a: Abstract, b: Abstract) -> Abstract | None:
    """Operators on lists; None for what is the business of others."""
    if isinstance(a, ListRef) and isinstance(b, ListRef) and symbol == "+":
        both = [entry_of(st, x) for x in (a, b)]
        if all(isinstance(e, tuple) for e in both):
            return st.new_list(both[0] + both[1])
        st.refuse("adding lists that grow in a loop is not supported", "use np.concatenate")
    if symbol == "*":
        items, times = (a, b) if isinstance(a, ListRef) else (b, a)
        if isinstance(items, ListRef) and kind_of(times) is not None:
            return _repeated(st, items, times)
    return None


def _repeated(st: Tracer, items: ListRef, times: Abstract) -> Abstract:
    entry, k = entry_of(st, items), _known_index(st, times)
    if isinstance(entry, tuple) and k is not None:
        return st.new_list(entry * max(k, 0))
    if isinstance(entry, tuple) and len(entry) == 1 and kind_of(entry[0]) is not None:
        return _filled(st, entry[0], times)
    return needs_known(
        st, "how often a list is repeated must be known at compile time", "use np.zeros or np.full"
    )


def _filled(st: Tracer, item: Abstract, times: Abstract) -> Abstract:
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
    for part in ast.walk(node):
        part.lineno, part.col_offset = span.lineno, span.col_offset
        part.end_lineno, part.end_col_offset = span.end_lineno, span.end_col_offset
    return node


# --- comprehensions ----------------------------------------------------------------------------------


def comprehension(st: Tracer, node: ast.ListComp | ast.GeneratorExp) -> ListRef:
    """A comprehension is the loop that appends to a list, in a scope of its own."""
    if any(g.is_async for g in node.generators):
        st.refuse("`async` is not supported")
    statements = st.comprehensions.get(id(node))
    if statements is None:
        statements = (node, _as_loop(node))
        st.comprehensions[id(node)] = statements
    body = [statements[1]]
    scope = scope_of_statements(body, ["<list>"])
    outer = st.frame
    frame = Frame(
        outer.name, scope, outer.filename, outer=outer, class_name=outer.class_name, node=node,
        library=outer.library, comprehension=True,
    )  # fmt: skip
    made = st.new_list(())
    frame.env["<list>"] = made
    st.enter(frame)
    st.run(body)
    raised = st.raised()
    st.leave()
    if raised:
        raise PythonRaises("raised in a comprehension")
    result = frame.env["<list>"]
    assert isinstance(result, ListRef)
    return result


def _as_loop(node: ast.ListComp | ast.GeneratorExp) -> ast.stmt:
    append = ast.Attribute(ast.Name("<list>", ast.Load()), "append", ast.Load())
    inner: ast.stmt = ast.Expr(ast.Call(append, [node.elt], []))
    for part in (inner, inner.value, append, append.value):  # type: ignore[attr-defined]
        ast.copy_location(part, node.elt)
    for generator in reversed(node.generators):
        for test in reversed(generator.ifs):
            inner = ast.copy_location(ast.If(test, [inner], []), test)
        loop = ast.For(generator.target, generator.iter, [inner], [], None)
        inner = ast.copy_location(loop, generator.target)
    return inner


# --- methods -----------------------------------------------------------------------------------------


def call_method(
    st: Tracer, owner: Abstract, name: str, args: list[Abstract], kwargs: dict[str, Abstract]
) -> Abstract:
    if isinstance(owner, ListRef):
        handler = _LIST.get(name)
    elif isinstance(owner, DictRef):
        handler = _DICT.get(name)
    else:
        handler = None
    if handler is None or kwargs:
        st.refuse(f"`.{name}` is not supported here")
    if not handler[0] <= len(args) <= handler[1]:
        raise PythonRaises(f"{name}() takes another number of arguments")
    return handler[2](st, owner, *args)


def append(st: Tracer, owner: ListRef, item: Abstract) -> Abstract:
    check_writable(st, owner)
    entry = entry_of(st, owner)
    if isinstance(entry, tuple):
        st.heap[owner.object] = (*entry, names.kept(item))
    else:
        growing.push(st, owner.object, names.kept(item))
    return Static(None)


def extend(st: Tracer, owner: ListRef, items: Abstract) -> Abstract:
    for item in known_items(st, items, "`extend`"):
        append(st, owner, item)
    return Static(None)


def _pop(st: Tracer, owner: ListRef, index: Abstract = _LAST) -> Abstract:
    check_writable(st, owner)
    entry, k = entry_of(st, owner), _known_index(st, index)
    if not isinstance(entry, tuple):
        if k != -1:
            st.refuse("only the last item of a list that grows can be popped", "use an array")
        return growing.pop(st, owner.object)
    if k is None:
        return needs_known(st, "the index of `pop` must be known at compile time")
    if not -len(entry) <= k < len(entry):
        raise PythonRaises("pop index out of range")
    left = list(entry)
    item = left.pop(k)
    replace(st, owner, tuple(left))
    return item


def _insert(st: Tracer, owner: ListRef, index: Abstract, item: Abstract) -> Abstract:
    entry, k = entry_of(st, owner), _known_index(st, index)
    if not isinstance(entry, tuple) or k is None:
        return needs_known(st, "`insert` needs a list and an index that are known at compile time")
    left = list(entry)
    left.insert(k, names.kept(item))
    replace(st, owner, tuple(left))
    return Static(None)


def _copy_list(st: Tracer, owner: ListRef) -> Abstract:
    entry = entry_of(st, owner)
    if not isinstance(entry, tuple):
        st.refuse("copying a list that grows is not supported", "make it an array: `np.array(xs)`")
    return st.new_list(entry)


def _clear(st: Tracer, owner: ListRef) -> Abstract:
    replace(st, owner, ())
    return Static(None)


def _reverse(st: Tracer, owner: ListRef) -> Abstract:
    entry = entry_of(st, owner)
    if not isinstance(entry, tuple):
        st.refuse("reversing a list that grows is not supported", "`np.array(xs)[::-1]`")
    replace(st, owner, entry[::-1])
    return Static(None)


def _items(st: Tracer, owner: DictRef) -> Abstract:
    entry = entry_of(st, owner)
    return TupleVal(tuple(TupleVal((Static(k), v)) for k, v in entry.items()))


def _keys(st: Tracer, owner: DictRef) -> Abstract:
    return TupleVal(tuple(map(Static, entry_of(st, owner))))


def _values(st: Tracer, owner: DictRef) -> Abstract:
    return TupleVal(tuple(entry_of(st, owner).values()))


def _get(st: Tracer, owner: DictRef, key: Abstract, default: Abstract = _NONE) -> Abstract:
    return entry_of(st, owner).get(known_key(st, key), default)


def _copy_dict(st: Tracer, owner: DictRef) -> Abstract:
    return DictRef(st.new_list(dict(entry_of(st, owner))).object)


def _update(st: Tracer, owner: DictRef, other: Abstract) -> Abstract:
    replace(st, owner, {**entry_of(st, owner), **known_dict(st, other)})
    return Static(None)


def _pop_key(
    st: Tracer, owner: DictRef, key: Abstract, default: Abstract | None = None
) -> Abstract:
    entry, known = dict(entry_of(st, owner)), known_key(st, key)
    if known not in entry:
        if default is None:
            raise PythonRaises(f"KeyError: {known!r}")
        return default
    found = entry.pop(known)
    replace(st, owner, entry)
    return found


Method = tuple[int, int, Callable[..., Abstract]]
_LIST: dict[str, Method] = {
    "append": (1, 1, append), "extend": (1, 1, extend), "pop": (0, 1, _pop),
    "insert": (2, 2, _insert), "copy": (0, 0, _copy_list), "clear": (0, 0, _clear),
    "reverse": (0, 0, _reverse),
}  # fmt: skip
_DICT: dict[str, Method] = {
    "items": (0, 0, _items), "keys": (0, 0, _keys), "values": (0, 0, _values),
    "get": (1, 2, _get), "copy": (0, 0, _copy_dict), "update": (1, 1, _update),
    "pop": (1, 2, _pop_key),
}  # fmt: skip
