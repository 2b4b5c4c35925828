"""What may look accepted and must not be taken for something else: lazy iterators, arrays that may be one."""

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler import UnsupportedError

X = np.array([0.5, -1.0, 2.0])


def generator_under_a_name(x):
    k = 1.0
    g = (v * k for v in x)
    k = 2.0
    return sum(g)


def map_under_a_name(x):
    m = map(lambda v: v * v, [x[0], x[1]])
    return sum(m) + sum(m)


def generator_over_what_the_loop_writes(x):
    a = x * 1.0
    s = 0.0
    for v in (a[i] for i in range(3)):
        s += v
        a[2] = 7.0
    return s


def generator_of_a_name_that_the_loop_binds(x):
    k, s = 1.0, 0.0
    for v in (w * k for w in x):
        s += v
        k = k + 1.0
    return s


def map_of_a_function_whose_names_the_loop_binds(x):
    k, s = 1.0, 0.0

    def scaled(v):
        return v * k

    for v in map(scaled, x):
        s += v
        k = k + 1.0
    return s


def any_that_stops_early(x):
    seen = []

    def see(v):
        seen.append(v)
        return v > 0

    any(see(v) for v in x)
    return sum(seen)


def name_bound_in_any(x):
    if any((w := v) > 0.1 for v in x):
        return w
    return x[0]


def zip_used_in_a_loop(x):
    z = zip(x, x)
    s = 0.0
    for _ in range(2):
        for a, b in z:
            s += a * b
    return s


def zip_with_itself(x):
    it = iter([x[0], x[1], x[2], x[0]])
    return sum([a * b for a, b in zip(it, it)])


def iterator_left_early(x):
    it = iter([x[0], x[1], x[2]])
    s = 0.0
    for v in it:
        s += v
        if v > 0:
            break
    for v in it:
        s += 2.0 * v
    return s


def list_changed_under_an_iterator(x):
    xs = [x[0], x[1]]
    it = iter(xs)
    first = next(it)
    xs.append(x[2])
    return first + sum(it)


def array_of_a_generator(x):
    return np.sum(np.array(v for v in x))


def read_after_a_write(x):
    a, b = x * 1.0, x * 2.0
    r = a if x[0] > 0 else b
    a[0] = 5.0
    return np.sum(r)


def read_after_a_write_in_a_branch(x):
    a, b = x * 1.0, x * 2.0
    r = a if x[0] > 0 else b
    if x[1] < 0:
        a[0] = 5.0
    return np.sum(r)


def read_in_the_trip_after_a_write(x):
    a, b = x * 1.0, x * 2.0
    r = a if x[0] > 0 else b
    s = 0.0
    for i in range(3):
        s += np.sum(r)
        a[i] = 0.0
    return s


def read_at_second_hand(x):
    a, b, c = x * 1.0, x * 2.0, x * 3.0
    r = a if x[0] > 0 else b
    q = r if x[1] > 0 else c
    a[0] = 5.0
    return np.sum(q)


def read_at_second_hand_from_an_arm(x):
    a, b = x * 1.0, x * 2.0
    q = b
    if x[0] > -5:
        if x[1] > 0:
            r = a
        else:
            r = b
        q = r
    a[1] = 7.0
    return np.sum(q)


def view_read_after_a_write(x):
    a, b = x * 1.0, x * 2.0
    v = (a if x[0] > 0 else b)[1:]
    a[1] = 7.0
    return np.sum(v)


def read_from_a_list_after_a_write(x):
    a, b = x * 1.0, x * 2.0
    items = [a if x[0] > 0 else b, 1.0]
    a[0] = 3.0
    return np.sum(items[0])


def read_by_a_closure_after_a_write(x):
    a, b = x * 1.0, x * 2.0
    r = a if x[0] > 0 else b

    def total():
        return np.sum(r)

    a[0] = 9.0
    return total()


def best_so_far_is_the_current_one(x):
    best, now = x * 1.0, x * 1.0
    for i in range(3):
        now[i] = now[i] * 2
        if np.sum(now) > np.sum(best):
            best = now
    return np.sum(best)


def written_by_the_other_name(x):
    a, b = x * 1.0, x * 2.0
    r = a if x[0] > 0 else b
    r[0] = 1.0
    return np.sum(a)


