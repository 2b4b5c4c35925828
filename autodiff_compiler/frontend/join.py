"""Where two ways of the program meet: what each name stands for then, and what each way yields.

The ways are the two arms of a branch, or what enters a loop and what a trip of it leaves. Arrays
are told apart by identity: if on each way the same names share an array, and nobody else sees it,
they share one afterwards, and it may be written. Otherwise the names are left with the contents
only, and the arrays that they may have been are locked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..ir.graph import Value
from ..ir.types import BOOL, I64, Array, Scalar, Stack, Type
from . import arrays
from .aliases import Aliases, Pair, Root, alike
from .frames import RESULT, Snapshot
from .growing import LOCKED_ELEMENT, element_of, widen_element
from .numbers import flavour_words, is_weak_start, join_kinds, kind_of, number_value, numpy_name
from .sides import DEAD, Emits, Side, Yields, fill, inside_maybe, ref_or_none
from .templates import (
    MAY_BE_ANOTHER,
    Builder,
    DictItems,
    Element,
    Group,
    Growing,
    Items,
    Lost,
    Maybe,
    Method,
    Number,
    PathTemplate,
    Same,
    Slot,
    Template,
    View,
    Whole,
    equal,
    same,
)  # fmt: skip
from .values import (
    HEAPED,
    MOVED,
    ArrayRef,
    At,
    BoundMethod,
    DictRef,
    InstanceRef,
    ListRef,
    MaybeUnset,
    Num,
    Object,
    Path,
    Poison,
    RangeVal,
    Static,
    TupleVal,
    Unset,
)  # fmt: skip
from .walk import describe, is_outside, references

if TYPE_CHECKING:
    from .tracer import Tracer


@dataclass
class Plan:
    """The outcome: slots in order, and a template per root that differs."""

    slots: list[Slot]
    groups: list[Group]
    names: dict[str, Template]
    entries: dict[Object, Template]
    arrays: dict[Object, int]
    locks: set[Object]
    moved: set[Object]
    #: a loop must make a trip, for what it leaves to be what this says
    needs_trip: bool = False

    def same_as(self, other: Plan) -> bool:
        return (
            [s.key for s in self.slots] == [s.key for s in other.slots]
            and self.groups == other.groups
            and self.names.keys() == other.names.keys()
            and all(equal(t, other.names[n]) for n, t in self.names.items())
            and self.entries.keys() == other.entries.keys()
            and all(equal(t, other.entries[o]) for o, t in self.entries.items())
            and self.arrays == other.arrays
            and self.locks <= other.locks
        )

    def lock(self) -> None:
        for made in self.locks:
            made.locked = made.locked or MAY_BE_ANOTHER

    def enter(self, st: Tracer, values: list[Value]) -> None:
        """Makes names and heap stand for what came by either way: one value per slot."""
        builder = Builder(st, values, self.groups)
        for made in self.moved:
            st.heap[made] = MOVED
        for made, slot in self.arrays.items():
            st.heap[made] = values[slot]
        for made, template in self.entries.items():
            st.heap[made] = builder.entry(template, made)
        for name, template in self.names.items():
            st.frame.env[name] = builder.build(template)
        self.lock()


class Joiner:
    """Compares two sides inside `before`, the state around them.

    `previous`: the plan of the last round of a loop. What it gave up on stays given up, so that
    the rounds come to an end. `in_loop`: the slots begin outside; their dims must be known there.
    """

    def __init__(
        self, st: Tracer, before: Snapshot, sides: tuple[Side, Side],
        previous: Plan | None = None, in_loop: bool = False,
    ):  # fmt: skip
        self.st = st
        self.before = before
        self.sides = sides
        self.previous = previous
        self.in_loop = in_loop
        self.slots: list[Slot] = []
        self.groups: list[Group] = []
        self.locks: set[Object] = set()
        #: is a number that a loop adds to sure to have been added to when the loop has made a trip?
        self.begins: Callable[[str], bool] = lambda name: False
        self.needs_trip = False
        self.yields = Yields(st, sides)
        self.aliases = Aliases(st, before, sides, self.yields, self.was_plain, in_loop)

    # -- the whole --------------------------------------------------------------------------------

    def plan(self, names: list[str]) -> Plan:
        a, b = self.sides
        self.st.complete(self.before)
        for side in self.sides:
            self.st.complete(side.state)
            side.references = references(self.st, side.state, side.relevant)
        roots: list[tuple[Root, Any, Any]] = []
        for name in names:
            x, y = self.on(a, name), self.on(b, name)
            if not same(x, y):
                roots.append((name, x, y))
        changed: list[Object] = []
        # Written on some way, and out of reach since: what it was before is gone all the same.
        lost: set[Object] = set()
        for made, old in self.before.heap.items():
            x, y = a.state.heap[made], b.state.heap[made]
            if x is y or old is MOVED:
                continue
            if not self.is_alive(made):
                lost |= {made} if isinstance(old, Value) else set()
            elif isinstance(x, Poison) or isinstance(y, Poison):
                roots.append((made, x, y))
            elif isinstance(old, Value) and not isinstance(old.type, Stack):
                changed.append(made)
            else:
                roots.append((made, x, y))
        for root, x, y in roots:
            self.aliases.pairs += [Pair(root, refs) for refs in self.leaves(x, y)]
        firsts = self.aliases.groups()
        moved = {m for m in self.before.heap if self.aliases.moved(m)}
        for pair in firsts:
            self.add_group(pair, moved)
        self._next_pair = 0
        heap_slots = {m: self.heap_slot(m) for m in changed if m not in moved}
        names_out: dict[str, Template] = {}
        entries: dict[Object, Template] = {}
        for root, x, y in roots:
            self.root = root
            if isinstance(root, Object):
                entries[root] = self.join_entry(root, x, y)
            else:
                names_out[root] = self.join(x, y)
        if self.previous is not None:
            self.locks |= self.previous.locks
        moved |= lost
        return Plan(
            self.slots, self.groups, names_out, entries, heap_slots, self.locks, moved, self.needs_trip
        )  # fmt: skip

    def is_alive(self, made: Object) -> bool:
        """Can anybody still come to this array, list or dict?"""
        return made.leaf is not None or any(side.references[made] for side in self.sides)

    def on(self, side: Side, name: str) -> Any:
        if not side.relevant(name):
            return DEAD
        # Nobody asks for the result of a call that has not returned.
        return side.state.env.get(name, DEAD if name == RESULT else Unset())

    def slot(
        self, key: tuple[Any, ...], type: Type, name: str, emit: Emits, dims: Any = None
    ) -> int:
        self.slots.append(Slot(key, type, name, emit, dims, self.root))
        return len(self.slots) - 1

    @property
    def label(self) -> str:
        """The name that a slot's value is given."""
        return self.root if isinstance(self.root, str) and self.root.isidentifier() else ""

    def was_plain(self, root: Root) -> bool:
        """Once the rounds of a loop have found that an array is not one's own, it stays so."""
        if self.previous is None:
            return False
        known = self.previous.entries if isinstance(root, Object) else self.previous.names
        old = known.get(root)
        return isinstance(old, Whole) and not self.previous.groups[old.group].linear

    # -- walking over both ------------------------------------------------------------------------

    def leaves(self, x: Any, y: Any) -> list[tuple[ArrayRef | None, ArrayRef | None]]:
        """The array leaves, in the order in which `join` will come to them."""
        x, y = inside_maybe(x), inside_maybe(y)
        if isinstance(x, ArrayRef) or isinstance(y, ArrayRef):
            fits = all(v is DEAD or isinstance(v, ArrayRef) for v in (x, y))
            apart = fits and not self.is_kept(x, y) and not self.is_view(x, y)
            return [(ref_or_none(x), ref_or_none(y))] if apart else []
        parts = self.parts(x, y)
        if parts is None:
            self.lock_elements(x, y)
            return []
        return [pair for p, q in parts for pair in self.leaves(p, q)]

    def is_kept(self, x: Any, y: Any) -> bool:
        """An array that stands for itself on both ways, or on the only one that matters."""
        if x is DEAD or y is DEAD:
            only = y if x is DEAD else x
            return is_outside(self.st, self.before, only)
        return same(x, y)

    def is_view(self, x: Any, y: Any) -> bool:
        """Views of one array, at indices that may differ."""
        return (
            isinstance(x, ArrayRef)
            and isinstance(y, ArrayRef)
            and x.object is y.object
            and alike(x.path, y.path)
        )

    def parts(self, x: Any, y: Any) -> list[tuple[Any, Any]] | None:
        """The pairs of items of two containers of one structure, or None."""
        both = x is not DEAD and y is not DEAD
        p, q = self.contents(0, x, both), self.contents(1, y, both)
        if p is None and q is None:
            return None
        p, q = fill(p, q, x), fill(q, p, y)
        if p is None or q is None or p[0] != q[0]:
            return None
        return list(zip(p[1], q[1], strict=True))

    def contents(self, side: int, x: Any, both: bool) -> tuple[Any, list[Any]] | None:
        """(what structure it is, its items) of a container of known structure."""
        if isinstance(x, tuple):
            return ("entry", len(x)), list(x)
        if isinstance(x, dict):
            return ("entry", tuple(x)), list(x.values())
        if isinstance(x, TupleVal):
            return ("tuple", len(x.items), x.cls), list(x.items)
        if isinstance(x, RangeVal):
            return ("range",), [x.start, x.stop, x.step]
        if isinstance(x, BoundMethod):
            return ("method", x.name), [x.self]
        if isinstance(x, (ListRef, DictRef, InstanceRef)) and self.is_own(side, x.object, both):
            entry = self.sides[side].state.heap[x.object]
            if isinstance(entry, tuple):
                return ("list", len(entry)), list(entry)
            if isinstance(entry, dict):
                return ("dict", tuple(entry), _class(x)), list(entry.values())
        return None

    def add_group(self, pair: Pair, moved: set[Object]) -> None:
        """The slot of a group of arrays. An array that others go on seeing as it was is copied."""
        self.root = pair.root
        present = [o for o in pair.objects if o is not None]
        emits: list[Any] = [None, None]
        dims: list[Any] = [None, None]
        for k in (0, 1):
            made, ref = pair.objects[k], pair.refs[k]
            if pair.linear and made is not None:
                value = self.sides[k].state.heap[made]
                shared = made in self.before.heap and made not in moved
                dims[k] = self.st.b.dims[value]
                emits[k] = self.yields.copied(value) if shared else self.yields.whole(k, value)
            elif not pair.linear and ref is not None:
                dims[k] = self.yields.at_side(k, lambda r=ref: arrays.dims_of(self.st, r))
                emits[k] = self.yields.view(k, ref)
        sample = self.sides[0 if pair.objects[0] else 1].state.heap[present[0].origin]
        for k in (0, 1):
            emits[k] = emits[k] or self.yields.dummy(sample.type.dtype, dims[1 - k])
        known = dims[1] if dims[0] is None else dims[0]
        ones = [isinstance(d, int) for d in known]
        if not self.in_loop and None not in dims:
            ones = [isinstance(p, int) and isinstance(q, int) for p, q in zip(*dims)]
        type = Array(sample.type.dtype, tuple(1 if one else None for one in ones))
        name = self.label or present[0].name
        key = ("array", pair.linear, pair.objects[0] if pair.linear else pair.root, type)
        slot = self.slot(key, type, name, (emits[0], emits[1]), known)
        contiguous = pair.linear and all(o.contiguous for o in present)
        bases = () if pair.linear else (*present, *(o for o in pair.bases if o is not None))
        ordered = pair.linear and all(o.c_order for o in present)
        foreign = present[0].foreign
        self.groups.append(Group(slot, pair.linear, name, contiguous, foreign, bases, ordered))

    def is_own(self, side: int, made: Object, both: bool) -> bool:
        """Is this a list or dict that only one name knows, on this way only?

        It was made on this way, or else both ways matter and the other has dropped it.
        """
        dropped = both and self.sides[1 - side].references[made] == 0
        return self.sides[side].references[made] == 1 and (made not in self.before.heap or dropped)

    # -- slots of the heap ------------------------------------------------------------------------

    def heap_slot(self, made: Object) -> int:
        values = [side.state.heap[made] for side in self.sides]
        first = next(v for v in values if isinstance(v, Value))
        self.root = made
        dims = self.st.b.dims[first]
        emits = [
            (
                self.yields.whole(k, v)
                if isinstance(v, Value)
                else self.yields.dummy(first.type.dtype, dims)
            )
            for k, v in enumerate(values)
        ]
        return self.slot(("heap", made), first.type, made.name, (emits[0], emits[1]), dims)

    def join_entry(self, made: Object, x: Any, y: Any) -> Template:
        """The contents of a list or dict that both sides know."""
        if isinstance(x, Poison) or isinstance(y, Poison):
            found = x if isinstance(x, Poison) else y
            return Lost(found.reason, found.hint)
        if isinstance(x, dict) and isinstance(y, dict):
            if tuple(x) != tuple(y):
                return Lost(
                    "the keys of this dict depend on the way taken", "give it all its keys first"
                )
            return DictItems(
                tuple(x), tuple(self.join(p, q) for p, q in zip(x.values(), y.values()))
            )
        if isinstance(x, tuple) and isinstance(y, tuple) and len(x) == len(y):
            return Items("entry", tuple(self.join(p, q) for p, q in zip(x, y)))
        return self.growing(made, x, made, y)

    # -- lists that grow --------------------------------------------------------------------------

    def growing(self, a: Object | None, x: Any, b: Object | None, y: Any) -> Template:
        """A list whose length depends on the way taken, as a stack."""
        elements: list[Element] = []
        for k, (made, entry) in enumerate(((a, x), (b, y))):
            found = self.elements(k, made, entry)
            if isinstance(found, Lost):
                return found
            elements += found
        if not elements:
            return Lost(
                "nothing is known of the elements of this list", "append a number or an array"
            )
        element = elements[0]
        for other in elements[1:]:
            joined = widen_element(element, other)
            if isinstance(joined, Lost):
                return joined
            element = joined
        for entry in (x, y):
            if isinstance(entry, Value) and entry.type != Stack(element.type):
                return Lost(
                    "floats are appended to a list that began with integers",
                    "begin the list with floats",
                )
        emit = (self.yields.stack(0, x, element), self.yields.stack(1, y, element))
        key = ("stack", element)
        return Growing(self.slot(key, Stack(element.type), self.label, emit), element)

    def lock_elements(self, x: Any, y: Any) -> None:
        """A list shares its elements with other names, but the stack that it becomes has copies."""
        for k, entry in enumerate((x, y)):
            if isinstance(entry, ListRef):
                entry = self.sides[k].state.heap[entry.object]
            for item in entry if isinstance(entry, tuple) else ():
                if isinstance(item, ArrayRef):
                    item.object.locked = item.object.locked or LOCKED_ELEMENT
                    if item.object in self.before.heap:
                        self.locks.add(item.object)

    def elements(self, k: int, made: Object | None, entry: Any) -> list[Element] | Lost:
        if isinstance(entry, Value):
            return [self.sides[k].state.elements[made]]
        if not isinstance(entry, tuple):
            return []
        found = []
        for item in entry:
            element = self.yields.at_side(k, lambda i=item: element_of(self.st, i))
            if element is None:
                return Lost(
                    "a list that grows holds something that is neither a number nor an array",
                    "keep a list per part of a tuple",
                )
            if not all(isinstance(d, int) or self.st.b.visible(d) for d in element.dims):
                return Lost(
                    "the arrays of a list that grows have sizes that are known only where it grows",
                    "let all of them have the size of an array that exists before",
                )
            found.append(element)
        return found

    # -- values -----------------------------------------------------------------------------------

    def join(self, x: Any, y: Any) -> Template:
        """The template of one place. Array leaves are met in the order in which they were collected."""
        if self.previous is not None and isinstance(self.root, str):
            old = self.previous.names.get(self.root)
            if isinstance(old, Lost):
                self.skip(x, y)
                return old
        return self._join(x, y)

    def _join(self, x: Any, y: Any) -> Template:
        if isinstance(x, Poison) or isinstance(y, Poison):
            self.skip(x, y)
            found = x if isinstance(x, Poison) else y
            return Lost(found.reason, found.hint)
        if isinstance(x, (Unset, MaybeUnset)) or isinstance(y, (Unset, MaybeUnset)):
            return self.join_maybe(x, y)
        if x is DEAD or y is DEAD:
            return self.join_dead(x, y)
        if isinstance(x, ArrayRef) and isinstance(y, ArrayRef):
            return self.join_arrays(x, y)
        if same(x, y):
            return Same(x)
        a, b = kind_of(x), kind_of(y)
        if a is not None and b is not None:
            return self.join_numbers(x, y)
        parts = self.parts(x, y)
        if parts is not None:
            return self.join_parts(x, y, parts)
        grown = self.join_lists(x, y)
        return grown if grown is not None else self.lost(x, y)

    def skip(self, x: Any, y: Any) -> None:
        self._next_pair += len(self.leaves(x, y))

    def join_parts(self, x: Any, y: Any, parts: list[tuple[Any, Any]]) -> Template:
        items = tuple(self._join(p, q) for p, q in parts)
        known = y if x is DEAD else x
        if isinstance(known, BoundMethod):
            return Method(items[0], known.name)
        if isinstance(known, (DictRef, InstanceRef)):
            keys = tuple(self.sides[1 if x is DEAD else 0].state.heap[known.object])
            return DictItems(keys, items, _locked(x, y), _class(known))
        kind = {TupleVal: "tuple", RangeVal: "range", ListRef: "list"}[type(known)]
        return Items(kind, items, _locked(x, y), _class(known))

    def join_numbers(self, x: Any, y: Any) -> Template:
        a, b = kind_of(x), kind_of(y)
        assert a is not None and b is not None
        kind = join_kinds(a, b)
        if kind is None and is_weak_start(x, b) and self.begins(self.label):
            self.needs_trip, kind = True, b
        if kind is None:
            return Lost(
                f"{self.what} is a number of {flavour_words(a)} on one way and of {flavour_words(b)} on another",
                f"begin with a number of that type, for instance `np.{numpy_name(a, b)}(0)`",
            )
        return self.number_slot(kind, x, y)

    def number_slot(self, kind: Any, x: Any, y: Any) -> Number:
        emit = (lambda: self.number(x, kind.dtype), lambda: self.number(y, kind.dtype))
        slot = self.slot(("number", kind), Scalar(kind.dtype), self.label, emit)
        return Number(slot, kind.python, kind.mixed)

    def number(self, x: Any, dtype: str) -> Value:
        return self.st.b.const(0, dtype) if x is DEAD else number_value(self.st, x, dtype)

    def join_maybe(self, x: Any, y: Any) -> Template:
        if all(isinstance(v, Unset) or v is DEAD for v in (x, y)):
            return Same(Unset())
        flag = self.slot(("flag",), Scalar(BOOL), "", (lambda: self.flag(x), lambda: self.flag(y)))
        inner = self._join(inside_maybe(x), inside_maybe(y))
        return inner if isinstance(inner, Lost) else Maybe(flag, inner)

    def flag(self, x: Any) -> Value:
        if isinstance(x, MaybeUnset):
            return x.flag
        return self.st.b.const(x is not DEAD and not isinstance(x, Unset))

    def join_dead(self, x: Any, y: Any) -> Template:
        """Only one side matters; the other yields something of the type."""
        only = y if x is DEAD else x
        if is_outside(self.st, self.before, only):
            return Same(only)
        if isinstance(only, Num):
            return self.number_slot(kind_of(only), x, y)
        if isinstance(only, ArrayRef):
            return self.join_arrays(x, y)
        parts = self.parts(x, y)
        if parts is not None:
            return self.join_parts(x, y, parts)
        grown = self.join_lists(x, y)
        return grown if grown is not None else self.lost(x, y)

    def join_lists(self, x: Any, y: Any) -> Template | None:
        if not all(v is DEAD or isinstance(v, ListRef) for v in (x, y)):
            return None
        objects = [None if v is DEAD else v.object for v in (x, y)]
        own = all(
            o is None or (not o.locked and self.sides[k].references[o] == 1)
            for k, o in enumerate(objects)
        )
        if not own:
            return None
        entries = [() if o is None else self.sides[k].state.heap[o] for k, o in enumerate(objects)]
        if any(isinstance(e, Poison) for e in entries):
            return None
        return self.growing(objects[0], entries[0], objects[1], entries[1])

    # -- arrays -----------------------------------------------------------------------------------

    def join_arrays(self, x: Any, y: Any) -> Template:
        if self.is_kept(x, y):
            return Same(y if x is DEAD else x)
        if self.is_view(x, y):
            return View(x.object, self.join_paths(x.path, y.path))
        pair = self.aliases.pairs[self._next_pair]
        self._next_pair += 1
        if pair.lost is not None:
            return pair.lost
        assert pair.group is not None
        if not pair.linear:
            return Whole(pair.group, None)
        known = [ref for ref in pair.refs if ref is not None]
        if known[0].path is None:
            return Whole(pair.group, None)
        return Whole(pair.group, self.join_paths(known[0].path, known[-1].path))

    def join_paths(self, a: Path, b: Path) -> PathTemplate:
        """The path of either view. Where the indices are one value, no slot is needed."""
        items = []
        for p, q in zip(a.items, b.items):
            operands = tuple(self.index_slot(v, w) for v, w in zip(_indices(p), _indices(q)))
            if isinstance(p, At):
                items.append(("at", operands, False, False))
            else:
                items.append(("span", operands, p.full and q.full, p.one and q.one))
        return PathTemplate(tuple(items), a.out)

    def index_slot(self, v: Value, w: Value) -> int | Value:
        if v is w and self.st.b.visible(v):
            return v
        known = [self.st.b.constants.get(x) for x in (v, w)]
        if known[0] is not None and known[0] == known[1]:
            return (
                v
                if self.st.b.visible(v)
                else w if self.st.b.visible(w) else self.st.b.const(known[0])
            )
        emit = (lambda: self.index_value(v), lambda: self.index_value(w))
        return self.slot(("index",), Scalar(I64), "", emit)

    def index_value(self, v: Value) -> Value:
        """The index of a side that nobody asks about is any that is at hand."""
        return v if self.st.b.visible(v) else self.st.b.const(0)

    @property
    def what(self) -> str:
        return f"`{self.label}`" if self.label else "this"

    def lost(self, x: Any, y: Any) -> Lost:
        hint = "use a name for each, or begin with a value of the same kind"
        if all(isinstance(v, Static) and isinstance(v.value, str) for v in (x, y)):
            hint = "choose by a bool or an int, or walk over a list of the texts: `zip(x, texts)`"
        return Lost(
            f"{self.what} is {describe(self.st, x)} on one way and {describe(self.st, y)} on another",
            hint,
        )


def _indices(item: Any) -> tuple[Value, ...]:
    return (item.index,) if isinstance(item, At) else (item.start, item.length, item.step)


def _locked(x: Any, y: Any) -> str:
    """Why a list or dict cannot be changed that is the one or the other."""
    found = (v.object.locked for v in (x, y) if isinstance(v, HEAPED))
    return next(filter(None, found), "")


def _class(x: Any) -> type | None:
    return x.cls if isinstance(x, (InstanceRef, TupleVal)) else None
