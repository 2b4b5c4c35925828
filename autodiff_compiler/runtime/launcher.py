"""The launcher in C: built once per Python and NumPy, filled from plans, subclassed in Python.

`make_dispatcher` gives the fastest dispatcher that this machine can have. The C one keeps a short
list of plans of its own and hands what it cannot do to a `dispatch.Dispatcher`, its `inner`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..records import Field, maker
from ..signature import ArraySpec, ScalarSpec, Spec, StaticSpec
from .dispatch import Dispatcher
from .plan import Plan, Source, input_specs, same_value

__all__ = ["make_dispatcher", "dispatcher_class", "native_module"]

_NAME = "autodiff_compiler_launcher"

# Numbers shared with launcher.c.
_DTYPES = {n: k for k, n in enumerate("f64 f32 i64 i32 bool i8 i16 u8 u16 u32".split())}
_FLOAT, _INT, _BOOL, _NUMPY, _ARRAY, _IS, _EQ = range(7)
_CONTAINERS = {"tuple": 7, "list": 8, "dict": 9, "namedtuple": 10, "dataclass": 11}
_DICT, _CELL, _ATTR, _ITEM, _DEFAULT, _KWDEFAULT, _CONST, _HAS = range(8)
_HOW = {"is": 0, "code": 1, "eq": 2}
_RESULTS = {
    "leaf": 0, "arg": 1, "static": 2, "tuple": 3, "list": 4, "dict": 5, "capture": 6, "record": 7,
}  # fmt: skip
_NUMPY_SCALARS = {
    "f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_,
}  # fmt: skip


def make_dispatcher(
    function: Callable,
    miss: Callable[[tuple], Plan],
    prefer_c: bool = True,
    *,
    replay: Callable | None = None,
    mixin: type | None = None,
) -> Any:
    """A callable object that runs plans; an instance of `mixin` too, if one is given.

    `mixin` adds attributes and methods; it defines neither `__call__` nor `__init__`.
    """
    return dispatcher_class(prefer_c, mixin)(function, miss, replay)


_classes: dict[tuple[bool, type | None], type] = {}


def dispatcher_class(prefer_c: bool = True, mixin: type | None = None) -> type:
    """The class of dispatchers: `cls(function, miss, replay=None)`."""
    native = native_module() if prefer_c else None
    key = (native is not None, mixin)
    if key not in _classes:
        base = Dispatcher if native is None else _native_class(native)
        made = base
        if mixin is not None:
            made = type(mixin.__name__, (mixin, base), {"__module__": mixin.__module__})
        if native is not None:
            native.call_fast(made)
        _classes[key] = made
    return _classes[key]


def _native_class(native: ModuleType) -> type:
    if (True, None) in _classes:
        return _classes[True, None]

    class NativeDispatcher(native.Launcher):  # type: ignore[name-defined]
        """A `Dispatcher` whose common calls run in C."""

        def __init__(
            self, function: Callable, miss: Callable[[tuple], Plan], replay: Callable | None = None
        ):
            self.function = function
            self._forms: dict[Plan, Any] = {}
            self.inner = Dispatcher(function, miss, replay, self._admit)
            count = len(self.inner.bind.names) if self.inner.bind.simple else -1
            self._setup(count, self.inner.bind, self.inner.call, self.inner.failed)

        @property
        def bind(self) -> Any:
            return self.inner.bind

        @property
        def plans(self) -> list[Plan]:
            return self.inner.plans

        def call(self, args: tuple) -> Any:
            """The call, with one value per parameter."""
            return self.inner.call(args)

        def forget(self) -> None:
            """Drops all plans; the next call is a miss."""
            self.inner.forget()
            self._forms = {}
            self._forget()

        def _admit(self, plan: Plan) -> Any:
            if not plan.native:
                return None
            form = self._forms.get(plan)
            if form is None:
                known = self._forms.items()
                self._forms = {p: f for p, f in known if p in self.inner.plans}
                form = self._forms[plan] = native_plan(native, plan)
            self._install(form)
            return form.run

    _classes[True, None] = NativeDispatcher
    return NativeDispatcher


# -- plans for the C side -----------------------------------------------------------------------


def native_plan(native: ModuleType, plan: Plan) -> Any:
    """The C launcher's form of a plan."""
    nodes: list[tuple] = []
    for spec in plan.params:
        _put_nodes(spec, nodes)
    for capture in plan.captures:
        _put_nodes(capture.spec, nodes)
    return native.Plan(
        plan,
        plan.name,
        plan.entry,
        plan.table,
        len(plan.params),
        len(input_specs(plan)),
        len(plan.checks),
        tuple(nodes),
        tuple((_source(g.source), _HOW[g.how], g.expected) for g in plan.guards),
        tuple(_source(c.source) for c in plan.captures),
        tuple((o.kind == "array", _DTYPES[o.dtype], o.rank, o.python) for o in plan.outputs),
        tuple(plan.mutated),
        tuple(plan.writes),
        _result(plan.result),
    )


