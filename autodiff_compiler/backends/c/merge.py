"""Joins neighbouring loop nests over the same axes, so that data is used while it is near.

Two loops over the same range become one if, trip by trip, neither touches what another trip of the
other writes: all their uses of a shared buffer stand at the same place along the loop's axis, or all
of them only add to it (sums may be reordered). The innermost loops, whose trips run side by side,
are joined only if all uses are of the very same element. An array that is then written and read
within one trip of one loop becomes a scalar.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from .prelude import math_names
from .spell import ALLOCATED, allocation
from .writer import Line, Loop, flat, words_in

__all__ = ["FLAT", "join_loops"]

#: The place of an element that a loop reaches by counting in memory order.
FLAT = "flat"

_ASSIGNED = re.compile(r"(?:if \(.*\) )?(\w+)(?: [-+*/|&^]?= |\+\+;)")
_INTEGER = re.compile(r"const (?:long long|int) \w+ = (?!.*\badc_pop\b)|ADC_CHECK\(")
_NUMBER = re.compile(r"const (?:double|float) \w+ = ")
#: Helpers that only work out a number; the others touch memory or tapes.
_PURE = {
    "adc_scale", "adc_quotient", "adc_max", "adc_min", "adc_sign", "adc_mod", "adc_floordiv", "adc_tanh",
}  # fmt: skip
_STACK_MOVES = {"adc_push", "adc_push_array", "adc_pop"}
_REDUCTION = re.compile(r" reduction\((?:[+*|]|max|min):\w+\)")
_MATH = math_names()


def join_loops(items: list[Line | Loop]) -> list[Line | Loop]:
    """The lines with loops joined, and arrays that nothing else needs turned into scalars."""
    # Scalars stand less in the way than arrays did: loops on either side of them may now be joined.
    return _rows(_scalars(_join(_scalars(_join(items)))))


# --- joining --------------------------------------------------------------------------------------


def _join(items: list[Line | Loop]) -> list[Line | Loop]:
    out: list[Line | Loop] = []
    last: Loop | None = None
    waiting: list[Line] = []  # what stands between `last` and here
    for item in items:
        if isinstance(item, Loop):
            item.children = _join(item.children)
            if last is not None and _compatible(last, item):
                between = _around(waiting, last, item)
                if between is not None:
                    before, after = between
                    comments = [line for line in waiting if _is_comment(line)]
                    out[-1:] = [*before, last]
                    _absorb(last, item, comments)
                    waiting = after
                    continue
            out += waiting
            waiting = []
            out.append(item)
            last = item
        elif last is not None and (_is_comment(item) or _is_movable(item)):
            waiting.append(item)
        else:
            out += [*waiting, item]
            waiting, last = [], None
    return out + waiting


def _is_comment(line: Line) -> bool:
    return line.text.startswith("/*")


def _is_movable(line: Line) -> bool:
    """Scalars and checks may be worked out before or behind loops over arrays, if they read none, or
    if it is known what they read.
    """
    if line.early or line.late:
        return True
    if "[" in line.text and not line.reads:
        return False
    plain = all(word in _PURE or not word.startswith("adc_") for word in line.words())
    return bool(_INTEGER.match(line.text) or plain and _NUMBER.match(line.text))


def _around(lines: list[Line], first: Loop, second: Loop) -> tuple[list[Line], list[Line]] | None:
    """What stands between two loops, as what may go before the first and what behind the second."""
    before: list[Line] = []
    after: list[Line] = []
    late: set[str] = set()
    for line in lines:
        words = set(line.words())
        if _is_comment(line):
            continue
        free = late.isdisjoint(words) and not _meets(line, first)
        if free and _assigned(first).isdisjoint(words):
            before.append(line)
        elif not _STACK_MOVES.isdisjoint(words):
            return None  # these keep their order
        elif line.late or line.declares and line.declares not in _read(second):
            if not _assigned(second).isdisjoint(words) or _meets(line, second):
                return None
            after.append(line)
            late.add(line.declares)
        else:
            return None
    return before, after


def _meets(line: Line, loop: Loop) -> bool:
    """Does the loop perhaps write what the line reads?"""
    return any(
        x.buffer is not y.buffer or x.shape != y.shape or not x.apart(y)
        for x, y in _pairs(line.reads or (), loop.accesses)
    )


def _assigned(loop: Loop) -> set[str]:
    """The scalars from outside that the loop sets."""
    found = (_ASSIGNED.match(line.text) for line in flat(loop.children))
    return {m.group(1) for m in found if m}


def _read(loop: Loop) -> set[str]:
    return {word for line in flat(loop.children) for word in line.words()}


def _compatible(a: Loop, b: Loop) -> bool:
    if (
        a.head != b.head
        or not _assigned(a).isdisjoint(_read(b))
        or not _assigned(b).isdisjoint(_read(a))
    ):
        return False
    if any(line.text.startswith("ADC_") for line in flat(b.children)):
        return False
    if _inner(a) or _inner(b):
        # What is done once a row may stand in the loop over rows, unless it is dear.
        dear = any(_calls(x) for x in (a, b) if not _inner(x))
        return not dear and _apart(a, b, a.index)
    if bool(a.pragma) != bool(b.pragma) or _calls(a) and _calls(b):
        return False
    return _same_elements(a, b)


def _inner(loop: Loop) -> bool:
    return any(isinstance(x, Loop) for x in loop.children)


def _calls(loop: Loop) -> int:
    """Calls of library functions: more than one in a loop that vectorises spill its registers."""
    return sum(word in _MATH for line in flat(loop.children) for word in line.words())


def _pairs(a: Sequence[Any], b: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs of uses of one buffer, one of them a write."""
    for x in a:
        for y in b:
            if x.writes or y.writes:
                if x.buffer is y.buffer or x.buffer.alias or y.buffer.alias:
                    yield x, y


