"""The launcher in Python: finds the plan that fits a call, runs its kernel, shapes the results.

`launcher.c` does the same for the common case, to the same rules, and hands everything unusual to
`Dispatcher.call`, so that each rule that is not about speed stands here only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import MethodType
from typing import Any, cast

import numpy as np

from ..errors import CheckFailed, UnsupportedError
from ..records import Field, make_record
from ..signature import (
    DTYPES,
    PASSIVE_DTYPES,
    ArraySpec,
    ScalarSpec,
    Spec,
    StaticSpec,
    describe,
    leaves,
)  # fmt: skip
from .abi import CHECK_FAILED, INTERRUPTED, NO_MEMORY
from .binding import Binder, deep_copy
from .plan import MISSING, Plan, guard_holds, input_specs, leaf_names, read_source, same_value

__all__ = ["Dispatcher", "MAX_PLANS"]

#: How many plans a dispatcher tries before it asks for one. `miss` may keep more.
MAX_PLANS = 8

_NUMPY_TYPES: dict[str, Any] = {
    name: dtype for dtype, name in (*PASSIVE_DTYPES.items(), *DTYPES.items())
}
_CONTAINERS: dict[str, type] = {"tuple": tuple, "list": list, "dict": dict}
_PYTHON_TYPES = {"f64": float, "f32": float, "i64": int, "i32": int, "bool": bool}
#: What Python code raises on its own where C kernels report a failed check.
_NATURAL = (ArithmeticError, LookupError, ValueError, TypeError, AssertionError)


class _Leaves:
    """What a call hands to a kernel, and what was read on the way."""

    __slots__ = ("values", "captured")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.captured: list[Any] = []


class Dispatcher:
    """Calls of `function` by compiled kernels.

    `miss(args)` makes a plan for a call that none of the known ones fits; `args` holds one value
    per parameter. `replay` is called, as `function` would be, when a kernel's check has failed.
    `native` gives, for the plan of each call that comes here, what runs its kernel on prepared
    leaves (as `foreign.call` does it for all plans), or None.
    """

    def __init__(
        self,
        function: Callable,
        miss: Callable[[tuple], Plan],
        replay: Callable | None = None,
        native: Callable[[Plan], Callable | None] | None = None,
    ):
        self.function = function
        self.plans: list[Plan] = []
        self.bind = Binder(function)
        self._miss = miss
        self._replay = function if replay is None else replay
        self._native = native
        self._simple = len(self.bind.names) if self.bind.simple else -1
        self._missing = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != self._simple:
            args = self.bind(*args, **kwargs)
        return self.call(args)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def call(self, args: tuple) -> Any:
        """The call, with one value per parameter."""
        found = self._find(args)
        if found is None:
            # One thread compiles; the others then find what it has made.
            with self._missing:
                found = self._find(args) or self._make(args)
        plan, given = found
        runner = self._native(plan) if self._native is not None else None
        return self._run(plan, args, given, runner)

    def forget(self) -> None:
        """Drops all plans; the next call is a miss."""
        self.plans = []

    def _find(self, args: tuple) -> tuple[Plan, _Leaves] | None:
        plans = self.plans  # guards may run Python code that comes back here and changes the list
        for plan in plans:
            given = _match(plan, args)
            if given is not None:
                if plan is not plans[0]:
                    self._put_first(plan)
                return plan, given
        return None

    def _make(self, args: tuple) -> tuple[Plan, _Leaves]:
        plan = self._miss(args)
        given = _match(plan, args)
        if given is None:
            raise UnsupportedError(
                "the captured values of this function change while it is being compiled,"
                " or are not equal to themselves",
                plan.span,
            )
        self._put_first(plan)
        return plan, given

    def _put_first(self, plan: Plan) -> None:
        others = [p for p in self.plans if p is not plan]
        self.plans = [plan, *others][:MAX_PLANS]

    # -- running ----------------------------------------------------------------------------

    def _run(self, plan: Plan, args: tuple, given: _Leaves, runner: Callable | None) -> Any:
        values, written_back = self._prepare(plan, args, given.values)
        # What the kernel writes in place must be as it was if the call fails.
        kept = [(values[k], values[k].copy()) for k in plan.writes]
        failure: tuple[int, str] | None = None
        done = False
        try:
            status, where, outputs = _enter(plan, values, runner)
            if status == CHECK_FAILED:
                failure = (where, "")
            elif status == NO_MEMORY:
                raise MemoryError(f"no memory for the work of {plan.name}")
            elif status == INTERRUPTED:
                raise KeyboardInterrupt
            done = status == 0
        except CheckFailed as error:
            failure = (error.where, "")
        except _NATURAL as error:
            if plan.native:
                raise
            failure = (-1, f"{type(error).__name__}: {error}")
        finally:
            if not done:
                for array, before in kept:
                    array[...] = before
        if failure is not None:
            # Outside the handlers, so that no error of ours is the context of the user's.
            return self.failed(plan, args, *failure)
        for original, private in written_back:
            np.copyto(original, private)
        return _build(plan.result, outputs, args, given.captured)

    def _prepare(self, plan: Plan, args: tuple, given: list) -> tuple[list, list]:
        """Contiguous leaves of the kernels' dtypes, and the pairs to be copied back."""
        values = list(given)
        written_back = []
        if plan.mutated:
            self._check_overlaps(plan, args, values)
        for k, value in enumerate(values):
            if type(value) is not np.ndarray:
                continue
            flags = value.flags
            if value.dtype in PASSIVE_DTYPES:
                values[k] = value.astype(np.int64, order="C")
            elif not (flags.c_contiguous and flags.aligned):
                values[k] = value.copy(order="C")
                if k in plan.writes:
                    written_back.append((value, values[k]))
        return values, written_back

    def _check_overlaps(self, plan: Plan, args: tuple, values: list) -> None:
        arrays = [k for k, v in enumerate(values) if type(v) is np.ndarray]
        for k in plan.mutated:
            name = self._leaf_name(plan, k)
            if not values[k].flags.writeable:
                self.failed(plan, args, -1, f"'{name}' is read-only and may be written")
            if _overlaps_itself(values[k]):
                raise UnsupportedError(
                    f"'{name}' is written, and several of its elements are one place in memory",
                    plan.span,
                    hint=f"pass {name}.copy()",
                )
            for other in arrays:
                if other != k and _share_memory(values[k], values[other]):
                    raise UnsupportedError(
                        f"'{name}' is written, and shares memory with "
                        f"'{self._leaf_name(plan, other)}'",
                        plan.span,
                        hint="pass a copy of one of them",
                    )

    def _leaf_name(self, plan: Plan, leaf: int) -> str:
        return leaf_names(plan, self.bind.names)[leaf]

    # -- failing ----------------------------------------------------------------------------

    def failed(self, plan: Plan, args: tuple, where: int, reason: str = "") -> None:
        """Lets out the exception that the user's own function raises; never returns.

        The caller's arrays hold what they held before the call. A derivative leaves them so; the
        function itself (`plan.writes`) leaves what the Python function would have left.
        """
        own = bool(plan.writes)
        kept = _kept_arrays(plan, args, own)
        raised = True
        try:
            self.bind.call(self._replay, args if own else deep_copy(args))
            raised = False
        finally:
            if not (own and raised):
                for array, before in kept:
                    array[...] = before
        span = plan.span
        if 0 <= where < len(plan.checks):
            span, reason = plan.checks[where]
        raise UnsupportedError(
            "a check of the compiled code failed where the function itself raises nothing: "
            + (reason or f"check {where}"),
            span,
        )


