"""A compiled function inside JAX: under `jit`, `grad` and `vmap`, through a callback to the host."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .common import compiled, is_several, leaves, map_leaves, paired_gradient, put, required
from .shapes import result_shapes

__all__ = ["to_jax"]


def to_jax(
    f: Callable[..., Any], *, result: Callable[..., Any] | None = None, backend: str = "auto"
) -> Callable[..., Any]:
    """`f`, a function of numbers and NumPy arrays, as a function of JAX arrays.

    f        a function that the compiler takes, plain or made by `grad`, `compile`, ...
    result   for results whose shape depends on values: called like `f` with `ShapeDtypeStruct`s in
             place of arrays, it gives one, or a tuple of them, for the result
    backend  "auto", "c" or "python", as for `grad`

    Arguments are JAX or NumPy arrays (those without dims are numbers to `f`), containers of them,
    and, known when JAX traces, Python's own ints, strings, None and functions, by position. Floats
    and arrays of the result come back as JAX arrays in the same containers; for derivatives
    these are tuples, NamedTuples, lists and dicts, two deep at most. It works under `jit`, `grad` (any order), `vjp`, `jacrev`; under `vmap` one call follows the
    other. JAX's forward mode is refused, by JAX.

    Raises, when called, TypeError for dtypes that `f` or JAX does not take, and what `f` and its
    compilation raise; ImportError without JAX.
    """
    required("jax", "jax")
    made = _Bridge(compiled(f, backend), result, backend)

    def call(*args: Any) -> Any:
        return made(*args)

    if hasattr(f, "__name__"):
        functools.update_wrapper(call, f)
        vars(call).pop("__wrapped__")
    return call


class _Bridge:
    """A compiled function and, made when they are asked for, its pullbacks."""

    def __init__(self, f: Any, result: Callable[..., Any] | None, backend: str):
        self.f = f
        self.result = result
        self.backend = backend
        self._pullbacks: dict[bool, _Bridge] = {}

    def __call__(self, *args: Any) -> Any:
        import jax

        dynamic = [_is_array(x) for x in leaves(args)]
        arrays = [jax.numpy.asarray(x) for x in leaves(args) if _is_array(x)]

        def filled(values: Iterable[Any]) -> Any:
            given = iter(values)
            return put(args, [next(given) if d else x for d, x in zip(dynamic, leaves(args))])

        def host(*values: Any) -> tuple[Any, ...]:
            out = self.f(*filled(map(_to_numpy, values)))
            return tuple(np.asarray(x) for x in leaves(out) if x is not None)

        def run(*values: Any) -> Any:
            parts = tuple(x for x in leaves(self.shapes(filled(values))) if x is not None)
            return jax.pure_callback(host, parts, *values, vmap_method="sequential")

        node = jax.custom_vjp(run)
        node.defvjp(
            # Not `run`: a second derivative passes through here.
            lambda *values: (node(*values), values),
            lambda values, cotangents: self._pull(filled(values), cotangents),
        )
        tree = self.shapes(filled(arrays))
        results = iter(node(*arrays))
        return map_leaves(lambda x: None if x is None else next(results), tree)

    def shapes(self, args: Any) -> Any:
        """The result's tree with a `ShapeDtypeStruct` for each of its numbers and arrays."""
        import jax

        structs = map_leaves(_struct, args)
        if self.result is not None:
            return self.result(*structs)
        tree = _told_shapes(self.f, structs)
        for part in leaves(tree):
            if part is not None and jax.dtypes.canonicalize_dtype(part.dtype) != part.dtype:
                raise TypeError(
                    f"the result is {part.dtype}, and JAX keeps to 32 bits unless told otherwise:"
                    ' call jax.config.update("jax_enable_x64", True), or return 32 bits'
                )
        return tree

    def _pull(self, args: Any, cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        """One cotangent for each array among the leaves of the arguments, None for what is no float."""
        tree = self.shapes(args)
        several = is_several(tree, _is_float)
        if several not in self._pullbacks:
            made = paired_gradient(self.f, several, self.backend)
            self._pullbacks[several] = _Bridge(made, _like_moving, self.backend)
        moves = [any(map(_is_float, leaves(arg))) for arg in args]
        moving = tuple(arg if m else None for arg, m in zip(args, moves))
        fixed = tuple(None if m else arg for arg, m in zip(args, moves))
        given = iter(cotangents)
        parts = [None if x is None else next(given) for x in leaves(tree)]
        paired = put(tree, [c if _is_float(x) else None for x, c in zip(leaves(tree), parts)])
        pulled = leaves(self._pullbacks[several](paired, moving, fixed))
        found = iter([g for g in pulled if g is not None])
        return tuple(next(found) if _is_float(x) else None for x in leaves(args) if _is_array(x))


def _like_moving(cotangents: Any, moving: Any, fixed: Any) -> Any:
    """The shapes of a pullback's result: those of what it is by."""
    return map_leaves(lambda x: x if _is_float(x) else None, moving)


def _told_shapes(f: Any, structs: Any) -> Any:
    """The shapes of the result, from the compiled function; stand-ins have the arguments' types."""
    stand_ins = map_leaves(_stand_in, structs)
    unknown = {id(x) for x, s in zip(leaves(stand_ins), leaves(structs)) if _is_array(s)}
    kernel = f.specialize(*stand_ins)
    bound = f.bind(*stand_ins)
    return map_leaves(_struct_or_none, result_shapes(kernel, bound, f.bind(*structs), unknown))


def _is_array(x: Any) -> bool:
    """Is it a value to JAX? All others are known when it traces."""
    import jax

    return isinstance(x, (jax.Array, jax.ShapeDtypeStruct, np.ndarray, np.generic, float))


def _is_float(x: Any) -> bool:
    return _is_array(x) and np.dtype(getattr(x, "dtype", float)).kind == "f"


def _struct(x: Any) -> Any:
    import jax

    if not _is_array(x):
        return x
    return jax.ShapeDtypeStruct(np.shape(x), np.dtype(getattr(x, "dtype", float)))


def _struct_or_none(x: Any) -> Any:
    if x is None or _is_array(x):
        return _struct(x)
    if isinstance(x, (bool, int)):
        return _struct(np.asarray(x))
    raise TypeError(f"the result holds a {type(x).__name__}, which JAX has no arrays of")


def _stand_in(x: Any) -> Any:
    if not _is_array(x):
        return x
    return np.empty(x.shape, x.dtype) if x.shape else np.zeros((), x.dtype)[()]


def _to_numpy(x: Any) -> Any:
    """A number for an array without dims, else a copy: JAX's own cannot be written into."""
    array = np.array(x)
    return array if array.ndim else array[()]
