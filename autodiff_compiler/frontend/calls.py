"""Calls: of the user's functions, which are traced where they stand, and of all others by kind."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import sys
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..records import owner_of
from . import (
    captures,
    container_calls,
    container_methods,
    derivatives,
    flavours,
    instances,
    iteration,
    iterator_calls,
    methods,
    names,
    numpy_calls,
    objects,
    reflection,
    scipy_stats,
)
from .frames import RESULT, RETURNED, Frame, PythonRaises
from .registry import invoke
from .scopes import FunctionNode, scope_of
from .source import find_source
from .values import (
    HEAPED,
    Abstract,
    ArrayRef,
    BoundMethod,
    DerivativeVal,
    DictRef,
    EnumerateVal,
    FunctionVal,
    GeneratorVal,
    IterRef,
    ListRef,
    Num,
    PartialVal,
    ReversedVal,
    Static,
    SuperVal,
    TupleVal,
    ZipVal,
)  # fmt: skip

if TYPE_CHECKING:
    from .tracer import Tracer

Args = list[Abstract]
Kwargs = dict[str, Abstract]

#: Builtins that give one of their numbers back, or compute with Python's own arithmetic.
_KEEP_FLAVOUR = (builtins.abs, builtins.max, builtins.min, builtins.sum, builtins.pow)
#: Functions that walk over what they are given.
_CONSUMERS = (builtins.sum, builtins.min, builtins.max, builtins.any, builtins.all, np.sum)
_PACKAGE = __name__.partition(".")[0]


def call(st: Tracer, callee: Abstract, args: Args, kwargs: Kwargs) -> Abstract:
    """`callee(*args, **kwargs)`."""
    if isinstance(callee, FunctionVal):
        return _inline_nested(st, callee, args, kwargs)
    if isinstance(callee, DerivativeVal):
        return derivatives.call(st, callee, args, kwargs)
    if isinstance(callee, PartialVal):
        return call(st, callee.function, [*callee.args, *args], {**callee.kwargs, **kwargs})
    if isinstance(callee, BoundMethod):
        return _call_method(st, callee, args, kwargs)
    if isinstance(callee, Static):
        return _call_known(st, callee, args, kwargs)
    if instances.class_of(callee) and instances.has_method(callee, "__call__"):
        return call(st, BoundMethod(callee, "__call__"), args, kwargs)
    if isinstance(callee, (Num, ArrayRef, TupleVal, *HEAPED)):
        raise PythonRaises("this is not callable")
    st.refuse("calling this is not supported")


def _call_known(st: Tracer, callee: Static, args: Args, kwargs: Kwargs) -> Abstract:
    function = callee.value
    transformed = derivatives.transform_of(callee)
    if transformed is not None:
        return call(st, transformed, args, kwargs)
    own = container_calls.BUILTINS.get(function) if _hashable(function) else None
    if own is None and _hashable(function):
        own = iterator_calls.CALLS.get(function) or reflection.CALLS.get(function)
    if own is not None:
        return own(st, args, kwargs)
    if _of_numpy(function):
        args = [_used(st, function, x) for x in args]
        return _call_library(st, function, args, kwargs)
    source = callee.source or ("const", function)
    if isinstance(function, MethodType):
        of_norm = scipy_stats.handler(function.__self__, function.__name__)
        if of_norm is not None:
            return _of_norm(st, of_norm, function.__name__, args, kwargs)
    scipy_stats.refuse_others(st, function)
    if isinstance(function, FunctionType):
        if _of_python(function):
            return _inline_of_python(st, function, source, args, kwargs)
        return _inline(st, function, source, args, kwargs)
    if isinstance(function, MethodType):
        inner = Static(function.__func__, ("attr", source, "__func__"))
        owner = Static(function.__self__, ("attr", source, "__self__"))
        return call(st, inner, [owner, *args], kwargs)
    if isinstance(function, functools.partial):
        return _call_partial(st, function, source, args, kwargs)
    if function is functools.partial and args:
        return PartialVal(
            args[0], tuple(names.kept(st, x) for x in args[1:]),
            {name: names.kept(st, x) for name, x in kwargs.items()},
        )  # fmt: skip
    if isinstance(function, functools._lru_cache_wrapper):
        st.refuse(
            "a function with `lru_cache` is not supported: what it gives may be of another call",
            "call the function itself: `f.__wrapped__(...)`",
        )
    if isinstance(function, type):
        return instances.make(st, callee, args, kwargs)
    if callable(getattr(function, "primal", None)):
        return call(st, Static(function.primal, ("attr", source, "primal")), args, kwargs)
    _, raw = owner_of(type(function), "__call__")
    if isinstance(raw, FunctionType):
        return call(st, BoundMethod(callee, "__call__"), args, kwargs)
    if not callable(function):
        raise PythonRaises(f"a {type(function).__name__} is not callable")
    st.refuse(f"`{getattr(function, '__name__', function)}` is not supported here")


def _used(st: Tracer, function: Any, x: Abstract) -> Abstract:
    """An iterator that is handed to a library's function."""
    if not isinstance(x, (GeneratorVal, IterRef, ZipVal, EnumerateVal, ReversedVal)):
        return x
    if function not in _CONSUMERS:
        st.refuse(
            f"`{function.__name__}` of an iterator is not supported",
            "make it a list: `[... for ...]`, or `list(...)`",
        )
    x = iteration.taken(st, x)
    return x if isinstance(x, ListRef) else iterator_calls.as_list(st, x)


