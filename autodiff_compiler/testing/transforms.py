"""Stand-ins for this package's own functions where a user's program calls them: the same meaning, by dual numbers."""

from __future__ import annotations

import inspect

_NAMES = ("grad", "value_and_grad", "vjp", "stop_gradient", "compile")


def is_transform(x) -> bool:
    module = getattr(x, "__module__", None) or ""
    return (
        inspect.isfunction(x)
        and module.split(".")[0] == "autodiff_compiler"
        and not module.startswith("autodiff_compiler.testing")
        and x.__name__ in _NAMES
    )


def is_transformed(x) -> bool:
    module = type(x).__module__ or ""
    return module.split(".")[0] == "autodiff_compiler" and hasattr(x, "primal")


def twin_of(x):
    return globals()[x.__name__ + "_twin"]


def transformed_twin(x, primal):
    """The object that @grad and its like made, with its options, over the re-created function."""
    kind = x.transform
    if kind == "compile":
        return primal
    twin = {"grad": grad_twin, "value_and_grad": value_and_grad_twin}[kind]
    return twin(primal, x.argnums, has_aux=x.has_aux)


def grad_twin(f=None, argnums=0, *, backend="auto", has_aux=False):
    return _by_call_or_decorator(f, argnums, has_aux, with_value=False)


def value_and_grad_twin(f=None, argnums=0, *, backend="auto", has_aux=False):
    return _by_call_or_decorator(f, argnums, has_aux, with_value=True)


def _by_call_or_decorator(f, argnums, has_aux, with_value):
    from . import oracles

    if f is None:
        return lambda g: _by_call_or_decorator(g, argnums, has_aux, with_value)

    def gradient(*args, **kwargs):
        args = oracles.positional(f, args, kwargs)
        value, aux, gradients = oracles.gradient_of(lambda: f, args, argnums, has_aux=has_aux)
        if not with_value:
            return (gradients, aux) if has_aux else gradients
        return ((value, aux) if has_aux else value), gradients

    return gradient


def compile_twin(f=None, *, backend="auto"):
    return f if f is not None else (lambda g: g)


def vjp_twin(f, *primals, backend="auto", has_aux=False):
    from . import oracles

    value = f(*primals)

    def pullback(cotangent):
        def paired(*args):
            return oracles.inner(cotangent, f(*args))

        return oracles.gradient_of(lambda: paired, primals, tuple(range(len(primals))))[2]

    return value, pullback


def stop_gradient_twin(x):
    from .dual_core import owned, primal

    if isinstance(x, (list, tuple)):
        return type(x)(stop_gradient_twin(e) for e in x)
    if isinstance(x, dict):
        return {k: stop_gradient_twin(e) for k, e in x.items()}
    value = primal(x)
    return owned(value.copy() if hasattr(value, "copy") else value)
