"""Methods of lists, tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import comprehensions, containers, flavours, growing, names
from .frames import PythonRaises
from .items import entry_of, known_constant, known_key, needs_known
from .iteration import known_items
from .values import Abstract, DictRef, ListRef, Static, TupleVal

if TYPE_CHECKING:
    from .tracer import Tracer

_LAST, _NONE = Static(-1), Static(None)


def call_method(
    st: Tracer, owner: Abstract, name: str, args: list[Abstract], kwargs: dict[str, Abstract]
) -> Abstract:
    if isinstance(owner, ListRef):
        handler = _LIST.get(name)
    elif isinstance(owner, DictRef):
        handler = _DICT.get(name)
    else:
        handler = _TUPLE.get(name)
    if handler is None or kwargs and name not in ("update", "sort"):
        st.refuse(f"`.{name}` is not supported here")
    if not handler[0] <= len(args) <= handler[1]:
        raise PythonRaises(f"{name}() takes another number of arguments")
    return handler[2](st, owner, *args, **kwargs)


def _append(st: Tracer, owner: ListRef, item: Abstract) -> Abstract:
    return containers.append(st, owner, item)


def _extend(st: Tracer, owner: ListRef, items: Abstract) -> Abstract:
    return containers.extend(st, owner, items)


def _pop(st: Tracer, owner: ListRef, index: Abstract = _LAST) -> Abstract:
    containers.check_writable(st, owner)
    entry, k = entry_of(st, owner), containers.known_index(st, index)
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
    containers.replace(st, owner, tuple(left))
    return item


def _insert(st: Tracer, owner: ListRef, index: Abstract, item: Abstract) -> Abstract:
    entry, k = entry_of(st, owner), containers.known_index(st, index)
    if not isinstance(entry, tuple) or k is None:
        return needs_known(st, "`insert` needs a list and an index that are known at compile time")
    left = list(entry)
    left.insert(k, names.kept(st, item))
    containers.replace(st, owner, tuple(left))
    return Static(None)


def copy_list(st: Tracer, owner: ListRef) -> Abstract:
    entry = entry_of(st, owner)
    return st.new_list(entry) if isinstance(entry, tuple) else comprehensions.listed(st, owner)


def _clear(st: Tracer, owner: ListRef) -> Abstract:
    containers.replace(st, owner, ())
    return Static(None)


def _reverse(st: Tracer, owner: ListRef) -> Abstract:
    entry = entry_of(st, owner)
    if not isinstance(entry, tuple):
        st.refuse("reversing a list that grows is not supported", "`np.array(xs)[::-1]`")
    containers.replace(st, owner, entry[::-1])
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


def _update(
    st: Tracer, owner: DictRef, other: Abstract | None = None, **kwargs: Abstract
) -> Abstract:
    found = {} if other is None else pairs(st, other)
    containers.replace(st, owner, {**entry_of(st, owner), **found, **kwargs})
    return Static(None)


def pairs(st: Tracer, x: Abstract) -> dict[Any, Abstract]:
    """What `dict(x)` holds."""
    if isinstance(x, DictRef):
        return dict(containers.known_dict(st, x))
    entry: dict[Any, Abstract] = {}
    for pair in known_items(st, x, "`dict`"):
        key, value = known_items(st, pair, "`dict`")
        entry[known_key(st, key)] = names.kept(st, value)
    return entry


def _set_default(st: Tracer, owner: DictRef, key: Abstract, default: Abstract = _NONE) -> Abstract:
    entry, known = entry_of(st, owner), known_key(st, key)
    if known not in entry:
        containers.replace(st, owner, {**entry, known: names.kept(st, default)})
    return entry_of(st, owner)[known]


def _pop_item(st: Tracer, owner: DictRef) -> Abstract:
    entry = dict(entry_of(st, owner))
    if not entry:
        raise PythonRaises("popitem(): dictionary is empty")
    key, value = entry.popitem()
    containers.replace(st, owner, entry)
    return TupleVal((Static(key), value))


def _clear_dict(st: Tracer, owner: DictRef) -> Abstract:
    containers.replace(st, owner, {})
    return Static(None)


# --- looking for items -------------------------------------------------------------------------------


def _all_items(st: Tracer, owner: ListRef | TupleVal) -> tuple[Abstract, ...]:
    if isinstance(owner, TupleVal):
        return owner.items
    entry = entry_of(st, owner)
    if not isinstance(entry, tuple):
        st.refuse("this is not supported on a list that grows", "use an array")
    return entry


def _found(st: Tracer, items: tuple[Abstract, ...], wanted: Abstract) -> list[bool]:
    """Per item: is it equal to what is looked for? That must be known at compile time."""
    found: list[bool] = []
    for item in items:
        equal = item == wanted or st.truth(flavours.binary(st, "==", item, wanted))
        if not isinstance(equal, bool):
            needs_known(st, "which item is equal must be known at compile time", "write the loop")
        found.append(equal)
    return found


def _index(st: Tracer, owner: ListRef | TupleVal, wanted: Abstract) -> Abstract:
    found = _found(st, _all_items(st, owner), wanted)
    if True not in found:
        raise PythonRaises("the item is not in the list")
    return Static(found.index(True))


def _count(st: Tracer, owner: ListRef | TupleVal, wanted: Abstract) -> Abstract:
    return Static(sum(_found(st, _all_items(st, owner), wanted)))


def _remove(st: Tracer, owner: ListRef, wanted: Abstract) -> Abstract:
    at = _index(st, owner, wanted)
    assert isinstance(at, Static)
    items = _all_items(st, owner)
    containers.replace(st, owner, items[: at.value] + items[at.value + 1 :])
    return Static(None)


def _sort(st: Tracer, owner: ListRef, **options: Abstract) -> Abstract:
    items = _all_items(st, owner)
    containers.replace(st, owner, tuple(sorted_items(st, list(items), options)))
    return Static(None)


def sorted_items(st: Tracer, items: list[Abstract], options: dict[str, Abstract]) -> list[Abstract]:
    """The items in the order of keys that are known at compile time."""
    if not set(options) <= {"key", "reverse"}:
        raise PythonRaises("sort takes other arguments")
    key, reverse = options.get("key", _NONE), options.get("reverse", Static(False))
    by_itself = isinstance(key, Static) and key.value is None
    order: list[Any] = []
    for item in items:
        order.append(_constant(st, item if by_itself else st.call_function(key, [item])))
    if not isinstance(reverse, Static):
        st.refuse("`reverse=` must be known at compile time")
    try:
        places = sorted(range(len(items)), key=order.__getitem__, reverse=bool(reverse.value))
    except TypeError as error:
        raise PythonRaises(str(error)) from None
    return [items[k] for k in places]


def _constant(st: Tracer, x: Abstract) -> Any:
    x = known_constant(st, x)
    if isinstance(x, TupleVal):
        return tuple(_constant(st, item) for item in x.items)
    if not isinstance(x, Static):
        st.refuse(
            "sorting by numbers that only a run knows is not supported",
            "sort outside, and pass the order as an index array",
        )
    return x.value


def _pop_key(
    st: Tracer, owner: DictRef, key: Abstract, default: Abstract | None = None
) -> Abstract:
    entry, known = dict(entry_of(st, owner)), known_key(st, key)
    if known not in entry:
        if default is None:
            raise PythonRaises(f"KeyError: {known!r}")
        return default
    found = entry.pop(known)
    containers.replace(st, owner, entry)
    return found


Method = tuple[int, int, Callable[..., Abstract]]
_LIST: dict[str, Method] = {
    "append": (1, 1, _append), "extend": (1, 1, _extend), "pop": (0, 1, _pop),
    "insert": (2, 2, _insert), "copy": (0, 0, copy_list), "clear": (0, 0, _clear),
    "reverse": (0, 0, _reverse), "index": (1, 1, _index), "count": (1, 1, _count),
    "remove": (1, 1, _remove), "sort": (0, 0, _sort),
}  # fmt: skip
_DICT: dict[str, Method] = {
    "items": (0, 0, _items), "keys": (0, 0, _keys), "values": (0, 0, _values),
    "get": (1, 2, _get), "copy": (0, 0, _copy_dict), "update": (0, 1, _update),
    "pop": (1, 2, _pop_key), "popitem": (0, 0, _pop_item), "setdefault": (1, 2, _set_default),
    "clear": (0, 0, _clear_dict),
}  # fmt: skip
_TUPLE: dict[str, Method] = {"index": (1, 1, _index), "count": (1, 1, _count)}
