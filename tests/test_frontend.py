"""Calls, containers and other statements in the front end, and what it refuses."""

import linecache
import math
from functools import partial

import numpy as np
import pytest

from autodiff_compiler.errors import CheckFailed, UnsupportedError
from autodiff_compiler.frontend import trace
from autodiff_compiler.signature import describe
from tests.frontend_harness import agree, run

X = np.array([0.5, -1.0, 2.0, 0.25])
Y = np.array([1.5, 0.3, -0.7, 1.0])
A = np.arange(12.0).reshape(3, 4) - 5.5


# --- calls -------------------------------------------------------------------------------------------

SCALE = 2.5
TABLE = np.array([1.0, 2.0, 3.0, 4.0])
WEIGHTS = {"a": 0.5, "b": [1.0, np.array([1.0, 2.0])]}
AXIS = 0


def helper(v, k=2.0, *rest, shift=0.0, **more):
    total = v * k + shift
    for r in rest:
        total += r
    for name in more:
        total += more[name]
    return total


def calls_helper(x):
    return (
        helper(x)
        + helper(x, 3)
        + helper(x, 1, 2, 3, shift=4)
        + helper(shift=1, v=x)
        + helper(x, q=5, r=x)
    )


def writes_argument(v, i):
    v[i] *= 2
    v = v + 1
    v[0] = 0
    return v


def calls_writer(x):
    y = x.copy()
    z = writes_argument(y, 1)
    writes_argument(y[2:], 0)
    return y, z


def writes_its_argument(x, y):
    x[1:] += y[:-1]
    y *= 2
    return x.sum()


def late_binding(x):
    k = 1.0
    f = lambda v: v * k
    a = f(x)
    k = 3.0
    return a + f(x)


def counters(x):
    fs = [lambda v, k=k: v * k for k in (1, 2, 3)]
    gs = [lambda v: v * k for k in (1, 2, 3)]
    return [f(x) for f in fs] + [g(x) for g in gs]


def higher_order(x):
    def twice(f, v):
        return f(f(v))

    def make(k):
        def inner(v):
            return v + k

        return inner

    return twice(make(2.0), x) * twice(np.sin, x) + partial(helper, k=7.0)(x)


def reads_globals(x):
    return (
        x @ TABLE * SCALE
        + WEIGHTS["a"] * WEIGHTS["b"][0]
        + WEIGHTS["b"][1].sum()
        + np.sum(x, axis=AXIS)
    )


def makes_closure(k, table):
    def f(x):
        return x * k + table[0]

    return f


class Spring:
    rate = 2.0

    def __init__(self, k):
        self.k = k
        self.bias = np.array([1.0, 2.0, 3.0, 4.0])
        self.__hidden = 3.0

    def force(self, x):
        return -self.k * x + self.bias + self.stiff * self.__hidden

    @property
    def stiff(self):
        return self.k * self.rate

    @staticmethod
    def double(x):
        return 2 * x

    @classmethod
    def scaled(cls, x):
        return x * cls.rate

    def __call__(self, x):
        return self.double(self.force(x)) + self.scaled(x)


SPRING = Spring(1.5)


def uses_object(x):
    return SPRING.force(x) + SPRING(x) + Spring.rate


def returns_many(x, n):
    def inner(v):
        if n > 1:
            return v, {"s": v.sum()}, [v * 2]
        return v + 1, {"s": 0.0}, [v]

    a, d, (c,) = inner(x * 1)
    return a, d["s"], c


def test_calls():
    agree(calls_helper, 1.5)
    agree(calls_writer, X)
    agree(writes_its_argument, X, Y)
    agree(late_binding, 2.0)
    agree(counters, 2.0)
    agree(higher_order, 0.5)
    agree(reads_globals, X)
    agree(makes_closure(2.0, TABLE), 3.0)
    agree(uses_object, X)
    agree(SPRING.force, X)
    for n in (0, 1, 2):
        agree(returns_many, X, n)


def test_captures_are_parameters():
    traced = trace(reads_globals, [describe(X)])
    names = [v.name for v in traced.function.params]
    assert names[0] == "x" and {"TABLE", "SCALE"} <= set(names)
    sources = [source[:3] for source, _ in traced.captures]
    assert len(sources) == len(
        {s[2] for s in sources}
    ), "a global that is read twice is one capture"
    assert any(how == "eq" for _, _, how in traced.guards), "an axis is part of the key by value"


def writes_global(x):
    TABLE[0] += x
    return TABLE.sum()


def test_mutated_leaves():
    assert trace(writes_its_argument, [describe(X), describe(Y)]).mutated == (0, 1)
    assert trace(calls_writer, [describe(X)]).mutated == ()
    assert trace(writes_global, [describe(1.0)]).mutated == (1,)


