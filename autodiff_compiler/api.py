"""What users call: grad, value_and_grad, vjp, compile, stop_gradient."""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import UnsupportedError
from .records import field_names, is_namedtuple, make_record, with_parts
from .signature import Request, Spec, StaticSpec, TreeSpec, describe, leaf_specs
from .specialize import StoredKernel, kernel_of

if TYPE_CHECKING:
    from .kernel import Kernel
    from .runtime.plan import Plan

__all__ = ["grad", "value_and_grad", "vjp", "compile", "stop_gradient"]

Argnums = int | str | Sequence[int | str]
Threads = int | str


# The compiler itself is imported when something is compiled, the launcher when something is
# decorated: `import autodiff_compiler` costs little more than `import numpy`.
def _dispatcher(
    f: Callable[..., Any], miss: Callable[..., Any], backend: str, **options: Any
) -> Any:
    from .runtime.compiler import find_compiler
    from .runtime.launcher import make_dispatcher

    prefer_c = backend != "python" and find_compiler() is not None
    return make_dispatcher(f, miss, prefer_c=prefer_c, **options)


class Transformed:
    """A function made by `grad`, `value_and_grad` or `compile`; called like the function it is of.

    Attributes: `primal` (the undecorated function), `transform` (which of the three), `argnums`
    (positions), `has_aux`, `backend`, `threads`.
    """

    primal: Callable[..., Any]
    transform: str
    argnums: int | tuple[int, ...]
    has_aux: bool
    backend: str
    threads: Threads
    _kernels: _Kernels

    def specialize(self, *args: Any, **kwargs: Any) -> Kernel | StoredKernel:
        """The kernel that a call with arguments of these types runs, compiled if need be.

        Raises what the call itself would raise on compilation.
        """
        return self._kernels.of(self.bind(*args, **kwargs))  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        if hasattr(self.primal, "__autodiff__"):
            return f"<{self.transform} of {repr(self.primal)[1:-1]}>"
        return f"<{self.transform} of {getattr(self.primal, '__qualname__', self.primal)}>"

    def _repr_html_(self) -> str | None:
        """In a notebook: the graph of the kernel that was made last."""
        newest = self._kernels.newest
        return None if newest is None else newest.graph()._repr_html_()

    def __reduce__(self) -> tuple[Any, ...]:
        from .pickling import pack

        options = (self.transform, self.argnums, self.has_aux, self.backend, self.threads)
        return _unpickled, (pack(self.primal), options)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        # Like a function, it has nothing in it that a copy could change.
        return self

    @cached_property
    def _portable(self) -> Any:
        from .pickling import innermost, portable

        return portable(innermost(self))

    @property
    def __autodiff__(self) -> dict[str, Any]:
        request = self._kernels.request
        return {
            "kind": request.kind, "function": self.primal, "argnums": self.argnums,
            "has_aux": self.has_aux, "request": request,
        }  # fmt: skip


class _Kernels:
    """The specialisations of one function, by the types of its arguments."""

    def __init__(
        self, function: Callable[..., Any], request: Request, backend: str, threads: Threads = 1
    ):  # fmt: skip
        self.function = function
        self.request = request
        self.backend = backend
        self.threads = threads
        self.known: dict[tuple[Spec, ...], list[Kernel | StoredKernel]] = {}
        #: by the types of a call: the places of integers whose values matter
        self.by_value: dict[tuple[Spec, ...], tuple[tuple[Any, ...], ...]] = {}
        self.lock = threading.Lock()
        self.newest: Kernel | StoredKernel | None = None

    def of(self, args: Sequence[Any]) -> Kernel | StoredKernel:
        """The kernel for these arguments: one whose guards still hold, or a new one.

        An integer that must be known (an axis, say) becomes part of the key by its value.
        """
        by_type = tuple(map(describe, args))
        while True:
            known = self.by_value.get(by_type, ())
            specs = tuple(pinned(s, a, (k,), known) for k, (s, a) in enumerate(zip(by_type, args)))
            found = self._of(specs, known)
            if not isinstance(found, tuple):
                return found
            self.by_value[by_type] = (*known, found)

    def _of(
        self, specs: tuple[Spec, ...], known: tuple[tuple[Any, ...], ...]
    ) -> Kernel | StoredKernel | tuple[Any, ...]:
        """A kernel, or the place of another integer among the arguments that must be known."""
        from .runtime.plan import still_holds

        with self.lock:
            for kernel in self.known.get(specs, ()):
                if still_holds(kernel.plan):
                    self.newest = kernel
                    return kernel
        found = kernel_of(
            self.function, self.request, specs, self.backend, specs, known,
            _number_of_threads(self.threads),
        )  # fmt: skip
        if not isinstance(found, tuple):
            with self.lock:
                self.known.setdefault(specs, []).insert(0, found)
                del self.known[specs][8:]
                self.newest = found
        return found

    def plan(self, args: Sequence[Any]) -> Plan:
        return self.of(args).plan