def _apart(a: Loop, b: Loop, index: str) -> bool:
    for x, y in _pairs(a.accesses, b.accesses):
        if x.buffer is not y.buffer or x.shape != y.shape:
            return False
        if x.adds and y.adds or x.apart(y):
            continue
        if not any(s == t and _follows(s, index) for s, t in zip(x.index, y.index)):
            return False
    return True


def _follows(place: str, index: str) -> bool:
    """Is the place another one for each trip of the loop, whatever inner loops do?"""
    if place == FLAT:
        return True
    if "[" in place or "?" in place:
        return False
    counters = [word for word in words_in(place) if word == index]
    return len(counters) == 1 and (
        "*" not in place or re.search(rf"\w+ \* {index}\b", place) is not None
    )


def _same_elements(a: Loop, b: Loop) -> bool:
    return all(
        x.buffer is y.buffer
        and x.shape == y.shape
        and (x.index == y.index and any(_follows(s, a.index) for s in x.index) or x.apart(y))
        for x, y in _pairs(a.accesses, b.accesses)
    )


def _absorb(a: Loop, b: Loop, comments: list[Line]) -> None:
    if _inner(a) or _inner(b):
        a.pragma = ""
    else:
        more = [found for found in _REDUCTION.findall(b.pragma) if found not in a.pragma]
        a.pragma += "".join(more)
    for line in comments:
        line.depth = a.depth + 1
    a.children = _join([*a.children, *comments, *b.children])
    a.accesses += b.accesses


# --- arrays that become scalars -------------------------------------------------------------------


def _scalars(items: list[Line | Loop]) -> list[Line | Loop]:
    counts, made = _local_arrays(items)
    gone: set[str] = set()
    for loop in _inside_out(items):
        inside = Counter(word for line in flat(loop.children) for word in line.words())
        for name in (name for name in made if name in inside and name not in gone):
            # Besides the loop, only the two lines that allocate it name it.
            if inside[name] + 2 == counts[name] and _shrink(loop, name, made[name].text):
                gone.add(name)
    return _drop(items, gone)


def _local_arrays(items: list[Line | Loop]) -> tuple[Counter[str], dict[str, Line]]:
    """How often each word occurs, and the lines that allocate arrays, by name."""
    lines = list(flat(items))
    counts = Counter(word for line in lines for word in line.words())
    made = {m.group(2): x for x in lines if (m := ALLOCATED.fullmatch(x.text))}
    return counts, made


