"""Text that both emitters need: the one precedence table, templates of op records, identifiers.

A level says how tightly the outermost operator of a text binds; `ATOM` needs no parentheses ever.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

__all__ = [
    "Language", "PYTHON", "C", "Text", "ATOM", "LOWEST", "parenthesise", "infix", "fill", "Names",
]  # fmt: skip

LOWEST = 0
ATOM = 100
_UNARY = 80

# One row per level, loosest first: (level, Python's operators, C's operators).
_LEVELS: tuple[tuple[int, str, str], ...] = (
    (10, "if else", "? :"),
    (20, "or", "||"),
    (25, "and", "&&"),
    (30, "not", ""),
    (35, "== != < <= > >= in is", ""),
    (40, "|", "|"),
    (45, "^", "^"),
    (50, "&", "&"),
    (55, "", "== !="),
    (57, "", "< <= > >="),
    (60, "<< >>", "<< >>"),
    (65, "+ -", "+ -"),
    (70, "* / // % @", "* / %"),
    (_UNARY, "u- u~ u+", "u- u~ u! u+"),
    (85, "**", ""),
)


@dataclass(frozen=True, eq=False, slots=True)
class Language:
    """How one language's operators bind. `strict`: level from which operands go bare."""

    name: str
    levels: Mapping[str, int]
    strict: Mapping[str, int]


def _column(k: int) -> dict[str, int]:
    return {op: row[0] for row in _LEVELS for op in str(row[k]).split()}


PYTHON = Language("python", _column(1), {op: 36 for op in "== != < <= > >=".split()})
# C compilers warn where readers stumble: arithmetic under bitwise operators, chained comparisons.
C = Language(
    "c",
    _column(2),
    {
        **{op: 60 for op in "== != < <= > >=".split()},
        **{op: _UNARY + 1 for op in "| ^ &".split()},
        "||": 55,
        "?": 55,
    },
)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of an expression and the level of its outermost operator."""

    text: str
    level: int = ATOM

    def __str__(self) -> str:
        return self.text

    def at(self, level: int) -> str:
        """The text, in parentheses if it binds less tightly than `level`."""
        return parenthesise(self.text, self.level, level)


def parenthesise(text: str, level: int, needed: int) -> str:
    return text if level >= needed else f"({text})"


def _needs(op: str, right: bool, language: Language) -> int:
    """The level that an operand of a binary operator must have to go bare on that side."""
    level = language.levels[op]
    if op in language.strict:
        return language.strict[op]
    if op in ("if", "else"):  # `a if c else b if d else e` is `a if c else (b if d else e)`
        return level + (op == "if" or not right)
    if op == "**":  # groups to the right, and takes a sign on the right only
        return _UNARY if right else level + 1
    return level + 1 if right else level


def infix(op: str, left: Text, right: Text, language: Language) -> Text:
    """left op right, with the parentheses that it needs and no others."""
    a, b = left.at(_needs(op, False, language)), right.at(_needs(op, True, language))
    return Text(f"{a} {op} {b}", language.levels[op])


_TOKEN = re.compile(
    r"\{(\w+)\}|(\*\*|//|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%@|^&<>!~?:,()\[\]])|([\w.]+)|(\s+)"
)


@cache
def _parsed(template: str, language: Language) -> tuple[int, tuple[tuple[int, int, str, int], ...]]:
    """Level of the whole; per placeholder: its place in the text, its name, the level it needs."""
    tokens: list[tuple[str, str, int, int]] = []  # kind, text, start, end
    for m in _TOKEN.finditer(template):
        hole, op, word, _ = m.groups()
        if hole is not None:
            tokens.append(("hole", hole, *m.span()))
        elif op is not None:
            tokens.append(("op", op, *m.span()))
        elif word is not None:
            tokens.append(("op" if word in language.levels else "word", word, *m.span()))
    depth, outer = 0, ATOM
    operators: list[tuple[str, bool] | None] = []  # per token: (operator, whether binary)
    for k, (kind, text, _, _) in enumerate(tokens):
        operators.append(None)
        if kind != "op" or text in ("(", "[", ")", "]", ","):
            depth += (text in ("(", "[")) - (text in (")", "]"))
            continue
        before = tokens[k - 1] if k else None
        binary = before is not None and (before[0] != "op" or before[1] in (")", "]"))
        name = text if binary else "u" + text
        if name in language.levels:
            operators[k] = (name, binary)
            if depth == 0:
                outer = min(outer, language.levels[name])
    holes = []
    for k, (kind, name, start, end) in enumerate(tokens):
        if kind != "hole":
            continue
        left = operators[k - 1] if k else None
        right = operators[k + 1] if k + 1 < len(tokens) else None
        needed = LOWEST
        if left:
            needed = _needs(left[0], True, language) if left[1] else _UNARY + (language is C)
        if right:
            needed = max(needed, _needs(right[0], False, language))
        if k + 1 < len(tokens) and tokens[k + 1][1][0] in "[(.":
            needed = ATOM
        holes.append((start, end, name, needed))
    return outer, tuple(holes)


def fill(template: str, parts: Mapping[str, Text], language: Language) -> Text:
    """An op record's spelling with its operands put in: {x} {y} {z}, or plain text such as {f}."""
    outer, holes = _parsed(template, language)
    out, at = [], 0
    for start, end, name, needed in holes:
        out.append(template[at:start])
        out.append(parts[name].at(needed))
        at = end
    out.append(template[at:])
    if len(holes) == 1 and holes[0][:2] == (0, len(template)):
        return parts[holes[0][2]]
    return Text("".join(out), outer)


# --- identifiers --------------------------------------------------------------------------------

_C_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while asm typeof main linux unix i386 alignas alignof bool constexpr false nullptr
static_assert thread_local true typeof_unqual
"""
_RESERVED = {
    # `__` takes what nobody reads.
    "python": {*keyword.kwlist, *dir(builtins), "np", "self", "__"},
    "c": set(_C_WORDS.split()),
}


class Names:
    """Makes identifiers that are legal, unique and never one of `reserved`."""

    def __init__(self, language: Language, reserved: Iterable[str] = ()) -> None:
        self._language = language
        self._taken: set[str] = {*_RESERVED[language.name], *reserved}
        self._numbers: dict[str, int] = {}

    def fresh(self, hint: str, otherwise: str = "t") -> str:
        """The hint itself if it is legal and free, else the like of it; `otherwise` if there is none."""
        base = self._legal(hint) or otherwise
        name, k = base, self._numbers.get(base, 0)
        while name in self._taken:
            k += 1
            name = f"{base}_{k}"
        self._numbers[base] = k
        self._taken.add(name)
        return name

    def _legal(self, hint: str) -> str:
        if hint.isidentifier() and (self._language is PYTHON or hint.isascii()):
            # Leading underscores belong to the C compiler.
            return hint if self._language is PYTHON else hint.lstrip("_")
        text = re.sub(r"\W", "_", "".join(map(_ascii, hint))).strip("_")
        return f"v{text}" if text[:1].isdigit() else text


def _ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    words = unicodedata.name(letter, "").split()
    return words[-1].lower() if "LETTER" in words else f"u{ord(letter):x}"
