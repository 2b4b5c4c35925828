"""np.einsum: operands are joined two at a time, from the left, each time by a matrix product.

A label is a letter; an ellipsis is labels of its own, numbered from the right. What only one operand
has and the result has not is summed first, so that no sum over a product of three is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.build import KnownDim
from ..ir.graph import Value
from ..ops import elementwise as ew
from ..ops import reduce as red
from ..ops.contract import matmul as matmul_op
from ..ops.index import load
from ..ops.shape import copy, expand_dims, squeeze
from . import creation, known
from .arrays import wrap
from .contract import BOOLEAN, common, turned
from .frames import PythonRaises
from .registry import handles
from .reshaping import reshaped, shares
from .state import State
from .values import Abstract, ArrayRef, Static

Labels = list[str]


@dataclass(slots=True)
class Term:
    """An operand: its value, and the label of each axis."""

    value: Value
    labels: Labels


@handles(np.einsum)
def einsum(
    st: State, subscripts: Abstract, *operands: Abstract, out: Abstract | None = None,
    optimize: Abstract | None = None,
) -> Abstract:  # fmt: skip
    if not isinstance(subscripts, Static) or not isinstance(subscripts.value, str):
        st.refuse("np.einsum without a string of subscripts is not supported")
    values = common(st, *operands)
    inputs, output = _parse(st, subscripts.value, [v.type.rank for v in values])
    terms = [_diagonals(st, Term(v, labels)) for v, labels in zip(values, inputs)]
    _squeeze_stretched(st, terms)
    if values[0].type.dtype == "bool":
        st.refuse(*BOOLEAN)
    total = _summed(st, terms[0], _needed(terms[1:], output))
    for k, term in enumerate(terms[1:], start=1):
        keep = _needed(terms[k + 1 :], output)
        other = _summed(st, term, {*keep, *total.labels})
        total = _joined(st, _summed(st, total, {*keep, *other.labels}), other, keep)
    value = turned(st, total.value, [total.labels.index(x) for x in output])
    return _given_back(st, value, values, operands)


def _given_back(
    st: State, value: Value, values: Sequence[Value], operands: Sequence[Abstract]
) -> Abstract:
    """Of one operand, nothing summed: NumPy's result is a view of it."""
    if not value.type.rank:
        return wrap(st, value)
    first = operands[0]
    if len(values) == 1 and isinstance(first, ArrayRef) and value.type.rank:
        return shares(st, first, value, "is also seen through np.einsum")
    return wrap(st, st.b.emit(copy, value) if value in values else value)


# --- the text -------------------------------------------------------------------------------------


