"""NamedTuples, dataclasses and objects of plain classes: as parameters, made within, with methods and operators."""

import copy
import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from .registry import program, vector


class State(NamedTuple):
    position: np.ndarray
    speed: np.ndarray
    time: float = 0.0

    def energy(self):
        return np.sum(self.speed**2) + np.sum(self.position**4)

    @property
    def momentum(self):
        return 2.0 * self.speed


class Vector(NamedTuple):
    x: float
    y: float

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)

    __rmul__ = __mul__

    def __neg__(self):
        return Vector(-self.x, -self.y)

    def dot(self, other):
        return self.x * other.x + self.y * other.y


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float
    power: int = 2

    def apply(self, x):
        return np.tanh(self.w * x + self.b) ** self.power

    @property
    def penalty(self):
        return np.sum(self.w**2) + self.b**2


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    low: float
    high: float = 2.0

    def inside(self, x):
        return np.clip(x, self.low, self.high)


@dataclasses.dataclass
class Model:
    layers: list
    bounds: Bounds


@dataclasses.dataclass
class Optimiser:
    rate: float
    history: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.half = self.rate / 2

    def step(self, x, g):
        self.history.append(x)
        return x - self.half * g


class Filter:
    gain = 3.0

    def __init__(self, a, b):
        self.a, self.b = a, b
        self.state = 0.0

    @classmethod
    def damped(cls, a):
        return cls(a, 1.0 - a)

    @staticmethod
    def shaped(x):
        return x * x

    def step(self, x):
        self.state = self.a * self.state + self.b * self.shaped(x)
        return self.state

    def __call__(self, x):
        return self.gain * self.step(x)


class Offset(Filter):
    def __init__(self, a, b, c):
        super().__init__(a, b)
        self.c = c

    def step(self, x):
        return super().step(x) + self.c


class Line:
    def __init__(self, points):
        self.points = points

    def __len__(self):
        return len(self.points)

    def __getitem__(self, k):
        return self.points[k]

    @functools.cached_property
    def length(self):
        return sum((self[k + 1] - self[k]) ** 2 for k in range(len(self) - 1))


@program(lambda r: (State(r.normal(size=3), r.normal(size=3), 0.5),))
def a_named_tuple(s):
    position, speed, time = s
    return s.energy() * s.time + s.momentum @ position + s[1] @ speed + time


@program(lambda r: (State(r.normal(size=3), r.normal(size=3)), 0.1), (0, 1))
def a_state_that_is_stepped(s, dt):
    for _ in range(4):
        speed = s.speed - dt * s.position**3
        s = State(s.position + dt * speed, speed, time=s.time + dt)
        if s.time > 0.25:
            s = s._replace(speed=0.9 * s.speed)
    return s.energy() + s.time


@program(lambda r: r.normal(size=4), second_order=True)
def vectors_with_operators(x):
    a, b = Vector(x[0], x[1]), Vector._make([x[2], x[3]])
    c = a + 2.0 * b
    for _ in range(3):
        c = c + -a * 0.5
    return c.dot(a) * c._asdict()["y"]


@program(lambda r: (Layer(r.normal(size=3), 0.3), r.normal(size=3)), (0, 1))
def a_dataclass(layer, x):
    return np.sum(layer.apply(x)) + layer.penalty


@program(
    lambda r: (
        Model([Layer(r.normal(size=3), 0.3), Layer(r.normal(size=3), -0.2, 3)], Bounds(-1.5)),
        r.normal(size=3),
    )
)
def nested_dataclasses(model, x):
    for k, layer in enumerate(model.layers):
        x = model.bounds.inside(layer.apply(x)) + k * model.bounds.high
    return x.sum()


@program(lambda r: Layer(r.normal(size=3), 0.3))
def changed_copies_of_a_dataclass(layer):
    x = np.array([0.5, 1.5, -0.5])
    for k in range(3):
        layer = dataclasses.replace(layer, w=layer.w * 0.9, b=layer.b + layer.w[k])
        x = layer.apply(x)
    return x.sum() + layer.penalty


@program(lambda r: Layer(r.normal(size=3), 0.3))
def an_array_of_a_dataclass_is_written(layer):
    w = layer.w
    layer.w *= 2.0
    layer.w[0] = layer.b
    return w @ w * layer.b


@program(vector(3), second_order=True)
def a_dataclass_with_a_history(x):
    optimiser = Optimiser(rate=0.4)
    other = Optimiser(x[0])
    for _ in range(3):
        x = optimiser.step(x, 2.0 * x)
    return x @ optimiser.history[1] + other.half * len(optimiser.history) - len(other.history)


@program(vector(5))
def a_filter_with_a_state(x):
    f = Filter(x[0], b=x[1])
    g = Filter.damped(x[2])
    total = 0.0
    for v in x:
        total += f.step(v) * g(v)
    return total + f.state + Filter.shaped(x[3]) * f.gain


@program(vector(4))
def a_subclass(x):
    f = Offset(0.5, x[0], x[1])
    twin = copy.copy(f)
    alias = f
    alias.c *= 2.0
    out = [f(v) - twin(v) for v in x]
    return sum(out) * twin.c + isinstance(f, Filter)


@program(vector(4))
def objects_on_either_way(x):
    f = Filter(x[0], x[1]) if x[2] > 0.0 else Filter(x[3], 2.0)
    if x[0] > 0.0:
        f.state = x[1]
    else:
        f.a = f.a * 3.0
    return f.step(x[2]) * f.a


@program(vector(4), second_order=True)
def an_object_that_is_a_container(x):
    line = Line([v * v for v in x])
    setattr(line, "weight", line.length)
    return line.length * getattr(line, "weight") + line[0] - line[-1]


CAPTURED = Offset(0.5, np.array([1.0, -2.0, 0.5, 0.25]), 0.125)
LAYERS = [Layer(np.array([1.0, 2.0]), 0.5), Layer(np.array([0.5, -1.0]), 0.25)]


@program(vector(4))
def captured_objects(x):
    y = x[:2]
    for layer in LAYERS:
        y = layer.apply(y) + getattr(layer, "missing", 0.5)
    return np.sum(CAPTURED.b * x) * CAPTURED.c + CAPTURED.gain * y.sum()