def pinned(spec: Spec, value: Any, path: tuple[Any, ...], known: Sequence[tuple[Any, ...]]) -> Spec:
    """The spec with the values at the paths `known` in place of their types."""
    if path in known:
        return StaticSpec(value)
    if not isinstance(spec, TreeSpec) or not known:
        return spec
    parts = zip(spec.items, spec.parts(value), spec.steps)
    items = tuple(pinned(s, part, (*path, k), known) for s, part, k in parts)
    return replace(spec, items=items)


def _transformed(
    f: Callable[..., Any], request: Request, argnums: Any, backend: str, threads: Threads
) -> Any:  # fmt: skip
    kernels = _Kernels(f, request, backend, threads)
    made = _dispatcher(f, kernels.plan, backend, mixin=Transformed)
    made.primal = f
    made.transform = request.kind
    made.argnums = argnums
    made.has_aux = request.has_aux
    made.backend = backend
    made.threads = threads
    made._kernels = kernels
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        if hasattr(f, name):
            setattr(made, name, getattr(f, name))
    made.__wrapped__ = f
    made.__signature__ = inspect.signature(f, follow_wrapped=False)
    return made


#: What came out of pickles, by function and options. Only functions that live as long as their
#: modules are kept; each of them is compiled once, however many pickles name it.
_from_pickles: dict[tuple[Any, ...], Any] = {}


def _unpickled(packed: Any, options: tuple[Any, ...]) -> Any:
    """The other half of `Transformed.__reduce__`."""
    from .pickling import look_up, unpack

    f = unpack(packed)
    found = look_up(f)
    if found is None:
        return _with_options(f, *options)
    while isinstance(found, Transformed):
        if found.primal is f and options == (
            found.transform, found.argnums, found.has_aux, found.backend, found.threads,
        ):  # fmt: skip
            return found
        found = found.primal
    return _from_pickles.setdefault((f, *options), _with_options(f, *options))


def _with_options(
    f: Callable[..., Any], kind: str, argnums: Any, has_aux: bool, backend: str, threads: Threads
) -> Any:
    if kind == "compile":
        return compile(f, backend=backend, threads=threads)
    return _derivative(kind, f, argnums, backend, has_aux, threads)


def _positions(f: Callable[..., Any], argnums: Argnums) -> int | tuple[int, ...]:
    """`argnums` as positions. Raises TypeError or ValueError for what names no parameter."""
    parameters = list(inspect.signature(f, follow_wrapped=False).parameters.values())

    def position(a: int | str) -> int:
        names = [p.name for p in parameters]
        if isinstance(a, str):
            if a not in names:
                raise ValueError(
                    f"{f.__name__}() has no parameter {a!r}; it has {', '.join(names)}"
                )
            a = names.index(a)
        if isinstance(a, bool) or not isinstance(a, (int, np.integer)):
            raise TypeError(f"argnums are parameter names or positions, not {a!r}")
        if not -len(names) <= a < len(names):
            raise ValueError(f"{f.__name__}() has {len(names)} parameters; argnums {a} is none")
        a = int(a) % len(names)
        if parameters[a].kind in (parameters[a].VAR_KEYWORD, parameters[a].VAR_POSITIONAL):
            raise ValueError(f"parameter {names[a]!r} collects arguments; name one that does not")
        return a

    if isinstance(argnums, (int, str, np.integer)):
        return position(argnums)
    out = tuple(position(a) for a in argnums)
    if not out or len(set(out)) != len(out):
        raise ValueError("argnums names at least one parameter, and none twice")
    return out


def _derivative(
    kind: str, f: Callable[..., Any] | None, argnums: Argnums, backend: str, has_aux: bool,
    threads: Threads,
) -> Any:  # fmt: skip
    if f is None:
        return lambda g: _derivative(kind, g, argnums, backend, has_aux, threads)
    if not callable(f):
        raise TypeError(f"{kind} takes a function, not {type(f).__name__}")
    _known_options(backend, threads)
    positions = _positions(f, argnums)
    single = isinstance(positions, int)
    wrt = (positions,) if isinstance(positions, int) else positions
    return _transformed(f, Request(kind, wrt, single, bool(has_aux)), positions, backend, threads)


def _known_options(backend: str, threads: Threads) -> None:
    if backend not in ("auto", "c", "python"):
        raise ValueError(f'backend is "auto", "c" or "python", not {backend!r}')
    if threads != 1:
        _number_of_threads(threads)


