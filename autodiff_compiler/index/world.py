"""All that a trace of a function could look at, as one digest: the function's world.

The walk begins at the function and goes wherever its code could lead: to the globals that it names,
closures, defaults, helpers and their code, classes with all they define, the attributes of modules
and objects that any of the code names. It asks nothing of the front end, so that a process can make
the digest before anything is traced; whatever the walk cannot describe makes the world unknown, and
then nothing is looked up and nothing kept.

Two processes with the same digest have walked the same way. So the number of an object, counted as
the walk meets them, names the corresponding object of the other process.

Numbers stand in the digest by type only: most are captured, and read at every call. `values` gives
the others (see `store`). Arrays stand there by what a kernel depends on, never by contents.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import functools
import sys
from abc import ABCMeta
from collections.abc import Iterator
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)  # fmt: skip
from typing import Any

import numpy as np

from ..runtime.cache import digest
from ..signature import ArraySpec, ScalarSpec, Spec, StaticSpec, TreeSpec, describe
from .code import Code, constant, is_foreign, is_library, read_code

__all__ = ["World", "Unknown", "look"]

#: Objects, and words: what takes longer to walk through is traced as quickly.
_LIMIT = 4_000
_WORDS = 100_000
_BUILTINS = vars(builtins)
_NUMBERS = (bool, int, float, complex)
#: What a class holds that no trace depends on, or that the digest has in another form.
_PASSED = {
    "__doc__", "__dict__", "__weakref__", "__module__", "__qualname__", "__annotations__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__conditional_annotations__", "__static_attributes__",
    "__firstlineno__", "__orig_bases__", "__parameters__", "__abstractmethods__", "_abc_impl",
    "__dataclass_params__",
}  # fmt: skip
_ENUM = {
    "_generate_next_value_", "_member_names_", "_member_map_", "_value2member_map_", "_member_type_",
    "_hashable_values_", "_unhashable_values_", "_unhashable_values_map_", "_value_repr_",
    "_new_member_", "_use_args_", "__new__",
}  # fmt: skip
#: Attributes that the front end asks any object for.
_ALWAYS = ("__autodiff__", "primal", "__wrapped__", "__signature__", "__text_signature__")
_DESCRIPTORS = (
    GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType, WrapperDescriptorType,
)  # fmt: skip


class Unknown(Exception):
    """There is something that the walk cannot describe."""


class _TooLarge(Exception):
    """The world has no end in sight."""


class World:
    """What the walk found. `root` is the function (of a method); `objects` by number; `slots`: each
    number met, by (holder, key)."""

    def __init__(self) -> None:
        self.root: Any = None
        self.text: list[str] = []
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.slots: dict[tuple[int, str], Any] = {}
        #: functions whose code the walk went through
        self.entered: dict[int, FunctionType] = {}
        #: modules by the numbers of their names
        self.modules: dict[int, ModuleType] = {}
        #: what was met and not described, by (holder, name): nothing may depend on it
        self.opaque: dict[tuple[int, str], None] = {}
        self.names: dict[str, None] = dict.fromkeys(_ALWAYS)
        #: modules, and objects of the user's: walked by the names that any code mentions
        self._spaces: list[tuple[int, dict[str, Any]]] = []
        self._asked: dict[tuple[int, str], None] = {}

    @property
    def digest(self) -> str:
        return digest("world", *self.text)

    def number_of(self, value: Any) -> int | None:
        """The number of an object; of a module, that of its names."""
        return self.numbers.get(id(vars(value) if isinstance(value, ModuleType) else value))

    # -- the walk -------------------------------------------------------------------------------

    def finish(self) -> None:
        """Walks modules and objects by the names that have come up, until none is left to ask."""
        while True:
            asked = len(self._asked)
            for holder, space in self._spaces:  # it grows while we walk
                for name in list(self.names):
                    if (holder, name) not in self._asked and name in space:
                        self._attribute(holder, space, name)
            if len(self._asked) == asked:
                return

    def _attribute(self, holder: int, space: dict[str, Any], name: str) -> None:
        """What stands under a name; what cannot be described is told by that alone."""
        self._asked[holder, name] = None
        marks = [len(told) for told in self._told()]
        try:
            self.put("slot", str(holder), name)
            self.visit(space[name], holder, name)
        except Unknown:
            for value in self.objects[marks[1] :]:
                self.numbers.pop(id(value), None)
            for told, mark in zip(self._told(), marks):
                if isinstance(told, list):
                    del told[mark:]
                else:
                    for key in list(told)[mark:]:
                        del told[key]
            self.opaque[holder, name] = None
            self.put("opaque", str(holder), name)

    def _told(self) -> tuple[Any, ...]:
        """All that grows as the walk goes on, in the order of its growth."""
        return (
            self.text, self.objects, self.slots, self.entered, self.names, self._spaces, self._asked,
            self.opaque, self.modules,
        )  # fmt: skip

    def put(self, *words: str) -> None:
        self.text += words
        if len(self.text) > _WORDS:
            raise _TooLarge

    def visit(self, value: Any, holder: int = -1, key: str = "") -> None:
        """Describes a value that stands under `key` in an object that was met before."""
        kind = type(value)
        if kind in _NUMBERS or isinstance(value, np.generic):
            if holder < 0:
                raise Unknown("a number that stands nowhere")
            self.put("number", kind.__name__)
            self.slots[holder, key] = value
            return
        if kind is str or kind is bytes or value is None or value is ... or value is NotImplemented:
            self.put(kind.__name__, str(value))
            if kind is str and value.isidentifier():
                self.names[value] = None  # for `getattr`
            return
        if isinstance(value, ModuleType):
            self._module(value)
            return
        known = self.numbers.get(id(value))
        if known is not None:
            self.put("again", str(known))
            return
        number = self._meet(value)
        self.put("object", kind.__name__)
        for classes, method in _WALKS:
            if isinstance(value, classes):
                method(self, value, number)
                return
        self._instance(value, number)

    def _meet(self, value: Any) -> int:
        number = len(self.objects)
        if number > _LIMIT:
            raise _TooLarge
        self.objects.append(value)
        self.numbers[id(value)] = number
        return number

    def _items(self, pairs: Iterator[tuple[Any, Any]], number: int) -> None:
        for key, value in pairs:
            told = self._key(key)
            self.put(told)
            self.visit(value, number, told)
        self.put("end")

    def _key(self, key: Any) -> str:
        """A key of a dict, or an item of a set, by its value."""
        try:
            return constant(key)
        except TypeError:
            if isinstance(key, np.generic):
                return f"{type(key).__name__} {key!r}"
            self.visit(key)
            return f"object {self.numbers.get(id(key))}"

    # -- kinds ----------------------------------------------------------------------------------

    def _module(self, module: ModuleType) -> None:
        space = vars(module)
        known = self.numbers.get(id(space))
        self.put("module", module.__name__, "" if known is None else str(known))
        if known is None:
            known = self._meet(space)
        if known not in self.modules:
            self.modules[known] = module
            self._spaces.append((known, space))

    def _function(self, function: FunctionType, number: int) -> None:
        self.put(function.__name__, str(function.__module__))
        code = function.__code__
        told = read_code(code)
        self.put(*told.text)
        if is_foreign(code.co_filename) or code.co_filename == "<string>":
            # Known by its name; or generated with a class, which says the same.
            self.put(*(_canonical(function) or ("foreign",)))
            return
        if function.__builtins__ is not _BUILTINS or told.rewritten:  # type: ignore[attr-defined]
            raise Unknown(f"the builtins, or the code, of {function.__name__}")
        if told.hashes:
            self._order()
        self.entered[number] = function
        self._defaults(function, number)
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            self.put("cell", name)
            self.visit(cell)
        self.put("attributes")
        self._items(iter(vars(function).items()), number)
        self._globals(function, told)
        self.names.update(told.attributes)

    def _order(self) -> None:
        """The order of sets differs from process to process: it goes by the hashes of strings."""
        self.put("order", str(hash("order of sets")))

    def _defaults(self, function: FunctionType, number: int) -> None:
        code = function.__code__
        defaults = function.__defaults__ or ()
        names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
        for name, value in (*zip(names, defaults), *(function.__kwdefaults__ or {}).items()):
            self.put("default", name)
            self.visit(value, number, f"default {name}")

    def _globals(self, function: FunctionType, told: Code) -> None:
        space = function.__globals__
        number = self.numbers.get(id(space))
        if number is None:
            number = self._meet(space)
        self.put("globals", str(number))
        for name in told.names:
            if (number, name) in self._asked:
                continue
            if name in space:
                self._attribute(number, space, name)
            elif name in _BUILTINS:
                self.put("builtin")
                self._attribute(number, _BUILTINS, name)
            else:
                self.put("absent", name)

    def _cell(self, cell: CellType, number: int) -> None:
        try:
            value = cell.cell_contents
        except ValueError:
            self.put("empty")
            return
        self.visit(value, number, "")

    def _method(self, method: MethodType, number: int) -> None:
        self.visit(method.__func__)
        self.visit(method.__self__)

    def _class(self, cls: type, number: int) -> None:
        self.put(cls.__name__, str(cls.__module__))
        if is_library(cls.__module__):
            canonical = _canonical(cls)
            if canonical is None or not (_empty(cls) or _sure(cls)):
                raise Unknown(f"the class {cls.__name__}")
            self.put(*canonical)
            return
        if type(cls) is ABCMeta:
            if not _sure(cls):
                raise Unknown("virtual subclasses")
            self.put("abstract", *sorted(cls.__abstractmethods__))
        elif type(cls) not in (type, enum.EnumMeta):
            raise Unknown(f"the metaclass of {cls.__name__}")
        if "__subclasshook__" in cls.__dict__:
            raise Unknown("subclasses by a program")
        self.put(type(cls).__name__, str(cls.__flags__))
        for base in cls.__bases__:
            self.visit(base)
        params = cls.__dict__.get("__dataclass_params__")
        self.put("" if params is None else repr(params))
        passed = _PASSED | _ENUM if isinstance(cls, enum.EnumMeta) else _PASSED
        self._items(((k, v) for k, v in cls.__dict__.items() if k not in passed), number)

    def _array(self, array: np.ndarray, number: int) -> None:
        if type(array) is not np.ndarray:
            raise Unknown("a subclass of arrays")
        try:
            self.put(str(describe(array)))
        except TypeError:
            self.put(str(array.dtype), str(array.shape), str(array.strides))

    def _dtype(self, dtype: np.dtype, number: int) -> None:
        self.put(dtype.str, repr(dtype))

    def _sequence(self, value: Any, number: int) -> None:
        if type(value) not in (list, tuple):
            self._instance(value, number)
            return
        self._items(((k, x) for k, x in enumerate(value)), number)

    def _dict(self, value: dict, number: int) -> None:
        if type(value) is not dict:
            raise Unknown("a subclass of dict")
        self._items(iter(value.items()), number)

    def _set(self, value: Any, number: int) -> None:
        if type(value) not in (set, frozenset):
            raise Unknown("a subclass of set")
        for item in value:  # in the order of this process
            self.put(self._key(item))
        if any(type(item) is not int for item in value):
            self._order()

    def _constant(self, value: Any, number: int) -> None:
        if isinstance(value, range):
            value = slice(value.start, value.stop, value.step)
        try:
            self.put(constant(value))
        except TypeError as error:
            raise Unknown(str(error)) from None

    def _partial(self, value: functools.partial, number: int) -> None:
        if type(value) is not functools.partial or vars(value):
            raise Unknown("a kind of partial")
        for part in (value.func, value.args, value.keywords):
            self.visit(part)

    def _descriptor(self, value: Any, number: int) -> None:
        if type(value) is property:
            parts: tuple[Any, ...] = (value.fget, value.fset, value.fdel)
        elif type(value) in (staticmethod, classmethod):
            parts = (value.__func__,)
        elif type(value) is functools.cached_property:
            parts = (value.func,)
        else:
            raise Unknown("a descriptor")
        for part in parts:
            self.visit(part)

    def _field(self, field: Any, number: int) -> None:
        kind = getattr(field._field_type, "name", "")
        self.put(field.name, kind, str((field.init, field.kw_only, field.compare, field.hash)))
        for name in ("default", "default_factory"):
            value = getattr(field, name)
            self.put(name)
            if value is not dataclasses.MISSING:
                self.visit(value, number, name)

    def _native(self, value: Any, number: int) -> None:
        """A function that is not written in Python: by its name, if that is where it is found."""
        if type(value).__name__ == "_tuplegetter":
            self.put(repr(value.__reduce__()[1]))
            return
        told = _canonical(value)
        if told is None:
            raise Unknown("a function without a name")
        self.put(*told)

    def _instance(self, value: Any, number: int) -> None:
        cls = type(value)
        told = getattr(cls, "__autodiff__", None)
        if isinstance(told, property) and is_foreign(told.fget.__code__.co_filename):  # type: ignore[union-attr]
            self._transformed(value.__autodiff__)
            return
        if isinstance(value, enum.Enum):
            self.visit(cls)
            self.put(str(value._name_))
            self.visit(value._value_, number, "value")
            return
        if isinstance(value, tuple):
            self.visit(cls)
            self._items(((k, x) for k, x in enumerate(value)), number)
            return
        if is_library(cls.__module__):
            if cls.__module__ == "scipy.stats._continuous_distns":
                # The one such object that the front end knows.
                if value is getattr(sys.modules.get("scipy.stats"), "norm", None):
                    self.put("scipy.stats.norm")
                    return
            if cls.__name__ != "SimpleNamespace":
                raise Unknown(f"a {cls.__name__}")
        elif any(is_library(base.__module__) and not _empty(base) for base in cls.__mro__):
            raise Unknown(f"a {cls.__name__}")
        self.visit(cls)
        self._spaces.append((number, _attributes(value)))

    def _transformed(self, told: dict[str, Any]) -> None:
        self.put(*(f"{name} {part!r}" for name, part in told.items() if name != "function"))
        self.visit(told["function"])

    # -- specs ----------------------------------------------------------------------------------

    def spec(self, spec: Spec) -> None:
        """An argument, by all that the key of its specialisation says."""
        if isinstance(spec, (ScalarSpec, ArraySpec)):
            self.put(repr(spec))
        elif isinstance(spec, StaticSpec):
            self.put("static", str(spec.by_identity))
            if type(spec.value) in _NUMBERS:
                self.put(constant(spec.value))
            else:
                self.visit(spec.value)
        elif isinstance(spec, TreeSpec):
            self.put(spec.kind, *map(constant, spec.keys))
            if spec.cls is not None:
                self.visit(spec.cls)
            for item in spec.items:
                self.spec(item)
            self.put("end")


_WALKS: tuple[tuple[Any, Any], ...] = (
    (FunctionType, World._function), (MethodType, World._method), (type, World._class),
    (CellType, World._cell), (np.ndarray, World._array), (np.dtype, World._dtype),
    ((list, tuple), World._sequence), (dict, World._dict), ((set, frozenset), World._set),
    ((range, slice), World._constant), (functools.partial, World._partial),
    ((property, staticmethod, classmethod, functools.cached_property), World._descriptor),
    (dataclasses.Field, World._field),
    ((BuiltinFunctionType, np.ufunc, type(np.sum), *_DESCRIPTORS), World._native),
    (type(__import__("collections").namedtuple("_Pair", "a").a), World._native),
)  # fmt: skip


def look(function: Any, specs: tuple[Spec, ...], *more: str) -> World | None:
    """The world of a function called with arguments of these specs, or None if it is unknown."""
    world = World()
    world.root = getattr(function, "__func__", function)
    world.put(*more)
    try:
        world.visit(function)
        for spec in specs:
            world.spec(spec)
        world.finish()
    except Exception:  # Unknown, _TooLarge, and what the user's own objects raise when looked at
        return None
    return world


def _canonical(value: Any) -> tuple[str, str] | None:
    """The module and name under which a library's function or class is found, if it is."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    home = getattr(value, "__objclass__", None)
    if not isinstance(name, str):
        return None
    if isinstance(home, type):
        return ("member", f"{home.__module__}.{name}") if is_library(home.__module__) else None
    tried = [getattr(value, "__module__", None), "numpy", "scipy.special", "operator"]
    for module in tried:
        if isinstance(module, str) and is_library(module):
            found: Any = sys.modules[module]
            for part in name.split("."):
                found = getattr(found, "__dict__", {}).get(part)
            if found is value:
                return module, name
    return None


def _sure(cls: type) -> bool:
    """Is `isinstance(x, cls)` decided by the classes alone, with none registered by a call?"""
    from _abc import _get_dump  # type: ignore[import-not-found]

    if not isinstance(cls, ABCMeta):
        return True
    return not _get_dump(cls)[0] and all(map(_sure, type.__subclasses__(cls)))


def _empty(cls: type) -> bool:
    """A class that gives its objects nothing to hold."""
    return (cls.__module__, cls.__name__) in (
        ("builtins", "object"), ("abc", "ABC"), ("typing", "Generic"),
    )  # fmt: skip


def _attributes(value: Any) -> dict[str, Any]:
    """What an object holds under names: its `__dict__`, and its slots."""
    held = dict(getattr(value, "__dict__", {}))
    for owner in type(value).__mro__:
        for name, member in vars(owner).items():
            if isinstance(member, MemberDescriptorType) and name not in held:
                try:
                    held[name] = member.__get__(value)
                except AttributeError:
                    continue
    return held
