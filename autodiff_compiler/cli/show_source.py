"""`show-source`: the derivative of a function in a file or module, as text."""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..api import _positions
from ..errors import CompileError, InternalError
from ..ir.types import FLOATS
from ..signature import (
    ArraySpec,
    Request,
    ScalarSpec,
    Spec,
    StaticSpec,
    TreeSpec,
    describe,
    leaf_specs,
)
from .argtypes import Typed, parse_types
from .faults import DIFFERENT, error, exit_codes, refusal
from .loading import load_function
from .output import read_text, write_file, write_stdout

if TYPE_CHECKING:
    from ..ir.graph import Function
    from ..kernel import Kernel

EPILOG_TYPES = """\
types:
  f64 i64 bool           Python's float, int, bool
  np.f64 f32 np.i64 i32  NumPy's numbers
  f64[n,3] f64[n,1]      arrays; a dim that is 1 is known to be 1, every other one is free
  (f64, f64) [f64, i64]  a tuple, a list
  {'a': f64[n]}          a dict
  None 'text'            a value that is known
A parameter without a type has that of its default value; without one, it is an f64 scalar. The
heading of the output names the types that were assumed."""
EPILOG = f"""\
{EPILOG_TYPES}

examples:
  python -m autodiff_compiler show-source neuron.py:loss --argnums w,b
  python -m autodiff_compiler show-source fit.py:loss --types "w: f64[3], x: f64[n,3]" --backend c
  python -m autodiff_compiler show-source package.module:loss -o loss_gradient.py
  python -m autodiff_compiler show-source package.module:loss --check loss_gradient.py
  python -m autodiff_compiler show-source neuron.py:loss --print-after reverse

{exit_codes('--check: the file holds something else')}"""

LANGUAGES = {"python": "python", "c": "c", "ir": "text"}
#: What a mistake in an emitter raises.
DEFECTS = (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "show-source",
        help="print the derivative of a function as Python or C",
        description="Print the derivative of a function as Python or C. The module is imported; the\n"
        "function is not run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the function, or pkg.mod:FUNCTION; it may be "
        "decorated with @grad, @value_and_grad or @compile")  # fmt: skip
    add("--argnums", metavar="A,B", help="parameters to differentiate by, by name or position; "
        "default: what the decorator says, else the first")  # fmt: skip
    add("--types", metavar="TYPES", default="", help="types of parameters, as below")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--primal", action="store_true", help="the function itself, no derivative")
    what.add_argument("--value-and-grad", action="store_true", help="the value, and the gradient")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("--backend", choices=tuple(LANGUAGES), default="python",
        help="which text: NumPy Python, C, or the compiler's own graph; default: python")  # fmt: skip
    text.add_argument("--print-after", metavar="PASS", help="the graph as this pass leaves it")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--check", metavar="FILE", help="print nothing but a diff, if FILE differs")
    where.add_argument("-o", "--output", metavar="FILE", help="write to FILE")
    add("--color", choices=("auto", "always", "never"), default="auto",
        help="auto: on a terminal, unless NO_COLOR is set")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    job = job_of(options)
    language = "ir" if options.print_after else options.backend
    text = _heading(job, options, language) + _emitted(job, options)
    if options.check:
        return _check(options.check, text, options.color)
    if options.output and options.output != "-":
        write_file(options.output, text)
    else:
        write_stdout(text, LANGUAGES[language], options.color)
    return 0


# --- what is asked for --------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """`origin`: "given", "default" (its default value's type) or "assumed"."""

    name: str
    typed: Typed
    origin: str


@dataclass(frozen=True)
class Job:
    """`reason`: why these parameters are differentiated by, for the heading."""

    function: Callable[..., Any]
    place: str
    request: Request
    parameters: tuple[Parameter, ...]
    reason: str


def job_of(options: argparse.Namespace) -> Job:
    types = parse_types(options.types)
    found = load_function(options.target)
    decorated = getattr(found, "__autodiff__", None) is not None
    function = found.primal if decorated else found
    parameters = parameters_of(function, types)
    kind = _kind(options, found.transform if decorated else "grad")
    if kind == "compile":
        if options.argnums is not None:
            raise error("--argnums: nothing is differentiated; leave it out, or ask for a gradient")
        request, reason = Request("compile"), ""
    else:
        argnums, reason = argnums_of(options.argnums, found, function)
        wrt = (argnums,) if isinstance(argnums, int) else argnums
        single = isinstance(argnums, int)
        request = Request(kind, wrt, single, decorated and found.has_aux)
        _check_floats(parameters, wrt)
    place = options.target.rpartition(":")[0]
    return Job(function, os.path.basename(place), request, parameters, reason)


