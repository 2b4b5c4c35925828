"""Writes docs/walkthrough.md: one function followed through every stage of the compiler.

    python -m docs.make_walkthrough            prints the page
    python -m docs.make_walkthrough --write    writes it

What each stage makes is taken from the compiler as it is; the words between are here. A test holds
the page to this.
"""

import inspect
import sys
from pathlib import Path

import numpy as np

from autodiff_compiler import kernel
from autodiff_compiler.backends.c import emit_c
from autodiff_compiler.ir.show import show
from autodiff_compiler.signature import Request, describe
from samples.smoothing import misfit

PAGE = Path(__file__).resolve().parent / "walkthrough.md"

TEXT = """\
# One function, stage by stage

This page follows a function from its source to C. `python -m docs.make_walkthrough --write` makes
it, from what the compiler prints at each stage, and a test holds it to that.
[architecture.md](architecture.md) says why each stage is as it is.

## The source

The weight of an exponential smoothing is to be fitted, so we want the derivative of this by
`weight`. It is `samples/smoothing.py`:

{source}

`grad(misfit)(0.3, x)` starts all that follows. What is known of the call is its *signature*: a
Python float and an array of float64 with one dim. Neither the number nor the length is in it, so one
compilation serves all.

## The graph

The front end reads the syntax tree and writes the function in the intermediate form: typed values,
each defined once, and control flow as blocks. What a loop changes from trip to trip it *carries*
(`with level.1 = level, ...`), and what it reads otherwise (`weight`, `x`) it reads from around
it. What can fail is a node: `index` checks a subscript, `check` a division by Python's rules. `@ 18`
is the line in the user's file.

{trace}

## Simplified

Constants are computed once and what no result needs is gone. No bit of a result changes. A further
pass, `promote`, would keep array elements that a loop updates in scalars; here it finds none.

{simplify}

## Reversed

This is the gradient, a program of the same kind. First comes the function again, without what only
the value needs (`total`), and with what the way back will need: `error` goes on a tape. That decision
is the *plan*: `error` is read by the derivatives of both `error * error` and `weight * error`, and
cannot be had again from what is left at the end of a trip, since `level` is overwritten by then. `x`
need not be kept: the derivatives do not ask for it.

Then the loop runs backwards, over the same counter. It carries the adjoint of what the loop carried,
`d_level`, and sums what each trip contributes to `d_weight`. Each line back has the number of the
line forward that it belongs to.

{reverse}

Since this is a program like the one before, `grad(grad(misfit))` is the same pass, run once more.

## In Python

What `backend="python"` runs, and what `show-source` shows: the names are the user's, and comments
have the user's lines.

{python}

## In C

What runs where a C compiler is found. The tape is a stack in a kernel's own memory; the subscripts
inside the loop need no check, since `1 <= t < n` is known; `ADC_POLL` lets Ctrl-C through. The
helpers in front of the kernel, for memory and for the stack, are left out here.

{c}

## And called

The text is compiled once, kept on disk for the next process, loaded, and called by a small launcher
that checks the arguments' types and shapes the result. If a check fails (`x` is empty, say), the
launcher runs the user's own function on copies of the arguments, and what it raises is what comes out.
"""


def stages():
    """The texts of the stages, by the names that `TEXT` has for them."""
    request, specs = Request("grad", (0,)), [describe(0.3), describe(np.ones(5))]
    seen = {}
    made = kernel.build(
        misfit, request, specs, "python", watch=lambda name, f: seen.update({name: f})
    )
    texts = {name: ("text", show(seen[name])) for name in ("trace", "simplify", "reverse")}
    # Without vector math and for no compiler in particular, so that it is the same everywhere.
    in_c = kernel.build(misfit, request, specs, "c").program.function
    c = emit_c(in_c, "grad_misfit", frozenset()).text
    texts["c"] = ("c", c[c.index("int grad_misfit") :])
    texts["source"] = ("python", inspect.getsource(misfit))
    texts["python"] = ("python", made.source)
    return texts


def page():
    blocks = {name: f"```{kind}\n{text.strip()}\n```" for name, (kind, text) in stages().items()}
    text = TEXT
    for name, block in blocks.items():
        text = text.replace("{" + name + "}", block)
    return text


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), "utf-8")
    else:
        print(page(), end="")
