"""An exported function: its C file, its header, and an example of a program that calls it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import NO_SPAN, Span, UnsupportedError
from ...ir.graph import Function
from ...ir.types import BOOL
from .portable import Codes, Interface, Leaf, PortableKernel
from .portable_text import HEAD, helper_table, working_memory
from .prelude import helpers
from .sizing import NotKnown
from .spell import comment
from .writer import words_in

__all__ = ["Entry", "Package", "make_package"]

_WIDTH = 100


@dataclass(frozen=True)
class Entry:
    """One function of the package. `what`: what it computes, for its comment."""

    name: str
    function: Function
    interface: Interface
    what: str


@dataclass(frozen=True)
class Package:
    """`files`: text by name. `memory`: "none", "workspace" or "allocator"; `reason`: why the last."""

    files: Mapping[str, str]
    memory: str
    reason: str = ""


@dataclass
class _Written:
    """An entry with its text. `known`: the integers on which its workspace depends."""

    entry: Entry
    kernel: PortableKernel
    reckoned: str = ""
    known: tuple[str, ...] = ()

    @property
    def takes_memory(self) -> bool:
        return self.kernel.takes_memory


def make_package(
    name: str, title: Sequence[str], entries: Sequence[Entry], workspace_only: bool = False
) -> Package:
    """The files of a package. Raises UnsupportedError if `workspace_only` and no size is known."""
    reason, codes, places = "", Codes(), dict[str, Span]()
    table = helper_table(True, name)
    reckoners, bytes_of = working_memory(table)
    table |= reckoners
    try:
        written = [_write(e, codes, True) for e in entries]
        for w in written:
            places |= w.kernel.places
            if w.takes_memory:
                _reckon(w, bytes_of)
    except NotKnown as unknown:
        span = places.get(unknown.place, NO_SPAN)
        reason = _said(span, unknown.why)
        if workspace_only:
            raise UnsupportedError(
                f"the size of the workspace is not known on entry: {unknown.why}", span,
                "leave out --workspace-only: then the function takes an allocator",
            ) from None  # fmt: skip
        codes, table = Codes(), helper_table(False, name)
        written = [_write(e, codes, False) for e in entries]
    needed = any(w.takes_memory for w in written)
    memory = "none" if not needed else "allocator" if reason else "workspace"
    files = {
        f"{name}.h": _header(name, title, written, memory, reason, codes),
        f"{name}.c": _source(name, written, memory, table, codes),
        "main.c": _example(name, written, memory),
    }
    return Package({k: _marked(name, text) for k, text in files.items()}, memory, reason)


def _marked(name: str, text: str) -> str:
    """The text under a line by which it can be told that nobody changed it."""
    return f"/* autodiff_compiler export {name} {checksum(text)} */\n{text}"


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(entry: Entry, codes: Codes, sized: bool) -> _Written:
    kernel = PortableKernel(entry.function, entry.name, entry.interface, codes, sized)
    kernel.write()
    return _Written(entry, kernel)


def _reckon(w: _Written, bytes_of: Mapping[str, tuple[str, int]]) -> None:
    made = w.kernel.reckoning(bytes_of)
    w.reckoned = made.text()
    used = made.words()
    sizes = w.entry.interface.sizes
    integers = [x.name for x in w.entry.interface.inputs if x.name in used]
    w.known = (*sizes, *integers)


# --- the C file -------------------------------------------------------------------------------------


def _source(
    name: str, written: Sequence[_Written], memory: str, table: Mapping[str, str], codes: Codes
) -> str:
    texts = [_functions(w, memory, name) for w in written]
    words = {word for text in texts for line in text.splitlines() for word in words_in(line)}
    pasted, _ = helpers(words, table)
    parts = [f'#include "{name}.h"\n', HEAD, *pasted, *texts, _messages(name, codes)]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _functions(w: _Written, memory: str, name: str) -> str:
    sized = memory == "workspace" and w.takes_memory
    return (_sizes(w) if sized else "") + _entry(w, memory, name)


def _sizes(w: _Written) -> str:
    name, count = w.entry.name, w.kernel.stacks
    words = set(words_in(w.reckoned))
    room = f"  adc_room room[{count}] = {{{{0, 0, 0, 0}}}};\n" if count else ""
    idle = [n for n in w.known if n not in words]
    if "now" not in words:
        head = ["  (void)room;"] if count == 0 or "room" not in words else []
        head, end = head, "  return 0;\n"
    else:
        head, end = ["  long long now = 0, most = 0, *const peak = &most;"], "  return most;\n"
        head += [] if "room" in words else ["  (void)room;"]
    inner = [*(_parameter_of(w, n) for n in w.known if n in words), "adc_room *room"]
    static = _signature(f"static long long {name}_sizes", inner, "")
    public = _signature(
        f"size_t {name}_workspace", [_parameter_of(w, n) for n in w.known] or ["void"], ""
    )
    return f"""\
