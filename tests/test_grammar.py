"""Every node class of Python's grammar either works or is refused, with its place."""

import ast
import linecache

import numpy as np
import pytest

from autodiff_compiler.errors import UnsupportedError
from autodiff_compiler.frontend import trace
from autodiff_compiler.signature import describe
from tests.frontend_harness import agree

X = np.array([0.5, -1.0, 2.0])

#: Programs of two parameters, an array `x` and an int `n`, that use the node and are accepted.
WORKS = {
    "FunctionDef": "def g(v):\n    return v * 2\nreturn g(x)",
    "Return": "return x",
    "Delete": "y = x\ndel y\nreturn x + 1",
    "Assign": "a = b = x * 2\nreturn a + b",
    "AugAssign": "y = x * 2\ny += 1\nreturn y",
    "AnnAssign": "y: float = 2.0\nreturn x * y",
    "For": "s = 0.0\nfor v in x:\n    s += v\nreturn s",
    "While": "i = 0\nwhile i < n:\n    i += 1\nreturn i",
    "If": "if n > 1:\n    return x\nreturn x * 2",
    "Raise": "if n > 100:\n    raise ValueError(n)\nreturn x",
    "Assert": "assert n < 100\nreturn x",
    "Import": "import math\nreturn math.sin(x[0])",
    "Global": "global np\nreturn np.sum(x)",
    "Expr": "x.sum()\nreturn x",
    "Pass": "pass\nreturn x",
    "Break": "for i in range(n):\n    break\nelse:\n    i = -1\nreturn i",
    "Continue": "s = 0\nfor i in range(n):\n    if i == 1:\n        continue\n    s += i\nreturn s",
    "BoolOp": "return x[0] > 0 and n > 1 or n == 0",
    "NamedExpr": "y = (z := n + 1) * z\nreturn y",
    "BinOp": "return x * 2 - n // 2 + n % 2 + x**2 / 3",
    "UnaryOp": "return -x + (+n) + ~n + (not n)",
    "Lambda": "f = lambda v: v + n\nreturn f(x)",
    "IfExp": "return x if n > 1 else -x",
    "Dict": "d = {'a': x}\nreturn d['a']",
    "ListComp": "return np.array([v * 2 for v in x if v > 0])",
    "GeneratorExp": "return sum(v * 2 for v in x)",
    "Compare": "return 0 <= n < 3",
    "Call": "return np.sum(x, axis=0)",
    "JoinedStr": "d = {'a1': x}\nreturn d[f'a{1}']",
    "FormattedValue": "d = {'a1': x}\nreturn d[f'a{1}']",
    "Constant": "return 1.5",
    "Attribute": "return x.T",
    "Subscript": "return x[0]",
    "Starred": "def g(*a):\n    return a[0] + a[1]\nreturn g(*(x, 1.0))",
    "Name": "return x",
    "List": "a = [x[0], 2.0]\nreturn a[1]",
    "Tuple": "a, b = x[0], n\nreturn b, a",
    "Slice": "return x[1:n]",
    "With": "with np.errstate(divide='ignore'):\n    y = np.log(x)\nreturn y",
    "Match": "match n:\n    case 1:\n        return x\n    case 0 | 3 if x[0] > 0:\n        return -x\nreturn x * 2",
    "Try": "y = x * 1\ntry:\n    y[0] = n\nfinally:\n    y[1] = n\nreturn y",
    "Nonlocal": "t = 0\ndef g(v):\n    nonlocal t\n    t += v\nfor v in range(n):\n    g(v)\nreturn t + x",
    "Set": "return x * len({1, 2}) + (2 in {1, 2})",
    "SetComp": "return x * len({i % 2 for i in range(3)})",
    "DictComp": "return {i: x + i for i in range(3) if i != 1}",
}
#: Programs that are refused, and the line and column (from 0) in the body where the refusal points.
REFUSED = {
    "AsyncFunctionDef": ("async def g():\n    return 1\nreturn x", 1, 0),
    "ClassDef": ("class A:\n    pass\nreturn x", 1, 0),
    "AsyncFor": ("async def g():\n    async for i in x:\n        pass\nreturn x", 1, 0),
    "With": ("y = x\nwith open('f'):\n    y = 1.0\nreturn y", 2, 5),
    "AsyncWith": ("async def g():\n    async with x:\n        pass\nreturn x", 1, 0),
    "Match": ("match n:\n    case m if m > 1:\n        pass\nreturn x", 1, 0),
    "Try": ("try:\n    y = x\nexcept ValueError:\n    y = 1.0\nreturn y", 1, 0),
    "TryStar": ("try:\n    y = x\nexcept* ValueError:\n    y = 1.0\nreturn x", 1, 0),
    "ImportFrom": ("from math import sin\nreturn sin(x[0])", 1, 0),
    "Set": ("return len({x[0], 2})", 1, 11),
    "SetComp": ("y = x\nreturn y * len({i for i in x})", 2, 15),
    "DictComp": ("return {v: x for v in x}", 1, 11),
    "GeneratorExp": ("g = (v for v in x)\nreturn sum(g)", 1, 0),
    "Await": ("async def g():\n    return await x\nreturn x", 1, 0),
    "Yield": ("y = yield x\nreturn x", 1, 4),
    "YieldFrom": ("y = yield from x\nreturn x", 1, 4),
    "Global": ("global n2\nn2 = n\nreturn x", 1, 0),
    "Starred": ("y = x\na, *b, c = iter(y)\nreturn a", 2, 3),
    "Delete": ("del x[0]\nreturn x", 1, 4),
    "Constant": ("return x * 2j", 1, 11),
    "JoinedStr": ("y = f'{n}'\nreturn x", 1, 4),
    "Attribute": ("n.real2 = x\nreturn x", 1, 0),
    "FunctionDef": ("@np.vectorize\ndef g(v):\n    return v\nreturn g(x)", 1, 1),
    "Name": ("return print(x)", 1, 7),
}
#: Node classes of grammars that this Python has or has not.
NEWER = {"TypeAlias", "TemplateStr", "Interpolation"}


