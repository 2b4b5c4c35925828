"""A damped driven pendulum by the classical Runge-Kutta method, fitted to a trajectory."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Pendulum:
    length: float
    damping: float
    mass: float = 1.0
    g: float = 9.81

    def derivatives(self, t, state):
        theta, omega = state
        torque = 0.5 * np.sin(1.5 * t)
        alpha = (
            -self.g / self.length * np.sin(theta)
            - self.damping * omega
            + torque / (self.mass * self.length**2)
        )
        return np.array([omega, alpha])

    def energy(self, state):
        theta, omega = state
        kinetic = 0.5 * self.mass * (self.length * omega) ** 2
        potential = self.mass * self.g * self.length * (1 - np.cos(theta))
        return kinetic + potential


def rk4_step(f, t, y, h):
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + h / 2 * k2)
    k4 = f(t + h, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def simulate(pendulum, y0, t_end, h):
    t, y = 0.0, y0
    trajectory = [y0]
    while t < t_end - 1e-9:
        y = rk4_step(pendulum.derivatives, t, y, h)
        t += h
        trajectory.append(y)
    return np.array(trajectory)


def program(length, damping, y0, target):
    pendulum = Pendulum(length=length, damping=damping)
    ys = simulate(pendulum, y0, t_end=1.0, h=0.1)
    mse = np.mean((ys[:, 0] - target) ** 2)
    return mse + 1e-3 * pendulum.energy(ys[-1])


def arguments():
    target = 0.6 * np.cos(3.1 * np.linspace(0.0, 1.0, 11))
    return 1.1, 0.3, np.array([0.7, -0.2]), target
