"""Arrays take the memory of arrays that nothing reads any more, and of results not yet written.

What a kernel works in has to pass through the caches; memory that is used again is there already. The
plan is made last, from the lines as they will be printed, since only there is it settled which loops
are one: an array is dead behind the last line that names it. Which lengths are equal is often known
only when the kernel runs, so the choice is made there: `adc_again` gives the old memory if it is large
enough.

Only arrays of the whole function are looked at (not those of a loop's trip), and only if no line
takes their address but to hand it to a helper that forgets it again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .spell import ALLOCATED
from .writer import Line, Loop, flat

__all__ = ["reuse_memory"]

_GIVEN = re.compile(r"(\w+) \*(\w+) = (data\w*);")
_ASKED = re.compile(r"ADC_MEMORY\(call->alloc\(call, \d+, (\w+), &(data\w*)\) == 0\);")
_LENGTHS = re.compile(r"const long long (\w+)\[\] = \{(.*)\};")
_NAME = re.compile(r"(&?)(?<![\w.>])([A-Za-z_]\w*)(\[?)")
#: Statements that keep no address: calls of helpers, and what gives a number.
_FORGETS = re.compile(r"(?:adc_|mem|ADC_)\w+\(|(?:const )?(?:double|float|int|long long) \w+ = ")


@dataclass(eq=False, slots=True)
class _Array:
    """An array of the function's, or a result. `at`, `last`: the numbers of the line that declares it
    and of the last one that uses it. `lines`: those that make it. `count`: of how many elements;
    `factors`: the lengths in that."""

    name: str
    kind: str
    count: str
    factors: list[str]
    lines: list[Line]
    at: int
    last: int


@dataclass(slots=True)
class _Place:
    """Memory that is free behind line `since` and before line `until`, which are not in one loop.
    `holder`: whose it is."""

    holder: _Array
    since: float
    until: float


def reuse_memory(items: Sequence[Line | Loop]) -> list[Line | Loop]:
    """The function's lines, where arrays take over the memory of others."""
    function = _Function(list(flat(items)))
    places = [_Place(x, -1, x.at) for x in function.results()]
    early: dict[Line, list[Line]] = {}
    gone: set[Line] = set()
    for array in function.arrays():
        place = function.best(places, array)
        if place is None:
            places.append(_Place(array, array.last, float("inf")))
            continue
        start, checked = array.lines
        unwritten = place.since < 0
        if unwritten:
            early[start] = place.holder.lines
        start.text = _taken(place.holder, array, "written yet" if unwritten else "read any more")
        if "adc_again" not in start.text:
            gone.add(checked)
        place.holder, place.since = array, array.last
    gone.update(line for lines in early.values() for line in lines)
    out: list[Line | Loop] = []
    for item in items:
        if isinstance(item, Line):
            out += early.get(item, [])
        if item not in gone:
            out.append(item)
    return out


def _taken(old: _Array, new: _Array, free: str) -> str:
    left = f"{new.kind} *{new.name}"
    if old.factors == new.factors:
        return f"{left} = {old.name}; /* which is not {free} */"
    return f"{left} = adc_again(&frame, {old.name}, {old.count}, {new.count}, sizeof({new.kind}));"


def _alike(a: _Array, b: _Array) -> int:
    """How many lengths are known to be the same."""
    return (Counter(a.factors) & Counter(b.factors)).total()


class _Function:
    """Which lines of a function use what."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.uses: dict[str, list[int]] = {}
        #: Names of which the address may be known elsewhere.
        self.kept: set[str] = set()
        for k, line in enumerate(lines):
            if not line.text.startswith("/*"):
                self._note(k, line.text)

    def _note(self, k: int, text: str) -> None:
        forgets = _FORGETS.match(text) is not None
        made = ALLOCATED.fullmatch(text) or _GIVEN.fullmatch(text)
        for address, name, element in _NAME.findall(text):
            self.uses.setdefault(name, []).append(k)
            own = made is not None and made.group(2) == name
            if (address or not element) and not forgets and not own:
                self.kept.add(name)

    def arrays(self) -> list[_Array]:
        found = []
        for k, (kind, name, count), used in self._declared(ALLOCATED):
            if used and self.lines[used[0]].text == f"ADC_MEMORY({name});" and len(used) > 1:
                factors = sorted(re.findall(r"\w+", count.replace("adc_times", "")))
                own = [self.lines[k], self.lines[used[0]]]
                found.append(_Array(name, kind, count, factors, own, k, used[-1]))
        return found

    def results(self) -> list[_Array]:
        """Results whose memory is had from the caller at the top of the function."""
        found = []
        for k, (kind, name, data), used in self._declared(_GIVEN):
            declared, asked = (self.lines[n] for n in self.uses[data][:2])
            shape = _ASKED.fullmatch(asked.text)
            if shape is None or shape.group(1) not in self.uses:
                continue  # of no axes
            lengths = self.lines[self.uses[shape.group(1)][0]]
            sizes = _LENGTHS.fullmatch(lengths.text)
            if not sizes or not used or len(self.uses[data]) != 3:
                continue
            factors = [x for x in sizes.group(2).split(", ") if x != "1"]
            if not all(re.fullmatch(r"\w+", x) for x in factors):
                continue
            own = [lengths, declared, asked, self.lines[k]]
            count = " * ".join(factors) or "1"
            found.append(_Array(name, kind, count, sorted(factors), own, k, used[-1]))
        return found

    def _declared(
        self, pattern: re.Pattern[str]
    ) -> Iterator[tuple[int, tuple[Any, ...], list[int]]]:
        """Arrays of the whole function whose address nothing keeps: the number of the line that
        declares it, the pattern's groups, the numbers of the lines behind that use it."""
        for k, line in enumerate(self.lines):
            made = pattern.fullmatch(line.text) if line.depth == 1 else None
            if made is not None and made.group(2) not in self.kept:
                yield k, made.groups(), [n for n in self.uses[made.group(2)] if n > k]

    def best(self, places: Sequence[_Place], array: _Array) -> _Place | None:
        """The place that the array may have: the one most alike, and of such the last one used."""
        fit = [p for p in places if self._fits(p, array)]
        return max(fit, key=lambda p: (_alike(p.holder, array), p.since), default=None)

    def _fits(self, place: _Place, array: _Array) -> bool:
        old = place.holder
        alike = old.kind == array.kind and len(old.factors) == len(array.factors)
        if not alike or not place.since < array.at or not array.last < place.until:
            return False
        return place.since >= 0 or all(map(self._is_given, old.factors))

    def _is_given(self, size: str) -> bool:
        """Is it a length of an argument? Others may have to be checked before memory is asked for."""
        return size.isdigit() or ".a.shape[" in self.lines[self.uses[size][0]].text