def classes(base):
    return {
        c.__name__
        for c in vars(ast).values()
        if isinstance(c, type) and issubclass(c, base) and c is not base
    }


OLD = {
    "Num",
    "Str",
    "Bytes",
    "NameConstant",
    "Ellipsis",
    "Index",
    "ExtSlice",
    "Suite",
    "AugLoad",
    "AugStore",
    "Param",
}


def program(body):
    """The body as a function with source; indented by nothing more than its file asks for."""
    text = "import numpy as np\n\ndef f(x, n):\n" + "".join(
        f"    {line}\n" for line in body.split("\n")
    )
    name = f"<grammar {hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"__name__": "grammar"}
    exec(compile(text, name, "exec"), space)
    return space["f"], text


def uses(text, name):
    return any(type(node).__name__ == name for node in ast.walk(ast.parse(text)))


def test_every_node_is_listed():
    wanted = (classes(ast.stmt) | classes(ast.expr)) - OLD - NEWER
    assert wanted == set(WORKS) | set(REFUSED)


@pytest.mark.parametrize("name", sorted(WORKS))
def test_works(name):
    f, text = program(WORKS[name])
    assert uses(text, name)
    for n in (0, 1, 3):
        agree(f, X, n)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_is_refused(name):
    if not hasattr(ast, name):
        pytest.skip("not in this Python")
    body, line, column = REFUSED[name]
    f, text = program(body)
    assert uses(text, name)
    with pytest.raises(UnsupportedError) as caught:
        trace(f, [describe(X), describe(2)])
    error = caught.value
    assert (error.lineno, error.col_offset) == (line + 3, column + 4), str(error)
    assert "^" in str(error)


def test_nothing_else_comes_out():
    """Valid Python that misuses values is refused, or left to Python at run time."""
    for body in (
        "return x(1)", "return n[0]", "return x.nope", "return np.nope(x)", "return undefined",
        "return x[0, 0, 0]", "return len(n)", "return {}[0]", "return (1, 2)[5]", "return [1][x]",
        "a, b = 1\nreturn a", "a, b = (1, 2, 3)\nreturn a", "for i in n:\n    pass\nreturn x",
        "return x + 'a'", "return 'a' + n", "return -{}", "return f2(x)", "def g(a):\n    return a\nreturn g()",
        "def g(a):\n    return a\nreturn g(1, 2)", "def g(a):\n    return a\nreturn g(b=1)",
        "return range(1.5)", "return sum(range('a'))", "return x @ 1.0", "return x if x else n",
        "return max()", "return n.append(1)", "return x < {}", "x[0][0] = 1.0\nreturn x", "n[0] = 1\nreturn n",
        "return [1, 2] + 3", "return not_there[0]", "y += 1\nreturn y", "return (lambda: n)(1)", "return None + 1",
        "return 1 / 0", "return x[None][None][0]", "return np.zeros(-1)", "return np.zeros('a')", "return 10**400",
        "return (n > 1)(2)", "return x['a']", "return x[1.5]", "return 'abc'.nope()", "return 'a' < 1", "del zz\nreturn x",
        "a, *b = ()\nreturn a", "return [1][0:1:0]", "match n:\n    case x.y:\n        pass\nreturn x", "return next(iter([]))",
        "def g():\n    nonlocal n\n    del n\ng()\nreturn n", "return getattr(x, 'nope')", "return {**x}", "x.y += 1\nreturn x",
        "return sorted(x)", "return list(map(x, x))", "return max(key=abs)", "return super().f", "return [].remove(1)", "return type(x, 1)",
    ):  # fmt: skip
        f, _ = program(body)
        try:
            trace(f, [describe(X), describe(2)])
        except UnsupportedError as error:
            assert error.lineno, body
