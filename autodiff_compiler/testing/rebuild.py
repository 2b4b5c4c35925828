"""The user's functions over again, with the same code and with stand-ins where they look names up.

A function is re-created from its code object, so what runs is what the user wrote; only the names it finds differ.
Helpers are found the same way wherever they are kept: in globals, closure cells, containers, or classes.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import sys
import types

import numpy as np

from . import transforms
from .dual_core import Dual, Passive, _Depth, lift
from .standins import BUILTINS, stand_in


class Rebuilder:
    """One run's copies of everything its functions can reach.  What a run changes, the next does not see."""

    def __init__(self):
        self._made = {}
        self._kept = []

    def __call__(self, x):
        if id(x) in self._made:
            return self._made[id(x)]
        self._kept.append(x)
        for kind, build in self._BUILDERS:
            if kind(x):
                return build(self, x)
        return stand_in(x)

    def _remember(self, original, copy):
        self._made[id(original)] = copy
        return copy

    def _array(self, x):
        if x.dtype.kind == "f":
            return self._remember(x, lift(np.array(x, copy=True), _Depth.current))
        return self._remember(x, np.array(x, copy=True).view(Passive))

    def _list(self, x):
        copy = self._remember(x, [])
        copy.extend(self(e) for e in x)
        return copy

    def _tuple(self, x):
        parts = [self(e) for e in x]
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)

    def _dict(self, x):
        copy = self._remember(x, {})
        copy.update((k, self(e)) for k, e in x.items())
        return copy

    def _function(self, f):
        cells = tuple(types.CellType() for _ in f.__closure__ or ())
        copy = types.FunctionType(f.__code__, self._globals(f), f.__name__, None, cells)
        self._remember(f, copy)
        for cell, original in zip(cells, f.__closure__ or (), strict=True):
            self._fill(cell, original)
        copy.__defaults__ = self(f.__defaults__)
        copy.__kwdefaults__ = self(f.__kwdefaults__)
        copy.__dict__.update(f.__dict__)
        return copy

    def _fill(self, cell, original):
        key = id(original)
        shared = self._made.get(key)
        if shared is None:
            self._kept.append(original)
            try:
                contents = original.cell_contents
            except ValueError:
                # A cell that the enclosing function has not filled yet stays empty here too.
                return
            shared = self._made[key] = self(contents)
        cell.cell_contents = shared

    def _globals(self, f):
        names = set(_names_in(f.__code__))
        table = self._made.get(id(f.__globals__))
        if table is None:
            table = self._remember(
                f.__globals__, {"__builtins__": BUILTINS, "__name__": f.__module__}
            )
            self._kept.append(f.__globals__)
        for name in names:
            if name in f.__globals__ and name not in table and name != "__builtins__":
                table[name] = None
                table[name] = self(f.__globals__[name])
        return table

    def _method(self, m):
        return types.MethodType(self(m.__func__), self(m.__self__))

    def _partial(self, p):
        keywords = {k: self(v) for k, v in p.keywords.items()}
        return functools.partial(self(p.func), *(self(a) for a in p.args), **keywords)

    def _class(self, cls):
        if not _is_users(cls) or issubclass(cls, (tuple, BaseException, enum.Enum)):
            return cls
        copy = types.new_class(cls.__name__, tuple(self(b) for b in cls.__bases__))
        self._remember(cls, copy)
        for name, member in vars(cls).items():
            if name not in _NOT_COPIED and not isinstance(member, types.MemberDescriptorType):
                setattr(copy, name, self._member(member))
        return copy

    def _member(self, member):
        if isinstance(member, (staticmethod, classmethod)):
            return type(member)(self(member.__func__))
        if isinstance(member, property):
            return property(*(g and self(g) for g in (member.fget, member.fset, member.fdel)))
        return self(member)

    def _instance(self, x):
        cls = self(type(x))
        copy = self._remember(x, object.__new__(cls))
        for name, value in _attributes(x):
            object.__setattr__(copy, name, self(value))
        return copy

    def argument(self, x):
        """An argument, whose numbers are seeded already, with objects of this run's own classes."""
        if isinstance(x, (list, tuple)):
            parts = [self.argument(e) for e in x]
            return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
        if type(x) is dict:
            return {k: self.argument(e) for k, e in x.items()}
        if not dataclasses.is_dataclass(x) or isinstance(x, type) or not _is_users(type(x)):
            return x
        copy = object.__new__(self(type(x)))
        for name, value in _attributes(x):
            object.__setattr__(copy, name, self.argument(value))
        return copy

    def _module(self, module):
        return UserModule(self, module)

    _BUILDERS = (
        (lambda x: isinstance(x, Dual), lambda self, x: x),
        (transforms.is_transform, lambda self, x: transforms.twin_of(x)),
        (transforms.is_transformed, lambda self, x: transforms.transformed_twin(x, self(x.primal))),
        (lambda x: isinstance(x, np.ndarray), _array),
        (lambda x: type(x) is list, _list),
        (lambda x: isinstance(x, tuple), _tuple),
        (lambda x: type(x) is dict, _dict),
        (lambda x: isinstance(x, types.FunctionType) and _is_users(x), _function),
        (lambda x: isinstance(x, types.MethodType) and _is_users(x.__func__), _method),
        (lambda x: isinstance(x, functools.partial), _partial),
        (lambda x: isinstance(x, type) and _is_users(x), _class),
        (lambda x: isinstance(x, types.ModuleType) and _is_users_module(x), _module),
        (
            lambda x: (
                _is_users(type(x))
                and (hasattr(x, "__dict__") or dataclasses.is_dataclass(x))
                and not callable_builtin(x)
                and not isinstance(x, enum.Enum)
            ),
            _instance,
        ),
    )


_NOT_COPIED = ("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__slots__")


def _attributes(x):
    """(name, value) of what an object holds, in its `__dict__` or in a dataclass's slots."""
    if hasattr(x, "__dict__"):
        return list(vars(x).items())
    return [(field.name, getattr(x, field.name)) for field in dataclasses.fields(x)]


def callable_builtin(x):
    return isinstance(x, (types.ModuleType, type))


class UserModule:
    """A module of the user's whose functions are re-created as they are looked up."""

    def __init__(self, rebuild, module):
        self._rebuild, self._module = rebuild, module

    def __getattr__(self, name):
        return self._rebuild(getattr(self._module, name))


def _names_in(code):
    yield from code.co_names
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _names_in(constant)


#: Libraries that stand-ins are for.
_LIBRARIES = ("numpy", "scipy")


def _is_users(x):
    root = (getattr(x, "__module__", None) or "builtins").split(".")[0]
    if root == "__main__":
        return True
    return (
        root not in _LIBRARIES
        and root not in sys.stdlib_module_names
        and root not in sys.builtin_module_names
    )


def _is_users_module(module):
    root = module.__name__.split(".")[0]
    return root not in _LIBRARIES and root not in sys.stdlib_module_names
