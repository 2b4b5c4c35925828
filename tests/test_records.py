"""NamedTuples, dataclasses and objects at the door: what goes in, what comes out, what is guarded."""

import copy
import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import autodiff_compiler as ad
from autodiff_compiler import CompileError, UnsupportedError

X = np.array([0.5, -1.0, 2.0])
backends = pytest.mark.parametrize("backend", ["python", "c"])


class State(NamedTuple):
    x: np.ndarray
    v: float = 1.0


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float
    count: int = 2
    mode: str = "tanh"
    mask: np.ndarray | None = None
    act: object = np.tanh

    def __post_init__(self):
        self.made = True

    def apply(self, x):
        assert self.mode == "tanh"
        return self.act(self.w * x + self.b) * self.count


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    a: float
    b: float


class Plain:
    def __init__(self, k):
        self.k = k


def loss(layer, x):
    return np.sum(layer.apply(x))


def swapped(s):
    return State(s.x * 2.0, s.v), {"pair": Pair(s.v, 1.0), "list": [s]}, Plain(s.v)


@backends
def test_a_gradient_has_the_class_of_its_argument(backend):
    layer = Layer(X, 0.5, mask=np.array([1, 0, 1]))
    kept = copy.deepcopy(layer)
    value, g = ad.value_and_grad(loss, backend=backend)(layer, X)
    assert type(g) is Layer and np.isclose(value, loss(layer, X))
    slope = 2.0 * (1.0 - np.tanh(X * X + 0.5) ** 2)
    np.testing.assert_allclose(g.w, slope * X, rtol=1e-12)
    assert type(g.b) is float and np.isclose(g.b, slope.sum())
    # Numbers that are no parameters have no gradient; what is no number stays.
    assert g.count is None and g.mask is None and g.mode == "tanh" and g.act is np.tanh
    assert "made" not in vars(g)
    np.testing.assert_array_equal(layer.w, kept.w)
    assert (layer.b, layer.count) == (kept.b, kept.count)


@backends
def test_named_tuples_and_slots(backend):
    f = ad.grad(lambda s, p: np.sum(s.x) * s.v * p.a + p.b, argnums=(0, 1), backend=backend)
    s, p = f(State(X, 2.0), Pair(3.0, 4.0))
    assert type(s) is State and type(p) is Pair
    np.testing.assert_allclose(s.x, np.full(3, 6.0))
    assert s.v == 4.5 and p == Pair(3.0, 1.0)


@backends
def test_results_of_every_kind(backend):
    s = State(X, 2.0)
    state, rest, plain = ad.compile(swapped, backend=backend)(s)
    assert type(state) is State and type(rest["pair"]) is Pair and type(plain) is Plain
    np.testing.assert_array_equal(state.x, 2.0 * X)
    assert rest["pair"] == Pair(2.0, 1.0) and rest["list"][0].v == 2.0 and plain.k == 2.0


@backends
def test_the_callers_own_objects_come_back(backend):
    def pick(layer, s):
        return layer, s.x, layer.w

    layer, s = Layer(X, 0.5), State(X + 1)
    out = ad.compile(pick, backend=backend)(layer, s)
    assert out[0] is layer and out[1] is s.x and out[2] is layer.w


@backends
def test_other_classes_values_and_types_are_other_calls(backend):
    @dataclasses.dataclass
    class Twin(Layer):
        def apply(self, x):
            return self.w * x * 10.0

    f = ad.grad(loss, backend=backend)
    assert f(Layer(X, 0.5), X).b > 0
    assert f(Twin(X, 0.5), X).b == 0
    assert f(Layer(X, np.float64(0.5)), X).b > 0
    with pytest.raises(AssertionError):
        f(Layer(X, 0.5, mode="relu"), X)
    assert f(Layer(X, 0.5, count=4), X).b == 2 * f(Layer(X, 0.5), X).b
    assert np.allclose(f(Layer(X, 0.5, act=np.sin), X).b, 2 * np.cos(X * X + 0.5).sum())
    broken = Layer(X, 0.5)
    del broken.b
    with pytest.raises((AttributeError, TypeError)):
        f(broken, X)


@backends
def test_writes_into_the_arrays_of_an_object(backend):
    def scale(layer):
        layer.w *= 2.0
        layer.w[0] = layer.b
        return layer.w.sum()

    layer = Layer(X.copy(), 0.5)
    assert ad.compile(scale, backend=backend)(layer) == 0.5 - 2.0 + 4.0
    np.testing.assert_array_equal(layer.w, [0.5, -2.0, 4.0])
    before = layer.w.copy()
    ad.grad(scale, backend=backend)(layer)
    np.testing.assert_array_equal(layer.w, before)


