"""Programs as people bring them: networks, filters, optimisers, particles, with classes of their own."""

import dataclasses
import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from .registry import program, vector


@dataclasses.dataclass
class Dense:
    w: np.ndarray
    b: np.ndarray

    def __call__(self, x):
        return np.tanh(x @ self.w + self.b)


@dataclasses.dataclass
class Network:
    layers: list
    decay: float = 1e-2

    def __call__(self, x):
        return functools.reduce(lambda h, layer: layer(h), self.layers, x)

    def penalty(self):
        return self.decay * sum(np.sum(layer.w**2) for layer in self.layers)


def _network(r):
    return Network(
        [Dense(r.normal(size=(3, 4)), np.zeros(4)), Dense(r.normal(size=(4, 2)), np.ones(2))]
    )


@program(lambda r: (_network(r), r.normal(size=(5, 3)), r.normal(size=(5, 2))), (0, 1))
def a_network_of_dataclasses(network, x, y):
    return np.mean((network(x) - y) ** 2) + network.penalty()


class Moments(NamedTuple):
    m: dict
    v: dict
    t: int = 0


def _adam(p, g, s, rate=0.1, b1=0.9, b2=0.999):
    t = s.t + 1
    m = {k: b1 * s.m[k] + (1 - b1) * g[k] for k in p}
    v = {k: b2 * s.v[k] + (1 - b2) * g[k] ** 2 for k in p}
    step = {k: (m[k] / (1 - b1**t)) / (np.sqrt(v[k] / (1 - b2**t)) + 1e-8) for k in p}
    return {k: p[k] - rate * step[k] for k in p}, Moments(m, v, t)


@program(lambda r: {"w": r.normal(size=3) + 3.0, "b": np.array([1.5])})
def an_optimiser_unrolled(p):
    zeros = {k: np.zeros_like(v) for k, v in p.items()}
    s = Moments(zeros, dict(zeros))
    for _ in range(3):
        p, s = _adam(p, {k: 2 * v + 1 for k, v in p.items()}, s)
    return sum(np.sum(v**2) for v in p.values())


class Body:
    def __init__(self, mass, position, velocity):
        self.mass, self.position, self.velocity = mass, position, velocity

    def energy(self):
        return 0.5 * self.mass * self.velocity @ self.velocity


@program(lambda r: (r.uniform(0.5, 2.0, size=3), r.normal(size=(3, 2))), (0, 1))
def bodies_that_attract_each_other(masses, places):
    bodies = [Body(masses[k], places[k].copy(), np.zeros(2)) for k in range(3)]
    for _ in range(4):
        for a, b in itertools.combinations(bodies, 2):
            d = b.position - a.position
            f = d / np.sqrt(d @ d + 0.1) ** 3
            a.velocity = a.velocity + 0.1 * b.mass * f
            b.velocity = b.velocity - 0.1 * a.mass * f
        for b in bodies:
            b.position += 0.1 * b.velocity
    return sum(b.energy() for b in bodies)


@dataclasses.dataclass(frozen=True)
class Belief:
    mean: float
    variance: float

    def predicted(self, a, q):
        return Belief(a * self.mean, a * a * self.variance + q)

    def updated(self, z, r):
        gain = self.variance / (self.variance + r)
        mean = self.mean + gain * (z - self.mean)
        return dataclasses.replace(self, mean=mean, variance=(1 - gain) * self.variance)


@program(lambda r: ((0.9, 0.3, 0.5), r.normal(size=8)), (0, 1))
def a_kalman_filter(theta, measured):
    a, q, r = theta
    belief = Belief(0.0, 1.0)
    cost = 0.0
    for z in measured:
        belief = belief.predicted(a, q)
        spread = belief.variance + r
        cost += (z - belief.mean) ** 2 / spread + math.log(spread)
        belief = belief.updated(z, r)
    return cost


class Polynomial:
    def __init__(self, c):
        self.c = list(c)

    def __call__(self, x):
        total = 0.0
        for c in reversed(self.c):
            total = total * x + c
        return total

    def __add__(self, other):
        pairs = list(itertools.zip_longest(self.c, other.c, fillvalue=0.0))
        return Polynomial([a + b for a, b in pairs])

    def __mul__(self, other):
        out = [0.0] * (len(self.c) + len(other.c) - 1)
        for i, a in enumerate(self.c):
            for j, b in enumerate(other.c):
                out[i + j] += a * b
        return Polynomial(out)

    def derivative(self):
        return Polynomial([k * c for k, c in enumerate(self.c)][1:])


@program(vector(3), second_order=True)
def polynomials_that_are_objects(x):
    p, q = Polynomial([x[0], x[1], 1.0]), Polynomial((x[2], 2.0))
    r = p * q + p
    return r(0.7) * r.derivative()(x[1])


@program(vector(3))
def a_stack_machine(x):
    stack = []
    for token in ["x0", "x1", "*", "x2", "sin", "+", 2.0, "*"]:
        match token:
            case "*" | "+":
                b, a = stack.pop(), stack.pop()
                stack.append(a * b if token == "*" else a + b)
            case "sin":
                stack.append(np.sin(stack.pop()))
            case float() as c:
                stack.append(c)
            case str():
                stack.append(x[int(token[1:])])
    return stack[-1]


class Phase(NamedTuple):
    q: np.ndarray
    p: np.ndarray


def _mapped(f, *states):
    return Phase(*map(f, *states))


def _rk4(f, s, h):
    k1 = f(s)
    k2 = f(_mapped(lambda a, b: a + h / 2 * b, s, k1))
    k3 = f(_mapped(lambda a, b: a + h / 2 * b, s, k2))
    k4 = f(_mapped(lambda a, b: a + h * b, s, k3))
    return _mapped(lambda a, b, c, d, e: a + h / 6 * (b + 2 * c + 2 * d + e), s, k1, k2, k3, k4)


@program(lambda r: (Phase(r.normal(size=3), r.normal(size=3)), 1.3), (0, 1))
def runge_kutta_on_a_named_tuple(s, w):
    for _ in range(3):
        s = _rk4(lambda s: Phase(s.p, -w * s.q - 0.1 * s.q**3), s, 0.1)
    return np.sum(s.q**2) + np.sum(s.p * s.q)


class Running:
    __slots__ = ("count", "mean", "spread")

    def __init__(self):
        self.count, self.mean, self.spread = 0, 0.0, 0.0

    def push(self, v):
        self.count += 1
        d = v - self.mean
        self.mean += d / self.count
        self.spread += d * (v - self.mean)

    @property
    def variance(self):
        return self.spread / (self.count - 1)


@program(vector(5), second_order=True)
def a_running_variance(x):
    seen = Running()
    for v in x:
        seen.push(v)
    return seen.variance * seen.mean