REFUSED = [
    generator_under_a_name, map_under_a_name, generator_over_what_the_loop_writes,
    generator_of_a_name_that_the_loop_binds, map_of_a_function_whose_names_the_loop_binds,
    any_that_stops_early, name_bound_in_any, zip_used_in_a_loop, zip_with_itself,
    iterator_left_early, list_changed_under_an_iterator, array_of_a_generator,
    read_after_a_write, read_after_a_write_in_a_branch, read_in_the_trip_after_a_write,
    read_at_second_hand, read_at_second_hand_from_an_arm, view_read_after_a_write,
    read_from_a_list_after_a_write, read_by_a_closure_after_a_write,
    best_so_far_is_the_current_one, written_by_the_other_name,
]  # fmt: skip


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_refused(f):
    with pytest.raises(UnsupportedError) as caught:
        ad.grad(f, backend="python")(X)
    first = f.__code__.co_firstlineno
    assert first < caught.value.lineno <= first + 20


def dead_when_the_other_is_written(x):
    a, b = x * 1.0, x * 2.0
    r = a if x[0] > 0 else b
    s = np.sum(r * r)
    a[0] = 5.0
    b[1] = a[2]
    return s + np.sum(a * b)


def chosen_anew_in_each_trip(x):
    a, b = x * 1.0, x * 2.0
    s = 0.0
    for i in range(3):
        r = a if x[i] > 0 else b
        s += np.sum(r**2)
        a[i] = 0.25 * s
    return s + np.sum(a)


def argument_or_not(x):
    r = x if x[0] > 0 else x * 2.0
    s = np.sum(r * r)
    x[0] = 3.0
    return s + np.sum(x)


def two_generations(x):
    a, b, c = x * 1.0, x * 2.0, x * 3.0
    r = a if x[0] > 0 else b
    q = r if x[1] > 0 else c
    s = np.sum(q) * r[0]
    a[0], b[1], c[2] = 5.0, 2.0, 1.0
    return s + np.sum(a * b * c)


@pytest.mark.parametrize(
    "f", [dead_when_the_other_is_written, chosen_anew_in_each_trip, argument_or_not, two_generations],
    ids=lambda f: f.__name__,
)  # fmt: skip
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_dead_name_is_in_nobodys_way(f, sign):
    from autodiff_compiler.testing import check_grads

    check_grads(f, (sign * X,))


def added_up(x):
    t = 0.0
    for v in x:
        t += v * v
    return t


def multiplied(x):
    p = 1
    for i in range(len(x)):
        p = p * x[i]
    return p


def added_up_or_not(x):
    t = 0.0
    for v in x:
        if v > 0:
            t += v
    return t


def begun_with_a_tenth(x):
    t = 0.1
    for v in x:
        t += v
    return t


@pytest.mark.parametrize("backend", ["python", "c"])
def test_float32_added_to_a_python_number(backend):
    x = X.astype(np.float32)
    for f in (added_up, multiplied):
        value, g = ad.value_and_grad(f, backend=backend)(x)
        assert type(value) is np.float32 and value == f(x) and g.dtype == np.float32
        with pytest.raises(UnsupportedError):
            # Python gives its own number here, and not NumPy's.
            ad.compile(f, backend=backend)(x[:0])
    for f in (added_up_or_not, begun_with_a_tenth):
        with pytest.raises(UnsupportedError):
            ad.compile(f, backend=backend)(x)


def used_by_whoever_asks_first(x):
    z = zip(x, x)
    e = enumerate(z)
    first = sum([a * b for a, b in z])
    return first + sum([i * a for i, (a, b) in e])


def iterators_among_the_arguments(x):
    def twice(*given, **named):
        s = sum([a * b for a, b in given[0]]) + sum([2 * a for a, b in given[0]])
        return s + sum([3 * a for a in named["k"]]) + sum([4 * a for a in named["k"]])

    return twice(zip(x, x), k=iter([x[0], x[1]]))


def test_iterators_through_calls():
    from autodiff_compiler.testing import check_grads

    check_grads(iterators_among_the_arguments, (X,))
    with pytest.raises(UnsupportedError):
        ad.grad(used_by_whoever_asks_first, backend="python")(X)


def made_into_a_set(x):
    return {1, 2}, x


def test_sets_are_not_returned():
    with pytest.raises(UnsupportedError, match="a set cannot be returned"):
        ad.compile(made_into_a_set, backend="python")(X)
