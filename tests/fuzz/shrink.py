"""Smaller programs with the same failure: statements are taken out, and blocks opened, while it persists."""

from __future__ import annotations

import ast
import copy


def shrink(source, fails, budget=150):
    """The smallest source found, within `budget` calls of `fails(source)`."""
    best = ast.parse(source)
    tried = 0
    progress = True
    while progress and tried < budget:
        progress = False
        for candidate in _smaller(best):
            tried += 1
            if tried > budget:
                break
            text = ast.unparse(ast.fix_missing_locations(candidate)) + "\n"
            if fails(text):
                best, progress = candidate, True
                break
    return ast.unparse(best) + "\n"


def _smaller(tree):
    """Copies of `tree`, each with one statement fewer or one block opened; large cuts first."""
    edits = sorted(_edits(tree), key=lambda e: -e[0])
    for _, path, at, replacement in edits:
        smaller = copy.deepcopy(tree)
        block = _at(smaller, path)
        block[at : at + 1] = (
            [] if replacement is None else copy.deepcopy(getattr(block[at], replacement))
        )
        if not block:
            block.append(ast.Pass())
        yield smaller


def _edits(tree):
    function = len(tree.body) - 1
    for path, block in _blocks(tree.body[function], (("body", function),)):
        for at, statement in enumerate(block):
            size = sum(1 for _ in ast.walk(statement))
            if not isinstance(statement, (ast.Pass,)) and not (
                len(path) == 2 and isinstance(statement, ast.Return)
            ):
                yield size, path, at, None
            for name in ("body", "orelse"):
                if isinstance(statement, (ast.If, ast.For, ast.While)) and getattr(statement, name):
                    yield size // 2, path, at, name
    for at, statement in enumerate(tree.body[:-1]):
        yield sum(1 for _ in ast.walk(statement)), ((("body", None)),), at, None


def _blocks(node, path):
    for name in ("body", "orelse"):
        block = getattr(node, name, None)
        if not isinstance(block, list) or not block:
            continue
        here = (*path, (name, None))
        yield here, block
        for at, child in enumerate(block):
            yield from _blocks(child, (*path, (name, at)))


def _at(tree, path):
    node = tree
    for name, at in path:
        node = getattr(node, name)
        if at is not None:
            node = node[at]
    return node
