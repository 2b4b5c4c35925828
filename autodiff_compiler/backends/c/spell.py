"""Small pieces of C: types, literals, casts, index arithmetic."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ...ir.types import BOOL, F32, F64, FLOATS, I32, I64
from ..text import C, Text, infix

__all__ = [
    "ELEMENT", "LOCAL", "ZERO", "ONE", "literal", "cast", "is_literal", "is_simple", "plus", "minus",
    "times", "comment", "allocation", "ALLOCATED",
]  # fmt: skip

#: The type of an array's elements, and of a local.
ELEMENT = {F64: "double", F32: "float", I64: "long long", I32: "int", BOOL: "unsigned char"}
LOCAL = {**ELEMENT, BOOL: "int"}
SIZE = {F64: 8, F32: 4, I64: 8, I32: 4, BOOL: 1}
_UNARY = C.levels["u-"]
ZERO, ONE = Text("0"), Text("1")


def literal(value: Any, dtype: str) -> Text:
    if dtype in FLOATS:
        return _float_literal(float(value), dtype)
    if dtype == BOOL:
        return Text(str(int(value)))
    value = int(value)
    if value == -(2**63):
        return Text("(-9223372036854775807LL - 1)")
    if value == -(2**31) and dtype == I32:
        return Text("(-2147483647 - 1)")
    text = str(value) if abs(value) < 2**31 else f"{value}LL"
    return Text(text, _UNARY if value < 0 else 100)


def _float_literal(value: float, dtype: str) -> Text:
    end = "f" if dtype == F32 else ""
    if math.isnan(value):
        return Text(f'__builtin_nan{end}("")')
    if math.isinf(value):
        text = f"__builtin_inf{end}()"
        return Text(f"-{text}", _UNARY) if value < 0 else Text(text)
    text = (str(np.float32(value)) if dtype == F32 else repr(value)) + end
    return Text(text, _UNARY if text.startswith("-") else 100)


def cast(x: Text, source: str, target: str) -> Text:
    """NumPy's `astype`; what does not fit an integer becomes its smallest value, as on x86."""
    if source == target:
        return x
    if target == BOOL:
        return infix("!=", x, ZERO, C)
    if source in FLOATS and target in (I64, I32):
        return Text(f"{'adc_f2l' if target == I64 else 'adc_f2i'}({x})")
    return Text(f"({LOCAL[target]}){x.at(_UNARY)}", _UNARY)


_LITERAL = re.compile(r"-?\d+(LL)?")
_SIMPLE = re.compile(r"-?[\w.]+(\[[\w +*-]*\])?")

_SHIFTED = re.compile(r"([A-Za-z_]\w*) ([+-]) (\d{1,9})")


def is_literal(x: Text) -> bool:
    return _LITERAL.fullmatch(x.text) is not None


def is_simple(x: Text) -> bool:
    """May the text stand twice, for reading and for running?"""
    return _SIMPLE.fullmatch(x.text) is not None


def _number(x: Text) -> int | None:
    return int(x.text.removesuffix("LL")) if is_literal(x) else None


def plus(a: Text, b: Text) -> Text:
    if a.text == "0":
        return b
    if b.text == "0":
        return a
    known, more = _number(a), _number(b)
    if known is not None and more is not None and abs(known + more) < 2**31:
        return literal(known + more, I64)
    if known is not None and (parted := _parted(b)):
        return plus(parted[0], literal(parted[1] + known, I64))
    if more is not None and (parted := _parted(a)):
        return plus(parted[0], literal(parted[1] + more, I64))
    if more is not None and more < 0:
        return infix("-", a, literal(-more, I64), C)
    return infix("+", a, b, C)


def _parted(x: Text) -> tuple[Text, int] | None:
    """`n + 1` and `n - 1`, n a name, as n and the number."""
    found = _SHIFTED.fullmatch(x.text)
    return found and (Text(found[1]), int(found[2] + found[3]))


def minus(a: Text, b: Text) -> Text:
    less = _number(b)
    if less is not None:
        return plus(a, literal(-less, I64))
    return infix("-", a, b, C)


def times(a: Text, b: Text) -> Text:
    if "0" in (a.text, b.text):
        return ZERO
    if a.text == "1":
        return b
    if b.text == "1":
        return a
    # A sign in front needs no parentheses before * but reads badly behind it.
    return infix("*", a, b, C)


#: An array made by `allocation`: the type of its elements, its name, and how many they are.
ALLOCATED = re.compile(r"(\w[\w ]*) \*(\w+) = adc_alloc\(&frame, (.*), sizeof\(\1\)\);")


def allocation(kind: str, count: Text | str) -> str:
    return f"adc_alloc(&frame, {count}, sizeof({kind}))"


def comment(text: str) -> str:
    """Text of the user's inside a comment: nothing in it can end the comment or begin another."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown.replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ?/")