def _number_of_threads(threads: Threads) -> int:
    if threads == 1:
        return 1
    from .runtime.threads import number_of_threads

    return number_of_threads(threads)


def grad(
    f: Callable[..., Any] | None = None, argnums: Argnums = 0, *, backend: str = "auto",
    has_aux: bool = False, threads: Threads = 1,
) -> Any:  # fmt: skip
    """The gradient of a function that returns a scalar float.

    f        the function; left out when used as a decorator with options
    argnums  what to differentiate by: a position or a name, or a tuple of them
    backend  "auto" (C if a compiler is found, else Python), "c" or "python"
    has_aux  the function returns a pair (value, aux); the gradient function then returns
             (gradient, aux)
    threads  how many threads big loops of C may take, or "auto": one for each processor. Results
             are the same from run to run for a given number. Products of matrices take the
             threads of NumPy's BLAS, whatever is said here

    Returns a function of the same arguments. It gives one gradient for one argnum, a tuple for a
    tuple. A float has a float for a gradient, an array an array of its shape and dtype, a tuple,
    list or dict the same container. The arguments are never changed.

    Raises, when called: UnsupportedError for what cannot be differentiated correctly, TypeError for
    an argument that is no float, and whatever the function itself raises.
    """
    return _derivative("grad", f, argnums, backend, has_aux, threads)


def value_and_grad(
    f: Callable[..., Any] | None = None, argnums: Argnums = 0, *, backend: str = "auto",
    has_aux: bool = False, threads: Threads = 1,
) -> Any:  # fmt: skip
    """Like `grad`, but the function made returns `(value, gradient)`, in one run of both sweeps.

    With `has_aux` it returns `((value, aux), gradient)`.
    """
    return _derivative("value_and_grad", f, argnums, backend, has_aux, threads)


def compile(
    f: Callable[..., Any] | None = None, *, backend: str = "auto", threads: Threads = 1
) -> Any:
    """The function itself, compiled: the same results, the same writes into its arguments."""
    if f is None:
        return lambda g: compile(g, backend=backend, threads=threads)
    if not callable(f):
        raise TypeError(f"compile takes a function, not {type(f).__name__}")
    _known_options(backend, threads)
    return _transformed(f, Request("compile"), (), backend, threads)


def stop_gradient(x: Any) -> Any:
    """`x` itself, as a constant: no derivative passes through it. Takes numbers and arrays."""
    return x


# --- vjp ----------------------------------------------------------------------------------------


def vjp(
    f: Callable[..., Any], *primals: Any, backend: str = "auto", has_aux: bool = False,
    threads: Threads = 1,
) -> tuple[Any, ...]:  # fmt: skip
    """The value of `f` at `primals`, and the function that pulls a cotangent of it back.

    Returns `(value, pullback)`, with `has_aux` `(value, pullback, aux)`. `pullback(cotangent)` takes
    what has the structure, shapes and dtypes of the value (numbers for integers in it are ignored)
    and returns a tuple with one cotangent per primal, None for what holds no floats. The primals are
    copied, so that later changes to them do not matter; the pullback runs both sweeps.

    Raises what calling `f` raises; UnsupportedError; ValueError if a cotangent has the wrong shape.
    """
    if not callable(f):
        raise TypeError(f"vjp takes a function, not {type(f).__name__}")
    _known_options(backend, threads)
    kept = _copied(primals)
    value = _machine(f, backend, has_aux, threads).value(*_copied(primals))
    aux: tuple[Any, ...] = ()
    if has_aux:
        if not isinstance(value, tuple) or len(value) != 2:
            raise TypeError("with has_aux=True the function returns a pair (value, aux)")
        value, aux = value[0], (value[1],)

    return (value, Pullback(f, kept, value, backend, has_aux, threads), *aux)


class Pullback:
    """What `vjp` returns beside the value: called with a cotangent, it gives those of the primals."""

    def __init__(
        self, f: Callable[..., Any], primals: tuple[Any, ...], value: Any, backend: str,
        has_aux: bool, threads: Threads,
    ):  # fmt: skip
        self._machine = _machine(f, backend, has_aux, threads)
        self._told = (f, primals, value, backend, has_aux, threads)
        self._floats = [_has_float(describe(primal)) for primal in primals]

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        _, primals, value, *_ = self._told
        pulled = self._machine.pull(primals, tuple(_conform(cotangent, value)))
        if all(self._floats):
            return pulled
        given = iter(pulled)
        return tuple(next(given) if is_float else None for is_float in self._floats)

    def __reduce__(self) -> tuple[Any, ...]:
        from .pickling import pack

        f, *rest = self._told
        return _unpickled_pullback, (pack(f), *rest)


