"""Tuples, lists and dicts: taken apart at compile time, but for lists that grow in loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.graph import Value
from ..ops.index import index as index_op
from . import arrays, comprehensions, concatenation, flavours, growing, instances, iteration, names
from .frames import PythonRaises
from .indexing import SliceVal
from .items import at_index, entry_of, known_key, needs_known
from .iteration import known_items
from .numbers import kind_of
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


def known_dict(st: Tracer, x: Abstract) -> dict[Any, Abstract]:
    if not isinstance(x, DictRef):
        st.refuse("a dict with known keys is needed here")
    return entry_of(st, x)


def known_index(st: Tracer, key: Any) -> int | None:
    """An index that is known at compile time, or None."""
    if isinstance(key, Static) and isinstance(key.value, int):
        return int(key.value)
    if isinstance(key, Num):
        literal = st.b.constants.get(key.value)
        return int(literal) if isinstance(literal, int) else None
    return None


# --- reading -----------------------------------------------------------------------------------------


def get_item(st: Tracer, base: Abstract, key: Any) -> Abstract:
    """`base[key]` of anything that is no array."""
    if isinstance(base, Static) and type(base.value).__module__.startswith("numpy.lib"):
        return concatenation.by_subscript(st, base.value, key)
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
    k = known_index(st, key)
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
        k = None if part is None else known_index(st, part)
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
        entry[known] = names.kept(st, value)
        replace(st, base, entry)
        return
    if not isinstance(base, ListRef):
        raise PythonRaises("this does not support item assignment")
    if isinstance(key, SliceVal):
        _set_slice(st, base, key, value)
        return
    entry = entry_of(st, base)
    k = known_index(st, key)
    if isinstance(entry, tuple) and k is not None:
        if not -len(entry) <= k < len(entry):
            raise PythonRaises("list assignment index out of range")
        k %= len(entry)
        if unchanged(entry[k], value):
            return
        replace(st, base, (*entry[:k], names.kept(st, value), *entry[k + 1 :]))
        return
    check_writable(st, base)
    if not growing.to_stack(st, base):
        needs_known(
            st, "the items of this list are not alike, so an index must be known at compile time",
            "use an array",
        )  # fmt: skip
    index = growing.checked_index(st, base.object, st.i64(key))
    growing.poke(st, base.object, index, value)


def _known_list(st: Tracer, base: ListRef) -> list[Abstract]:
    entry = entry_of(st, base)
    if not isinstance(entry, tuple):
        st.refuse("this is not supported on a list that grew in a loop", "use an array")
    return list(entry)


def _set_slice(st: Tracer, base: ListRef, key: SliceVal, value: Abstract) -> None:
    """`xs[a:b] = items`."""
    items = _known_list(st, base)
    given = [names.kept(st, x) for x in known_items(st, value, "a slice of a list")]
    try:
        items[_known_slice(st, key)] = given
    except ValueError as error:
        raise PythonRaises(str(error)) from None
    replace(st, base, tuple(items))


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
    if isinstance(base, ListRef) and isinstance(key, SliceVal):
        items = _known_list(st, base)
        del items[_known_slice(st, key)]
        replace(st, base, tuple(items))
        return
    k = known_index(st, key)
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
    """Operators on lists and dicts; None for what is the business of others."""
    if isinstance(a, DictRef) and isinstance(b, DictRef) and symbol == "|":
        return DictRef(st.new_list({**entry_of(st, a), **entry_of(st, b)}).object)
    if isinstance(a, DictRef) and isinstance(b, DictRef) and symbol in ("==", "!="):
        return _same_dicts(st, symbol, a, b)
    if symbol in _ORDER and type(a) is type(b):
        return _ordered(st, symbol, known_items(st, a, "`<`"), known_items(st, b, "`<`"))
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


_ORDER = ("<", "<=", ">", ">=")


def _same_dicts(st: Tracer, symbol: str, a: DictRef, b: DictRef) -> Abstract:
    x, y = entry_of(st, a), entry_of(st, b)
    if set(x) != set(y):
        return Static(symbol == "!=")
    values = TupleVal(tuple(x.values())), TupleVal(tuple(y[k] for k in x))
    return flavours.binary(st, symbol, *values)


def _ordered(st: Tracer, symbol: str, a: list[Abstract], b: list[Abstract]) -> Abstract:
    """The order of tuples or lists: that of the first items that differ."""
    for x, y in zip(a, b):
        equal = st.truth(flavours.binary(st, "==", x, y))
        if not isinstance(equal, bool):
            st.refuse(
                "the order of tuples whose items only a run knows is not supported",
                "compare the items",
            )
        if not equal:
            return flavours.binary(st, symbol, x, y)
    return flavours.binary(st, symbol, Static(len(a)), Static(len(b)))


def _repeated(st: Tracer, items: ListRef, times: Abstract) -> Abstract:
    entry, k = entry_of(st, items), known_index(st, times)
    if isinstance(entry, tuple) and k is not None:
        return st.new_list(entry * max(k, 0))
    if isinstance(entry, tuple) and len(entry) == 1 and kind_of(entry[0]) is not None:
        return comprehensions.filled(st, entry[0], times)
    return needs_known(
        st, "how often a list is repeated must be known at compile time", "use np.zeros or np.full"
    )


# --- growing -----------------------------------------------------------------------------------------


def append(st: Tracer, owner: ListRef, item: Abstract) -> Abstract:
    check_writable(st, owner)
    entry = entry_of(st, owner)
    if isinstance(entry, tuple):
        st.heap[owner.object] = (*entry, names.kept(st, item))
    else:
        growing.push(st, owner.object, names.kept(st, item))
    return Static(None)


def extend(st: Tracer, owner: ListRef, items: Abstract) -> Abstract:
    for item in known_items(st, items, "`extend`"):
        append(st, owner, item)
    return Static(None)
