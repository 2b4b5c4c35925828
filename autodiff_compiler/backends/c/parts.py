"""Loops whose trips only add to sums, done in parts side by side.

Each part has sums, memory and a way out of its own; when all are done, the first that failed says why,
and the sums are joined in the order of the parts. So the numbers are the same from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..text import Names
from .prelude import PURE, define
from .spell import allocation
from .writer import Line, Loop, flat

__all__ = ["Sums", "in_parts"]

define("""
/* only the thread that called may ask whether to stop */
static int adc_never(adc_call *call) { (void)call; return 0; }
""")

_HEAD = re.compile(r"for \(long long (\w+) = (\w+); \1 < (.+); \1(\+\+| \+= (\d+))\) \{$")
_ASSIGNS = re.compile(r"(?<![\w.>])(\w+)(\[.*\])?(?: [-+*/|&^%]?=(?!=)|\+\+;|--;)")
_DECLARES = re.compile(
    r"(?:const |static )*(?:double|float|long long|int|unsigned char|adc_\w+) \*?(?:const )?(\w+)(?: =|;)"
)
#: Helpers that write to nothing but what they make.
_SAFE = PURE | {
    "adc_dot", "adc_clip", "adc_length", "adc_times", "adc_alloc", "adc_push", "adc_pop", "adc_here",
    "adc_release", "adc_stack_new", "adc_mark", "adc_stack", "ADC_CHECK", "ADC_MEMORY", "ADC_POLL",
    "ADC_POLL_TRIPS",
}  # fmt: skip
_CALLS = re.compile(r"call->(?!table)")


@dataclass(frozen=True, slots=True)
class Sums:
    """What a loop adds to: scalars as (name, C type), arrays as (name, C type, number of elements)."""

    scalars: tuple[tuple[str, str], ...]
    arrays: tuple[tuple[str, str, str], ...]


def in_parts(
    head: Line,
    body: Sequence[Line | Loop],
    outer: set[str],
    threads: int,
    names: Names,
    region: str,
) -> list[Line | Loop] | None:
    """The loop in parts, or None if it has to stay as it is. `region` opens the parallel loop over
    the parts; it has a place `{work}`. The last line of `body` closes the loop. `outer`: the names of
    all arrays that are written."""
    sums: Sums = head.parts
    found = _HEAD.match(head.text)
    lines = list(flat(list(body)))
    if not found or not _keeps_to_itself(lines, sums, outer):
        return None
    index, low, end, _, step = found.groups()
    d, n = head.depth, threads
    part, first, last, kept, caller, failed, reason = (
        names.fresh(hint)
        for hint in (
            "part",
            f"first_{index}",
            f"last_{index}",
            "kept",
            "caller",
            "failed",
            "reason",
        )
    )
    count = f"({end} - {low})" if low != "0" else f"({end})"
    cuts = [f"{low} + adc_cut({count}, {part}{k}, {n}, {step or 1})" for k in ("", " + 1")]
    before = [
        f"static adc_chunk *{kept}[{n}];",
        f"adc_call *const {caller} = call;",
        f"int {failed}[{n}];",
        f"long long {reason}[{n}];",
    ]
    start, finish, after = _own_sums(sums, part, n, names, before)
    marks = dict.fromkeys(
        m for x in lines for m in re.findall(r"adc_release\(&frame, (\w+)\)", x.text)
    )
    own = {m.group(1) for x in lines if (m := _DECLARES.match(x.text))}
    inside = [
        "__label__ done;",
        f"const long long {first} = {cuts[0]}, {last} = {cuts[1]};",
        "int status = 0;",
        "long long work = 0, number = 0, *const where = &number;",
        f"adc_frame frame = {{adc_enter(&{kept}[{part}]), 0, 0}};",
        f"adc_call quiet = *{caller};",
        "quiet.poll = adc_never;",
        f"adc_call *const call = {part} && together ? &quiet : {caller};",
        "(void)call, (void)work, (void)where;",
        *start,
        *(f"const adc_mark {m} = adc_here(&frame);" for m in marks if m not in own),
    ]
    more = f"{index}++" if step is None else f"{index} += {step}"
    leave = [
        *finish,
        "goto done;",
    ]
    for item in body:
        _deeper(item)
    check = f"for (int {part} = 0; {part} < {n}; {part}++)"
    return [
        *(Line(d, t) for t in before),
        Line(d, region.format(work=f"{count} * {len(lines)}")),
        Line(d, f"for (int {part} = 0; {part} < {n}; {part}++) {{"),
        *(Line(d + 1, t) for t in inside),
        Line(d + 1, f"for (long long {index} = {first}; {index} < {last}; {more}) {{"),
        *body,
        *(Line(d + 1, t) for t in leave),
        Line(d, "done:"),
        Line(d + 1, f"adc_leave(&frame, &{kept}[{part}]);"),
        Line(d + 1, f"{failed}[{part}] = status;"),
        Line(d + 1, f"{reason}[{part}] = number;"),
        Line(d, "}"),
        Line(d, f"{check} if ({failed}[{part}]) {{"),
        Line(d + 1, f"status = {failed}[{part}];"),
        Line(d + 1, f"*where = {reason}[{part}];"),
        Line(d + 1, "goto done;"),
        Line(d, "}"),
        *(Line(d, t) for t in after),
    ]


def _own_sums(
    sums: Sums, part: str, n: int, names: Names, before: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """Lines at the start and the end of a part, and behind the region; `before` gets what they need."""
    start, finish, after = [], [], []
    each = f"for (int {part} = 0; {part} < {n}; {part}++)"
    for name, kind in sums.scalars:
        parts = names.fresh(f"{name}_parts")
        before.append(f"{kind} {parts}[{n}];")
        start.append(f"{kind} {name} = 0;")
        finish.append(f"{parts}[{part}] = {name};")
        after.append(f"{each} {name} += {parts}[{part}];")
    for name, kind, count in sums.arrays:
        parts, k = names.fresh(f"{name}_parts"), names.fresh("element")
        before += [
            f"{kind} *const {parts} = {allocation(kind, f'adc_times({count}, {n})')};",
            f"ADC_MEMORY({parts});",
        ]
        start += [
            f"{kind} *const {name} = {parts} + {part} * ({count});",
            f"for (long long {k} = 0; {k} < {count}; {k}++) {name}[{k}] = 0;",
        ]
        after += [
            each,
            f"  for (long long {k} = 0; {k} < {count}; {k}++) {name}[{k}] += {parts}[{part} * ({count}) + {k}];",
        ]
    return start, finish, after


def _keeps_to_itself(lines: Sequence[Line], sums: Sums, outer: set[str]) -> bool:
    """Does the body set nothing that is declared outside of it but the sums?"""
    own = {m.group(1) for x in lines if (m := _DECLARES.match(x.text))}
    own |= {
        m.group(1)
        for x in lines
        if (m := re.match(r"for \((?:unsigned )?long long (\w+) ", x.text))
    }
    own |= {name for name, *_ in (*sums.scalars, *sums.arrays)}
    for line in lines:
        if line.text.startswith(("/*", "#")):
            continue
        if _CALLS.search(line.text) or "goto" in line.words():
            return False
        text = line.text
        if text.startswith("for ("):
            continue
        if any(m.group(1) not in own for m in _ASSIGNS.finditer(text)):
            return False
        if any(name not in own | {"frame"} for name in re.findall(r"&(\w+)\b(?!\[)", text)):
            return False
        helpers = {w for w in line.words() if w.startswith(("adc_", "ADC_"))} - _SAFE
        if helpers and not own.issuperset(outer.intersection(line.words())):
            return False
    return True


def _deeper(item: Line | Loop) -> None:
    item.depth += 1
    if isinstance(item, Loop):
        for child in item.children:
            _deeper(child)