# --- containers --------------------------------------------------------------------------------------


def list_identity(x):
    a = [x, 2.0]
    b = a
    b[0] = 3 * x
    a.append(x)
    c = a + [1.0]
    c[1] = 0.0
    a += [5.0]
    a.extend((6.0, x))
    last = a.pop()
    del a[0]
    a.insert(1, 9.0)
    return a, b, c, last, len(a), a[-1], a[1:3]


def grows(x, n):
    out = []
    for i in range(n):
        out.append(x * i)
        if len(out) > 3:
            out[-2] = 100.0
    total = 0.0
    for v in out:
        total += v
    if len(out) > 2:
        total += out[2] + out[-1] + out.pop()
    return total, len(out), np.array(out).sum()


def grows_in_branch(x, n):
    out = [x]
    if n > 1:
        out.append(x * 2)
        if n > 2:
            out.append(3.0)
    return np.array(out).sum() + len(out)


def grows_by_arrays(x, n):
    out = []
    v = x * 1.0
    for _ in range(n):
        out.append(v)
        v = v * 0.5
    return out[0] + out[-1] + len(out)


def dicts(x):
    d = {"w": x, "b": 1.0}
    e = d
    e["w"] = d["w"] * 2
    d.update({"c": 3.0})
    total = 0.0
    for key, value in d.items():
        total += value * (2 if key == "b" else 1)
    return total, d, "c" in d, d.get("q", 4.0), [k for k in d], len(d)


def dict_in_loop(x, n):
    state = {"p": x.copy(), "v": x * 0.1, "t": 0}
    for _ in range(n):
        state["p"] = state["p"] + state["v"]
        state["v"][0] -= 0.5
        state["t"] += 0.1
    return state


def scratch(x, n):
    w = [0.0, 1.0, 2.0]
    for i in range(n):
        w[i % 3] += x[i]
        w[0], w[1] = w[1], w[0]
    return w[0], w[1], w[2]


def run_time_index(xs, n):
    total = 0.0
    for i in range(n):
        total += xs[i] * (1, 2, 5)[i % 3]
    return total


def repeated(x, n):
    zeros = [0.0] * 3
    zeros[1] = x
    many = [1.5] * n
    for i in range(n):
        many[i] += i
    return zeros, sum(many), tuple(zeros) + (1,)


def comprehensions(x, n):
    a = [v * 2 for v in x]
    b = [[i * j for j in range(3) if j != 1] for i in range(2)]
    c = sum(v for v in x if v > 0)
    return np.array(a), b, c, max([x[i] for i in range(n)])


def unpacks(a, t):
    (p, q), [r, s] = t, a[0, :2]
    n, m = a.shape
    a[0, 0], a[0, 1] = a[0, 1], a[0, 0]
    x = y = a[1]
    x[0] = 50.0
    return p + q * r - s, n * m, y


def structured(params, pair):
    return {"w": params["w"] * pair[0], "rest": (params["b"], [pair[1]], None, "text")}


def returns_arguments(x, params):
    return params["w"], x, params


def changed_while_walked(x):
    items = [x, 2.0, 3.0]
    total = 0.0
    for k, v in enumerate(items):
        items[0], items[2] = items[2], items[0]
        total = total * 10 + v * k
    return total, items


def hands_out_twice(x):
    x[0] = 9.0
    y = x.copy()
    return x[:], x, y, y, (y[1:], y)


def test_results_share_nothing():
    agree(hands_out_twice, X)
    results = trace(hands_out_twice, [describe(X)], keep_writes=True).function.results
    assert len(set(results)) == len(results)


def test_containers():
    agree(list_identity, 1.5)
    agree(dicts, 1.5)
    agree(changed_while_walked, 1.5)
    agree(unpacks, A, (1.0, 2.0))
    agree(structured, {"w": X, "b": 2.0}, (3.0, 4.0))
    agree(returns_arguments, X, {"w": Y})
    agree(run_time_index, [1.0, 2.0, 4.0, 8.0], 4)
    for n in (1, 2, 4):
        agree(grows_by_arrays, X, n)
        agree(comprehensions, X, n)
    for n in (0, 1, 2, 3, 4):
        agree(grows, 0.5, n)
        agree(grows_in_branch, 0.5, n)
        agree(dict_in_loop, X, n)
        agree(scratch, X, n)
        agree(repeated, 0.5, n)


def test_index_outside_of_list():
    with pytest.raises((CheckFailed, IndexError)):
        run(run_time_index, [1.0, 2.0], 3)


# --- other statements ----------------------------------------------------------------------------------