def _hashable(x: Any) -> bool:
    try:
        hash(x)
    except TypeError:
        return False
    return True


def _of_numpy(function: Any) -> bool:
    """Is the function one that is known by itself, and not by its source?"""
    return numpy_calls.known(function)


def call_library(st: Tracer, function: Any, args: Args) -> Abstract:
    """A function of NumPy or Python by itself."""
    return _call_library(st, function, [_used(st, function, x) for x in args], {})


def _call_library(st: Tracer, function: Any, args: Args, kwargs: Kwargs) -> Abstract:
    """NumPy's functions, `math`'s and builtins."""
    everything = [*args, *kwargs.values()]
    # A condition only chooses: whose bool it is does not matter.
    flavours.check_mixed(st, everything[1:] if function is np.where else everything, "call")
    result = with_known_integers(
        st, everything, lambda given: numpy_calls.call(
            st, function, given[: len(args)], dict(zip(kwargs, given[len(args) :]))
        ),
    )  # fmt: skip
    return flavours.mixed_again(result, everything) if function in _KEEP_FLAVOUR else result


def with_known_integers(st: Tracer, args: Args, act: Any) -> Abstract:
    """Tries again with captured integers as compile-time ones, if the first attempt is refused."""
    if not any(captures.has_integer(st, x) for x in args):
        return act(args)
    result, error = st.attempt(lambda: act(args))
    if error is None:
        return result
    if any(captures.has_static(st, x) for x in args):
        return act([captures.made_static(st, x) for x in args])
    path = next((p for x in args if (p := captures.argument_path(st, x))), None)
    if path is None or isinstance(error, captures.NeedsValue):
        raise error
    asked = captures.NeedsValue(error.message, error.span, error.hint)
    asked.path = path
    raise asked


def _call_partial(
    st: Tracer, function: functools.partial, source: Any, args: Args, kwargs: Kwargs
) -> Abstract:
    inner = captures.known(st, function.func, ("attr", source, "func"), "func")
    first = [
        captures.known(st, value, ("item", ("attr", source, "args"), k), f"arg{k}")
        for k, value in enumerate(function.args)
    ]
    given = {
        name: captures.known(st, value, ("item", ("attr", source, "keywords"), name), name)
        for name, value in function.keywords.items()
    }
    return call(st, inner, [*first, *args], {**given, **kwargs})


