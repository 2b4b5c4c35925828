"""Helpers, methods, closures, defaults, several results."""

import math

import numpy as np

from .registry import program

GRAVITY = 9.81
WEIGHTS = np.array([0.5, -1.0, 2.0])


def axpy(a, x, y):
    for i in range(len(y)):
        y[i] += a * x[i]


def normalise(v):
    length = math.sqrt((v * v).sum())
    v /= length
    return v, length


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


@program(lambda r: (r.normal(size=3), r.normal(size=3), 0.4), (0, 1, 2))
def helpers_that_write(x, y, a):
    z = y.copy()
    axpy(a, x, z)
    axpy(-0.5, z[:2], z[1:])
    return z @ WEIGHTS


@program(lambda r: r.normal(size=4))
def helper_with_two_results(x):
    v, n = normalise(x.copy())
    w, m = normalise(v + 0.5)
    return v @ w + n * m


@program(lambda r: (1.2, 0.4), (0, 1), second_order=True)
def keyword_calls(speed, angle=0.3):
    def reach(v, theta, *, height=0.0, g=GRAVITY):
        up = v * math.sin(theta)
        return v * math.cos(theta) * (up + math.sqrt(up**2 + 2 * g * height)) / g

    return reach(theta=angle, v=speed, height=1.5) + reach(speed, angle, g=1.6)


@program(lambda r: (r.normal(size=5), 0.7), (0, 1))
def closures(x, k):
    offset = x.mean()
    scale = lambda v: k * (v - offset)  # noqa: E731

    def energy(v):
        return 0.5 * scale(v) ** 2

    total = 0.0
    for v in x:
        total += energy(v) + scale(v * v)
    return total


@program(lambda r: (r.normal(size=4),))
def closure_that_writes(x):
    state = np.zeros(4)

    def push(value, at):
        state[at] += value
        state[1:] = state[:-1] * 0.5

    for i in range(3):
        push(x[i] * x[i + 1], i)
    return state.sum() * x[0]


class Pendulum:
    def __init__(self, length, damping):
        self.length = length
        self.damping = damping

    def acceleration(self, angle, speed):
        return -GRAVITY / self.length * np.sin(angle) - self.damping * speed

    def step(self, angle, speed, dt):
        speed = speed + dt * self.acceleration(angle, speed)
        return angle + dt * speed, speed


PENDULUM = Pendulum(1.5, 0.1)


@program(lambda r: (0.8, 0.1), (0, 1))
def methods_of_an_object(angle, speed):
    for _ in range(10):
        angle, speed = PENDULUM.step(angle, speed, 0.05)
    return angle**2 + speed**2


@program(lambda r: (0.3, 1.1), (0, 1))
def many_returns(x, y):
    def side(t):
        """The larger part of t."""
        if t > 1.0:
            return t * t
        if t > 0.0:
            return t
        return -t

    return side(x) * side(y) + side(x - y)


@program(lambda r: (r.normal(size=3),))
def functions_as_values(x):
    total = 0.0
    for f in (np.sin, np.exp, sigmoid):
        total += f(x).sum()
    apply = lambda f, v: f(f(v))  # noqa: E731
    return total + apply(math.tanh, x[0]) + apply(sigmoid, x[1])


@program(lambda r: (r.normal(size=3), 2))
def defaults_and_annotations(x: np.ndarray, n: int = 3, scale: float = 0.5) -> float:
    """Powers of a sum, scaled."""
    total: float = 0.0
    for k in range(1, n + 1):
        total += scale * pow(x.sum(), k)
    return total


def rk4(f, y, t, dt):
    k1 = f(t, y)
    k2 = f(t + dt / 2, y + dt / 2 * k1)
    k3 = f(t + dt / 2, y + dt / 2 * k2)
    k4 = f(t + dt, y + dt * k3)
    return y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@program(lambda r: (np.array([1.0, 0.5]), 0.9), (0, 1))
def runge_kutta(y, mu):
    def van_der_pol(t, y):
        return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0] + 0.1 * math.cos(t)])

    t = 0.0
    for _ in range(5):
        y = rk4(van_der_pol, y, t, 0.1)
        t += 0.1
    return y @ y


@program(lambda r: (r.normal(size=(2, 2)), r.normal(size=2)), (0, 1))
def nested_helper_chain(a, b):
    def solve2(m, r):
        det = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
        return (m[1, 1] * r[0] - m[0, 1] * r[1]) / det, (m[0, 0] * r[1] - m[1, 0] * r[0]) / det

    x0, x1 = solve2(a + 3 * np.eye(2), b)
    first, second = (x0, x1) if b[0] > 0 else (x1, x0)
    return first * x1 + second