def _kept_arrays(plan: Plan, args: tuple, own: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """The arrays that running the user's function may change and their contents."""
    values: list[Any] = []
    for spec, arg in zip(plan.params, args):
        values.extend(leaves(spec, arg))
    first_captured = len(values)
    for capture in plan.captures:
        values.extend(leaves(capture.spec, read_source(capture.source)))
    return [
        (values[k], values[k].copy())
        for k in plan.mutated
        if (own or k >= first_captured) and values[k].flags.writeable
    ]


# -- matching ---------------------------------------------------------------------------------


def _match(plan: Plan, args: tuple) -> _Leaves | None:
    if len(args) != len(plan.params):
        return None
    given = _Leaves()
    for spec, arg in zip(plan.params, args):
        if not _take(spec, arg, given.values):
            return None
    for guard in plan.guards:
        if not guard_holds(guard):
            return None
    for capture in plan.captures:
        value = read_source(capture.source)
        if value is MISSING or not _take(capture.spec, value, given.values):
            return None
        given.captured.append(value)
    return given


def _take(spec: Spec, value: Any, into: list) -> bool:
    """Whether `value` fits `spec`; its leaves are put into the list."""
    if isinstance(spec, ScalarSpec | ArraySpec):
        if (type(value) is np.ndarray) is not isinstance(spec, ArraySpec):
            return False
        try:
            if describe(value) != spec:
                return False
        except TypeError:
            return False
        into.append(value)
        return True
    if isinstance(spec, StaticSpec):
        return value is spec.value if spec.by_identity else same_value(value, spec.value)
    if type(value) is not (spec.cls or _CONTAINERS[spec.kind]):
        return False
    if spec.kind == "dataclass":
        if not all(hasattr(value, str(name)) for name in spec.keys):
            return False
    elif len(value) != len(spec.items):
        return False
    if spec.kind == "dict" and not all(map(same_value, cast(Any, value), spec.keys)):
        return False
    return all(_take(item, part, into) for item, part in zip(spec.items, spec.parts(value)))


# -- memory -----------------------------------------------------------------------------------


def _share_memory(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=100_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _overlaps_itself(array: np.ndarray) -> bool:
    """True unless the strides show that no two elements meet."""
    end = array.itemsize
    for stride, n in sorted(zip(map(abs, array.strides), array.shape)):
        if n > 1:
            if stride < end:
                return array.size > 0
            end = stride * (n - 1) + end
    return False


# -- kernels ----------------------------------------------------------------------------------


def _enter(plan: Plan, values: list, runner: Callable | None) -> tuple[int, int, tuple]:
    """Runs the kernel: status, number of the failed check, flat outputs."""
    if runner is not None:
        return runner(tuple(v.item() if isinstance(v, np.generic) else v for v in values))
    if isinstance(plan.entry, int):
        from . import foreign

        return foreign.call(plan, input_specs(plan), values)
    # C kernels give no warnings either.
    with np.errstate(all="ignore"):
        outputs = plan.entry(*values)
    if len(outputs) != len(plan.outputs):
        raise RuntimeError(
            f"{plan.name} gave {len(outputs)} outputs instead of {len(plan.outputs)}"
        )
    return 0, -1, tuple(map(_as_declared, plan.outputs, outputs))


def _as_declared(out: Any, value: Any) -> Any:
    if out.kind == "array":
        return np.asarray(value, _NUMPY_TYPES[out.dtype])
    return _PYTHON_TYPES[out.dtype](value) if out.python else _NUMPY_TYPES[out.dtype].type(value)


def _build(tree: tuple, outputs: tuple, args: tuple, captured: list) -> Any:
    kind, what = tree[0], tree[1]
    if kind == "leaf":
        return outputs[what]
    if kind == "static":
        return what
    if kind == "arg":
        value = args[what[0]]
        for key in what[1:]:
            value = getattr(value, key) if isinstance(key, Field) else value[key]
        return value
    if kind == "capture":
        return captured[what]
    if kind == "dict":
        return {k: _build(t, outputs, args, captured) for k, t in zip(what, tree[2])}
    parts = [_build(t, outputs, args, captured) for t in tree[-1]]
    if kind == "record":
        cls, names = what
        return make_record(cls, names, parts)
    return tuple(parts) if kind == "tuple" else parts
