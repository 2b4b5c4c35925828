"""How much workspace an exported function needs: a slice of its C text that only reckons.

Loops whose bounds the sizes determine are run with everything left out but what takes memory, or
multiplied out where their trips are alike; of a branch both arms are counted. The result is an upper
bound. Where no bound follows from the sizes, `NotKnown` names the user's line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .prelude import PURE
from .writer import Line, Writer, flat, words_in

__all__ = ["NotKnown", "reckoning"]


class NotKnown(Exception):
    """No bound on the memory follows from the sizes. `place`: the comment with the user's line."""

    def __init__(self, place: str, why: str):
        self.place, self.why = place, why
        super().__init__(f"{place}: {why}")


@dataclass(eq=False)
class _Block:
    """A statement (no `kind`), or one with the statements in its braces."""

    text: str
    place: str
    kind: str = ""
    children: list[_Block] = field(default_factory=list)

    def inside(self) -> Iterator[_Block]:
        for child in self.children:
            yield child
            yield from child.inside()


_NUMBER = r"(?:(?:const )?(?:unsigned )?(?:long long|int)|const double)"
_DECLARED = re.compile(rf"{_NUMBER} (\w+)(?: = (.*))?;")
_ASSIGNED = re.compile(r"(\w+)(?: [-+*/|&^]?= (.*)|\+\+|--);")
_COUNTED = re.compile(r"(\w+)\+\+;")
_CHECKED = re.compile(
    r"ADC_CHECK\(\d+, !(adc_(?:add|sub|mul)_overflow|adc_ipow)\((.*), &(\w+)\)\);"
)
_FOR = re.compile(
    r"for \((?:unsigned )?long long (\w+) = (.*); \1 ([<>]) (.*); \1(?:(\+\+|--)| \+= (.*))\) \{"
)
_CALL = re.compile(r"\b(adc_\w+)\(")
_STACK_MOVES = re.compile(r"adc_room \*\w+.*")
_STACK = re.compile(r"adc_stack \*(\w+)(?: = (.*))?;")
_LENGTH = "how long an array is here depends on more than sizes"
#: Functions of integers, and the words of casts.
_ALLOWED = PURE | frozenset(
    "long int unsigned double sizeof adc_clip adc_length adc_trips adc_count adc_wrap adc_wrapi "
    "ceil floor trunc rint fabs sqrt".split()
)
#: What grows with what is in it.
_MONOTONE = re.compile(r"(?:adc_times|sizeof|long long|double|\w+|[(), ]| \* | \+ )*")


def reckoning(
    lines: Iterable[object], known: Iterable[str], bytes_of: Mapping[str, tuple[str, int]]
) -> Writer:
    """The statements that reckon `now`, `*peak` and `room`, from those of the function.

    `known`: the sizes and integer arguments. `bytes_of`: by the name of a helper, the function that
    tells what it works in, and how many sizes both take. Raises NotKnown.
    """
    slicer = _Slicer(_tree(flat(list(lines))), set(known), bytes_of)  # type: ignore[arg-type]
    writer = Writer(1)
    slicer.block(slicer.top, writer)
    writer.prune()
    return writer


def _tree(lines: Iterable[Line]) -> _Block:
    top = _Block("", "")
    stack, place = [top], ""
    for line in lines:
        text = line.text
        if text.startswith("/*"):
            place = text
        elif text.startswith(("#", "ADC_SIMD")):
            continue
        elif text == "}":
            stack.pop()
        elif text.endswith("{"):
            if text.startswith("} else"):
                stack.pop()
            kind = text.lstrip("} ").split()[0]
            block = _Block(text, place, kind)
            stack[-1].children.append(block)
            stack.append(block)
        else:
            stack[-1].children.append(_Block(text, place))
    return top