/* the arrays that {name} works in, in bytes; `room`: its stacks */
{static}
{{
{"".join(line + chr(10) for line in head)}{w.reckoned}{end}}}

{public}
{{
{room}  const long long total =
      adc_total({_sizes_call(w)}, {"room" if count else "0"}, {count});
{"".join(f"  (void){n};{chr(10)}" for n in idle)}  return total == LLONG_MAX ? (size_t)-1 : (size_t)total;
}}

"""


def _sizes_call(w: _Written) -> str:
    words = set(words_in(w.reckoned))
    given = [*(n for n in w.known if n in words), "room" if w.kernel.stacks else "0"]
    return f"{w.entry.name}_sizes({', '.join(given)})"


def _parameter_of(w: _Written, name: str) -> str:
    if name in w.entry.interface.sizes:
        return f"long long {name}"
    return next(x.parameter() for x in w.entry.interface.inputs if x.name == name)


def _parameters(w: _Written, memory: str, name: str) -> list[str]:
    io = w.entry.interface
    out = [f"long long {n}" for n in io.sizes]
    out += [x.parameter() for x in io.inputs] + [x.parameter(out=True) for x in io.outputs]
    if w.takes_memory and memory == "workspace":
        out += ["void *workspace", "size_t workspace_bytes"]
    elif w.takes_memory:
        out.append(f"const {name}_memory *memory")
    return out


def _signature(head: str, parameters: Sequence[str], end: str) -> str:
    """On as few lines as it takes."""
    whole = f"{head}({', '.join(parameters)}){end}"
    if len(whole) <= _WIDTH:
        return whole
    lines, line = [f"{head}("], "   "
    for k, p in enumerate(parameters):
        piece = p + (")" + end if k + 1 == len(parameters) else ",")
        if len(line) + 1 + len(piece) > _WIDTH:
            lines.append(line)
            line = "   "
        line += " " + piece
    return "\n".join([*lines, line])


def _entry(w: _Written, memory: str, name: str) -> str:
    io, body = w.entry.interface, w.kernel.w.text()
    count = w.kernel.stacks
    head = ["  int code = 0;"]
    words = {word for line in w.kernel.body() for word in line.words()}
    used = words | set(w.known if w.takes_memory else ())
    stops = bool(words & {"ADC_CHECK", "ADC_MEMORY"}) or w.takes_memory
    if w.takes_memory and memory == "workspace":
        if count:
            head.append(f"  adc_room room[{count}] = {{{{0, 0, 0, 0}}}};")
            head.append(f"  adc_stack stacks[{count}];")
        head.append("  adc_frame frame;")
    elif w.takes_memory:
        head.append("  adc_frame frame = {memory, 0, 0, 0};")
    if io.sizes:
        head += [f"  if ({n} < 0) return -2;" for n in io.sizes]
    head += [f"  (void){x.name};" for x in (*io.inputs, *io.outputs) if x.name not in used]
    tail = ["done:"] if stops else []
    if w.takes_memory and memory == "workspace":
        at = "room, stacks" if count else "0, 0"
        head.append(
            f"  ADC_MEMORY(adc_enter(&frame, workspace, workspace_bytes,\n"
            f"                       {_sizes_call(w)},\n                       {at}, {count}));"
        )
    elif w.takes_memory:
        head.append("  ADC_MEMORY(memory);")
        tail.append("  adc_leave(&frame);")
    tail.append("  return code;")
    if not stops:
        head, tail = head[1:], ["  return 0;"]
    signature = _signature(f"int {w.entry.name}", _parameters(w, memory, name), "")
    lines = "".join(line + "\n" for line in head)
    return f"{signature}\n{{\n{lines}{body}{chr(10).join(tail)}\n}}\n"


# --- codes ------------------------------------------------------------------------------------------


def _said(span: Span, reason: str) -> str:
    why = reason or "a check failed"
    return f"{os.path.basename(span.filename)}:{span.lineno}: {why}" if span.lineno else why


_MEMORY_CODES = {
    "none": "",
    "workspace": "the workspace is too small",
    "allocator": "the allocator gave no memory",
}


def _messages(name: str, codes: Codes) -> str:
    lines = [f"    case {k}: return {_string(_said(span, why))};" for k, span, why in codes.all()]
    cases = "\n".join(lines) + "\n" if lines else ""
    return f"""\