def _unpickled_pullback(packed: Any, *rest: Any) -> Pullback:
    """The other half of `Pullback.__reduce__`."""
    from .pickling import unpack

    return Pullback(unpack(packed), *rest)


class _VjpMachine:
    """The kernels behind `vjp` of one function, kept while the function lives."""

    def __init__(self, f: Callable[..., Any], backend: str, has_aux: bool, threads: Threads):
        self.f = weakref.ref(f)
        self.backend = backend
        self.has_aux = has_aux
        self.threads = threads
        self.value = compile(f, backend=backend, threads=threads)

        def pull(primals: tuple[Any, ...], cotangents: tuple[Any, ...]) -> None: ...

        def replay(primals: tuple[Any, ...], cotangents: tuple[Any, ...]) -> Any:
            return f(*primals)

        self.pull = _dispatcher(pull, self.plan, backend, replay=replay)

    def plan(self, args: Sequence[Any]) -> Plan:
        primals, cotangents = args
        known: tuple[tuple[Any, ...], ...] = ()
        while True:
            spec = pinned(describe(primals), primals, (), known)
            try:
                return self._plan(spec, describe(cotangents))
            except UnsupportedError as error:
                # The front end asks for a value by this; it is not imported to be told.
                path: tuple[Any, ...] = getattr(error, "path", ())
                if not path or path in known:
                    raise
                known = (*known, path)

    def _plan(self, spec: Spec, cotangents: Spec) -> Plan:
        assert isinstance(spec, TreeSpec)
        f = self.f()
        assert f is not None
        wrt = tuple(k for k, s in enumerate(spec.items) if _has_float(s))
        request = Request("vjp", wrt, False, self.has_aux)
        found = kernel_of(
            f, request, spec.items, self.backend, (spec, cotangents),
            threads=_number_of_threads(self.threads),
        )  # fmt: skip
        assert not isinstance(found, tuple)
        return found.plan


_machines: weakref.WeakKeyDictionary[Any, dict[Any, _VjpMachine]] = weakref.WeakKeyDictionary()


def _machine(
    f: Callable[..., Any], backend: str, has_aux: bool, threads: Threads
) -> _VjpMachine:  # fmt: skip
    try:
        known = _machines.setdefault(f, {})
    except TypeError:
        return _VjpMachine(f, backend, has_aux, threads)
    key = (backend, has_aux, threads)
    if key not in known:
        known[key] = _VjpMachine(f, backend, has_aux, threads)
    return known[key]


def _has_float(spec: Spec) -> bool:
    return any(leaf.dtype in ("f64", "f32") for leaf in leaf_specs(spec))


def _copied(tree: Any) -> Any:
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if type(tree) in (tuple, list):
        return type(tree)(map(_copied, tree))
    if type(tree) is dict:
        return {k: _copied(v) for k, v in tree.items()}
    if is_namedtuple(type(tree)):
        return make_record(type(tree), None, map(_copied, tree))
    names = field_names(tree)
    if names:
        return with_parts(tree, names, [_copied(getattr(tree, name)) for name in names])
    return tree


def _conform(cotangent: Any, value: Any) -> Iterator[Any]:
    """The cotangents of the floats in `value`, each of its shape and dtype."""
    names = field_names(value)
    if names:
        if type(cotangent) is not type(value):
            raise ValueError(f"the cotangent of a {type(value).__name__} is one as well")
        for name in names:
            yield from _conform(getattr(cotangent, name), getattr(value, name))
    elif type(value) in (tuple, list) or is_namedtuple(type(value)):
        if not isinstance(cotangent, (tuple, list)) or len(cotangent) != len(value):
            raise ValueError(
                f"the cotangent has the structure of the value, a {type(value).__name__}"
            )
        for c, v in zip(cotangent, value):
            yield from _conform(c, v)
    elif type(value) is dict:
        if type(cotangent) is not dict or list(cotangent) != list(value):
            raise ValueError(f"the cotangent is a dict with the keys {list(value)}")
        for key, v in value.items():
            yield from _conform(cotangent[key], v)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        array = np.asarray(cotangent, dtype=value.dtype)
        if array.shape != value.shape:
            raise ValueError(f"the cotangent has shape {array.shape}, the value {value.shape}")
        yield np.ascontiguousarray(array).reshape(value.shape)
    elif isinstance(value, (float, np.floating)):
        if np.ndim(cotangent) != 0:
            raise ValueError("the cotangent of a number is a number")
        yield type(value)(cotangent)
