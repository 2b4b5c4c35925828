"""One self-contained HTML page on which one steps through a run, forward and backward.

Nothing is loaded from anywhere: the page's own policy forbids it. All of the user's text comes as JSON
in a block that no text can end, and gets into the page as text, never as markup.
"""

from __future__ import annotations

import ast
import html
import json
import linecache
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..drawing import graph
from ..ir.graph import walk
from ..kernel import build
from ..signature import Request
from .document import Lines
from .script import Script
from .sections import Sections

__all__ = ["page"]

_FOLDER = Path(__file__).resolve().parent
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_WHERE = r"(?:(?P<file>[^,]+), )?line (?P<line>\d+)"
_ABOVE = re.compile(rf"\s*# {_WHERE}(?::|$)")
_BESIDE = re.compile(rf"  # {_WHERE}$")
_ADJOINT = re.compile(r"\bd_\w")


def page(sections: Sections, place: str) -> str:
    """The page as text."""
    explained = sections.explained
    wrt = [k for k, leaf in enumerate(explained.leaves) if leaf.wrt]
    name = explained.function.__name__
    drawing = graph(explained.run.function, name=name, stage="run", leaves=wrt)
    script = Script(sections, {v for box in drawing.picture.body.vertices() for v in box.values})
    events = script.events()
    title = f"{name} in {place}"
    data = {
        "title": title, "top": sections.labels.top, "value": sections.digits.data(explained.result.data),
        "leaves": script.leaves(), "events": events, "seed": script.seed(),
        "chain": _lines(sections.chain_rule()), "update": _lines(sections.update()),
        "alpha": sections.digits.number(sections.options.alpha),
        "source": list(_source(sections)), "generated": list(_generated(sections)),
    }  # fmt: skip
    return _filled(
        (_FOLDER / "page.html").read_text("utf-8"),
        {
            "POLICY": html.escape(_POLICY), "TITLE": html.escape(title),
            "STYLE": (_FOLDER / "page.css").read_text("utf-8"), "GRAPH": drawing.svg(),
            "DATA": _json(data), "SCRIPT": (_FOLDER / "page.js").read_text("utf-8"),
        },
    )  # fmt: skip


def _filled(template: str, parts: dict[str, str]) -> str:
    """All at once, so that no part is looked for in another one's text."""
    return re.sub(r"@@([A-Z]+)@@", lambda m: parts[m[1]], template)


def _json(data: Any) -> str:
    """JSON that ends no block of HTML."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _lines(blocks: Any) -> list[str]:
    return ["\n".join(b.lines) for b in blocks if isinstance(b, Lines)]


# --- the two texts --------------------------------------------------------------------------------


def _source(sections: Sections) -> Iterator[dict[str, Any]]:
    """The lines of the functions that the run went through, the user's own one first."""
    used: dict[str, set[int]] = {}
    for node in walk(sections.explained.run.function.block):
        if node.span.lineno:
            used.setdefault(node.span.filename, set()).add(node.span.lineno)
    own = sections.filename
    code = getattr(sections.explained.function, "__code__", None)
    if code is not None:
        used.setdefault(code.co_filename, set()).add(code.co_firstlineno)
        own = code.co_filename
    before = ""
    for filename in sorted(used, key=lambda f: (f != own, f)):
        lines = linecache.getlines(filename)
        for first, last in _functions("".join(lines), used[filename]):
            head = os.path.basename(filename)
            yield {"file": filename, "line": 0, "text": head if filename != before else "..."}
            before = filename
            for number in range(first, min(last, len(lines)) + 1):
                yield {"file": filename, "line": number, "text": lines[number - 1].rstrip("\n")}


def _functions(text: str, used: set[int]) -> list[tuple[int, int]]:
    """The first and last lines of the outermost functions that hold these lines."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return [(min(used), max(used))]
    found = []
    bodies: list[ast.AST] = [tree]
    while bodies:
        for child in ast.iter_child_nodes(bodies.pop()):
            if isinstance(child, (ast.FunctionDef, ast.Lambda)) and child.end_lineno:
                starts = [child.lineno, *(d.lineno for d in getattr(child, "decorator_list", []))]
                span = (min(starts), child.end_lineno)
                if any(span[0] <= n <= span[1] for n in used):
                    found.append(span)
            else:
                bodies.append(child)
    return sorted(set(found)) or [(min(used), max(used))]


def _generated(sections: Sections) -> Iterator[dict[str, Any]]:
    """The gradient as Python, and for each line the user's line that it comes from."""
    explained = sections.explained
    wrt = explained.argnums
    request = Request("value_and_grad", tuple(wrt), False, explained.has_aux)
    kernel = build(explained.function, request, explained.kernel.program.params, "python")
    yield from _both_ways(list(_placed(kernel.source.splitlines())))


def _placed(lines: list[str]) -> Iterator[dict[str, Any]]:
    """The lines with what the comments of the back end say of their origin; `part` counts the
    stretches of lines that come from one place."""
    place, part = ("", 0), 0
    for text in lines:
        above, beside = _ABOVE.match(text), _BESIDE.search(text)
        found = above or beside
        if found:
            place, part = (found["file"] or "", int(found["line"])), part + 1
        elif re.match(r"\s*(return\b|def |import )", text) or not text.strip():
            place, part = ("", 0), part + 1
        yield {
            "text": text, "file": place[0], "line": place[1], "part": part,
            "back": bool(_ADJOINT.search(text)), "note": bool(above),
        }  # fmt: skip


def _both_ways(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A place that comes a second time, with adjoints, is the backward pass in all its lines; where a
    place comes once, forward and backward stand together, and each line is told by itself."""
    adjoints = {line["part"] for line in lines if line["back"]}
    first: dict[tuple[str, int], int] = {}
    for line in lines:
        place = (line["file"], line["line"])
        later = first.setdefault(place, line["part"]) != line["part"]
        back = line["back"] or later and line["part"] in adjoints
        yield {**line, "back": back}