const char *{name}_message(int code)
{{
  switch (code) {{
    case 0: return "done";
    case -1: return "not enough memory";
    case -2: return "a size is negative";
{cases}    default: return "no such code";
  }}
}}
"""


def _string(text: str) -> str:
    """A string literal that means the same in every C compiler."""
    out = []
    for byte in text.encode():
        letter = chr(byte)
        plain = 32 <= byte < 127 and letter not in '"\\?'
        out.append(letter if plain else f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


# --- the header -------------------------------------------------------------------------------------


def _header(
    name: str, title: Sequence[str], written: Sequence[_Written], memory: str, reason: str,
    codes: Codes,
) -> str:  # fmt: skip
    lines = [*title, ""]
    lines += ["C99; needs nothing but the C library and its mathematics: cc -std=c99 -O2 -c "
              f"{name}.c, link with -lm.", ""]  # fmt: skip
    lines += ["Parameters:", *_described(written), ""]
    lines += [
        "All memory is the caller's. What is given is only read, what comes out is written whole; the",
        "two may not overlap, nor may either overlap the workspace. Arrays lie in memory row after row,",
        "and no pointer is null. Where the code is not 0, what came out means nothing.",
        "",
    ]
    lines += _memory_lines(name, written, memory, reason)
    lines += [
        "There is no static data: calls may run at the same time if they write to different places.",
        "",
        "Codes that are returned (as text: see below):",
        "    0  done",
    ]
    if memory != "none":
        lines.append(f"   -1  {_MEMORY_CODES[memory]}")
    if any(w.entry.interface.sizes for w in written):
        lines.append("   -2  a size is negative")
    for k, span, why in codes.all():
        lines.append(f"   {k:2}  {_said(span, why)}")
        if span.lineno and span.line().strip():
            lines.append(f"         {span.line().strip()}")
    lines += [
        "Where the function raises an exception in Python, a code above 0 is returned. So it is where a",
        "length turns out to be 1 that was not said to be 1 and that NumPy would stretch.",
        "",
        "Integers of Python that pass 64 bits end with a code; those of NumPy wrap. Sums and products of",
        "whole integer arrays must fit (or compile with -fwrapv).",
    ]
    text = "".join(f" * {comment(line)}".rstrip() + "\n" for line in lines)
    guard = f"ADC_{name.upper()}_H"
    return f"""\
/*
{text} */
#ifndef {guard}
#define {guard}

#include <stddef.h>

