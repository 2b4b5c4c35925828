"""Programs that leave the language on purpose: a program of the first kind with a strange statement put into it.

A refusal is fine here, and so is the exception that the user's own function raises.  A wrong number is not.
"""

from __future__ import annotations

import ast
from random import Random

import numpy as np

from . import generate

STRANGE = {
    "generator expression": ["x[0] += 0.1 * sum(y * y for y in x)"],
    "any of a generator": ["if any(y > 0.9 for y in x):", "    a = a * 2"],
    "try except": ["try:", "    a = a / 2.0", "except ValueError:", "    a = 0.0"],
    "try finally": ["try:", "    a = a * 1.5", "finally:", "    x[0] = a"],
    "try catches": [
        "try:",
        "    a = math.log(-1.0 - a * a)",
        "except ValueError:",
        "    a = a * 3.0",
    ],
    "global": ["global SCALE", "SCALE = a"],
    "with": ["with np.errstate(all='ignore'):", "    a = a / 3.0"],
    "class statement": ["class Local:", "    gain = 2.0", "a = a * Local.gain"],
    "instance made": ["a = a * Model(a).respond(0.4)"],
    "attribute written": ["MODEL.extra = a", "a = a + MODEL.extra"],
    "np.sort": ["x[:] = np.sort(x)"],
    "ndarray.sort": ["x.sort()"],
    "np.interp": ["a = a + np.interp(0.3, [0.0, 1.0], [a, x[0]])"],
    "np.unique": ["a = a * len(np.unique(idx))"],
    "np.linalg": ["a = a + np.linalg.det(A + 4 * np.eye(len(x)))"],
    "np.cumsum": ["x[:] = np.cumsum(x) * 0.3"],
    "np.roll": ["x[:] = np.roll(x, 1) * a"],
    "np.einsum": ["a = a + np.einsum('ij,j->', A, x)"],
    "np.argmax": ["a = a * x[np.argmax(x)]"],
    "np.clip": ["x[:] = np.clip(x, -0.5, 0.5)"],
    "view of one of two": ["w = x if a > 0 else A[0]", "w[0] = 2.0 * a"],
    "view chosen in branch": ["w = x", "if a > 0:", "    w = A[1]", "w *= 0.5", "x[0] = w[1]"],
    "view chosen in loop": ["w = x", "for i in range(2):", "    w[0] = a", "    w = A[i]"],
    "alias then rebound": ["w = x", "for i in range(3):", "    w[i] *= 0.5", "    w = w + 1.0"],
    "list of views": ["rows = [A[0], A[1]]", "rows[0][0] = a", "rows[1][:] = rows[0]"],
    "array in a tuple written": ["held = (x, A)", "held[0][1] = a", "held[1][0] *= 2.0"],
    "compressed": ["w = x[x > 0.0]", "a = a + w.sum()", "w *= 2.0"],
    "nonzero": ["for i in np.nonzero(x > 0)[0]:", "    a = a + x[i]"],
    "dict of arrays by loop": [
        "d = {}",
        "for i in range(2):",
        "    d[i] = x[i] * a",
        "a = d[0] + d[1]",
    ],
    "star arguments": ["def star(*p):", "    return p[0] * p[1]", "a = star(a, x[0])"],
    "starred call": ["a = mix(*(a, x[1]))"],
    "double starred call": ["a = mix(**{'p': a, 'q': 0.5})"],
    "starred unpacking": ["first, *others = x", "a = a + first * len(others)"],
    "unpacked array": ["first, second = x[:2]", "a = a + first * second"],
    "strings": ["tag = f'{k}'", "if len(tag) > 1:", "    a = 0.0"],
    "string methods": ["if 'up'.upper() == 'UP':", "    a = a * 2.0"],
    "set": ["for i in {0, 1}:", "    a = a + x[i]"],
    "del": ["spare = a * 2.0", "del spare", "a = a + spare"],
    "nonlocal": [
        "t = a",
        "def add():",
        "    nonlocal t",
        "    t = t * x[0]",
        "add()",
        "add()",
        "a = t",
    ],
    "lambda default": ["fn = lambda y, b=a: y * b", "a = a * 2.0", "a = fn(a)"],
    "late binding": ["fns = [lambda y: y * i for i in range(3)]", "a = a + fns[0](x[0])"],
    "closure sees later": ["g = 2.0", "fn = lambda y: y * g", "g = 5.0 * a", "a = fn(a)"],
    "walrus": ["if (w := a * 2.0) > 0.1:", "    a = w"],
    "match": ["match k:", "    case 0:", "        a = a * 2", "    case _:", "        a = a * 3"],
    "recursion": [
        "def down(y, m):",
        "    return y if m == 0 else down(y * a, m - 1)",
        "a = down(a, 3)",
    ],
    "ravel written": ["r = A.ravel()", "r[0] = a * 2.0"],
    "reshape written": ["A.reshape(-1)[1] = a"],
    "reshape of a transpose": ["r = A.T.reshape(-1)", "r[1] = a", "A[0, 1] += r[1]"],
    "flat": ["x.flat[0] = a"],
    "shape assigned": ["A.shape = (len(x) * len(x),)"],
    "int overflow": ["big = 4611686018427387904", "big = big * 4", "a = a * (big % 7)"],
    "big int": ["a = a * ((k + 10) ** 40 % 11)"],
    "numpy int wraps": ["w = np.array([9223372036854775807])", "w += 1", "a = a * (w[0] % 5)"],
    "zero division int": ["a = a + 1 // (k - k)"],
    "zero division float": ["a = a / (a - a)"],
    "numpy zero division": ["a = a + np.where(x > 5.0, 1.0 / (x - x), 0.0).sum()"],
    "domain error": ["a = math.sqrt(-1.0 - a * a)"],
    "math overflow": ["a = math.exp(1000.0 + a)"],
    "index error": ["a = x[len(x)]"],
    "index error in a loop": ["for i in range(len(x) + 1):", "    x[i] = a"],
    "negative index error": ["a = x[-len(x) - 1]"],
    "shape error": ["x = x + np.ones(len(x) + 1)"],
    "store shape error": ["x[:] = np.ones(len(x) + 2)"],
    "failed assert": ["assert a > 100.0, 'small'"],
    "raise": ["raise KeyError('here')"],
    "unbound": ["if a > 100.0:", "    late = 1.0", "a = a * late"],
    "sometimes unbound": ["if k > 1:", "    late = 1.5", "a = a * late"],
    "name unknown": ["a = a * undefined_name"],
    "max of nothing": ["a = x[:0].max()"],
    "mean of nothing": ["a = a + 0.0 * x[:0].sum()"],
    "float index": ["a = x[1.0]"],
    "float range": ["for i in range(a):", "    pass"],
    "negative size": ["w = np.zeros(-1)"],
    "slice object": ["cut = slice(0, 2)", "a = a + x[cut].sum()"],
    "range object": ["r = range(2)", "for i in r:", "    a = a + x[i]"],
    "enumerate from one": ["for i, y in enumerate(x[:-1], 1):", "    a = a + y * x[i]"],
    "map": ["a = sum(map(math.sin, x))"],
    "sorted": ["a = sorted([a, x[0], x[1]])[1]"],
    "list pop": ["held = [a, x[0]]", "a = held.pop() * held.pop()"],
    "list insert": ["held = [a]", "held.insert(0, x[0])", "a = held[0] * 2"],
    "list extend": ["held = [a]", "held.extend([x[0], x[1]])", "a = sum(held)"],
    "list alias": ["held = [a]", "other = held", "other.append(x[0])", "a = sum(held)"],
    "list repeated": ["held = [a] * 3", "held[0] = x[0]", "a = sum(held)"],
    "list of lists repeated": ["held = [[a]] * 2", "held[0].append(x[0])", "a = sum(held[1])"],
    "list concatenated": ["held = [a] + [x[0]]", "a = sum(held)"],
    "append while branching": [
        "held = []",
        "for i in range(3):",
        "    if x[i] > 0:",
        "        held.append(x[i])",
        "a = a + sum(held)",
    ],
    "np.append in a loop": [
        "w = x.copy()",
        "for i in range(2):",
        "    w = np.append(w, a)",
        "a = w.sum()",
    ],
    "transposed rows": ["for column in zip(*A):", "    a = a + column[0]"],
    "complex": ["a = (a + 1j).real"],
    "complex power": ["a = (-1.0 - a * a) ** 0.5"],
    "print": ["print('now', k)"],
    "isinstance": ["if isinstance(a, float):", "    a = a * 2.0"],
    "is": ["w = x", "if w is x:", "    a = a * 2.0"],
    "getattr": ["a = getattr(np, 'sin')(a)"],
    "eval": ["a = eval('a * 2')"],
    "int of active": ["a = a * int(a * 3)"],
    "round of active": ["a = a + round(a, 1)"],
    "bool arithmetic": ["a = a * (a > 0) + (k > 1) * x[0]"],
    "in": ["if k in (1, 2):", "    a = a * 3.0"],
    "int mask": ["a = a + x[[1, 0, 1]].sum()"],
    "dtype change": ["w = np.zeros(len(x), dtype=int)", "w[0] = 2", "a = a * w[0]"],
    "float into int array": ["w = np.zeros(len(x), dtype=int)", "w[0] = 2.7 * 1.0", "a = a * w[0]"],
    "active into int array": ["w = np.zeros(len(x), dtype=int)", "w[0] = a * 3", "x[0] = w[0]"],
    "int array += float": ["w = np.zeros(len(x), dtype=int)", "w += x"],
    "matmul in place": ["A @= A"],
    "yield": ["def walk():", "    yield a", "    yield x[0]", "a = sum(walk())"],
    "comprehension with if": ["a = sum([y for y in x if y > 0])"],
    "dict comprehension": ["d = {i: x[i] for i in range(2)}", "a = d[0] * d[1]"],
    "nested comprehension": ["w = np.array([[y * z for y in x] for z in x])", "a = w.sum()"],
    "argument rebound to int": ["a = 3"],
    "type changes": ["t = 1", "for i in range(2):", "    t = t * x[i]", "a = a + t"],
    "rank changes": ["t = a", "for i in range(2):", "    t = t * x", "a = t.sum()"],
    "decorated": [
        "def twice(g):",
        "    return lambda y: g(g(y))",
        "@twice",
        "def step(y):",
        "    return y * a",
        "a = step(x[0])",
    ],
    "import inside": ["import math as m", "a = m.sin(a)"],
    "function attribute": ["def g(y):", "    return y * g.rate", "g.rate = a", "a = g(x[0])"],
    "default mutable": [
        "def g(y, held=[]):",
        "    held.append(y)",
        "    return sum(held)",
        "a = g(a) + g(x[0])",
    ],
    "x as condition": ["if x[0]:", "    a = a * 2"],
    "array as condition": ["if x > 0:", "    a = a * 2"],
    "or of numbers": ["a = (a > 5.0 and a) or x[0]"],
    "int division of active": ["a = a + (7.0 * a) // 1.0 + (7.0 * a) % 1.5"],
    "break out of nothing": [
        "for i in range(3):",
        "    for j in range(3):",
        "        if j > i:",
        "            break",
        "    else:",
        "        a = a * 2",
    ],
    "view after rebinding": ["v = x[1:]", "x = x * 2.0", "v[0] = a", "a = a + x[1]"],
    "captured array written": ["TABLE[0] = a"],
    "mask of wrong length": ["a = x[np.array([True, False])].sum()"],
    "stepped view written": ["v = x[::2]", "v += a", "v[0] = x[1]"],
    "diagonal": ["a = a + A.diagonal().sum()"],
    "ufunc where": ["np.multiply(x, 2.0, out=x, where=x > 0)"],
}


def source_of(seed: int):
    """(kind of strangeness, module source)."""
    rng = Random(seed * 7919 + 1)
    kind = rng.choice(sorted(STRANGE))
    tree = ast.parse(generate.source_of(seed))
    body = tree.body[-1].body
    at = rng.randint(3, len(body) - 1)
    # `global` and names rebound must come before their use in the function to be Python at all.
    body[at:at] = ast.parse("\n".join(STRANGE[kind])).body if kind != "global" else []
    if kind == "global":
        body[0:0] = ast.parse("\n".join(STRANGE[kind])).body
    return kind, ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def args_of(seed: int):
    """Arguments, of which one program in sixteen gets two that share memory."""
    x, a_matrix, a, k, idx = generate.args_of(seed)
    if seed % 16 == 3:
        x = a_matrix[1]
    if seed % 16 == 7:
        x = np.repeat(x, 2)[::2]
    return x, a_matrix, a, k, idx