def _kind(options: argparse.Namespace, own: str) -> str:
    if options.primal:
        return "compile"
    if options.value_and_grad:
        return "value_and_grad"
    if options.argnums is not None and own == "compile":
        return "grad"
    return own


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """The user's own function, below all transforms."""
    while (inner := getattr(function, "__autodiff__", None)) is not None:
        function = inner["function"]
    return function


def argnums_of(
    text: str | None, found: Callable[..., Any], function: Callable[..., Any]
) -> tuple[int | tuple[int, ...], str]:
    """Positions, and where they come from."""
    own = innermost(function)
    if text is not None:
        items = [item.strip() for item in text.split(",")]
        asked = [int(i) if re.fullmatch(r"-?\d+", i) else i for i in items if i]
        try:
            return _positions(own, asked[0] if "," not in text and asked else asked), ""
        except (TypeError, ValueError) as cause:
            raise error(f"--argnums {text}: {cause}") from None
    if found is not function and found.transform != "compile":  # type: ignore[attr-defined]
        return found.argnums, "as its decorator says"  # type: ignore[attr-defined]
    if not inspect.signature(own, follow_wrapped=False).parameters:
        raise error(f"{own.__name__}() has no parameters to differentiate by; see --primal")
    return 0, "its first parameter, for want of --argnums"


def parameters_of(function: Callable[..., Any], types: dict[str, Typed]) -> tuple[Parameter, ...]:
    own = innermost(function)
    signature = inspect.signature(own, follow_wrapped=False)
    for name in types:
        if name not in signature.parameters:
            there = ", ".join(signature.parameters) or "none"
            raise error(f"--types: {own.__name__}() has no parameter {name!r}; it has {there}")
    return tuple(_parameter(p, types.get(p.name)) for p in signature.parameters.values())


def _parameter(parameter: inspect.Parameter, typed: Typed | None) -> Parameter:
    name = parameter.name
    if typed is not None:
        return Parameter(name, typed, "given")
    if parameter.kind is parameter.VAR_POSITIONAL:
        return Parameter(name, _typed(TreeSpec("tuple", ())), "assumed")
    if parameter.kind is parameter.VAR_KEYWORD:
        return Parameter(name, _typed(TreeSpec("dict", ())), "assumed")
    if parameter.default is parameter.empty:
        return Parameter(name, _typed(ScalarSpec("f64")), "assumed")
    try:
        return Parameter(name, _typed(describe(parameter.default)), "default")
    except TypeError as cause:
        raise error(f"the default value of {name}: {cause}") from None


def _typed(spec: Spec) -> Typed:
    return Typed(spec, _spelled(spec))


def _spelled(spec: Spec) -> str:
    """A type in the words of --types, the same in every process."""
    if isinstance(spec, ScalarSpec):
        return str(spec) if spec.python or spec.dtype in ("f64", "i64", "bool") else spec.dtype
    if isinstance(spec, ArraySpec):
        return str(spec)
    if isinstance(spec, StaticSpec):
        if spec.by_identity:
            # Its repr may hold an address.
            return getattr(spec.value, "__name__", None) or f"a {type(spec.value).__name__}"
        return repr(spec.value)
    parts = [_spelled(item) for item in spec.items]
    if spec.cls is not None:
        inside = ", ".join(f"{k}={part}" for k, part in zip(spec.keys, parts))
        return f"{spec.cls.__name__}({inside})"
    if spec.kind == "dict":
        return "{" + ", ".join(f"{k!r}: {part}" for k, part in zip(spec.keys, parts)) + "}"
    inside = ", ".join(parts)
    return f"({inside})" if spec.kind == "tuple" else f"[{inside}]"


def _check_floats(parameters: Sequence[Parameter], wrt: Sequence[int]) -> None:
    for k in wrt:
        name, typed = parameters[k].name, parameters[k].typed
        dtypes = [leaf.dtype for leaf in leaf_specs(typed.spec)]
        if not dtypes or any(dtype not in FLOATS for dtype in dtypes):
            raise error(
                f"{name}: {typed.text} cannot be differentiated by, for it is not all floats; "
                "see --argnums and --types"
            )


# --- what is printed ----------------------------------------------------------------------------


class _Reached(Exception):
    """The pass that was asked for is done; what comes behind it need not be."""

    def __init__(self, function: Function):
        self.function = function


def _emitted(job: Job, options: argparse.Namespace) -> str:
    try:
        if options.print_after:
            return _after(job, options.print_after)
        kernel = _build(job)
        if kernel.program.raises:
            _tell_that_it_raises(job, kernel)
        return _text(kernel, options.backend)
    except CompileError as cause:
        raise refusal(cause, note_of(job, cause)) from None


def _tell_that_it_raises(job: Job, kernel: Kernel) -> None:
    """What is printed then is right, and seldom what was wanted."""
    from ..kernel import why_it_raises

    why = why_it_raises(kernel.program.function)
    print(f"note: every call with arguments of these types raises{why}", file=sys.stderr)
    if note := note_of(job):
        print(f"note: {note}", file=sys.stderr)


