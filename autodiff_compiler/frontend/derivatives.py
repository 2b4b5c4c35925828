"""Derivatives inside a traced function: `grad(g)(x)`, and calls of what `@grad` decorates.

The inner function is traced into a block of its own, made a function of the IR, handed to whoever
derives functions, and what comes back is copied to where the call stands.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedError
from ..ir.build import Rewriter
from ..ir.graph import (
    Block,
    Function,
    Value,
    consumed_values,
    free_values,
)  # fmt: skip
from ..ir.types import FLOATS, Array, Scalar, Stack
from ..ops.elementwise import stop_gradient as stop_op
from ..ops.shape import copy
from . import arrays
from .frames import PythonRaises
from .numbers import as_num
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    DerivativeVal,
    FunctionVal,
    Num,
    Object,
    Static,
    TupleVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

_PACKAGE = __name__.partition(".")[0]
_MAKERS = ("grad", "value_and_grad")
_NO_FLOAT = "only floats, and arrays and containers of them, can be differentiated by"


def transform_of(callee: Static) -> Abstract | None:
    """What a decorated function stands for: a derivative, or (compiled only) the function itself."""
    told = getattr(callee.value, "__autodiff__", None)
    if not isinstance(told, dict):
        return None
    source = ("attr", callee.source or ("const", callee.value), "primal")
    primal = Static(told["function"], source)
    if told["kind"] == "compile":
        return primal
    return DerivativeVal(told["kind"], primal, told["argnums"], told["has_aux"])


def package_call(
    st: Tracer, function: FunctionType, args: list[Abstract], kwargs: dict[str, Abstract]
) -> Abstract:
    """A call of one of the package's own functions."""
    if function.__name__ == "stop_gradient" and len(args) == 1 and not kwargs:
        return _stopped(st, args[0])
    if function.__name__ in _MAKERS:
        return _made(st, function.__name__, args, kwargs)
    st.refuse(f"`{function.__name__}` is not supported inside a compiled function")


def _made(
    st: Tracer, kind: str, args: list[Abstract], kwargs: dict[str, Abstract]
) -> DerivativeVal:
    options = dict(kwargs)
    given = list(args)
    function = given.pop(0) if given else options.pop("f", None)
    if function is None:
        st.refuse(f"`{kind}` takes a function here")
    argnums = given.pop(0) if given else options.pop("argnums", Static(0))
    options.pop("backend", None)
    has_aux = options.pop("has_aux", Static(False))
    if given or options or not isinstance(has_aux, Static):
        st.refuse(f"this call of `{kind}` is not supported")
    return DerivativeVal(kind, function, _known_argnums(st, argnums), bool(has_aux.value))


def _known_argnums(st: Tracer, x: Abstract) -> Any:
    if isinstance(x, Static) and isinstance(x.value, (int, str)):
        return x.value
    if isinstance(x, TupleVal):
        return tuple(_known_argnums(st, item) for item in x.items)
    st.refuse("`argnums` must be known at compile time")


def _stopped(st: Tracer, x: Abstract) -> Abstract:
    if isinstance(x, Num):
        if x.dtype not in FLOATS:
            return x
        return Num(st.b.emit(stop_op, x.value), x.python, x.mixed)
    if isinstance(x, ArrayRef):
        if arrays.type_of(st, x).dtype not in FLOATS:
            return x
        # The array itself goes on being seen, so that a write to either would have to be seen.
        made = st.new_array(st.b.emit(stop_op, arrays.read(st, x)))
        made.object.locked = x.object.locked = "is seen through stop_gradient as well"
        return made
    if isinstance(x, TupleVal):
        return replace(x, items=tuple(_stopped(st, item) for item in x.items))
    if isinstance(x, HEAPED):
        entry = st.heap[x.object]
        if isinstance(entry, tuple):
            return st.new_list(tuple(_stopped(st, item) for item in entry))
        if isinstance(entry, dict):
            return _same_kind(st, x, {k: _stopped(st, v) for k, v in entry.items()})
        st.refuse("stop_gradient of a list that grows is not supported", "make it an array")
    return x


def _same_kind(st: Tracer, x: Any, entry: dict[Any, Abstract]) -> Abstract:
    """A new dict, or object of the class of `x`, with these contents."""
    return replace(x, object=st.new_list(entry).object)