def _call_method(st: Tracer, bound: BoundMethod, args: Args, kwargs: Kwargs) -> Abstract:
    owner = bound.self
    if isinstance(owner, SuperVal):
        return instances.call_super(st, bound, args, kwargs)
    if instances.class_of(owner):
        return instances.call_method(st, bound, args, kwargs)
    if isinstance(owner, (ListRef, DictRef, TupleVal)):
        return container_methods.call_method(st, owner, bound.name, args, kwargs)
    if isinstance(owner, Static) and isinstance(owner.value, str):
        return _call_string(st, owner.value, bound.name, args)
    if isinstance(owner, Static) and not isinstance(
        owner.value, (int, float, np.generic, np.ufunc)
    ):
        of_norm = scipy_stats.handler(owner.value, bound.name)
        if of_norm is not None:
            return _of_norm(st, of_norm, bound.name, args, kwargs)
        scipy_stats.refuse_others(st, owner.value, bound.name)
        return call(st, objects.method(st, bound), [owner, *args], kwargs)
    flavours.check_mixed(st, [owner, *args, *kwargs.values()], "call")
    return with_known_integers(
        st, [*args, *kwargs.values()], lambda given: methods.call(
            st, bound, given[: len(args)], dict(zip(kwargs, given[len(args) :]))
        ),
    )  # fmt: skip


def _of_norm(st: Tracer, of_norm: Any, name: str, args: Args, kwargs: Kwargs) -> Abstract:
    args = [_used(st, of_norm, x) for x in args]
    everything = [*args, *kwargs.values()]
    flavours.check_mixed(st, everything, "call")
    return invoke(st, of_norm, f"scipy.stats.norm.{name}", args, kwargs)


def _call_string(st: Tracer, text: str, name: str, args: Args) -> Abstract:
    if not all(isinstance(x, Static) for x in args):
        st.refuse("text made of numbers is not supported", "format results outside")
    try:
        return Static(getattr(text, name)(*(x.value for x in args if isinstance(x, Static))))
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise PythonRaises(str(error)) from None


def _of_python(function: FunctionType) -> bool:
    """Does it come with Python, so that its lines mean nothing to the user?"""
    root = (function.__module__ or "").partition(".")[0]
    return root in sys.stdlib_module_names and root != "__main__"


def _inline_of_python(
    st: Tracer, function: FunctionType, source: Any, args: Args, kwargs: Kwargs
) -> Abstract:
    result, error = st.attempt(lambda: _inline(st, function, source, args, kwargs))
    if isinstance(error, captures.NeedsValue):
        raise error
    if error is not None:
        name = f"{function.__module__}.{function.__qualname__}"
        st.refuse(f"{name} is not supported", "write its formula out, or call it outside")
    return result


# --- inlining ----------------------------------------------------------------------------------------


def _inline(
    st: Tracer, function: FunctionType, source: Any, args: Args, kwargs: Kwargs
) -> Abstract:
    """The user's function, traced here."""
    if (function.__module__ or "").partition(".")[0] == _PACKAGE and not st.is_entry():
        if st.frame.library:
            return inline_library(st, function, _in_order(function, args, kwargs))
        return derivatives.package_call(st, function, args, kwargs)
    found = find_source(function)
    st.captures.guard(source, function.__code__, "code")
    _check_recursion(st, found.node, function.__name__, function)
    frame = Frame(
        function.__name__, scope_of(found.node), found.filename, function,
        class_name=found.class_name, node=found.node,
    )  # fmt: skip
    defaults = function_defaults(st, function, found.node.args)
    frame.env.update(_bind(st, function.__name__, found.node.args, defaults, args, kwargs))
    return _run(st, frame, found.node)


def inline_library(st: Tracer, function: FunctionType, args: Args) -> Abstract:
    """A function of the package: its lines are not the user's, and it changes with nothing."""
    found = find_source(function)
    frame = Frame(
        function.__name__,
        scope_of(found.node),
        st.filename,
        function,
        node=found.node,
        library=True,
    )
    frame.env.update(_bind(st, function.__name__, found.node.args, {}, args, {}))
    return _run(st, frame, found.node)