class _Slicer:
    def __init__(self, top: _Block, known: set[str], bytes_of: Mapping[str, tuple[str, int]]):
        self.top = top
        self.bytes_of = bytes_of
        self.known = known
        #: Counts of which only an upper bound is known, with the bound.
        self.bounded = _find_counts(top)
        #: Those, and what is computed from them.
        self.loose = _closure(top, set(self.bounded))
        self.stacks: set[str] = set()
        #: Stacks whose length is reckoned exactly.
        self.exact: set[str] = set()
        self._find_stacks(top, False)
        self._find_integers()
        self.place = ""

    # --- what is known ----------------------------------------------------------------------------

    def _find_stacks(self, block: _Block, unsure: bool) -> None:
        inexact: set[str] = set()
        for child, doubtful in _walk(block, unsure, self.loose):
            found = _STACK.fullmatch(child.text)
            if found:
                self.stacks.add(found[1])
                if found[2] is None or "adc_stack_new" not in found[2]:
                    inexact.add(found[1])
                    inexact |= set(words_in(found[2] or ""))
            for name, arguments in _calls(child.text):
                if name.startswith("adc_push") and doubtful or name in (
                    "adc_pop", "adc_stack_copy", "adc_stack_swap"
                ):  # fmt: skip
                    inexact |= set(words_in(", ".join(arguments)))
        self.exact = self.stacks - inexact

    def _find_integers(self) -> None:
        """Takes away, until no more must be, the variables that the sizes do not determine."""
        homes: dict[str, list[tuple[_Block, str]]] = {}
        nested: set[str] = set()
        for block in [self.top, *self.top.inside()]:
            own = {found[1] for c in block.children if (found := _DECLARED.fullmatch(c.text))}
            head = _FOR.fullmatch(block.text)
            if head:
                start, stop, step = head[2], head[4], head[6] or "1"
                # A start of which only a bound is known says nothing of the trips.
                start = "unknown[0]" if self.loose & set(words_in(start)) else start
                homes.setdefault(head[1], []).append((block, f"{start} + {stop} + {step}"))
            for child in block.children:
                counted = _COUNTED.fullmatch(child.text)
                if counted and counted[1] not in self.bounded:
                    nested.add(counted[1])
                for name, text in _definitions(child.text):
                    homes.setdefault(name, []).append((block, text))
                    if name not in own and not _DECLARED.fullmatch(child.text):
                        nested.add(name)
        candidates = (set(homes) - nested) | {n for n in self.bounded if n in homes}
        while True:
            sure = self.known | candidates
            bad = {
                name for name in candidates
                if not all(self._follows(text, sure) for _, text in homes[name])
                or not self._follows(self.bounded.get(name, "0"), sure)
            }  # fmt: skip
            if not bad:
                break
            candidates -= bad
        self.known |= candidates

    def _follows(self, text: str, sure: set[str]) -> bool:
        """Is the value of an expression determined by `sure`?"""
        bare = re.sub(r"\b(\w+)->length\b", lambda m: "0" if m[1] in self.exact else m[0], text)
        if "[" in bare or "->" in bare:
            return False
        words = words_in(bare)
        if any(word in self.loose for word in words) and not _MONOTONE.fullmatch(bare):
            return False
        return all(word in sure or word in _ALLOWED for word in words_in(bare))

    def _need(self, text: str, what: str) -> str:
        if not self._follows(text, self.known):
            raise NotKnown(self.place, what)
        return text

    # --- writing ----------------------------------------------------------------------------------

    def block(self, block: _Block, w: Writer) -> None:
        for child in block.children:
            self.place = child.place
            if child.kind in ("if", "else"):
                self._arm(child, w)
            elif child.kind:
                self._loop(child, w)
            else:
                self._statement(child.text, w)

    def _arm(self, block: _Block, w: Writer) -> None:
        for child in block.children:
            if any(
                found and found[1] in self.stacks for found in [_ASSIGNED.fullmatch(child.text)]
            ):
                raise NotKnown(child.place, "which stack is meant depends on a branch")
        with w.aside() as inside:
            w.depth += 1
            self.block(block, w)
            w.depth -= 1
        if _takes(inside):
            w.line("{")
            w.paste(inside)
            w.line("}")

    def _loop(self, block: _Block, w: Writer) -> None:
        head = _FOR.fullmatch(block.text)
        counted = head is not None and head[1] in self.known
        with w.aside() as inside:
            w.depth += 1
            self.block(block, w)
            w.depth -= 1
        inside.prune()
        if not _takes(inside):
            return
        texts = [line.text for line in flat(inside.lines) if line.text not in "{}"]
        if not any(t.startswith("adc_peak") for t in texts):
            texts = [t for t in texts if not t.startswith("now = ")]
        own = {line.declares for line in flat(inside.lines) if line.declares}
        events = [t for t in texts if t.startswith(("adc_room_push", "adc_room_copy"))]
        words = {word for t in texts for word in words_in(t)}
        if counted and head and events == texts and not words & {*own, head[1]}:
            self._multiplied(head, texts, w)
        elif self._once(texts, events, own, words, head):
            w.line("{")
            w.paste(inside)
            w.line("}")
        elif counted:
            w.line(block.text)
            w.paste(inside)
            w.line("}")
        else:
            raise NotKnown(block.place, "how often this runs depends on more than sizes")

    @staticmethod
    def _multiplied(head: re.Match[str], texts: list[str], w: Writer) -> None:
        """A loop that only pushes, and the same in each trip."""
        trips = _trips(head[0])
        for t in texts:
            if t.startswith("adc_room_copy"):
                w.line(t)
                continue
            stack, times, *rest = _arguments(t[t.index("(") + 1 :])
            often = str(trips) if times == "1" else f"adc_times({trips}, {times})"
            w.line(f"adc_room_push({', '.join([stack, often, *rest])});")

    @staticmethod
    def _once(
        texts: list[str], events: list[str], own: set[str], words: set[str],
        head: re.Match[str] | None,
    ) -> bool:  # fmt: skip
        """Do all trips take the same memory, and give it back?"""
        stays = any(words_in(t)[1] not in own for t in events)
        moves = any(_ASSIGNED.fullmatch(t) and not t.startswith("now = ") for t in texts)
        counts = head is not None and head[1] in words
        ends = bool(texts) and (not any(t.startswith("adc_peak(") for t in texts)
                                or any(t.startswith("now = ") for t in texts))  # fmt: skip
        return ends and not (stays or moves or counts)

    def _statement(self, text: str, w: Writer) -> None:
        for name, value in _definitions(text):
            if name in self.bounded and name in self.known:
                w.line(f"const long long {name} = {self.bounded[name]};", name)
                return
            if name in self.known and self._follows(value, self.known):
                checked = _CHECKED.fullmatch(text)
                if checked:
                    text = f"if ({checked[1]}({checked[2]}, &{name})) return LLONG_MAX;"
                w.line(text, name)
                return
        found = _DECLARED.fullmatch(text)
        if found and found[2] is None and found[1] in self.known:
            w.line(text, found[1])
            return
        self._memory(text, w)

    def _memory(self, text: str, w: Writer) -> None:
        stack = _STACK.fullmatch(text)
        if stack:
            source = stack[2] or ""
            made = re.fullmatch(r"adc_stack_new\(&frame, (\d+)\)", source)
            source = f"adc_room_new(room, {made[1]})" if made else source
            w.line(f"adc_room *{stack[1]}{' = ' + source if source else ''};", stack[1])
            return
        assigned = _ASSIGNED.fullmatch(text)
        if assigned and assigned[1] in self.stacks:
            made = re.fullmatch(r"adc_stack_new\(&frame, (\d+)\)", assigned[2])
            w.line(f"{assigned[1]} = adc_room_new(room, {made[1]});" if made else text)
            return
        if text.startswith("const adc_mark "):
            name = text.split()[2]
            w.line(f"const long long {name} = now;", name)
            return
        for name, arguments in _calls(text):
            self._call(name, arguments, w)

    def _call(self, name: str, arguments: list[str], w: Writer) -> None:
        if name == "adc_release":
            w.line(f"now = {arguments[1]};")
        elif name == "adc_alloc":
            count = self._need(arguments[1], _LENGTH)
            w.line(f"adc_peak(&now, peak, adc_times({count}, {arguments[2]}));")
        elif name in ("adc_push", "adc_push_array"):
            stack, count, size = arguments
            self._need(count, _LENGTH)
            total = size if count == "1" else f"adc_times({count}, {size})"
            w.line(f"adc_room_push({stack}, 1, {total}, {int(name == 'adc_push_array')});")
        elif name == "adc_stack_copy":
            w.line(f"adc_room_copy({arguments[0]}, {arguments[1]}, 1);")
        elif "&frame" in arguments:
            if name not in self.bytes_of:
                raise NotKnown(self.place, f"what `{name}` works in is not known")
            reckon, number = self.bytes_of[name]
            sizes = [self._need(a, _LENGTH) for a in arguments[1 : 1 + number]]
            w.line(f"adc_peak_of(now, peak, {reckon}({', '.join(sizes)}));")