def _put_nodes(spec: Spec, nodes: list[tuple]) -> None:
    """(code, dtype, count, contiguous, ones, object) in pre-order."""
    if isinstance(spec, ScalarSpec):
        code = {"f64": _FLOAT, "i64": _INT, "bool": _BOOL}[spec.dtype] if spec.python else _NUMPY
        nodes.append((code, _DTYPES[spec.dtype], 0, False, 0, _NUMPY_SCALARS[spec.dtype]))
    elif isinstance(spec, ArraySpec):
        ones = sum(1 << k for k, one in enumerate(spec.ones) if one)
        nodes.append((_ARRAY, _DTYPES[spec.dtype], spec.rank, spec.contiguous, ones, None))
    elif isinstance(spec, StaticSpec):
        nodes.append((_IS if spec.by_identity else _EQ, 0, 0, False, 0, spec.value))
    else:
        keys = tuple(spec.keys)
        told: Any = {"namedtuple": spec.cls, "dataclass": (spec.cls, keys)}.get(spec.kind, keys)
        nodes.append((_CONTAINERS[spec.kind], 0, len(spec.items), False, 0, told))
        for item in spec.items:
            _put_nodes(item, nodes)


def _source(source: Source) -> tuple:
    """(code, inner source, a, b, c)."""
    kind = source[0]
    if kind == "dict":
        return (_DICT, None, source[1], source[2], source[3])
    if kind == "cell":
        return (_CELL, None, source[1], None, None)
    if kind == "const":
        return (_CONST, None, source[1], None, None)
    if kind == "default":
        function, name = source[1], source[2]
        code = function.__code__
        positional = code.co_varnames[: code.co_argcount]
        if name in positional:
            back = len(positional) - positional.index(name)
            return (_DEFAULT, None, function, back, None)
        return (_KWDEFAULT, None, function, name, None)
    code = {"attr": _ATTR, "item": _ITEM, "has": _HAS}[kind]
    return (code, _source(source[1]), None, source[2], None)


def _result(tree: tuple) -> tuple:
    kind, what = tree[0], tree[1]
    if kind == "dict":
        return (_RESULTS[kind], tuple(map(_result, tree[2])), tuple(what))
    if kind in ("tuple", "list"):
        return (_RESULTS[kind], tuple(map(_result, what)))
    if kind == "record":
        return (_RESULTS[kind], tuple(map(_result, tree[2])), maker(*what))
    if kind == "arg":
        return (_RESULTS[kind], tuple((isinstance(k, Field), k) for k in what))
    return (_RESULTS[kind], what)


# -- building -----------------------------------------------------------------------------------

_modules: dict[Any, ModuleType | None] = {}


def native_module() -> ModuleType | None:
    """The extension module, or None where it cannot be had: no compiler, no headers."""
    from .compiler import find_compiler  # only here, because importing the package must stay quick

    compiler = find_compiler()
    if compiler is None:
        return None
    if compiler not in _modules:
        module = _load(compiler)
        if module is not None:
            import threading

            module.setup(same_value, threading.main_thread().ident)
        _modules[compiler] = module
    return _modules[compiler]


def _load(compiler: Any) -> ModuleType | None:
    import sysconfig

    from .._version import __version__
    from ..errors import CompileError
    from .abi import KERNEL_PRELUDE
    from .build import build_library
    from .cache import default_cache, digest, private_cache

    folders = (sysconfig.get_path("include") or "", np.get_include())
    headers = ("Python.h", "numpy/arrayobject.h")
    if not all(Path(f, h).is_file() for f, h in zip(folders, headers)):
        return None
    flags = (*(f"-I{folder}" for folder in folders), "-w")
    here = Path(__file__).parent
    texts = [(here / n).read_text("utf-8") for n in ("launcher.c", "launcher_module.c")]
    source = "\n".join([KERNEL_PRELUDE, *texts])
    key = digest(
        "launcher", __version__, compiler.identity, sys.version, np.__version__,
        str(sysconfig.get_config_var("SOABI")), source, *flags,
    )  # fmt: skip
    for cache in (default_cache, lambda: private_cache("the launcher cannot be loaded from it")):
        try:
            return _import(build_library(compiler, source, key, flags, cache())[0])
        except CompileError:
            return None
        except ImportError:
            continue
    return None


def _import(path: Path) -> ModuleType:
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_file_location

    loader = ExtensionFileLoader(_NAME, str(path))
    spec = spec_from_file_location(_NAME, str(path), loader=loader)
    if spec is None:
        raise ImportError(f"{path} is no extension module")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