@backends
def test_a_failing_call_is_replayed_on_copies(backend):
    def picky(layer, s):
        layer.w[0] = 100.0
        if s.v > 0:
            raise ValueError("v")
        return layer.w.sum()

    layer, s = Layer(X.copy(), 0.5), [State(X + 1, 2.0)]
    with pytest.raises(ValueError, match="v"):
        ad.grad(lambda layer, s: picky(layer, s[0]), backend=backend)(layer, s)
    np.testing.assert_array_equal(layer.w, X)
    assert ad.grad(lambda layer, s: picky(layer, s[0]), backend=backend)(
        layer, [State(X, -1.0)]
    ).w.tolist() == [0.0, 1.0, 1.0]


@backends
def test_vjp(backend):
    value, pull = ad.vjp(lambda s: Pair(s.v * 2.0, np.sum(s.x)), State(X, 3.0), backend=backend)
    assert value == Pair(6.0, X.sum())
    (g,) = pull(Pair(1.0, 10.0))
    assert type(g) is State and g.v == 2.0
    np.testing.assert_array_equal(g.x, np.full(3, 10.0))
    with pytest.raises(ValueError):
        pull((1.0, 10.0))


@backends
def test_derivatives_within(backend):
    def inner(s):
        return np.sum(s.x**3) * s.v

    def outer(s):
        g = ad.grad(inner)(s)
        return np.sum(g.x) + g.v * s.v

    g = ad.grad(outer, backend=backend)(State(X, 2.0))
    np.testing.assert_allclose(g.x, 12.0 * X + 3 * X**2 * 2.0, rtol=1e-12)
    assert np.isclose(g.v, np.sum(3 * X**2) + np.sum(X**3))


@backends
def test_integers_that_must_be_known(backend):
    @dataclasses.dataclass
    class Axis:
        x: np.ndarray
        axis: int

    def along(a):
        return np.sum(np.sum(a.x, axis=a.axis) ** 2)

    f = ad.grad(along, backend=backend)
    m = np.arange(6.0).reshape(2, 3)
    for axis in (0, 1, -1):
        expected = 2.0 * m.sum(axis=axis, keepdims=True) * np.ones_like(m)
        np.testing.assert_allclose(f(Axis(m, axis)).x, expected)


def refused(f, *args, error=UnsupportedError, match=""):
    for backend in ("python", "c"):
        with pytest.raises(error, match=match):
            ad.grad(f, backend=backend)(*args)


def test_what_is_refused():
    def rebinds(layer):
        layer.b = 2.0
        return layer.b * layer.w.sum()

    def generated(p):
        return p.a if p == Pair(1.0, 2.0) else p.b

    refused(rebinds, Layer(X, 0.5), match="belongs to the caller")
    refused(generated, Pair(1.0, 2.0), match="not supported")
    refused(lambda p: p.k, Plain(2.0), error=TypeError, match="dataclass")
    refused(lambda p: p.a + p.b, Pair(1, 2), error=TypeError, match="no float")
    refused(lambda s: s[0] * s[1], (1, 2.0), error=TypeError, match="pass a float")
    refused(lambda layer: layer.made * layer.b, Layer(X, 0.5), match="no field")


def test_frozen_and_unknown_attributes_raise_as_in_python():
    def frozen(x):
        p = Pair(x, 1.0)
        p.a = 2.0
        return p.a

    def unknown(x):
        return Pair(x, 1.0).c

    def too_many(x):
        return Pair(x, 1.0, 2.0).a

    refused(frozen, 1.0, error=dataclasses.FrozenInstanceError)
    refused(unknown, 1.0, error=AttributeError)
    refused(too_many, 1.0, error=TypeError)


SETTINGS = Plain(2.0)
SKIP = {"b"}


@backends
def test_what_is_captured_is_seen_afresh(backend):
    def scaled(x):
        return x * SETTINGS.k if hasattr(SETTINGS, "k") and not hasattr(SETTINGS, "off") else x

    def some(p):
        return sum([v for k, v in p.items() if k not in SKIP], 0.0)

    f, g = (ad.grad(h, backend=backend) for h in (scaled, some))
    assert f(1.0) == 2.0
    SETTINGS.k = 5.0
    assert f(1.0) == 5.0
    SETTINGS.off = True
    assert f(1.0) == 1.0
    del SETTINGS.off
    SETTINGS.k = 2.0
    assert f(1.0) == 2.0
    assert g({"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": 0.0}
    SKIP.add("a")
    assert g({"a": 1.0, "b": 2.0, "c": 1.0}) == {"a": 0.0, "b": 0.0, "c": 1.0}
    assert g({"a": 1.0, "b": 2.0}) == {"a": 0.0, "b": 0.0}
    SKIP.remove("a")
    assert g({"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": 0.0}


def test_without_a_launcher(monkeypatch):
    from autodiff_compiler.runtime import launcher

    monkeypatch.setattr(launcher, "native_module", lambda: None)
    launcher._classes.clear()
    try:
        g = ad.grad(loss, backend="c")(Layer(X, 0.5), X)
        assert type(g) is Layer and g.count is None and isinstance(g.b, float)
    finally:
        launcher._classes.clear()
    assert issubclass(UnsupportedError, CompileError)