# --- the call ----------------------------------------------------------------------------------------


@dataclass
class _Inner:
    """The arguments of the inner function: copies of what is differentiated by, and the rest."""

    params: list[Value] = field(default_factory=list)
    actuals: list[Value] = field(default_factory=list)
    objects: dict[Object, Object] = field(default_factory=dict)


def call(
    st: Tracer, callee: DerivativeVal, args: list[Abstract], kwargs: dict[str, Abstract]
) -> Abstract:
    """`grad(g)(*args, **kwargs)`."""
    if st.derive is None:
        st.refuse("derivatives inside a function are not supported here")
    signature = _signature(st, callee.function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise PythonRaises(str(error)) from None
    wanted = callee.argnums if isinstance(callee.argnums, tuple) else (callee.argnums,)
    chosen = [_parameter_name(st, signature, a) for a in wanted]
    missing = [name for name in chosen if name not in bound.arguments]
    if missing:
        st.refuse(f"the derivative by the default of `{missing[0]}` is not supported", "pass it")
    span = st.b.span
    before = st.snapshot()
    originals = [bound.arguments[name] for name in chosen]
    st.b.open()
    inner = _Inner()
    for name, value in list(bound.arguments.items()):
        bound.arguments[name] = (
            _parameter(st, inner, value) if name in chosen else _passed(st, inner, value)
        )
    result = st.call_function(callee.function, list(bound.args), bound.kwargs)
    value, aux = _split(st, callee, result)
    leaves: list[Value] = [_float_value(st, value)]
    aux_tree = None if aux is None else _flatten(st, aux, leaves)
    _check_untouched(st, inner, before)
    block = st.b.close(inner.params, leaves)
    st.restore(before)
    st.b.span = span
    made = _derived(st, callee, block, len(inner.params))
    free = list(made.free)
    results = inline(st, made.function, [*inner.actuals, *free])
    st.b.span = span
    given = iter(results)
    python = isinstance(value, Num) and value.python
    first = Num(next(given), python, isinstance(value, Num) and value.mixed)
    rest = [next(given) for _ in leaves[1:]]
    gradients = [_gradient(st, x, given) for x in originals]
    gradient = TupleVal(tuple(gradients)) if isinstance(callee.argnums, tuple) else gradients[0]
    return _shaped(callee, first, gradient, aux_tree and _rebuild(st, aux_tree, rest))


def _shaped(
    callee: DerivativeVal, value: Abstract, gradient: Abstract, aux: Abstract | None
) -> Abstract:
    if callee.kind == "grad":
        return gradient if aux is None else TupleVal((gradient, aux))
    return TupleVal((value if aux is None else TupleVal((value, aux)), gradient))


def _signature(st: Tracer, function: Abstract) -> inspect.Signature:
    """The parameters of what is differentiated, for binding and for `argnums`."""
    while isinstance(function, DerivativeVal):
        function = function.function
    if isinstance(function, FunctionVal):
        return _nested_signature(function.node.args)
    if isinstance(function, Static) and callable(function.value):
        told = getattr(function.value, "__autodiff__", None)
        if isinstance(told, dict):
            return _signature(st, Static(told["function"]))
        return inspect.signature(function.value, follow_wrapped=False)
    st.refuse("this is no function that can be differentiated here")


def _nested_signature(args: ast.arguments) -> inspect.Signature:
    kinds = inspect.Parameter
    found = []
    optional = len(args.posonlyargs) + len(args.args) - len(args.defaults)
    for k, a in enumerate((*args.posonlyargs, *args.args)):
        kind = kinds.POSITIONAL_ONLY if k < len(args.posonlyargs) else kinds.POSITIONAL_OR_KEYWORD
        found.append(kinds(a.arg, kind, default=None if k >= optional else kinds.empty))
    if args.vararg:
        found.append(kinds(args.vararg.arg, kinds.VAR_POSITIONAL))
    for a, d in zip(args.kwonlyargs, args.kw_defaults):
        found.append(kinds(a.arg, kinds.KEYWORD_ONLY, default=kinds.empty if d is None else None))
    if args.kwarg:
        found.append(kinds(args.kwarg.arg, kinds.VAR_KEYWORD))
    return inspect.Signature(found)


def _parameter_name(st: Tracer, signature: inspect.Signature, argnum: int | str) -> str:
    listed = list(signature.parameters)
    if isinstance(argnum, str) and argnum in listed:
        return argnum
    if isinstance(argnum, int) and -len(listed) <= argnum < len(listed):
        return listed[argnum]
    st.refuse(f"argnums {argnum!r} names no parameter")


# --- arguments ---------------------------------------------------------------------------------------


def _parameter(st: Tracer, inner: _Inner, x: Abstract) -> Abstract:
    """A copy of an argument that is differentiated by, made of the block's own parameters."""
    number = as_num(st, x)
    if number is not None:
        if number.dtype not in FLOATS:
            st.refuse(f"{_NO_FLOAT}, not an integer", "pass a float")
        with st.b.at(st.b.depth - 1):
            # A literal must stand outside the block that is derived.
            outside = as_num(st, x)
        assert outside is not None
        made = st.b.param(Scalar(number.dtype), number.value.name)
        inner.params.append(made)
        inner.actuals.append(outside.value)
        return Num(made, number.python, number.mixed)
    if isinstance(x, ArrayRef):
        if arrays.type_of(st, x).dtype not in FLOATS:
            st.refuse(f"{_NO_FLOAT}, not an array of integers", "pass an array of floats")
        _check_shapes(st, inner, x)
        with st.b.at(st.b.depth - 1):
            actual = arrays.read(st, x)
        made = st.b.param(actual.type, x.object.name, st.b.dims[actual])
        inner.params.append(made)
        inner.actuals.append(actual)
        ref = st.new_array(made)
        inner.objects.setdefault(x.object, ref.object)
        return ref
    return _mapped(st, x, lambda item: item if _is_none(item) else _parameter(st, inner, item))


def _is_none(x: Abstract) -> bool:
    """None in a container holds a place, and its derivative is None."""
    return isinstance(x, Static) and x.value is None


def _check_shapes(st: Tracer, inner: _Inner, x: ArrayRef) -> None:
    """Inside, each argument is an array of its own."""
    if any(o.origin is x.object.origin and o is not x.object for o in inner.objects):
        st.refuse(
            "an array and a reshape of it are given to a function that is differentiated",
            "give one of them, and reshape it inside",
        )


def _passed(st: Tracer, inner: _Inner, x: Abstract) -> Abstract:
    """An argument that is not differentiated by. What is written into it is written into a copy."""
    if isinstance(x, ArrayRef):
        _check_shapes(st, inner, x)
        if x.object in inner.objects:
            x.object.locked = (
                x.object.locked or "is given twice to a function that is differentiated"
            )
            inner.objects[x.object].locked = x.object.locked
        with st.b.at(st.b.depth - 1):
            actual = arrays.read(st, x)
        ref = st.new_array(actual, x.object.name)
        ref.object.locked = x.object.locked
        ref.object.foreign = x.object.foreign
        inner.objects.setdefault(x.object, ref.object)
        return ref
    if isinstance(x, (TupleVal, *HEAPED)):
        return _mapped(st, x, lambda item: _passed(st, inner, item))
    return x


def _mapped(st: Tracer, x: Abstract, act: Any) -> Abstract:
    if isinstance(x, TupleVal):
        return replace(x, items=tuple(map(act, x.items)))
    if isinstance(x, HEAPED):
        entry = st.heap[x.object]
        if isinstance(entry, tuple):
            return st.new_list(tuple(map(act, entry)))
        if isinstance(entry, dict):
            return _same_kind(st, x, {k: act(v) for k, v in entry.items()})
        st.refuse("a list that grows cannot be given to a function that is differentiated")
    st.refuse(_NO_FLOAT + " here")


def _check_untouched(st: Tracer, inner: _Inner, before: Any) -> None:
    changed = [made for made, entry in before.heap.items() if st.heap.get(made) is not entry]
    if changed:
        st.refuse(
            "a function that is differentiated writes into an array from outside",
            "let it work on a copy",
        )


# --- results -----------------------------------------------------------------------------------------


def _split(st: Tracer, callee: DerivativeVal, result: Abstract) -> tuple[Abstract, Abstract | None]:
    if not callee.has_aux:
        return result, None
    if not isinstance(result, TupleVal) or len(result.items) != 2:
        st.refuse("with has_aux=True the function returns a pair (value, aux)")
    return result.items[0], result.items[1]


def _float_value(st: Tracer, x: Abstract) -> Value:
    number = as_num(st, x)
    if number is None and isinstance(x, ArrayRef) and not arrays.dims_of(st, x):
        return arrays.operand(st, x).value
    if number is None or number.dtype not in FLOATS:
        st.refuse("the gradient is that of a function that returns a float")
    return number.value


@dataclass
class _Leaf:
    """Where a leaf of the auxiliary result is found among the results."""

    number: int
    python: bool
    mixed: bool


def _flatten(st: Tracer, x: Abstract, leaves: list[Value]) -> Any:
    if isinstance(x, Num):
        leaves.append(x.value)
        return _Leaf(len(leaves) - 2, x.python, x.mixed)
    if isinstance(x, ArrayRef):
        value = arrays.read(st, x)
        leaves.append(st.b.emit(copy, value))
        return _Leaf(len(leaves) - 2, False, False)
    if isinstance(x, TupleVal):
        return (x, [_flatten(st, item, leaves) for item in x.items])
    entry = st.heap[x.object] if isinstance(x, HEAPED) else None
    if isinstance(entry, tuple):
        return [_flatten(st, item, leaves) for item in entry]
    if isinstance(entry, dict):
        return (x, {k: _flatten(st, v, leaves) for k, v in entry.items()})
    if isinstance(x, Static):
        return x
    st.refuse("this cannot be an auxiliary result")


def _rebuild(st: Tracer, tree: Any, values: Sequence[Value]) -> Abstract:
    if isinstance(tree, _Leaf):
        value = values[tree.number]
        if isinstance(value.type, Array):
            return st.new_array(value)
        return Num(value, tree.python, tree.mixed)
    if isinstance(tree, list):
        return st.new_list(tuple(_rebuild(st, item, values) for item in tree))
    if isinstance(tree, tuple):
        like, parts = tree
        if isinstance(like, TupleVal):
            return replace(like, items=tuple(_rebuild(st, item, values) for item in parts))
        return _same_kind(st, like, {k: _rebuild(st, v, values) for k, v in parts.items()})
    return tree


def _gradient(st: Tracer, x: Abstract, given: Any) -> Abstract:
    """A gradient in the structure of its argument."""
    if isinstance(x, ArrayRef):
        return arrays.fresh_array(st, next(given))
    if isinstance(x, (TupleVal, *HEAPED)):
        return _mapped(st, x, lambda item: item if _is_none(item) else _gradient(st, item, given))
    python = not isinstance(x, Num) or x.python
    return Num(next(given), python, isinstance(x, Num) and x.mixed)


# --- from block to function, and back ------------------------------------------------------------------


@dataclass
class _Derived:
    function: Function
    free: list[Value]


def _derived(st: Tracer, callee: DerivativeVal, block: Block, count: int) -> _Derived:
    free = free_values(block)
    if any(isinstance(v.type, Stack) for v in free):
        st.refuse(
            "a function that is differentiated uses a list that grew outside of it",
            "make it an array: `np.array(items)`",
        )
    whole = Block((*block.params, *free), block.nodes, block.results)
    assert st.derive is not None
    try:
        made = st.derive(
            callee.kind, Function("inner", whole, st.filename), list(range(count)), callee.has_aux
        )
    except UnsupportedError as error:
        if error.span.lineno:
            raise
        raise UnsupportedError(error.message, st.b.span, error.hint) from None
    return _Derived(made, free)


class _Inliner(Rewriter):
    def __init__(self, st: Tracer):
        super().__init__()
        self.b = st.b


def inline(st: Tracer, function: Function, actuals: Sequence[Value]) -> list[Value]:
    """Copies the nodes of a function to here. What it consumes is a copy of what it is given."""
    eaten = consumed_values(function.block.nodes)
    copier = _Inliner(st)
    for param, actual in zip(function.params, actuals, strict=True):
        copier.env[param] = st.b.emit(copy, actual) if param in eaten else actual
    copier.nodes(function.block.nodes)
    results: list[Value] = []
    for value in function.results:
        result = copier.env[value]
        if isinstance(result.type, Array) and (result in results or result in actuals):
            result = st.b.emit(copy, result)
        results.append(result)
    return results