def _in_order(function: FunctionType, args: Args, kwargs: Kwargs) -> Args:
    """The arguments of a call from one function of the package to another, defaults filled in."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    parameters = inspect.signature(function).parameters.values()
    return [bound.arguments.get(p.name, Static(p.default)) for p in parameters]


def _inline_nested(st: Tracer, callee: FunctionVal, args: Args, kwargs: Kwargs) -> Abstract:
    node = callee.node
    name = getattr(node, "name", "<lambda>")
    _check_recursion(st, node, name)
    outer: Frame = callee.frame
    frame = Frame(
        name, scope_of(node), outer.filename, outer=outer, class_name=outer.class_name, node=node,
        library=outer.library,
    )  # fmt: skip
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults = dict(zip([a.arg for a in positional][::-1], callee.defaults[::-1]))
    defaults.update(callee.kw_defaults)
    frame.env.update(_bind(st, name, node.args, defaults, args, kwargs))
    return _run(st, frame, node)


def _check_recursion(
    st: Tracer, node: FunctionNode, name: str, function: FunctionType | None = None
) -> None:
    """Of functions that exist already, two closures of one text are two: one may call the other."""
    same = [frame for frame in st.frames if frame.node is node]
    if any(function is None or frame.function is function for frame in same):
        st.refuse(f"`{name}` calls itself, which is not supported", "write it as a loop")


def _run(st: Tracer, frame: Frame, node: FunctionNode) -> Abstract:
    st.enter(frame)
    given = list(frame.env.items())
    names.make_boxes(st)
    for name, value in given:
        names.bind(st, name, value)
    frame.env[RETURNED] = Static(False)
    if isinstance(node, ast.Lambda):
        result = st.eval(node.body)
    else:
        st.run(node.body)
        result = _result(st, frame)
    raised = st.raised()
    st.leave()
    if raised:
        raise PythonRaises("raised in a call")
    return names.checked(st, result, f"the result of {frame.name}")


def _result(st: Tracer, frame: Frame) -> Abstract:
    returned = frame.env[RETURNED]
    if isinstance(returned, Static):
        return frame.env[RESULT] if returned.value else Static(None)
    result = frame.env.get(RESULT, Static(None))
    if isinstance(result, Static) and result.value is None:
        return result
    return names.nothing_on_some_way(frame.name)


def function_defaults(st: Tracer, function: FunctionType, args: ast.arguments) -> Kwargs:
    """Defaults are read where they stand, at every call; only those that are used are captured."""
    positional = [a.arg for a in (*args.posonlyargs, *args.args)]
    found: dict[str, Any] = dict(
        zip(positional[::-1], (function.__defaults__ or ())[::-1]),
        **(function.__kwdefaults__ or {}),
    )
    return {name: _Default(function, name, value) for name, value in found.items()}  # type: ignore[misc]


class _Default:
    """A default that is captured when a call leaves its parameter out."""

    def __init__(self, function: FunctionType, name: str, value: Any):
        self.function, self.name, self.value = function, name, value

    def taken(self, st: Tracer) -> Abstract:
        source = ("default", self.function, self.name)
        return captures.known(st, self.value, source, self.name)


def _bind(
    st: Tracer, name: str, params: ast.arguments, defaults: Kwargs, args: Args, kwargs: Kwargs
) -> Kwargs:
    """Arguments to parameters, by Python's rules."""
    env: Kwargs = {}
    positional = [a.arg for a in (*params.posonlyargs, *params.args)]
    env.update(zip(positional, args))
    extra = args[len(positional) :]
    if params.vararg:
        env[params.vararg.arg] = TupleVal(tuple(extra))
    elif extra:
        raise PythonRaises(f"{name}() takes {len(positional)} arguments, not {len(args)}")
    by_name = {a.arg for a in (*params.args, *params.kwonlyargs)}
    rest: dict[Any, Abstract] = {}
    for key, value in kwargs.items():
        if key not in by_name:
            rest[key] = names.kept(st, value)
        elif key in env:
            raise PythonRaises(f"{name}() got multiple values for argument '{key}'")
        else:
            env[key] = value
    if params.kwarg:
        env[params.kwarg.arg] = DictRef(st.new_list(rest).object)
    elif rest:
        raise PythonRaises(f"{name}() got an unexpected keyword argument '{next(iter(rest))}'")
    for parameter in (*positional, *(a.arg for a in params.kwonlyargs)):
        if parameter in env:
            continue
        if parameter not in defaults:
            raise PythonRaises(f"{name}() missing a required argument: '{parameter}'")
        default = defaults[parameter]
        env[parameter] = default.taken(st) if isinstance(default, _Default) else default
    return env