def miscellany(x: float, n: int = 2) -> float:
    """A docstring."""
    import math as m

    y: float = x
    z: int  # noqa: F842
    del x
    pass
    assert n, "no n"
    mode = f"m{1 + 1}"
    w = y if mode == "m2" else None
    if w is not None and isinstance(n, int) and not isinstance(y, np.ndarray) and mode in ("m2",):
        y += m.pi
    return y


def static_switch(x, mode):
    if mode is None:
        return x
    if mode.lower() == "twice":
        return 2 * x
    return "abc".index("c") * x


def test_miscellany():
    agree(miscellany, 1.0)
    agree(static_switch, 1.0, None)
    agree(static_switch, 1.0, "Twice")
    agree(static_switch, 1.0, "other")


def swapped(x, n):
    p, q = x.copy(), np.zeros(4)
    for _ in range(n):
        q[1:] = p[:-1]
        q[0] = p[-1] * 2
        p, q = q, p
    p[0] = 3.0
    return p, q


def test_names_and_lines():
    traced = trace(swapped, [describe(X), describe(3)])
    first = swapped.__code__.co_firstlineno
    lines = {n.span.lineno - first for n in traced.function.block.nodes if n.span.lineno}
    assert lines <= set(range(0, 9)) and {2, 6} <= lines
    assert {"p", "q"} <= {r.name for n in traced.function.block.nodes for r in n.results}


# --- refusals ------------------------------------------------------------------------------------------


def alias_then_write(x, n):
    a, b = x.copy(), x * 2
    c = a if n > 0 else b
    a[0] = 1.0
    return c


def alias_written(x, n):
    a, b = x.copy(), x * 2
    c = a if n > 0 else b
    c[0] = 1.0
    return a


def kept_and_overwritten(x, n):
    best = x.copy()
    y = x * 1.0
    for i in range(n):
        y[0] += i
        if y[0] > 2:
            best = y
    return best


def appended_and_overwritten(x, n):
    out = []
    y = x.copy()
    for i in range(n):
        y[0] += 1
        out.append(y)
    return out[0]


def recursion(x):
    return recursion(x - 1) if x > 0 else x


def nothing_on_one_way(x):
    if x > 0:
        return x


def function_or_number(x):
    y = math.sin if x > 0 else 1.0
    return y


def none_then_array(x, n):
    best = None
    for i in range(n):
        best = x * i
    return best


def grows_while_walked(x, n):
    out = []
    for i in range(n):
        out.append(x)
    for v in out:
        out.append(v)
    return len(out)


def single_meets_mixed(x, n):
    s = 0.0
    for i in range(n):
        s = x[i] * 1.0
    return s * x


def global_written(x):
    global SCALE
    SCALE = x
    return x


REFUSED = [
    (alias_then_write, (X, 1), 4), (alias_written, (X, 1), 3), (kept_and_overwritten, (X, 3), 5),
    (appended_and_overwritten, (X, 3), 4), (recursion, (1.0,), 1), (nothing_on_one_way, (1.0,), None),
    (function_or_number, (1.0,), 1), (none_then_array, (X, 2), 4), (grows_while_walked, (1.0, 2), 4),
    (single_meets_mixed, (X.astype(np.float32), 2), 4), (global_written, (1.0,), 1),
]  # fmt: skip


@pytest.mark.parametrize("f, args, line", REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_refused(f, args, line):
    with pytest.raises(UnsupportedError) as caught:
        trace(f, [describe(a) for a in args])
    error = caught.value
    assert error.filename == __file__
    if line is not None:
        assert error.lineno == f.__code__.co_firstlineno + line, str(error)
    assert error.hint and "^" in str(error)


def test_no_source():
    space = {"__name__": "nowhere"}
    exec("def f(x): return x", space)
    with pytest.raises(UnsupportedError, match="file"):
        trace(space["f"], [describe(1.0)])


def test_edited_source(tmp_path):
    path = tmp_path / "edited_module.py"
    path.write_text("def f(x):\n    return x * 2\n")
    space = {"__name__": "edited_module"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    assert trace(space["f"], [describe(1.0)])
    path.write_text("def f(x):\n    return x * 3\n")
    linecache.clearcache()
    space2 = {"__name__": "edited_module"}
    exec(compile("def f(x):\n    return x * 4\n", str(path), "exec"), space2)
    with pytest.raises(UnsupportedError, match="edited|not what"):
        trace(space2["f"], [describe(1.0)])


def test_lambdas_on_one_line():
    f, g = (lambda x: x + 1), (lambda x: x - 1)
    agree(f, 2.0)
    agree(g, 2.0)


def test_decorated_function_is_found_by_its_code():
    def deco(f):
        def wrapper(x):
            return f(x) * 2

        wrapper.__wrapped__ = f
        return wrapper

    @deco
    def h(x):
        return x + 1

    agree(h, 3.0)
