"""One program through every oracle."""

from __future__ import annotations

import copy
import importlib.util
import itertools
import pathlib
import re
import warnings

import numpy as np

from autodiff_compiler.testing import OracleError, hvp_dual, jvp_dual
from autodiff_compiler.testing.checks import second_directional
from autodiff_compiler.testing.oracles import _one_slope

from .generate import ARGNUMS

DIRECTIONS = 3
# Differences of random programs are taken close by: the farther, the more often a branch is crossed.
STEP = 0.002
GRADIENT = 1e-7
VALUE = 1e-11
BETWEEN_BACKENDS = 1e-11
_counter = itertools.count()


class Failure(Exception):
    """A wrong result.  `str()` says which."""


class Kink(Exception):
    """The oracle has no derivative here to compare with."""


def load(source, folder):
    """The module of `source`, from a file, so that its functions have a source to be read."""
    name = f"random_program_{next(_counter)}"
    path = pathlib.Path(folder) / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module


def outcome(source, args, folder, *, backends, second=False, primal=False, outside=False):
    """A dict: `status` (ok, refused, mismatch, crash, kink, raises, invalid) and what is known about it."""
    warnings.simplefilter("ignore")
    reference, problem = _reference(source, args, folder, outside)
    if problem is not None:
        return problem
    gradients = {}
    refused = None
    for backend in backends:
        result = _on_backend(source, args, folder, backend, reference, second, primal, gradients)
        if result["status"] in ("mismatch", "crash", "kink"):
            return result
        refused = result if result["status"] in ("refused", "raises") else refused
    if refused is not None:
        # Where a program leaves the language, one back end may reach further (Python's integers, say).
        if gradients and refused["status"] == "refused" and not outside:
            return {"status": "mismatch", "detail": "one back end refuses: " + refused["detail"]}
        return refused
    if len(gradients) == 2:
        difference = _difference(gradients["python"], gradients["c"])
        if difference > (1e-4 if _coarse(source) else BETWEEN_BACKENDS):
            return {
                "status": "mismatch",
                "detail": f"the back ends differ by {difference:.3g} of the largest entry",
            }
    return {"status": "ok", "compared": reference["pushed"] is not None}


def _coarse(source):
    """Whether the program rounds to single precision somewhere."""
    return "float32" in source


def _reference(source, args, folder, outside):
    f = load(source, folder).f
    own = copy.deepcopy(args)
    reference = {"raises": None, "value": None, "pushed": None, "directions": None, "after": own}
    try:
        with np.errstate(all="ignore"):
            reference["value"] = f(*own)
    # Whatever a program outside the language raises is what it means; inside it means the generator is wrong.
    except Exception as error:
        if not outside:
            return None, {"status": "invalid", "detail": f"{type(error).__name__}: {error}"}
        reference["raises"] = type(error)
        return reference, None
    rng = np.random.default_rng(7)
    directions = [
        [
            rng.normal(size=args[0].shape),
            rng.normal(size=args[1].shape),
            float(rng.normal()),
            None,
            None,
        ]
        for _ in range(DIRECTIONS)
    ]
    try:
        pushed = [float(jvp_dual(load(source, folder).f, args, d)[1]) for d in directions]
    except OracleError as error:
        if outside:
            return reference, None
        return None, {"status": "invalid", "detail": f"OracleError: {error}"}
    except Exception as error:
        return None, {
            "status": "invalid" if not outside else "unreferenced",
            "detail": f"{type(error).__name__}: {error}",
        }
    reference.update(directions=directions, pushed=pushed)
    if not _smooth(f, args, directions[0], pushed[0], _coarse(source)):
        if outside:
            reference["pushed"] = None
            return reference, None
        return None, {"status": "kink", "detail": ""}
    return reference, None


def _smooth(f, args, direction, pushed, coarse):
    """Whether differences see the derivative that duals see; they do not at a kink, or where the program is too
    badly conditioned to be compared."""

    def along(h):
        own = copy.deepcopy(args)
        moved = [a if d is None else a + h * d for a, d in zip(own, direction)]
        with np.errstate(all="ignore"):
            return float(f(*moved))

    # Where single precision rounds a part of the program, which step sees through it depends on how large a part.
    settings = [(STEP, float, 1e-5)]
    if coarse:
        settings += [(0.05, np.float32, 2e-2), (1.0, np.float32, 2e-2)]
    for step, precision, tolerance in settings:
        slope, error = _one_slope(along, step, np.finfo(precision).eps)
        scale = max(abs(pushed), 1e-3)
        if error <= tolerance * scale and abs(slope - pushed) <= 10 * error + tolerance * scale:
            return True
    return False


