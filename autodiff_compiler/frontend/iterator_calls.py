"""Calls that walk over something: `map`, `sorted`, `next`, and those of itertools and functools.

Where the length is known, what they give is worked out item by item; else by a loop that makes a list.
"""

from __future__ import annotations

import builtins
import functools
import itertools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import arrays, comprehensions, container_methods, flavours, growing, indexing, names
from . import iterator_library as library
from .frames import PythonRaises
from .indexing import SliceVal
from .items import entry_of, needs_known
from .iteration import integer, known_items, sequence, taken
from .values import (
    Abstract,
    ArrayRef,
    EnumerateVal,
    GeneratorVal,
    IterRef,
    ListRef,
    Static,
    TupleVal,
    ZipVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Args = list[Abstract]
Kwargs = dict[str, Abstract]
Call = Callable[["Tracer", Args, Kwargs], Abstract]
_ADD = Static(operator.add)


def _arity(kwargs: Kwargs, args: Args, low: int, high: int, name: str) -> None:
    if kwargs or not low <= len(args) <= high:
        raise PythonRaises(f"{name}() takes other arguments")


def _is_known(st: Tracer, x: Abstract) -> bool:
    """Is the length of what iteration gives known? `x` has been taken."""
    return isinstance(sequence(st, x).length, int)


def _given(items: list[Abstract]) -> Abstract:
    """The items that an iterator gives, which is used at once."""
    return ZipVal((TupleVal(tuple(items)),), single=True, eager=True)


def as_list(st: Tracer, x: Abstract) -> Abstract:
    """`list(x)` of something that has been taken."""
    found = sequence(st, x)
    if isinstance(found.length, int):
        return st.new_list(tuple(names.kept(st, item) for item in known_items(st, x, "`list`")))
    if isinstance(x, (ZipVal, EnumerateVal)) and not getattr(x, "single", False):
        return _list_of_tuples(st, x)
    # The list of an array is the loop that appends its items.
    return comprehensions.listed(st, x)


def _list_of_tuples(st: Tracer, x: ZipVal | EnumerateVal) -> Abstract:
    """`list(zip(x, y))` of arrays: what it is walked over for. Nobody sees it change."""
    if isinstance(x, EnumerateVal):
        return EnumerateVal(_snapshot(st, x.items), x.start, True)
    return ZipVal(tuple(_snapshot(st, item) for item in x.items), listed=True)


def _snapshot(st: Tracer, x: Abstract) -> Abstract:
    if isinstance(x, ArrayRef) and arrays.type_of(st, x).rank == 1:
        return arrays.copied(st, x)
    if isinstance(x, ArrayRef):
        return x
    if isinstance(x, ListRef) and isinstance(entry_of(st, x), tuple):
        return TupleVal(entry_of(st, x))
    if isinstance(x, ListRef):
        return container_methods.copy_list(st, x)
    if isinstance(x, (ZipVal, EnumerateVal)):
        return _list_of_tuples(st, x)
    return x


def split_array(
    st: Tracer, x: Abstract, before: int, after: int
) -> tuple[Abstract, list[Abstract]]:
    """`a, *b, c = x` of an array: the list in the middle, and the items at the ends."""
    if not isinstance(x, ArrayRef):
        needs_known(st, "`*` needs a length that is known at compile time", "use slices")
    assert isinstance(x, ArrayRef)
    length = st.b.dims[arrays.read(st, x)][0]
    st.check_at_least(length, before + after, "not enough values to unpack")
    ends = [indexing.getitem(st, x, Static(k)) for k in (*range(before), *range(-after, 0))]
    stop = Static(-after) if after else None
    middle = indexing.getitem(st, x, SliceVal(Static(before), stop))
    return comprehensions.listed(st, middle), ends


# --- builtins ------------------------------------------------------------------------------------------


def _map(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, len(args), "map")
    function, *walked = args
    over = taken(st, walked[0]) if len(walked) == 1 else ZipVal(tuple(taken(st, x) for x in walked))
    if _is_known(st, over):
        items = known_items(st, over, "`map`")
        calls = [[x] if len(walked) == 1 else list(x.items) for x in items]  # type: ignore[union-attr]
        return _given([st.call_function(function, call) for call in calls])
    program = library.map_one if len(walked) == 1 else library.map_many
    return GeneratorVal(st.inline_source(program, (function, over)))


def _filter(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, 2, "filter")
    function, over = args[0], taken(st, args[1])
    nothing = isinstance(function, Static) and function.value is None
    if _is_known(st, over):
        items = known_items(st, over, "`filter`")
        kept = [st.truth(x if nothing else st.call_function(function, [x])) for x in items]
        if all(isinstance(k, bool) for k in kept):
            return _given([x for x, k in zip(items, kept) if k])
        over = TupleVal(tuple(items))
    if nothing:
        return GeneratorVal(st.inline_source(library.filter_true, (over,)))
    return GeneratorVal(st.inline_source(library.filter_by, (function, over)))


def _sorted(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity({}, args, 1, 1, "sorted")
    items = known_items(st, args[0], "`sorted`")
    return st.new_list(tuple(container_methods.sorted_items(st, items, kwargs)))


def _iter(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "iter")
    if isinstance(args[0], IterRef):
        return args[0]
    x = taken(st, args[0])
    sequence(st, x)
    return ZipVal((x,), single=True)


def _check_effects(st: Tracer, x: Abstract) -> None:
    """Not all of a generator's items may be asked for: then making them must change nothing."""
    if isinstance(x, GeneratorVal) and x.effects:
        st.refuse(
            "a generator that changes something is not supported where it may be left early",
            "write the loop",
        )


def _next(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 2, "next")
    x = args[0]
    if isinstance(x, (ListRef, TupleVal, ArrayRef)):
        raise PythonRaises("this is not an iterator")
    inner = taken(st, x)
    _check_effects(st, x)
    if _is_known(st, inner):
        items = known_items(st, inner, "`next`")
        for walked in inner.items if isinstance(inner, ZipVal) else ():
            if isinstance(walked, ListRef):
                walked.object.locked = walked.object.locked or "an iterator walks over"
        if isinstance(x, IterRef):
            st.heap[x.object] = (ZipVal((TupleVal(tuple(items[1:])),), single=True),)
        if items:
            return names.checked(st, items[0], "this item")
        if len(args) == 2:
            return args[1]
        raise PythonRaises("StopIteration")
    if isinstance(x, IterRef) or len(args) == 2:
        needs_known(st, "`next` needs a length that is known at compile time", "use an index")
    return sequence(st, inner).item(growing.checked_index(st, inner.object, st.i64(0)))  # type: ignore[union-attr]


def _extremum(symbol: str, plain: Any) -> Call:
    """`max` and `min` with `key=` or `default=`."""

    def call(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
        if not kwargs:
            return calls_library(st, plain, args)
        key, default = kwargs.get("key", Static(None)), kwargs.get("default")
        if not args or not set(kwargs) <= {"key", "default"} or args[1:] and default is not None:
            raise PythonRaises(f"{plain.__name__}() takes other arguments")
        items = list(args) if len(args) > 1 else known_items(st, args[0], f"`{plain.__name__}`")
        if not items:
            if default is None:
                raise PythonRaises(f"{plain.__name__}() iterable argument is empty")
            return default
        if isinstance(key, Static) and key.value is None:
            return calls_library(st, plain, [TupleVal(tuple(items))])
        return _best(st, items, key, symbol)

    return call


def _quantifier(plain: Any) -> Call:
    def call(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
        _arity(kwargs, args, 1, 1, plain.__name__)
        _check_effects(st, args[0])
        return calls_library(st, plain, args)

    return call


def calls_library(st: Tracer, function: Any, args: Args) -> Abstract:
    from .calls import call_library

    return call_library(st, function, args)


def _best(st: Tracer, items: list[Abstract], key: Abstract, symbol: str) -> Abstract:
    """The first of the items whose key is not surpassed."""
    best = TupleVal((items[0], st.call_function(key, [items[0]])))
    for item in items[1:]:
        other = TupleVal((item, st.call_function(key, [item])))
        wins = st.truth(flavours.binary(st, symbol, other.items[1], best.items[1]))
        if isinstance(wins, bool):
            best = other if wins else best
            continue
        found = st.choose(wins, other, best)
        assert isinstance(found, TupleVal)
        best = found
    return best.items[0]


# --- functools and itertools ---------------------------------------------------------------------------


def _reduce(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, 3, "reduce")
    function, over = args[0], taken(st, args[1])
    if _is_known(st, over):
        items = [*args[2:], *known_items(st, over, "`reduce`")]
        if not items:
            raise PythonRaises("reduce() of empty iterable with no initial value")
        total = items[0]
        for item in items[1:]:
            total = st.call_function(function, [total, item])
        return total
    total, over = (args[2], over) if len(args) == 3 else _split_first(st, over, "reduce")
    return st.inline_source(library.reduce_from, (function, total, over))


def _split_first(st: Tracer, x: Abstract, what: str) -> tuple[Abstract, Abstract]:
    """The first item of an array, which must have one, and the array of the others."""
    if not isinstance(x, ArrayRef):
        needs_known(st, f"`{what}` needs a length that is known here", "give a value to begin with")
    assert isinstance(x, ArrayRef)
    return (
        indexing.getitem(st, x, Static(0)), indexing.getitem(st, x, SliceVal(Static(1))),
    )  # fmt: skip


def _accumulate(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    initial = kwargs.pop("initial", Static(None))
    function = kwargs.pop("func", args[1] if len(args) == 2 else _ADD)
    _arity(kwargs, args, 1, 2, "accumulate")
    if isinstance(function, Static) and function.value is None:
        function = _ADD
    over = taken(st, args[0])
    begun = not (isinstance(initial, Static) and initial.value is None)
    if _is_known(st, over):
        items = [*([initial] if begun else []), *known_items(st, over, "`accumulate`")]
        totals = items[:1]
        for item in items[1:]:
            totals.append(st.call_function(function, [totals[-1], item]))
        return _given(totals)
    total, over = (initial, over) if begun else _split_first(st, over, "accumulate")
    return GeneratorVal(st.inline_source(library.accumulate_from, (function, total, over)))


def _pairwise(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "pairwise")
    x = taken(st, args[0])
    if isinstance(x, ArrayRef):
        return ZipVal((x, indexing.getitem(st, x, SliceVal(Static(1)))))
    items = known_items(st, x, "`pairwise`")
    return _given([TupleVal(pair) for pair in itertools.pairwise(items)])


def _combined(function: Any, pools: int) -> Call:
    """A function of itertools that picks from known items. `pools`: how many it picks from, or 0 of
    any number."""

    def call(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
        count = len(args) if pools == 0 else pools
        options = {name: _known(st, x) for name, x in kwargs.items()}
        rest = [_known(st, x) for x in args[count:]]
        items = [known_items(st, x, f"`{function.__name__}`") for x in args[:count]]
        try:
            picks = list(function(*(range(len(i)) for i in items), *rest, **options))
        except (TypeError, ValueError) as error:
            raise PythonRaises(str(error)) from None
        width = len(items)
        repeat = (
            [items[k % width if pools == 0 else 0] for k in range(len(picks[0]))] if picks else []
        )
        rows = [TupleVal(tuple(r[k] for r, k in zip(repeat, p))) for p in picks]
        # Python takes the items out when it is called, too.
        return ZipVal((TupleVal(tuple(rows)),), single=True)

    return call


def _known(st: Tracer, x: Abstract) -> int:
    value = integer(st, x, "this argument")
    literal = st.b.constants.get(value)
    if literal is None:
        needs_known(st, "this integer must be known at compile time")
    return int(literal)  # type: ignore[arg-type]


def _chain(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 0, len(args), "chain")
    return _given([item for x in args for item in known_items(st, x, "`chain`")])


def _chain_of(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 1, 1, "chain")
    return _chain(st, known_items(st, args[0], "`chain`"), {})


def _repeat(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, 2, "repeat")
    return _given([args[0]] * max(_known(st, args[1]), 0))


def _islice(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, 4, "islice")
    _check_effects(st, args[0])
    if isinstance(args[0], IterRef):
        st.refuse("`islice` of an iterator that goes on being used is not supported")
    bounds = [None if x == Static(None) else _known(st, x) for x in args[1:]]
    return _given(known_items(st, args[0], "`islice`")[slice(*bounds)])


def _zip_longest(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    fill = kwargs.pop("fillvalue", Static(None))
    _arity(kwargs, args, 0, len(args), "zip_longest")
    rows = itertools.zip_longest(
        *(known_items(st, x, "`zip_longest`") for x in args), fillvalue=fill
    )
    return _given([TupleVal(row) for row in rows])


def _starmap(st: Tracer, args: Args, kwargs: Kwargs) -> Abstract:
    _arity(kwargs, args, 2, 2, "starmap")
    function, over = args[0], taken(st, args[1])
    if _is_known(st, over):
        rows = [known_items(st, x, "`starmap`") for x in known_items(st, over, "`starmap`")]
        return _given([st.call_function(function, row) for row in rows])
    return GeneratorVal(st.inline_source(library.map_many, (function, over)))


CALLS: dict[Any, Call] = {
    builtins.map: _map, builtins.filter: _filter, builtins.sorted: _sorted, builtins.iter: _iter,
    builtins.next: _next, builtins.max: _extremum(">", builtins.max),
    builtins.min: _extremum("<", builtins.min), functools.reduce: _reduce,
    builtins.any: _quantifier(builtins.any), builtins.all: _quantifier(builtins.all),
    itertools.accumulate: _accumulate, itertools.pairwise: _pairwise, itertools.chain: _chain,
    itertools.chain.from_iterable: _chain_of, itertools.repeat: _repeat,
    itertools.islice: _islice, itertools.zip_longest: _zip_longest, itertools.starmap: _starmap,
    itertools.product: _combined(itertools.product, 0),
    itertools.permutations: _combined(itertools.permutations, 1),
    itertools.combinations: _combined(itertools.combinations, 1),
    itertools.combinations_with_replacement: _combined(itertools.combinations_with_replacement, 1),
}  # fmt: skip
