"""Stacks: tapes, and lists that grow. `push` and `pop` are each other's adjoint.

Values of stacks in the reference semantics are tuples of NumPy values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..ir.op import NON_DIFFERENTIABLE, Op, register
from ..ir.types import I64, Array, Scalar, Stack, Type


def _stack(t: Type) -> Stack:
    if not isinstance(t, Stack):
        raise TypeError(f"takes a stack, not {t}")
    return t


def _fits(element: Type, v: Type) -> bool:
    return type(element) is type(v) and element.dtype == v.dtype and element.rank == v.rank


def _infer_new(attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    return (Stack(attrs["element"], attrs.get("tape", False)),)


#: An empty stack of attrs["element"]; attrs["tape"]: of the reverse pass.
new = register(Op("stack", "stack", _infer_new, evaluate=lambda attrs: ()))


def _infer_push(attrs: Mapping[str, Any], s: Type, v: Type) -> tuple[Type, ...]:
    if not _fits(_stack(s).element, v):
        raise TypeError(f"pushes {v} on {s}")
    return (s,)


push = register(
    Op(
        "push", "stack", _infer_push, evaluate=lambda attrs, s, v: (*s, np.array(v)[()]), consumes=0,
        spellings=("list.append",),
    )
)  # fmt: skip


def _infer_pop(attrs: Mapping[str, Any], s: Type, *sizes: Type) -> tuple[Type, ...]:
    element = _stack(s).element
    if len(sizes) != element.rank:
        raise TypeError(f"pops {element} with {len(sizes)} sizes")
    return (s, element)


def _pop(attrs: Mapping[str, Any], s: Any, *sizes: Any) -> Any:
    if np.shape(s[-1]) != tuple(map(int, sizes)):
        raise AssertionError(f"popped {np.shape(s[-1])} where {sizes} was expected")
    return s[:-1], s[-1]


#: pop(s, *sizes) -> the shorter stack, the element. An array's sizes are known to who pops.
pop = register(
    Op(
        "pop", "stack", _infer_pop, evaluate=_pop, consumes=0,
        dims=lambda attrs, operands, dims: (
            (),
            tuple(1 if one else n for one, n in zip(attrs.get("ones", ()), operands[1:]))
            if attrs.get("ones")
            else tuple(operands[1:]),
        ),
    )
)  # fmt: skip


def _infer_length(attrs: Mapping[str, Any], s: Type) -> tuple[Type, ...]:
    _stack(s)
    return (Scalar(I64),)


length = register(
    Op(
        "length", "stack", _infer_length, evaluate=lambda attrs, s: len(s), vjp=NON_DIFFERENTIABLE,
        spellings=("len",),
    )
)  # fmt: skip


def _infer_to_array(attrs: Mapping[str, Any], s: Type, *sizes: Type) -> tuple[Type, ...]:
    element = _stack(s).element
    if len(sizes) != element.rank:
        raise TypeError(f"joins {element} with {len(sizes)} sizes")
    return (Array(element.dtype, (None, *element.dims)),)


def _to_array(attrs: Mapping[str, Any], s: Any, *sizes: Any) -> Any:
    shape = (len(s), *map(int, sizes))
    return np.array(s).reshape(shape) if s else np.zeros(shape)


#: to_array(s, *sizes): the elements side by side along a new first axis; all have these sizes.
to_array = register(
    Op(
        "to_array", "stack", _infer_to_array, evaluate=_to_array, cost=2,
        dims=lambda attrs, operands, dims: ((None, *operands[1:]),), spellings=("np.array",),
    )
)  # fmt: skip


def _infer_from_array(attrs: Mapping[str, Any], a: Type) -> tuple[Type, ...]:
    if not isinstance(a, Array) or a.rank == 0:
        raise TypeError(f"takes an array of rank 1 or more, not {a}")
    element = Array(a.dtype, a.dims[1:]) if a.rank > 1 else Scalar(a.dtype)
    return (Stack(element, attrs.get("tape", False)),)


from_array = register(
    Op("from_array", "stack", _infer_from_array, evaluate=lambda attrs, a: tuple(a), cost=2)
)


def _infer_peek(attrs: Mapping[str, Any], s: Type, i: Type, *sizes: Type) -> tuple[Type, ...]:
    element = _stack(s).element
    if i != Scalar(I64) or len(sizes) != element.rank:
        raise TypeError(f"reads element {i} of {s} with {len(sizes)} sizes")
    return (element,)


#: peek(s, i, *sizes): element i, 0 <= i < length.
peek = register(
    Op(
        "peek", "stack", _infer_peek, evaluate=lambda attrs, s, i, *sizes: np.array(s[int(i)])[()],
        dims=lambda attrs, operands, dims: (tuple(operands[2:]),), spellings=("operator []",),
    )
)  # fmt: skip


def _infer_poke(attrs: Mapping[str, Any], s: Type, v: Type, i: Type) -> tuple[Type, ...]:
    if not _fits(_stack(s).element, v) or i != Scalar(I64):
        raise TypeError(f"puts {v} into {s}")
    return (s,)


def _poke(attrs: Mapping[str, Any], s: Any, v: Any, i: Any) -> Any:
    k = int(i)
    return (*s[:k], np.array(v)[()], *s[k + 1 :])


#: poke(s, v, i): element i becomes v, of the same sizes.
poke = register(
    Op("poke", "stack", _infer_poke, evaluate=_poke, consumes=0, spellings=("operator []=",))
)


def _infer_undefined(attrs: Mapping[str, Any]) -> tuple[Type, ...]:
    return (attrs["type"],)


#: Stands where a transformation knows that nothing will read a value; never reaches a back end.
undefined = register(
    Op(
        "undefined", "undefined", _infer_undefined, vjp=NON_DIFFERENTIABLE,
        dims=lambda attrs, operands, dims: ((None,) * attrs["type"].rank,),
    )
)  # fmt: skip