def _build(job: Job, watch: Callable[[str, Function], None] | None = None) -> Kernel:
    from ..kernel import build

    specs = [p.typed.spec for p in job.parameters]
    try:
        return build(job.function, job.request, specs, "python", watch)
    except TypeError as cause:
        # `build` says so of arguments and results that have no derivative.
        raise error(f"{innermost(job.function).__name__}: {cause}") from None


def _text(kernel: Kernel, backend: str) -> str:
    from ..pipeline import checking

    try:
        if backend == "c":
            return kernel.c_source
        return kernel.ir if backend == "ir" else kernel.source
    except DEFECTS as cause:
        # As where kernels are built: a defect of ours is a refusal, unless someone looks for it.
        if checking():
            raise
        raise InternalError(
            f"the compiler failed to write `{kernel.name}` ({type(cause).__name__}: {cause})",
            hint="this is a defect of autodiff_compiler; please report the function",
        ) from cause


def _after(job: Job, name: str) -> str:
    from ..ir.show import show
    from ..pipeline import PASS_NAMES

    if name not in PASS_NAMES:
        raise error(f"--print-after: there is no pass {name!r}; there are {', '.join(PASS_NAMES)}")
    passed = []

    def watch(done: str, function: Function) -> None:
        passed.append(done)
        if done == name:
            raise _Reached(function)

    try:
        _build(job, watch)
    except _Reached as reached:
        return show(reached.function)
    raise error(f"--print-after: the pass {name!r} is not run here; run are {', '.join(passed)}")


def note_of(job: Job, cause: CompileError | None = None) -> str:
    return note_on(job.parameters, cause)


def note_on(parameters: Sequence[Parameter], cause: CompileError | None = None) -> str:
    """A refusal often comes of a type that was assumed: of a parameter's that it is about."""
    names = [p.name for p in parameters if p.origin == "assumed"]
    if not names:
        return ""
    those = f"{', '.join(names)} {'was' if len(names) == 1 else 'were'}"
    marked = cause.span.marked() if cause else ""
    about = [n for n in names if re.search(rf"(?<![\w.]){re.escape(n)}(?!\w)", marked)]
    which = (about or names)[0]
    say = "say" if about or len(names) == 1 else "say which, as in"
    note = f'without a type, {those} taken as f64; for arrays {say} --types "{which}: f64[n]"'
    if cause and "no supported attribute" in cause.message:
        note += "; for an object, give the parameter a default value"
    return note


# --- the heading --------------------------------------------------------------------------------


def _heading(job: Job, options: argparse.Namespace, language: str) -> str:
    lines = list(_heading_lines(job))
    if options.print_after:
        lines[0] = f"After the pass {options.print_after}: {lines[0]}"
    if language != "c":
        return "".join(f"# {line}\n" for line in lines) + "\n"
    # A text in the types must not end the comment.
    lines = [line.replace("*/", "* /") for line in lines]
    return "/* " + "\n * ".join(lines) + "\n */\n\n"


def _heading_lines(job: Job) -> Iterator[str]:
    names = [p.name for p in job.parameters]
    called = f"{_label(job.function)}({', '.join(names)}) in {job.place}"
    by = " and ".join(", ".join(names[k] for k in job.request.wrt).rsplit(", ", 1))
    reason = f" ({job.reason})" if job.reason else ""
    aux = "; the second item of its result is passed on" if job.request.has_aux else ""
    if job.request.kind == "compile":
        yield f"{called}, itself: no derivative."
    elif job.request.kind == "grad":
        yield f"The gradient of {called}, by {by}{reason}{aux}."
    else:
        yield f"The value of {called}, and its gradient by {by}{reason}{aux}."
    for origin, title in (
        ("given", "Types as given: {}"),
        ("default", "Types of default values: {}"),
        ("assumed", "Types assumed, for none were given: {}"),
    ):
        typed = [f"{p.name}: {p.typed.text}" for p in job.parameters if p.origin == origin]
        if typed:
            yield title.format(", ".join(typed))


def _label(function: Callable[..., Any]) -> str:
    inner = getattr(function, "__autodiff__", None)
    if inner is None:
        return function.__name__
    return f"{inner['kind']}({_label(inner['function'])})"


# --- comparing ----------------------------------------------------------------------------------


def _check(filename: str, text: str, color: str) -> int:
    held = read_text(filename)
    if held == text:
        return 0
    diff = difflib.unified_diff(
        held.splitlines(keepends=True), text.splitlines(keepends=True), filename, "regenerated"
    )
    whole = "".join(line if line.endswith("\n") else f"{line}\n" for line in diff)
    write_stdout(whole, "diff", color)
    print(f"{filename} does not hold this derivative", file=sys.stderr)
    return DIFFERENT
