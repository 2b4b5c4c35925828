"""Containers as Python programs use them: methods, comprehensions, unpacking, itertools."""

import functools
import itertools
import operator

import numpy as np

from .registry import matrix, program, vector


@program(lambda r: ({"w": r.normal(size=3), "b": 0.5}, {"w": r.normal(size=3), "b": -1.0}), (0, 1))
def a_step_of_descent(params, slopes):
    new = {k: params[k] - 0.1 * slopes[k] for k in params}
    new |= {"n": 2.0}
    for _ in range(2):
        new = {k: v - 0.1 * v * slopes.get(k, 1.0) for k, v in new.items() if k != "unused"}
    merged = {**new, "b": new["b"] * 3.0} | {"z": 1.5}
    merged.update(c=merged.pop("n"))
    merged.setdefault("d", 5.0)
    return sum(np.sum(v**2) for v in merged.values()) + ("w" in merged) + len(merged.keys())


@program(lambda r: ({"w": r.normal(size=3), "b": r.normal(size=2)}, r.normal(size=3)))
def arrays_in_a_dict_are_written(params, x):
    params["w"] -= 0.1 * x
    for name in params:
        params[name][0] *= 2.0
        params[name] += 1.0
    return np.sum(params["w"] ** 2) * params["b"].sum()


@program(lambda r: [r.normal(size=3), r.normal(size=3)])
def arrays_in_a_list_are_written(layers):
    for i in range(2):
        layers[i][...] = layers[i] * 2.0
        layers[i][1] += layers[1 - i][0]
    return sum(np.sum(x**2) for x in layers)


@program(vector(3), second_order=True)
def methods_of_lists(x):
    a = [x[0], x[1]]
    a.append(x[2])
    a.extend([1.0, x[0] * 2])
    a.insert(1, x[1] * x[2])
    a.reverse()
    b = a.copy() + [3.0] * 2
    b[1:3] = [x[0], 2.0, x[1] ** 2]
    del b[0], b[-1]
    b.remove(1.0) if 1.0 in [1.0] and b[-1] is None else b.pop()
    order = [3, 1, 2]
    order.sort(reverse=True)
    return sum(b) * a[2] + sum(k * v for k, v in zip(order, b)) + len(b) + order.index(2)


@program(vector(5))
def starred_assignments(x):
    first, *middle, last = x
    a, *b = [x[0], x[1], x[2]]
    *c, d = (x[3], a)
    pairs = [*b, *c]
    whole = (*pairs, first)
    return first * middle[1] + last * d * whole[-1] + sum(whole) * len(middle)


@program(vector(4))
def maps_and_filters(x):
    squares = list(map(lambda v: v * v, x))
    products = sum(map(operator.mul, x, x[1:]))
    positive = sum(filter(lambda v: v > 0, x))
    known = list(filter(lambda k: k % 2, range(4)))
    by_size = max([x[0], x[1], x[2]], key=abs)
    return squares[1] + products * positive + x[known[1]] * by_size + any(v > 9 for v in x)


@program(vector(4), second_order=True)
def folded(x):
    total = functools.reduce(lambda a, v: a * 0.5 + v * v, x, 1.0)
    product = functools.reduce(operator.mul, [x[0], x[1], x[2]])
    sums = list(itertools.accumulate(x))
    runs = list(itertools.accumulate([x[0], x[1]], lambda a, b: a * b))
    scaled = functools.partial(lambda a, b, c=1.0: a * b + c, x[0], c=x[1])
    return total * product + sums[2] * runs[-1] + scaled(x[3])


@program(vector(4))
def from_itertools(x):
    s = 0.0
    for i, j in itertools.product(range(2), repeat=2):
        s += x[i] * x[j + 1] * (i + 1)
    for a, b in itertools.combinations([x[0], x[1], x[2]], 2):
        s += a * b**2
    for p in itertools.permutations(range(3)):
        s += x[p[0]] * p[1]
    s += sum(a * b for a, b in itertools.pairwise(x))
    s += sum(v * v for v in itertools.chain([x[0]], (x[1], x[2])))
    for a, b in itertools.zip_longest([x[0], x[1]], [x[2]], fillvalue=2.0):
        s += a * b
    return s + sum(itertools.starmap(lambda a, b: a * b, zip(x, x)))


@program(matrix(2, 3))
def arrays_of_nested_comprehensions(a):
    b = np.array([[v * v + j for j, v in enumerate(row)] for row in a])
    n = len(a[0])
    gaps = np.array([[np.exp(-((a[0, i] - a[1, j]) ** 2)) for j in range(n)] for i in range(n)])
    flat = [v for row in a for v in row if v > -0.5]
    return np.sum(b @ gaps) + sum(flat)


@program(vector(4))
def lists_of_pairs(x):
    y = x * 2.0
    pairs = list(zip(x, y))
    y[0] = 5.0
    s = 0.0
    for a, b in pairs:
        s += a * b
    for k, (a, b) in enumerate(pairs):
        s += k * a - b
    left, right = zip(*[(x[0], 1.0), (x[1], x[2])])
    return s + sum(left) * sum(right) + y[0]


@program(vector(3))
def iterators_are_used_up(x):
    pairs = zip(x, x)
    once = sum([a * b for a, b in pairs])
    again = len([a for a, b in pairs])
    it = iter([x[0], x[1], x[2]])
    head = next(it)
    rest = 0.0
    for v in it:
        rest += v * head
    return once + again + rest + next(it, 4.0)


@program(vector(3))
def sets_and_sorting(x):
    p = {"b": x[0], "a": x[1], "c": x[2]}
    skip = {"c", "d"} | {k for k in ("e", "f")}
    s = 0.0
    for k, name in enumerate(sorted(p, reverse=True)):
        if name not in skip:
            s += p[name] * (k + 1)
    rank = sorted(["bb", "a"], key=len)
    take = operator.itemgetter(1, 0)
    return s * len(skip) + take([x[0], x[1]])[0] * len(rank[0]) + sum(p[n] for n in p if n < "c")


@program(vector(4))
def a_list_as_a_stack(x):
    stack = [x[0], x[1]]
    total = 0.0
    while stack:
        v = stack.pop()
        total += v * v
        if v > 2.0 and len(stack) < 3:
            stack.append(v - 2.0)
    items = []
    for v in x:
        items.append(v)
    twin = items.copy()
    items.append(1.0)
    return total + sum(twin) * len(items) + [x[0], x[1]][::-1][0]