def _parse(st: State, text: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    text = text.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise PythonRaises("more or fewer operands than subscripts in einsum")
    widest = 0
    inputs = []
    for part, rank in zip(parts, ranks):
        labels, width = _labels(part, rank)
        widest = max(widest, width)
        inputs.append(labels)
    dots = [f".{k}" for k in range(widest, 0, -1)]
    if not arrow:
        every = [x for labels in inputs for x in labels if not x.startswith(".")]
        return inputs, dots + sorted(x for x in set(every) if every.count(x) == 1)
    before, has_dots, after = right.partition("...")
    output = [*before, *(dots if has_dots else []), *after]
    known_labels = {x for labels in inputs for x in labels}
    if "." in before + after or not set(output) <= {*known_labels, *dots}:
        raise PythonRaises("einsum: the output subscripts are not among the inputs'")
    if len(set(output)) != len(output):
        raise PythonRaises("einsum: the output includes a subscript twice")
    if not has_dots and widest:
        raise PythonRaises("einsum: the ellipsis is missing in the output")
    return inputs, output


def _labels(part: str, rank: int) -> tuple[Labels, int]:
    """The labels of an operand's axes, and how many of them its ellipsis stands for."""
    before, has_dots, after = part.partition("...")
    letters = before + after
    if not all(x.isalpha() for x in letters):
        raise PythonRaises("einsum: a subscript is no letter")
    width = rank - len(letters)
    if width < 0 or (width > 0 and not has_dots):
        raise PythonRaises("einsum: an operand has not as many dimensions as subscripts")
    return [*before, *(f".{k}" for k in range(width, 0, -1)), *after], width


# --- one operand ----------------------------------------------------------------------------------


def _needed(terms: Sequence[Term], output: Labels) -> set[str]:
    return {*output, *(x for t in terms for x in t.labels)}


def _diagonals(st: State, term: Term) -> Term:
    """Of a label that an operand has several times: its diagonal."""
    for label in dict.fromkeys(term.labels):
        axes = [k for k, x in enumerate(term.labels) if x == label]
        if len(axes) == 1:
            continue
        dims = st.b.dims[term.value]
        for k in axes[1:]:
            st.check_same(dims[axes[0]], dims[k], "einsum: dimensions of one subscript differ")
        rest = [k for k in range(len(dims)) if k not in axes]
        value = turned(st, term.value, [*axes, *rest])
        places = creation.counting(st, dims[axes[0]])
        index = [places] * len(axes)
        for k in rest:
            index += [known.const(st, 0), known.value(st, dims[k]), known.const(st, 1)]
        letters = "a" * len(axes) + "s" * len(rest)
        ones = tuple(j + len(axes) for j, k in enumerate(rest) if _is_one(dims[k]))
        picked = st.b.emit(load, value, *index, index=letters, ones=ones)
        term = Term(picked, [label, *(term.labels[k] for k in rest)])
    return term


def _is_one(d: KnownDim) -> bool:
    return isinstance(d, int) and d == 1


def _squeeze_stretched(st: State, terms: list[Term]) -> None:
    """Dims of one label agree; one of 1 is stretched: without that axis, it is the same."""
    lengths: dict[str, KnownDim] = {}
    for t in terms:
        for label, d in zip(t.labels, st.b.dims.get(t.value, ())):
            if label not in lengths or _is_one(lengths[label]):
                lengths[label] = d
            elif not _is_one(d):
                st.check_same(lengths[label], d, "einsum: dimensions of one subscript differ")
    for t in terms:
        dims = st.b.dims.get(t.value, ())
        gone = [k for k, (x, d) in enumerate(zip(t.labels, dims)) if _is_one(d) and lengths[x] != 1]
        if gone:
            t.value = st.b.emit(squeeze, t.value, axes=tuple(gone))
            t.labels = [x for k, x in enumerate(t.labels) if k not in gone]


def _summed(st: State, term: Term, keep: set[str]) -> Term:
    """The operand with the axes summed that nothing else needs."""
    axes = tuple(k for k, x in enumerate(term.labels) if x not in keep)
    if not axes:
        return term
    value = st.b.emit(red.sum_, term.value, axes=axes)
    return Term(value, [x for x in term.labels if x in keep])


# --- two operands ---------------------------------------------------------------------------------


def _joined(st: State, a: Term, b: Term, keep: set[str]) -> Term:
    """The product of two operands, summed over the labels that both have and nobody needs."""
    both = [x for x in a.labels if x in b.labels]
    batch, over = [x for x in both if x in keep], [x for x in both if x not in keep]
    rows = [x for x in a.labels if x not in both]
    columns = [x for x in b.labels if x not in both]
    if not over:
        labels = [*batch, *rows, *columns]
        x, y = (_spread(st, t, labels) for t in (a, b))
        return Term(st.b.emit(ew.mul, x, y), labels)
    if not rows and not columns and (batch or len(over) > 1):
        labels = [*batch, *over]
        each = st.b.emit(ew.mul, _arranged(st, a, labels), _arranged(st, b, labels))
        axes = tuple(range(len(batch), len(labels)))
        return Term(st.b.emit(red.sum_, each, axes=axes), batch)
    return _multiplied(st, a, b, batch, rows, over, columns)


def _multiplied(
    st: State, a: Term, b: Term, batch: Labels, rows: Labels, over: Labels, columns: Labels
) -> Term:
    lengths: dict[str, KnownDim] = {}
    for t in (a, b):
        for label, d in zip(t.labels, st.b.dims.get(t.value, ())):
            lengths.setdefault(label, d)
    stacked = bool(batch)
    x = _merged(st, _arranged(st, a, [*batch, *rows, *over]), batch, rows, over, stacked, lengths)
    y = _merged(
        st, _arranged(st, b, [*batch, *over, *columns]), batch, over, columns, stacked, lengths
    )
    value = st.b.emit(matmul_op, x, y)
    labels = [*batch, *rows, *columns]
    dims = [lengths[x] for x in labels]
    if stacked and not (rows and columns):
        gone = () if rows else (value.type.rank - 2,)
        gone = gone if columns else (*gone, value.type.rank - 1)
        value = st.b.emit(squeeze, value, axes=gone)
    return Term(reshaped(st, value, dims) if dims else value, labels)


def _merged(
    st: State, value: Value, batch: Labels, first: Labels, second: Labels, stacked: bool,
    lengths: dict[str, KnownDim],
) -> Value:  # fmt: skip
    """A group of axes as one axis each; in a stack an empty group is an axis of 1."""
    if len(first) < 2 and len(second) < 2 and (first and second or not stacked):
        return value
    dims = [lengths[x] for x in batch]
    for group in (first, second):
        if group or stacked:
            dims.append(known.product(st, [lengths[x] for x in group]))
    if len(first) < 2 and len(second) < 2:
        axis = len(batch) + (1 if first else 0)
        return st.b.emit(expand_dims, value, axes=(axis,))
    return reshaped(st, value, dims)


def _arranged(st: State, term: Term, labels: Labels) -> Value:
    return turned(st, term.value, [term.labels.index(x) for x in labels])


def _spread(st: State, term: Term, labels: Labels) -> Value:
    """The operand with an axis for each label, of length 1 where it has none."""
    value = _arranged(st, term, [x for x in labels if x in term.labels])
    missing = tuple(k for k, x in enumerate(labels) if x not in term.labels)
    if not missing or not value.type.rank:
        return value
    return st.b.emit(expand_dims, value, axes=missing)