def _inside_out(items: list[Line | Loop]) -> Iterator[Loop]:
    for item in items:
        if isinstance(item, Loop):
            yield from _inside_out(item.children)
            yield item


def _shrink(loop: Loop, name: str, made: str) -> bool:
    """Turns the array into a constant of the loop's body, if each trip writes its element first."""
    uses = [line for line in flat(loop.children) if name in line.words()]
    first = re.match(rf"{name}\[([^\[\]]*)\] = ", uses[0].text)
    if not first or not any(uses[0] is x for x in loop.children):
        return False
    if any(line.text.startswith(f"{name}[") for line in uses[1:]):
        return False
    element = f"{name}[{first.group(1)}]"
    if any(line.text.count(element) != line.words().count(name) for line in uses):
        return False
    if uses[0].text.count(element) > 1:
        return False
    kind = made.split(" *")[0]
    uses[0].text = f"const {kind} {name} = {uses[0].text[len(first.group(0)) :]}"
    uses[0].declares = name
    for line in uses[1:]:
        line.text = line.text.replace(element, name)
    return True


# --- arrays of which a row is enough ---------------------------------------------------------------


def _rows(items: list[Line | Loop]) -> list[Line | Loop]:
    """Where each trip of a loop writes its own rows of an array before it reads them, and nothing else
    does, one row serves for all."""
    counts, made = _local_arrays(items)
    for loop in _outside_in(items):
        if not _inner(loop):
            continue
        inside = Counter(word for line in flat(loop.children) for word in line.words())
        for name in [name for name in made if name in inside]:
            if inside[name] + 2 == counts[name] and _one_row(loop, name, made[name]):
                del made[name]
    return items


def _outside_in(items: list[Line | Loop]) -> Iterator[Loop]:
    for item in items:
        if isinstance(item, Loop):
            yield item
            yield from _outside_in(item.children)


def _one_row(loop: Loop, name: str, made: Line) -> bool:
    """Keeps of the array what one trip of `loop` touches, if that is the same part every time."""
    uses = list(_uses_under(loop, name, []))
    lines, around = uses[0]
    first = re.match(rf"{name}\[(.*) \* (\w+) \+ (\w+)\] = ", lines.text)
    if not first:
        return False
    row, length, column = first.groups()
    element = f"{name}[{row} * {length} + {column}]"
    head = f"for (long long {column} = 0; {column} < {length}; {column}++) {{"
    if "[" in row or loop.index not in words_in(row) or column in words_in(row):
        return False
    outer = {inner.index for inner in around[:-1]}
    if outer & set(words_in(row)) or len(around) != 1:
        return False  # inner loops move the row, too
    for line, loops in uses:
        if [x.head for x in loops] != [head] or line.text.count(element) != line.words().count(
            name
        ):
            return False
    kind = made.text.split(" *")[0]
    made.text = f"{kind} *{name} = {allocation(kind, length)};"
    for line, _ in uses:
        line.text = line.text.replace(element, f"{name}[{column}]")
    loop.rows.append((name, length))
    return True


def _uses_under(loop: Loop, name: str, around: list[Loop]) -> Iterator[tuple[Line, list[Loop]]]:
    """The lines in the loop that name the array, each with the inner loops around it."""
    for item in loop.children:
        if isinstance(item, Loop):
            yield from _uses_under(item, name, [*around, item])
        elif name in item.words():
            yield item, around


_ALLOCATES = re.compile(r"[\w ]+ \*(\w+) = adc_alloc\(|ADC_MEMORY\((\w+)\);$")


def _drop(items: list[Line | Loop], gone: set[str]) -> list[Line | Loop]:
    """The lines without those that allocate what is gone."""
    out: list[Line | Loop] = []
    for item in items:
        if isinstance(item, Line):
            found = _ALLOCATES.match(item.text)
            if found and (found.group(1) or found.group(2)) in gone:
                continue
        out.append(item)
    return out
