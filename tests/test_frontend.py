"""The front end: the graph that it makes of a function does what the function does, or is refused."""

import math
import sys
from functools import partial

import numpy as np
import pytest
from tests.frontend_harness import agree, run

from autodiff_compiler.errors import CheckFailed, UnsupportedError
from autodiff_compiler.frontend import trace
from autodiff_compiler.signature import describe

X = np.array([0.5, -1.0, 2.0, 0.25])
Y = np.array([1.5, 0.3, -0.7, 1.0])
A = np.arange(12.0).reshape(3, 4) - 5.5


# --- branches ----------------------------------------------------------------------------------------


def sign_of(x):
    if x > 0:
        y = 1
    elif x < 0:
        y = -1.5
    else:
        y = 0
    return y * x + 1


def early_returns(x, n):
    if n == 0:
        return x
    if n == 1:
        y = x * 2
        if y > 1:
            return y
        y = y + 1
    else:
        y = 3.0
    return y * x


def value_of_and(x, y):
    return (x and y) + (x or y) * (not x)


def chained(x, n):
    return 1.0 if 0 < x < 1 < n else x


def maybe_bound(x, n):
    if n > 2:
        z = x * 2
    if n > 3:
        return z
    return x


def swap_in_arm(x, n):
    a, b = x.copy(), x * 2
    if n > 0:
        a, b = b, a
    a[0] = 9.0
    return a, b


def write_in_one_arm(x, n):
    a = x.copy()
    b = a
    if n > 0:
        a[1] = 5.0
        b[0] += 1.0
    else:
        a = a * 3
    return a.sum(), b.sum()


def fresh_in_both(x, n):
    if n > 0:
        a = x * 2
        b = a
    else:
        a = np.zeros(4)
        b = a
    b[0] = 7.0
    return a, b


def raise_in_arm(x, n):
    if n < 0:
        message = f"bad {n}"
        raise ValueError(message)
    y = x * n
    assert y < 1e9, f"too much: {y}"
    return y


