"""Parentheses, spellings and identifiers that both emitters share."""

import ast
import itertools

import pytest

from autodiff_compiler.backends.text import ATOM, PYTHON, C, Names, Text, fill, infix, parenthesise

A, B = Text("a"), Text("b")
SUM = infix("+", A, B, C)


def test_parentheses_only_where_needed():
    assert infix("*", SUM, SUM, C).text == "(a + b) * (a + b)"
    assert infix("-", A, SUM, C).text == "a - (a + b)"
    assert infix("-", SUM, A, C).text == "a + b - a"
    assert infix("/", A, infix("*", A, B, C), C).text == "a / (a * b)"
    assert parenthesise("a + b", SUM.level, ATOM) == "(a + b)"


def test_c_spells_out_what_compilers_warn_of():
    less = infix("<", A, B, C)
    assert infix("==", less, A, C).text == "(a < b) == a"
    assert infix("&", SUM, less, C).text == "(a + b) & (a < b)"
    assert infix("||", infix("&&", A, B, C), A, C).text == "(a && b) || a"


def test_python_signs_and_powers():
    minus = fill("-{x}", {"x": A}, PYTHON)
    assert infix("**", minus, minus, PYTHON).text == "(-a) ** -a"
    power = infix("**", A, B, PYTHON)
    assert infix("**", power, A, PYTHON).text == "(a ** b) ** a"
    assert infix("**", A, power, PYTHON).text == "a ** a ** b"
    assert fill("-{x}", {"x": power}, PYTHON).text == "-a ** b"


@pytest.mark.parametrize(
    "operators", itertools.product(["+", "-", "*", "//", "%", "**", "@"], repeat=3)
)
def test_python_means_the_tree_that_was_meant(operators):
    """Both shapes of a tree of three operators come back from Python's own parser."""
    first, second, third = operators

    def tree(node):
        if isinstance(node, ast.Name):
            return node.id
        return (type(node.op).__name__, tree(node.left), tree(node.right))

    a, b, c, d = map(Text, "abcd")
    names = {
        "+": "Add",
        "-": "Sub",
        "*": "Mult",
        "//": "FloorDiv",
        "%": "Mod",
        "**": "Pow",
        "@": "MatMult",
    }
    left = infix(second, infix(first, a, b, PYTHON), infix(third, c, d, PYTHON), PYTHON)
    assert tree(ast.parse(left.text, mode="eval").body) == (
        names[second], (names[first], "a", "b"), (names[third], "c", "d"),
    )  # fmt: skip


def test_templates():
    assert fill("exp({x})", {"x": SUM}, C) == Text("exp(a + b)", ATOM)
    assert (
        fill("{x} == {x} && {x} - {x} != 0", {"x": SUM}, C).text
        == "a + b == a + b && a + b - (a + b) != 0"
    )
    assert fill("!{x}", {"x": infix("&", A, B, C)}, C).text == "!(a & b)"
    assert fill("-{x}", {"x": fill("-{x}", {"x": A}, C)}, C).text == "-(-a)"
    assert fill("{x}.copy()", {"x": SUM}, PYTHON).text == "(a + b).copy()"
    assert fill("{x}", {"x": SUM}, C) is SUM


def test_choices_within_choices():
    inner = fill("{y} if {x} else {z}", {"x": A, "y": B, "z": A}, PYTHON)
    for parts in ({"y": inner}, {"x": inner}, {"z": inner}):
        whole = fill("{y} if {x} else {z}", {"x": A, "y": A, "z": A, **parts}, PYTHON)
        tree = ast.parse(whole.text, mode="eval").body
        nested = {"y": tree.body, "x": tree.test, "z": tree.orelse}
        assert {k for k, v in nested.items() if isinstance(v, ast.IfExp)} == set(parts)


def test_identifiers():
    names = Names(C, reserved=["exp"])
    hints = ["x", "x", "exp", "θ", "_a", "int", "", "", "λ1", "not legal", "3d"]
    made = [names.fresh(h) for h in hints]
    assert made == [
        "x", "x_1", "exp_1", "theta", "a", "int_1", "t", "t_1", "lamda1", "not_legal", "v3d",
    ]  # fmt: skip
    python = Names(PYTHON)
    assert [python.fresh(h) for h in ("lambda", "sum", "θ", "np")] == [
        "lambda_1",
        "sum_1",
        "θ",
        "np_1",
    ]