#ifdef __cplusplus
extern "C" {{
#endif

{_declarations(name, written, memory)}
/* what a code means, with the line of the program that it is about */
const char *{name}_message(int code);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _memory_lines(
    name: str, written: Sequence[_Written], memory: str, reason: str
) -> Sequence[str]:
    if memory == "none":
        return []
    if memory == "workspace":
        return [
            "Functions that need a workspace have one more that tells how many bytes it takes, as a",
            "function of the sizes; (size_t)-1 means more than there can be. Any alignment will do, and a",
            "workspace may be used again, by calls with other sizes too if it is large enough.",
            "",
        ]
    return [
        "Memory comes from an allocator of the caller's, for how much it takes is not known on entry:",
        reason,
        "`resize(context, block, bytes)` is as `realloc`: it makes a block if `block` is null, frees it",
        "if `bytes` is 0, and gives null if there is no memory. All blocks are freed before a call ends.",
        "",
    ]


def _described(written: Sequence[_Written]) -> list[str]:
    """One line for each parameter of any function."""
    rows: dict[str, tuple[str, str]] = {}
    for w in written:
        io = w.entry.interface
        for n in io.sizes:
            rows.setdefault(n, ("long long", f"a length: {_uses(n, io)}"))
        for leaf in io.inputs:
            rows.setdefault(leaf.name, (_kind(leaf, False), leaf.label))
        for leaf in io.outputs:
            rows.setdefault(leaf.name, (_kind(leaf, True), f"out: {leaf.label}"))
    wide = [max(len(row[k]) for row in ((n, *r) for n, r in rows.items())) for k in (0, 1)]
    return [f"    {n:{wide[0]}}  {kind:{wide[1]}}  {what}" for n, (kind, what) in rows.items()]


def _kind(leaf: Leaf, out: bool) -> str:
    if leaf.dims is None:
        return "int, 0 or not" if leaf.dtype == BOOL else leaf.element + " *" * out
    return leaf.element + "".join(f"[{n}]" for n in leaf.dims)


def _uses(size: str, io: Interface) -> str:
    found = [
        f"{leaf.name}[{axis}]" if len(leaf.dims or ()) > 1 else leaf.name
        for leaf in io.inputs for axis, n in enumerate(leaf.dims or ()) if n == size
    ]  # fmt: skip
    return "of " + ", ".join(found)


def _declarations(name: str, written: Sequence[_Written], memory: str) -> str:
    parts = []
    if memory == "allocator":
        parts.append(
            f"typedef struct {name}_memory {{\n  void *(*resize)(void *context, void *block, size_t bytes);\n"
            f"  void *context;\n}} {name}_memory;\n"
        )
    for w in written:
        parts.append(f"/* {comment(w.entry.what)} */")
        parts.append(_signature(f"int {w.entry.name}", _parameters(w, memory, name), ";"))
        if w.takes_memory and memory == "workspace":
            params = [_parameter_of(w, n) for n in w.known] or ["void"]
            parts.append("/* the bytes of its workspace */")
            parts.append(_signature(f"size_t {w.entry.name}_workspace", params, ";"))
        parts.append("")
    return "\n".join(parts)


# --- the example ------------------------------------------------------------------------------------

_RESIZE = """\
static void *resize(void *context, void *block, size_t bytes)
{
  (void)context;
  if (bytes) return realloc(block, bytes);
  free(block);
  return NULL;
}

"""
_MAKE = """\
/* memory for `count` things of `size` bytes; ends the program if there is none */
static void *make(size_t count, size_t size)
{
  void *data = calloc(count ? count : 1, size);
  if (!data) { fputs("no memory\\n", stderr); exit(1); }
  return data;
}

"""


def _example(name: str, written: Sequence[_Written], memory: str) -> str:
    last = written[-1]
    io = last.entry.interface
    taken = {*io.names}
    local = {n: n if n not in ("code", "k", "main") else f"the_{n}" for n in taken}
    lines: list[str] = []
    for k, n in enumerate(io.sizes):
        lines.append(f"  const long long {local[n]} = {3 + k % 3};")
    freed = []
    for number, leaf in enumerate(io.inputs):
        call = local[leaf.name]
        if leaf.dims is None:
            value = {"f": f"{0.5 + 0.25 * (number % 4)}", "i": "2", "b": "1"}[leaf.dtype[0]]
            lines.append(f"  const {leaf.element} {call} = {value};")
            continue
        kind = leaf.element
        count = _product(leaf, local)
        lines.append(f"  {kind} *{call} = make((size_t)({count}), sizeof *{call});")
        value = f"({kind}){_made_up(leaf, local)}"
        lines.append(f"  for (long long k = 0; k < {count}; k++) {call}[k] = {value};")
        freed.append(call)
    for leaf in io.outputs:
        call = local[leaf.name]
        kind = leaf.parameter(out=True).split(" *")[0]
        if leaf.dims is None:
            lines.append(f"  {kind} {call} = 0;")
        else:
            lines.append(
                f"  {kind} *{call} = make((size_t)({_product(leaf, local)}), sizeof *{call});"
            )
            freed.append(call)
    args = [local[n] for n in io.sizes] + [local[x.name] for x in io.inputs]
    args += [("&" if x.dims is None else "") + local[x.name] for x in io.outputs]
    if last.takes_memory and memory == "workspace":
        known = ", ".join(local[n] for n in last.known)
        lines.append(f"  const size_t workspace_bytes = {last.entry.name}_workspace({known});")
        lines.append("  void *workspace = make(workspace_bytes, 1);")
        args += ["workspace", "workspace_bytes"]
        freed.append("workspace")
    elif last.takes_memory:
        lines.append(f"  const {name}_memory memory = {{resize, NULL}};")
        args.append("&memory")
    call = _signature(f"  const int code = {last.entry.name}", args, ";")
    lines.append(call)
    lines.append(f'  if (code) fprintf(stderr, "code %d: %s\\n", code, {name}_message(code));')
    lines.append("  else {")
    for leaf in io.outputs:
        place = local[leaf.name]
        if leaf.dims is None:
            lines.append(f'    printf("{leaf.name} = %.17g\\n", (double){place});')
        else:
            lines.append(f"    for (long long k = 0; k < {_product(leaf, local)}; k++)")
            lines.append(f'      printf("{leaf.name}[%lld] = %.17g\\n", k, (double){place}[k]);')
    lines.append("  }")
    lines += [f"  free({call});" for call in freed]
    body = "\n".join(lines)
    needs = _RESIZE if last.takes_memory and memory == "allocator" else ""
    needs += _MAKE if freed else ""
    return f"""\
/* Calls {last.entry.name} on numbers made up here. Change the sizes and the numbers to yours:
 *   cc -std=c99 -O2 main.c {name}.c -lm -o example && ./example
 */
#include <stdio.h>
#include <stdlib.h>

#include "{name}.h"

{needs}int main(void)
{{
{body}
  return code != 0;
}}
"""


def _made_up(leaf: Leaf, local: Mapping[str, str]) -> str:
    """Element k of an array. What is square is positive definite, as whoever factors it expects."""
    if leaf.dtype[0] != "f":
        return "(k % 2)"
    dims = [str(local.get(str(n), n)) for n in leaf.dims or ()]
    if len(dims) > 1 and dims[-1] == dims[-2] != "1":
        n = dims[-1]
        row, column = f"k / {n} % {n}", f"k % {n}"
        # Symmetric, of entries from 0.5 to 1.1, with a diagonal that outweighs its row.
        diagonal = f"({row} == {column} ? 2.0 * (double){n} : 0.0)"
        return f"(0.5 + 0.1 * (double)(({row} + {column}) % 7) + {diagonal})"
    return "(0.5 + 0.1 * (double)(k % 7))"


def _product(leaf: Leaf, local: Mapping[str, str]) -> str:
    return " * ".join(str(local.get(str(n), n)) for n in leaf.dims or ()) or "1"