@pytest.mark.parametrize("n", [-1, 0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "f", [early_returns, chained, maybe_bound], ids=lambda f: f.__name__
)
def test_branches_on_numbers(f, n):
    agree(f, 0.7, n)
    agree(f, -0.7, n)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("f", [swap_in_arm, write_in_one_arm, fresh_in_both], ids=lambda f: f.__name__)
def test_branches_on_arrays(f, n):
    agree(f, X, n)


def test_values_of_conditions():
    for x in (2.0, 0.0, -3.0):
        agree(sign_of, x)
        for y in (0.0, 5.0):
            agree(value_of_and, x, y)


def test_raising():
    agree(raise_in_arm, 1.0, 3)
    for n in (-1, 10**10):
        with pytest.raises(CheckFailed):
            run(raise_in_arm, 1.0, n)


# --- loops -------------------------------------------------------------------------------------------


def last_index(n):
    i = -7
    for i in range(n):
        pass
    return i


def unbound_index(n):
    for i in range(1, n, 2):
        j = i * 2
    return i + j


def range_with_steps(start, stop, step):
    total = 0
    for i in range(start, stop, step):
        total = total * 3 + i
    return total


def counter_reassigned(n):
    total = 0
    for i in range(n):
        i *= 2
        total += i
    return total


def integer_becomes_float(x):
    total = 0
    for v in x:
        total += v
    return total


def loop_with_everything(x, n):
    total = 0.0
    for i in range(n):
        if i == 1:
            continue
        total += x[i % 4]
        if total > 2:
            break
        for j in range(i):
            if x[j] < 0:
                return total * 100
            total += 0.1
    else:
        total += 50
    return total


def while_with_break(x):
    n = 0
    while x > 0.1:
        x *= 0.5
        n += 1
        if n > 5:
            break
    else:
        n += 100
    return x, n


def while_true(x):
    n = 0
    while True:
        n += 1
        if n % 2:
            continue
        x = x * 0.9
        if x < 0.2 or n > 20:
            return x * n


def impure_test(x):
    a = x.copy()

    def shrink():
        a[0] *= 0.5
        return a[0]

    while shrink() > 0.01:
        a[1] += 1.0
    return a


def walrus_in_while(x):
    n = 0
    while (y := x * 0.5**n) > 0.1:
        n += 1
    return y, n


def swapped(x, n):
    p, q = x.copy(), np.zeros(4)
    for _ in range(n):
        q[1:] = p[:-1]
        q[0] = p[-1] * 2
        p, q = q, p
    p[0] = 3.0
    return p, q


def rotated(x, n):
    a, b, c = x.copy(), x * 2, x * 3
    for i in range(n):
        a[0] += i
        a, b, c = b, c, a
    return a, b, c


def swapped_sometimes(x, n):
    p, q = x.copy(), x * 2
    for i in range(n):
        if i % 2:
            p, q = q, p
        p[0] += 1
    return p, q


def rebound(x, n):
    u = x
    for _ in range(n):
        u = u * 0.5 + 1
    return u


def rebound_and_written(x, n):
    u = x.copy()
    for i in range(n):
        u = u * 0.5
        u[i] = 1.0
    return u


def alias_kept_round(x, n):
    a = x.copy()
    b = a
    for i in range(n):
        a = a + 1
        b = a
        b[0] = i
    return a, b


def carried_view(a, n):
    b = a.copy()
    prev = b[0]
    total = 0.0
    for i in range(1, n):
        now = b[i]
        b[i - 1, 0] += 1.0
        total += prev @ now
        prev = now
    prev[1] = 100.0
    return total, b


def array_born_in_loop(x, n):
    for i in range(n):
        y = x * i
    return y


def over_tuple_with_exit(x):
    total = 0.0
    for k, f in enumerate((math.sin, math.cos, math.exp)):
        total += f(x) * k
        if total > 1.0:
            break
        if total < -0.5:
            return total - 100
    else:
        total = -total
    return total


def nested_exit(a, limit):
    for row in a:
        for v in row:
            if v > limit:
                return row.sum() * v
        if row[0] > 2:
            break
    else:
        return -1.0
    return 0.5


def zips(x, y):
    total = 0.0
    for k, (a, b) in enumerate(zip(x, reversed(y)), start=2):
        total += k * a - b
    for i, w in zip(range(10), x):
        total += i * w
    for w, v in zip((1.0, 2.0), x):
        total += w * v
    return total


def heterogeneous(x):
    layers = [(x, 2.0), (x * 3, 4.0)]
    total = 0.0
    for i in range(len(layers)):
        w, b = layers[i]
        total += w.sum() * b
    return total


@pytest.mark.parametrize("n", [-2, 0, 1, 2, 5, 8])
@pytest.mark.parametrize(
    "f", [last_index, counter_reassigned], ids=lambda f: f.__name__
)
def test_counted_loops(f, n):
    agree(f, n)


@pytest.mark.parametrize("bounds", [(0, 5, 1), (5, 0, -2), (3, 3, 1), (0, 10, 3), (-4, 4, 5), (5, 1, 1)])
def test_ranges(bounds):
    agree(range_with_steps, *bounds)


def test_step_of_zero():
    with pytest.raises(CheckFailed):
        run(range_with_steps, 0, 5, 0)


def test_unbound_after_loop():
    agree(unbound_index, 4)
    with pytest.raises(CheckFailed):
        run(unbound_index, 1)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "f",
    [loop_with_everything, swapped, rotated, swapped_sometimes, rebound, rebound_and_written, alias_kept_round],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_arrays_in_loops(f, n):
    agree(f, X, n)
    agree(f, np.abs(X), n)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_views_and_births(n):
    agree(carried_view, A, n)
    agree(array_born_in_loop, X, n)


@pytest.mark.parametrize("x", [0.0, 0.05, 0.4, 3.0, 90.0])
@pytest.mark.parametrize(
    "f", [while_with_break, while_true, walrus_in_while, over_tuple_with_exit], ids=lambda f: f.__name__
)
def test_while(f, x):
    agree(f, x)


def test_other_loops():
    agree(integer_becomes_float, X)
    agree(impure_test, X)
    for limit in (-10.0, 0.0, 3.0, 100.0):
        agree(nested_exit, A, limit)
    agree(zips, X, Y)
    agree(heterogeneous, X)


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
    return helper(x) + helper(x, 3) + helper(x, 1, 2, 3, shift=4) + helper(shift=1, v=x) + helper(x, q=5, r=x)


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
    return x @ TABLE * SCALE + WEIGHTS["a"] * WEIGHTS["b"][0] + WEIGHTS["b"][1].sum() + np.sum(x, axis=AXIS)


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
    assert len(sources) == len({s[2] for s in sources}), "a global that is read twice is one capture"
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


def test_containers():
    agree(list_identity, 1.5)
    agree(dicts, 1.5)
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
    z: int
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
    (alias_then_write, (X, 1), 3), (alias_written, (X, 1), 3), (kept_and_overwritten, (X, 3), 4),
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
    sys.modules.get("linecache").clearcache()
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
