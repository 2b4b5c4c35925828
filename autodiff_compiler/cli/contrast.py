"""`contrast`: the static graph here beside the dynamic graph that PyTorch builds."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import CompileError
from .callargs import as_floats, parse_arguments
from .faults import DIFFERENT, Fault, error, exit_codes, refusal
from .loading import load_function
from .output import use_color
from .show_source import argnums_of, innermost

if TYPE_CHECKING:
    from ..contrast.report import Call

EPILOG = f"""\
The function is written once more as eager PyTorch and run with `requires_grad` on the same arguments;
the graph of `grad_fn` that each call leaves is walked, counted and set beside the graph here, which
is the same for all calls. Two sets of arguments that take different branches, or loop a different
number of times, give two dynamic graphs. Gradients must agree; times and memory are measured in the
same run. Needs PyTorch: pip install 'autodiff_compiler[torch]'

examples:
  python -m autodiff_compiler contrast neuron.py:loss --argnums w,b --args "0.6, -0.3, x=1.5, y=1.0"
  python -m autodiff_compiler contrast newton.py:root --args "0.8, 0.6" --args "3.0, 0.1"
  python -m autodiff_compiler contrast fit.py:loss --args "np.zeros(3), load_data()" --format markdown
  python -m autodiff_compiler contrast neuron.py:loss --source

{exit_codes('the gradients differ')}"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "contrast",
        help="the static graph here beside the dynamic graph that PyTorch builds",
        description="The static graph here beside the dynamic graph that PyTorch builds.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py:FUNCTION", help="the function, or pkg.mod:FUNCTION; it may be "
        "decorated with @grad or @value_and_grad")  # fmt: skip
    add("--args", metavar="ARGS", action="append", default=[], help="the arguments of a call, as between "
        "its parentheses; may be given more than once; `np` and the module's names are known")  # fmt: skip
    add("--argnums", metavar="A,B", help="parameters to differentiate by, by name or position; "
        "default: what the decorator says, else the first")  # fmt: skip
    add("--backend", choices=("auto", "c", "python"), default="auto",
        help="what the gradient here is compiled to; default: C, if there is a compiler")  # fmt: skip
    add("--format", choices=("text", "markdown"), default="text", help="default: text")
    add("--source", action="store_true", help="also print the function as eager PyTorch")
    add(
        "--no-measure",
        action="store_true",
        help="leave out times and memory: the same text each time",
    )
    add("--color", choices=("auto", "always", "never"), default="auto",
        help="auto: on a terminal, unless NO_COLOR is set")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("torch") is None:
        raise error("contrast needs PyTorch: pip install 'autodiff_compiler[torch]'")
    from ..contrast.report import agrees, as_markdown, as_text, sections

    found = load_function(options.target)
    function = _primal(found)
    argnums, _ = argnums_of(options.argnums, found, function)
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    calls = _calls(function, positions, options)
    heading = _heading(function, options.target, positions, calls)
    parts = [*([_text_of_twin(calls[0])] if options.source else []), *sections(calls)]
    if options.format == "markdown":
        sys.stdout.write(as_markdown(heading, parts))
    else:
        sys.stdout.write(as_text(heading, parts, use_color(options.color)))
    return 0 if all(map(agrees, calls)) else DIFFERENT


def _primal(found: Any) -> Callable[..., Any]:
    function = innermost(found)
    given = found
    while (inner := getattr(given, "__autodiff__", None)) is not None:
        if inner["has_aux"]:
            raise error("contrast takes functions that return one number; has_aux is not supported")
        given = inner["function"]
    return function


def _calls(
    function: Callable[..., Any], positions: tuple[int, ...], options: argparse.Namespace
) -> list[Call]:
    import torch

    from ..api import value_and_grad

    torch.set_num_threads(1)
    gradient = value_and_grad(function, positions, backend=options.backend)
    texts = options.args or [""]
    return [_call(gradient, text, options) for text in texts]


def _call(gradient: Any, text: str, options: argparse.Namespace) -> Call:
    from ..contrast.recording import record
    from ..contrast.report import Call
    from ..contrast.twin import make_twin
    from ..signature import Request

    function, positions = gradient.primal, gradient.argnums
    given, named = as_floats(function, *parse_arguments(text, function), positions)
    args = gradient.bind(*given, **named)
    try:
        kernel = gradient.specialize(*args)
        twin = make_twin(function, kernel, Request("value_and_grad", positions, False))
    except CompileError as cause:
        raise refusal(cause) from None
    except TypeError as cause:
        raise error(f"{function.__name__}: {cause}") from None
    value, gradients = _run(gradient, args, text)
    recording = _recorded(record, twin, args)
    flat = _flat(gradients, kernel, positions)
    call = Call(_shown(text), kernel, twin, recording, value, flat)
    return call if options.no_measure else _measured(call, gradient, args)


def _run(gradient: Callable[..., Any], args: Sequence[Any], text: str) -> tuple[Any, Any]:
    try:
        return gradient(*args)
    except CompileError as cause:
        raise refusal(cause) from None
    except Exception as cause:  # the user's function may raise anything
        raise Fault(
            f"error: the function raises, with --args {text!r}: {type(cause).__name__}: {cause}"
        ) from None


def _recorded(record: Callable[..., Any], twin: Any, args: Sequence[Any]) -> Any:
    from ..errors import CheckFailed

    try:
        return record(twin, args)
    except (CheckFailed, RuntimeError, TypeError, ValueError, IndexError) as cause:
        raise Fault(
            f"error: the function as PyTorch fails: {type(cause).__name__}: {cause}"
        ) from None


def _flat(gradients: Any, kernel: Any, positions: Sequence[int]) -> tuple[Any, ...]:
    """The gradients leaf by leaf, as the twin gives them."""
    from ..contrast.twin import float_leaves

    specs = kernel.program.params
    return tuple(
        leaf for k, part in zip(positions, gradients) for leaf in float_leaves(specs[k], part)
    )


def _measured(call: Call, gradient: Callable[..., Any], args: Sequence[Any]) -> Call:
    from dataclasses import replace

    from ..contrast.measure import kernel_memory, time_calls, torch_memory

    inputs = call.twin.inputs(args)
    theirs, ours = time_calls([lambda: call.twin.gradients(inputs), lambda: gradient(*args)])
    memory = (
        torch_memory(call.twin, args),
        kernel_memory(call.kernel, lambda: gradient(*args), call.twin.leaves(args)),
    )
    return replace(call, times=(theirs, ours), memory=memory)


def _shown(text: str, width: int = 100) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 3] + "..."


def _heading(
    function: Callable[..., Any], target: str, positions: Sequence[int], calls: Sequence[Call]
) -> str:
    import inspect

    import torch

    parameters = list(inspect.signature(function, follow_wrapped=False).parameters)
    place = os.path.basename(target.rpartition(":")[0])
    by = ", ".join(parameters[k] for k in positions)
    language = {"c": "C", "python": "Python"}[calls[0].kernel.backend]
    version = torch.__version__.partition("+")[0]
    lines = [
        f"{function.__name__}({', '.join(parameters)}) of {place}, differentiated by {by}",
        f"PyTorch {version}, eager, beside the gradient compiled to {language}",
    ]
    for k, call in enumerate(calls, 1):
        if call.shown:
            lines.append(f"{f'call {k}' if len(calls) > 1 else 'call'}: {call.shown}")
    return "\n".join(lines)


def _text_of_twin(call: Call) -> Any:
    from ..contrast.report import Section

    return Section(
        "The function as eager PyTorch", lines=call.twin.source.text.rstrip().split("\n")
    )
