"""Big loop nests shared out among threads: `threads` parts of one axis, in a parallel region of OpenMP.

A nest qualifies if the parts cannot meet: along one loop's axis each trip writes places of its own,
all uses of an array that is written stand at the same place of that axis, and nothing else leaves
the loop but sums and extrema of scalars. Those are collected part by part and joined in the order
of the parts, so that the numbers are the same from run to run, whoever did which part, and whether
there are threads at all: without OpenMP the pragmas say nothing.

An array to which neighbouring trips add (a stencil's adjoint) is done in two phases: all parts
without the last trips that reach into the next part, then those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..text import Names
from .blas_text import ENTRIES
from .merge import FLAT
from .parts import in_parts
from .prelude import PURE, define, math_names
from .spell import ALLOCATED, allocation
from .writer import Line, Loop, flat, words_in

__all__ = ["TOGETHER", "WORTH", "share_loops"]

#: So many elements are worth the start of threads; a call of exp or the like counts as several.
WORTH = 20000
_OF_A_CALL = 8
#: Parts are cut at multiples of so many trips, where trips are elements side by side.
SIDE_BY_SIDE = 8
#: The same where trips reach into those behind them, which they do by half of this at most.
_REACHING = 8

#: Says whether threads may be started: not in a process that was forked off one that has some.
TOGETHER = f"!(call->table && call->table[{ENTRIES.index('forked')}])"

define("""
/* where part number `part` of n trips begins; parts are cut at multiples of `grain` */
static inline long long adc_cut(long long n, int part, int parts, int grain) {
  return part == parts ? n : n / grain * part / parts * grain;
}
""")

_HEAD = re.compile(r"for \(long long (\w+) = 0; \1 < (.+); \1\+\+\) \{$")
_BOUNDS = re.compile(r"for \(long long (\w+) = (\w+); \1 < (.+); \1\+\+\) \{$")
_SETS = re.compile(r"(\w+) ([-+*/|&^]?)= (.*);$")
_ASSIGNS = re.compile(r"(?<![\w.>])(\w+)(?: [-+*/|&^%]?=(?!=)|\+\+|--)")
_DECLARES = re.compile(r"(?:const )?(?:double|float|long long|int|unsigned char) (\w+)(?: =|;)")
_SHIFTED = re.compile(r"(?:(\d+) \+ )?(\w+)(?: ([-+]) (\d+))?$")
_ARRAY = re.compile(r"(?:double|float|long long|int|unsigned char) \*(?:const )?(\w+)(?: =|;)")
_EXTREMUM = re.compile(r"reduction\((max|min):(\w+)\)")
_HARMLESS = PURE | {"adc_dot"}


@dataclass
class Plan:
    """How to share a nest: the counter of the axis, what it collects, how far trips reach."""

    index: str
    trips: str
    sums: list[tuple[str, str]] = field(default_factory=list)  # (scalar, operator or max, min)
    reach: int = 0


def share_loops(items: list[Line | Loop], threads: int, names: Names) -> list[Line | Loop]:
    """The lines, with those nests in parallel regions that may and are worth it."""
    return Sharing(items, threads, names).run()


class Sharing:
    def __init__(self, items: list[Line | Loop], threads: int, names: Names) -> None:
        self.items = items
        self.threads = threads
        self.names = names
        lines = list(flat(items))
        self.made = {m.group(2): x for x in lines if (m := ALLOCATED.fullmatch(x.text))}
        self.kinds = dict(_declared_kinds(lines))
        #: arrays that are written somewhere
        self.outer = {m.group(1) for x in lines if (m := _ARRAY.match(x.text))}

    def run(self) -> list[Line | Loop]:
        out: list[Line | Loop] = []
        waiting = list(self.items)
        while waiting:
            item = waiting.pop(0)
            if isinstance(item, Line) and item.work:
                body = _until_closed(item, waiting)
                del waiting[: len(body)]
                out += self._shared_lines(item, body) if body else [item]
                continue
            if isinstance(item, Line) and item.parts is not None:
                trip = _block_of(item, waiting)
                region = _region(self.threads, "{work}")
                made = in_parts(item, trip, self.outer, self.threads, self.names, region)
                if made is not None:
                    del waiting[: len(trip)]
                    out += made
                    continue
            plan = _plan(item) if isinstance(item, Loop) else None
            if plan is None or any(name not in self.kinds for name, _ in plan.sums):
                out.append(item)
            else:
                assert isinstance(item, Loop)
                out += self._shared(item, plan)
        return out

    # --- the text ---------------------------------------------------------------------------------

    def _shared(self, loop: Loop, plan: Plan) -> list[Line | Loop]:
        depth, parts = loop.depth, self.threads
        part = self.names.fresh("part")
        first, last = self.names.fresh(f"first_{plan.index}"), self.names.fresh(
            f"last_{plan.index}"
        )
        before, start, end, after = self._collected(plan, part, depth)
        start += self._own_rows(loop, part, depth + 1)
        phase = self.names.fresh("phase") if plan.reach else ""
        grain = _grain(loop, plan)
        cut = f"adc_cut({plan.trips}, {part}, {parts}, {grain})"
        next_cut = f"adc_cut({plan.trips}, {part} + 1, {parts}, {grain})"
        bounds = [f"const long long {first} = {cut}, {last} = {next_cut};"]
        if plan.reach:
            middle = self.names.fresh("middle")
            near = f"{last} - {plan.reach} > {first} ? {last} - {plan.reach} : {first}"
            bounds += [f"const long long {middle} = {near};"]
            first, last = f"({phase} ? {middle} : {first})", f"({phase} ? {last} : {middle})"
        for each in _of_axis(loop, plan.index):
            each.head = (
                f"for (long long {plan.index} = {first}; {plan.index} < {last}; {plan.index}++) {{"
            )
        _deeper(loop, 1 + bool(phase))
        region = _region(parts, _work(loop, plan))
        head = [Line(depth, f"for (int {phase} = 0; {phase} < 2; {phase}++) {{")] if phase else []
        inner = depth + bool(phase)
        return [
            *(Line(depth, t) for t in before),
            *head,
            Line(inner, region),
            Line(inner, f"for (int {part} = 0; {part} < {parts}; {part}++) {{"),
            *(Line(inner + 1, t) for t in (*bounds, *start)),
            *self._renamed(loop, plan),
            *(Line(inner + 1, t) for t in end),
            Line(inner, "}"),
            *([Line(depth, "}")] if phase else []),
            *(Line(depth, t) for t in after),
        ]

    def _shared_lines(self, head: Line, body: list[Line]) -> list[Line | Loop]:
        """A loop of which it is known that its trips do not meet."""
        found = _BOUNDS.match(head.text)
        own = {m.group(1) for x in body if (m := _DECLARES.match(x.text))}
        if not found or not all(map(_is_harmless, body)):
            return [head, *body]
        if any(name not in own for x in body for name in _assigned(x)):
            return [head, *body]
        index, low, end = found.groups()
        part, depth, parts = self.names.fresh("part"), head.depth, self.threads
        first, last = self.names.fresh(f"first_{index}"), self.names.fresh(f"last_{index}")
        count = end if low == "0" else f"{end} - {low}"
        cuts = [f"{low} + adc_cut({count}, {part}{k}, {parts}, 1)" for k in ("", " + 1")]
        for line in body:
            line.depth += 1
        return [
            Line(depth, _region(parts, head.work)),
            Line(depth, f"for (int {part} = 0; {part} < {parts}; {part}++) {{"),
            Line(depth + 1, f"const long long {first} = {cuts[0]}, {last} = {cuts[1]};"),
            Line(depth + 1, f"for (long long {index} = {first}; {index} < {last}; {index}++) {{"),
            *body,
            Line(depth, "}"),
        ]

    def _collected(
        self, plan: Plan, part: str, depth: int
    ) -> tuple[list[str], list[str], list[str], list[str]]:
        """Lines before the region, at the start and the end of a part, and after the region."""
        before, start, end, after = [], [], [], []
        self._own = {}
        for name, op in plan.sums:
            kind, own, parts = (
                self.kinds[name],
                self.names.fresh(name),
                self.names.fresh(f"{name}_parts"),
            )
            self._own[name] = own
            begin = {"+": "0", "|": "0", "*": "1"}.get(op, name)
            before.append(f"{kind} {parts}[{self.threads}];")
            start.append(f"{kind} {own} = {begin};")
            end.append(f"{parts}[{part}] = {own};")
            one = f"{parts}[{part}]"
            join = f"{name} {op}= {one};"
            if op in ("max", "min"):
                join = f"if ({one} {'>' if op == 'max' else '<'} {name}) {name} = {one};"
            after.append(f"for (int {part} = 0; {part} < {self.threads}; {part}++) {join}")
        return before, start, end, after

    def _renamed(self, loop: Loop, plan: Plan) -> list[Line | Loop]:
        for old, new in self._own.items():
            _rename(loop, old, new)
        return [loop]

    def _own_rows(self, loop: Loop, part: str, depth: int) -> list[str]:
        """A row that served all trips: one for each part."""
        out = []
        for name, length in _rows_of(loop):
            made = self.made[name]
            wide = length if length.isidentifier() else f"({length})"
            kind = made.text.split(" *")[0]
            count = f"adc_times({length} + 16, {self.threads})"
            made.text = f"{kind} *{name} = {allocation(kind, count)};"
            own = self.names.fresh(name)
            out.append(f"{kind} *const {own} = {name} + {part} * ({wide} + 16);")
            _rename(loop, name, own)
        return out


def _region(parts: int, work: str) -> str:
    return (
        f"#pragma omp parallel for num_threads({parts}) schedule(static, 1) "
        f"if (together && {work} >= {WORTH})"
    )


def _block_of(head: Line, items: Sequence[Line | Loop]) -> list[Line | Loop]:
    """What the loop that `head` opens holds, and the line that closes it."""
    end = next(
        k for k, x in enumerate(items)
        if isinstance(x, Line) and x.depth == head.depth and x.text == "}"
    )  # fmt: skip
    return list(items[: end + 1])


def _until_closed(head: Line, items: Sequence[Line | Loop]) -> list[Line]:
    """The lines of the loop that `head` opens, the last of which closes it."""
    out: list[Line] = []
    for item in items:
        if not isinstance(item, Line):
            return []
        out.append(item)
        if item.depth == head.depth and item.text == "}":
            return out
    return []


def _declared_kinds(lines: Sequence[Line]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = re.match(r"(double|float|long long|int) (\w+)(?: =|;)", line.text)
        if found:
            yield found.group(2), found.group(1)


# --- what may be shared ---------------------------------------------------------------------------


def _plan(loop: Loop) -> Plan | None:
    lines = [x for x in flat(loop.children) if not x.text.startswith("#")]
    if not all(map(_is_harmless, lines)):
        return None
    if any(a.buffer.alias for a in loop.accesses):
        return None
    for index in dict.fromkeys(x.index for x in _nested(loop)):
        plan = _along(loop, index, lines)
        if plan is not None:
            return plan
    return None


def _along(loop: Loop, index: str, lines: list[Line]) -> Plan | None:
    """The plan for sharing the axis that `index` counts."""
    axis = list(_of_axis(loop, index))
    heads = {x.head for x in axis}
    found = _HEAD.match(axis[0].head) if len(heads) == 1 else None
    if not found or "[" in found.group(2):
        return None
    plan = Plan(index, found.group(2))
    inside = {id(line) for x in axis for line in flat(x.children)}
    outer = loop is axis[0]
    for line in lines:
        if not outer and id(line) not in inside and not _only_declares(line):
            return None
    collected = _sums(loop, lines)
    if collected is None or (collected and not outer):
        return None
    if not outer and _leaves(axis, lines):
        return None
    plan.sums = collected
    reach = _reach(loop, index)
    if reach is None or (
        reach and (not outer or collected or 2 * reach > _REACHING or _rows_of(loop))
    ):
        return None
    plan.reach = reach
    return plan


def _is_harmless(line: Line) -> bool:
    """No check, which would leave the region, and no helper that allocates or the like."""
    named = (word for word in line.words() if word.startswith(("adc_", "ADC_")) or word == "goto")
    return all(word in _HARMLESS for word in named)


def _only_declares(line: Line) -> bool:
    return line.text.startswith(("for ", "}", "/*")) or line.text.startswith("const ")


def _leaves(axis: list[Loop], lines: list[Line]) -> bool:
    """Does a loop over the axis set scalars that are declared outside of it?"""
    for loop in axis:
        body = list(flat(loop.children))
        own = {m.group(1) for x in body if (m := _DECLARES.match(x.text))}
        if any(name not in own for line in body for name in _assigned(line)):
            return True
    return False


def _assigned(line: Line) -> list[str]:
    if line.text.startswith(("for (", "/*", "#")):
        return []
    return _ASSIGNS.findall(line.text)


def _sums(loop: Loop, lines: list[Line]) -> list[tuple[str, str]] | None:
    """The scalars from outside that the loop sets, with how; None if one is no sum or extremum."""
    own = {m.group(1) for x in lines if (m := _DECLARES.match(x.text))}
    clauses = {m.group(2): m.group(1) for x in _nested(loop) for m in _EXTREMUM.finditer(x.pragma)}
    out: dict[str, str] = {}
    for line in lines:
        outside = [name for name in _assigned(line) if name not in own]
        if not outside:
            continue
        found = _SETS.match(line.text)
        if not found or len(outside) > 1:
            return None
        name, op, rest = found.groups()
        if op in ("+", "*", "|") and name not in words_in(rest):
            kind = op
        elif not op and name in clauses and re.fullmatch(rf".* \? .* : {name}", rest):
            kind = clauses[name]
        else:
            return None
        if out.setdefault(name, kind) != kind:
            return None
    for name, kind in out.items():
        uses = sum(x.words().count(name) for x in lines)
        sets = sum(1 for x in lines if (m := _SETS.match(x.text)) and m.group(1) == name)
        if uses != sets * (3 if kind in ("max", "min") else 1):
            return None
    return list(out.items())


def _reach(loop: Loop, index: str) -> int | None:
    """0 if no two trips touch an element that one writes; if they only add to elements a few trips
    on, how many; else None."""
    most = 0
    for buffer in {a.buffer for a in loop.accesses if a.writes}:
        uses = [a for a in loop.accesses if a.buffer is buffer]
        if len({a.shape for a in uses}) != 1:
            return None
        rank = len(uses[0].index)
        if any(len(a.index) != rank for a in uses):
            return None
        reaches = [_axis_reach([a.index[k] for a in uses], index) for k in range(rank)]
        if 0 in reaches:
            continue
        known = [r for r in reaches if r is not None]
        if not known or not all(a.writes and a.adds for a in uses):
            return None
        most = max(most, min(known))
    return most


def _axis_reach(places: list[str], index: str) -> int | None:
    """How far apart places of one trip stand along an axis; None if that cannot be told."""
    if all(p == places[0] for p in places):
        return 0 if _follows(places[0], index) else None
    shifts = []
    for place in places:
        found = _SHIFTED.match(place)
        if not found or found.group(2) != index:
            return None
        back = int(found.group(4) or 0) * (-1 if found.group(3) == "-" else 1)
        shifts.append(int(found.group(1) or 0) + back)
    return max(shifts) - min(shifts)


def _follows(place: str, index: str) -> bool:
    """Is the place another one for each trip, whatever inner loops do?"""
    return place == FLAT or bool(
        re.fullmatch(rf"(?:\w+ [-+] )?(?:\w+ \* )?{index}(?: [-+] \w+)?", place)
    )


# --- the nest -------------------------------------------------------------------------------------


def _nested(loop: Loop) -> Iterator[Loop]:
    yield loop
    for item in loop.children:
        if isinstance(item, Loop):
            yield from _nested(item)


def _of_axis(loop: Loop, index: str) -> Iterator[Loop]:
    return (x for x in _nested(loop) if x.index == index)


def _rows_of(loop: Loop) -> list[tuple[str, str]]:
    return [row for x in _nested(loop) for row in x.rows]


def _grain(loop: Loop, plan: Plan) -> int:
    """Rows can be cut anywhere, unless they reach into each other."""
    if plan.reach:
        return _REACHING
    innermost = any(not any(_nested_in(x)) for x in _of_axis(loop, plan.index))
    return SIDE_BY_SIDE if innermost else 1


def _nested_in(loop: Loop) -> Iterator[Loop]:
    return (x for x in loop.children if isinstance(x, Loop))


def _work(loop: Loop, plan: Plan) -> str:
    """The number of elements, as C text, calls counted as several."""
    calls = sum(w in math_names() for x in flat(loop.children) for w in x.words())
    spans = []
    for each in _longest(loop):
        found = _HEAD.match(each.head)
        span = plan.trips if each.index == plan.index else found.group(2) if found else "1"
        spans.append(span if re.fullmatch(r"[\w * ]+", span) else f"({span})")
    if calls:
        spans.append(str(1 + _OF_A_CALL * calls))
    return " * ".join(spans)


def _longest(loop: Loop) -> list[Loop]:
    """The loops down to the deepest."""
    inner = [_longest(x) for x in loop.children if isinstance(x, Loop)]
    return [loop, *max(inner, key=len, default=[])]


def _deeper(loop: Loop, by: int) -> None:
    loop.depth += by
    for item in loop.children:
        if isinstance(item, Loop):
            _deeper(item, by)
        else:
            item.depth += by


def _rename(loop: Loop, old: str, new: str) -> None:
    word = re.compile(rf"(?<![\w.>]){old}\b")
    for each in _nested(loop):
        each.pragma = word.sub(new, each.pragma)
        each.head = word.sub(new, each.head)
        for item in each.children:
            if isinstance(item, Line) and not item.text.startswith("/*"):
                item.text = word.sub(new, item.text)
