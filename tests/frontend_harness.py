"""Runs the graph that the front end makes of a function in the reference interpreter."""

import copy
import inspect

import numpy as np

from autodiff_compiler.frontend import trace
from autodiff_compiler.ir.check import check
from autodiff_compiler.ir.interpret import interpret
from autodiff_compiler.runtime.plan import Guard, guard_holds, read_source, source_name
from autodiff_compiler.signature import PASSIVE_DTYPES, describe, leaves


def bound(function, args):
    given = inspect.signature(function).bind(*args)
    given.apply_defaults()
    return list(given.arguments.values())


def build(tree, results, args):
    kind = tree[0]
    if kind == "leaf":
        value = results[tree[1]]
        return np.asarray(value).item() if tree[2] else value
    if kind == "static":
        return tree[1]
    if kind == "arg":
        found = args
        for part in tree[1]:
            found = found[part]
        return found
    parts = [build(part, results, args) for part in tree[-1]]
    if kind == "dict":
        return dict(zip(tree[1], parts))
    return tuple(parts) if kind == "tuple" else parts


def run(function, *given, derive=None):
    """(result, arguments as the program leaves them), of the traced graph."""
    args = bound(function, copy.deepcopy(given))
    specs = [describe(a) for a in args]
    traced = trace(function, specs, derive=derive, keep_writes=True)
    check(traced.function)
    for source, expected, how in traced.guards:
        assert guard_holds(Guard(source, expected, how)), (source_name(source), how)
    flat = [leaf for spec, a in zip(specs, args) for leaf in leaves(spec, a)]
    for source, spec in traced.captures:
        flat += leaves(spec, read_source(source))
    values = [
        x.astype(np.int64) if isinstance(x, np.ndarray) and x.dtype in PASSIVE_DTYPES else x
        for x in flat
    ]
    results = interpret(traced.function, values)
    for leaf, final in zip(traced.mutated, results[len(results) - len(traced.mutated) :]):
        flat[leaf][...] = final
    return build(traced.result, results, args), args


def same(a, b):
    """Equal structure and numbers."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if a is None or isinstance(a, str):
        return a == b
    x, y = np.asarray(a), np.asarray(b)
    return x.shape == y.shape and np.allclose(x, y, rtol=1e-13, atol=1e-13, equal_nan=True)


def agree(function, *args, derive=None):
    """The graph gives what Python gives, and leaves the arguments as Python leaves them."""
    theirs = bound(function, copy.deepcopy(args))
    want = function(*theirs)
    got, mine = run(function, *args, derive=derive)
    assert same(want, got), f"{function.__name__}: Python gives {want}, the graph {got}"
    for a, b in zip(theirs, mine):
        if not callable(a):
            assert same(a, b), f"{function.__name__}: Python leaves {a}, the graph {b}"