def _closure(top: _Block, loose: set[str]) -> set[str]:
    """The variables `loose`, and those that are computed from them."""
    size = -1
    while size != len(loose):
        size = len(loose)
        for block in top.inside():
            for name, text in _definitions(block.text):
                if loose & set(words_in(text)):
                    loose.add(name)
    return loose


def _find_counts(block: _Block) -> dict[str, str]:
    """Variables that start at 0 and are only ever counted up: at most as often as loops run."""
    homes: dict[str, _Block] = {}
    steps: dict[str, list[list[str]]] = {}
    spoilt: set[str] = set()

    def visit(block: _Block, around: list[_Block]) -> None:
        for child in block.children:
            declared, counted = _DECLARED.fullmatch(child.text), _COUNTED.fullmatch(child.text)
            if declared and declared[2] == "0" and not child.text.startswith("const"):
                homes[declared[1]] = block
            elif counted:
                name = counted[1]
                if name not in homes:
                    spoilt.add(name)
                    continue
                inner = [*around, block]
                inner = inner[inner.index(homes[name]) + 1 :] if homes[name] in inner else [block]
                trips = [_trips(b.text) for b in inner if b.kind not in ("if", "else")]
                inside = {_FOR.fullmatch(b.text)[1] for b in inner if _FOR.fullmatch(b.text)}
                inside |= {n for b in inner for c in b.children for n, _ in _definitions(c.text)}
                # The bound is written where the count starts.
                if any(t is None or inside & set(words_in(t)) for t in trips):
                    spoilt.add(name)
                steps.setdefault(name, []).append([t for t in trips if t])
            elif (assigned := _ASSIGNED.fullmatch(child.text)) is not None:
                spoilt.add(assigned[1])
            visit(child, [*around, block])

    visit(block, [])
    return {
        name: "adc_times(" * (len(rows[0]) - 1) + ", ".join(
            t + ")" * (k > 0) for k, t in enumerate(rows[0]))
        for name, rows in steps.items()
        if name not in spoilt and len(rows) == 1 and rows[0]
    }  # fmt: skip


