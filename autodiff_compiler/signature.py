"""What is known of a call before it is compiled: a spec per argument, by type and not by size.

A spec is the specialisation key. Everything that is *not* in it may differ from call to call
without a new compilation: sizes (but for a dim's being 1), values of numbers and arrays.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .records import Field, field_names, is_namedtuple

__all__ = [
    "ScalarSpec", "ArraySpec", "StaticSpec", "TreeSpec", "Spec", "Request", "describe", "leaves", "leaf_specs",
    "DTYPES", "PASSIVE_DTYPES",
]  # fmt: skip

#: dtypes of the IR by NumPy's name.
DTYPES = {
    np.dtype(np.float64): "f64",
    np.dtype(np.float32): "f32",
    np.dtype(np.int64): "i64",
    np.dtype(np.int32): "i32",
    np.dtype(np.bool_): "bool",
}
#: Other integer widths: handed to kernels as i64 (a copy), never differentiated, never written.
PASSIVE_DTYPES = {
    np.dtype(t): n
    for t, n in [
        (np.int8, "i8"), (np.int16, "i16"), (np.uint8, "u8"), (np.uint16, "u16"), (np.uint32, "u32"),
    ]
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScalarSpec:
    """A number. `python`: Python's own float, int or bool (weak in promotion, raises on 1/0)."""

    dtype: str
    python: bool = True

    def __str__(self) -> str:
        return self.dtype if self.python else f"np.{self.dtype}"


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """An array. `ones[k]`: dim k is 1 (decides broadcasting). `contiguous`: in C order.

    `dtype` is a name of `DTYPES` or of `PASSIVE_DTYPES`. `names` are dims' names, for headings only.
    """

    dtype: str
    ones: tuple[bool, ...]
    contiguous: bool = True

    @property
    def rank(self) -> int:
        return len(self.ones)

    def __str__(self) -> str:
        dims = ",".join("1" if one else ":" for one in self.ones)
        return f"{self.dtype}[{dims}]" + ("" if self.contiguous else " strided")


@dataclass(frozen=True, slots=True)
class StaticSpec:
    """A value known at compile time and part of the key: None, a string, a dtype, a function.

    `by_identity`: compared with `is`; otherwise with `==` and equal types.
    """

    value: Any
    by_identity: bool = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StaticSpec):
            return False
        if self.by_identity or other.by_identity:
            return self.value is other.value
        return type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash(id(self.value)) if self.by_identity else hash((type(self.value), self.value))

    def __str__(self) -> str:
        return f"={getattr(self.value, '__name__', None) or repr(self.value)}"


@dataclass(frozen=True, slots=True)
class TreeSpec:
    """A container taken apart at compile time.

    `kind`: "tuple", "list", "dict" (with `keys`), "namedtuple" or "dataclass" (with the class, and
    the names of its fields as `keys`).
    """

    kind: str
    items: tuple[Spec, ...]
    keys: tuple[Hashable, ...] = ()
    cls: type | None = None

    @property
    def steps(self) -> tuple[Any, ...]:
        """What leads from the container to each of its items: an index, a key or a `Field`."""
        if self.kind == "dict":
            return self.keys
        if self.kind == "dataclass":
            return tuple(Field(str(k)) for k in self.keys)
        return tuple(range(len(self.items)))

    def parts(self, value: Any) -> Iterator[Any]:
        """The items of a value of this spec."""
        if self.kind == "dict":
            return iter(value.values())
        if self.kind == "dataclass":
            return (getattr(value, str(name)) for name in self.keys)
        return iter(value)

    def __str__(self) -> str:
        if self.cls is not None:
            inside = ", ".join(f"{k}={v}" for k, v in zip(self.keys, self.items))
            return f"{self.cls.__name__}({inside})"
        if self.kind == "dict":
            inside = ", ".join(f"{k!r}: {v}" for k, v in zip(self.keys, self.items))
            return "{" + inside + "}"
        inside = ", ".join(map(str, self.items))
        return f"({inside})" if self.kind == "tuple" else f"[{inside}]"


Spec = ScalarSpec | ArraySpec | StaticSpec | TreeSpec

_SCALARS: dict[type, ScalarSpec] = {
    float: ScalarSpec("f64"), int: ScalarSpec("i64"), bool: ScalarSpec("bool"),
    np.float64: ScalarSpec("f64", False), np.float32: ScalarSpec("f32", False),
    np.int64: ScalarSpec("i64", False), np.int32: ScalarSpec("i32", False),
    np.bool_: ScalarSpec("bool", False),
}  # fmt: skip


def describe(value: Any, instances: bool = True) -> Spec:
    """The spec of an argument. Whatever is no number, array or container is static by identity;
    so are, without `instances`, the user's own objects.

    Raises TypeError for an array of a dtype that no kernel takes (complex, object, strings, ...)
    and for an int beyond 64 bits.
    """
    kind = type(value)
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        if kind is int and not -(2**63) <= value < 2**63:
            raise TypeError("an integer argument is beyond 64 bits")
        return scalar
    if kind is np.ndarray:
        return _describe_array(value)
    if kind is tuple or kind is list:
        return TreeSpec(kind.__name__, tuple(describe(x, instances) for x in value))
    if kind is dict:
        items = tuple(describe(x, instances) for x in value.values())
        return TreeSpec("dict", items, tuple(value))
    if value is None or kind in (str, bytes, type(...)) or isinstance(value, np.dtype):
        return StaticSpec(value)
    if is_namedtuple(kind):
        items = tuple(describe(x, instances) for x in value)
        return TreeSpec("namedtuple", items, kind._fields, kind)
    names = field_names(value) if instances else None
    if names:
        items = tuple(describe(getattr(value, name), instances) for name in names)
        return TreeSpec("dataclass", items, names, kind)
    return StaticSpec(value, by_identity=True)


def _describe_array(value: np.ndarray) -> ArraySpec:
    dtype = DTYPES.get(value.dtype) or PASSIVE_DTYPES.get(value.dtype)
    if dtype is None or not value.dtype.isnative:
        raise TypeError(f"arrays of dtype {value.dtype} are not taken; convert to float64 or int64")
    ones = tuple(n == 1 for n in value.shape)
    return ArraySpec(dtype, ones, bool(value.flags.c_contiguous))


def leaves(spec: Spec, value: Any) -> Iterator[Any]:
    """The numbers and arrays of `value` in the order of its spec; static parts are left out."""
    if isinstance(spec, TreeSpec):
        for part_spec, part in zip(spec.items, spec.parts(value), strict=True):
            yield from leaves(part_spec, part)
    elif not isinstance(spec, StaticSpec):
        yield value


def leaf_specs(spec: Spec) -> Iterator[ScalarSpec | ArraySpec]:
    """The specs of the leaves, in the order of `leaves`."""
    if isinstance(spec, TreeSpec):
        for part in spec.items:
            yield from leaf_specs(part)
    elif not isinstance(spec, StaticSpec):
        yield spec


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be made of a function. `kind`: compile, grad, value_and_grad or vjp.

    `wrt` are parameter numbers; `single`: one argnum was given, so one gradient is returned.
    """

    kind: str
    wrt: tuple[int, ...] = ()
    single: bool = True
    has_aux: bool = False