def _on_backend(source, args, folder, backend, reference, second, primal, gradients):
    import autodiff_compiler as ad
    from autodiff_compiler.errors import UnsupportedError

    f = load(source, folder).f
    try:
        gradients[backend] = _first_order(ad, f, args, backend, reference, _coarse(source))
        if primal and reference["value"] is not None:
            _as_written(ad, load(source, folder).f, args, backend, reference, _coarse(source))
        # A second derivative of single precision has too few digits to be compared.
        if second and reference["pushed"] is not None and not _coarse(source):
            _second_order(ad, load(source, folder).f, args, backend)
    except Failure as failure:
        return {"status": "mismatch", "detail": f"{backend}: {failure}"}
    except Kink as kink:
        return {"status": "kink", "detail": f"{backend}: {kink}"}
    except UnsupportedError as error:
        return {"status": "refused", "detail": refusal_kind(error)}
    # Any other exception is either the user's own or a crash, and both are to be told apart and counted.
    except Exception as error:
        if reference["raises"] is not None and isinstance(error, reference["raises"]):
            return {"status": "raises", "detail": type(error).__name__}
        return {"status": "crash", "detail": f"{backend}: {type(error).__name__}: {error}"}
    return {"status": "ok"}


def refusal_kind(error):
    """The refusal without what differs from program to program: its message's first line, names and numbers struck."""
    text = str(error.args[0] if error.args else error).strip().split("\n")
    first = next((line for line in text if line.strip()), "")
    first = re.sub(r'^File ".*?", line \d+(, column \d+)?:?\s*', "", first.strip())
    first = re.sub(r"\S*random_program_\d+\.py[:\d]*", "", first)
    return (
        re.sub(r"\d+", "#", re.sub(r"[`'\"][^`'\"]*[`'\"]", "_", first))[:100]
        or (error.hint or "")[:100]
    )


def _first_order(ad, f, args, backend, reference, coarse):
    own = copy.deepcopy(args)
    value, gradient = ad.value_and_grad(f, argnums=ARGNUMS, backend=backend)(*own)
    if reference["raises"] is not None:
        raise Failure(f"gave {value!r} where the function raises {reference['raises'].__name__}")
    _compare_value(value, reference["value"], coarse)
    for k, (mine, theirs) in enumerate(zip(own, args)):
        if not np.array_equal(mine, theirs, equal_nan=True):
            raise Failure(f"argument {k} was changed by a gradient")
    largest = _largest(gradient)
    for direction, pushed in zip(reference["directions"] or (), reference["pushed"] or ()):
        ours = sum(float(np.sum(g * d)) for g, d in zip(gradient, direction))
        reach = sum(float(np.sum(np.abs(d))) for d in direction[:3])
        if not abs(ours - pushed) <= (1e-4 if coarse else GRADIENT) * largest * reach + 1e-13:
            raise Failure(f"gradient: {ours!r} along a direction, where duals say {pushed!r}")
    return gradient


def _compare_value(value, expected, coarse):
    scale = max(abs(float(expected)), 1.0)
    if not (
        abs(float(value) - float(expected)) <= (1e-5 if coarse else VALUE) * scale
        or (np.isnan(value) and np.isnan(expected))
        or value == expected
    ):
        raise Failure(f"value {float(value)!r}, Python gives {float(expected)!r}")


def _as_written(ad, f, args, backend, reference, coarse):
    own = copy.deepcopy(args)
    _compare_value(ad.compile(f, backend=backend)(*own), reference["value"], coarse)
    for k, (mine, theirs) in enumerate(zip(own, reference["after"])):
        if not np.allclose(
            mine, theirs, rtol=1e-5 if coarse else 1e-10, atol=1e-12, equal_nan=True
        ):
            raise Failure(f"compiled, argument {k} is left as {mine!r}, Python leaves {theirs!r}")


def _second_order(ad, f, args, backend):
    direction = np.cos(1.0 + np.arange(len(args[0])))
    expected = hvp_dual(f, args, [direction, None, None, None, None], 0)
    ours = second_directional(ad, f, len(args), 0, direction, backend)(*copy.deepcopy(args))
    # Where the oracle has no number at all (a repeated eigenvalue), there is nothing to hold ours to; where it has
    # some (a norm at zero in one of several sums), ours has none in the same places.
    known = ~np.isnan(expected)
    if expected.size and not np.any(known):
        raise Kink("the oracle's second derivative is not a number")
    scale = np.max(np.abs(expected[known]), initial=0.0) + 1e-9
    near = np.abs(ours - expected)[known] <= GRADIENT * scale + 1e-12
    if not np.all(near) or not np.all(np.isnan(ours[~known])):
        raise Failure(f"second order: {ours}, duals of duals say {expected}")


def _largest(gradient):
    return max(float(np.max(np.abs(g), initial=0.0)) for g in gradient)


def _difference(p, q):
    scale = max(_largest(p), 1e-12)
    return (
        max(
            float(np.max(np.abs(a - b), initial=0.0))
            for a, b in zip(map(np.asarray, p), map(np.asarray, q))
        )
        / scale
    )