def _takes(inside: Writer) -> bool:
    """Do the statements reckon anything?"""
    return any(
        line.text.startswith(("adc_room", "adc_peak")) or _STACK_MOVES.fullmatch(line.text)
        for line in flat(inside.lines)
    )


def _walk(block: _Block, unsure: bool, loose: set[str]) -> Iterator[tuple[_Block, bool]]:
    """All statements, and whether they may be run less often than their loops say."""
    breaks = any(re.fullmatch(r"if \(.*\) break;", c.text) for c in block.children)
    doubtful = unsure or block.kind in ("if", "else", "while") or breaks
    doubtful = doubtful or bool(loose & set(words_in(block.text)))
    for child in block.children:
        yield child, doubtful
        yield from _walk(child, doubtful, loose)


def _definitions(text: str) -> list[tuple[str, str]]:
    """The integer that a statement sets, with the expression."""
    checked = _CHECKED.fullmatch(text)
    if checked:
        return [(checked[3], checked[2].replace(",", " +"))]
    declared = _DECLARED.fullmatch(text)
    if declared:
        return [(declared[1], declared[2])] if declared[2] is not None else []
    assigned = _ASSIGNED.fullmatch(text)
    return [(assigned[1], assigned[2])] if assigned and assigned[2] else []


def _trips(head: str) -> str | None:
    """How often a loop runs, as an expression; None if the loop does not say."""
    found = _FOR.fullmatch(head)
    if found is None:
        return None
    step = {"++": "1", "--": "-1", None: found[6]}[found[5]]
    return f"adc_count({found[2]}, {found[4]}, {step})"


def _calls(text: str) -> Iterator[tuple[str, list[str]]]:
    for found in _CALL.finditer(text):
        yield found[1], _arguments(text[found.end() :])


def _arguments(text: str) -> list[str]:
    """What stands before the parenthesis that closes, by its commas."""
    out: list[str] = []
    depth = start = 0
    for k, letter in enumerate(text):
        if letter in "([":
            depth += 1
        elif letter in ")]":
            if not depth:
                return [*out, text[start:k].strip()]
            depth -= 1
        elif letter == "," and not depth:
            out.append(text[start:k].strip())
            start = k + 1
    raise ValueError(text)
