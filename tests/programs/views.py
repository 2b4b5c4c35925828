"""Views, aliases, and what writing through them does."""

import numpy as np

from .registry import program


@program(lambda r: r.normal(size=(4, 3)))
def rows_written_through(a):
    b = a.copy()
    for i in range(1, 4):
        row = b[i]
        row *= 2.0
        row += b[i - 1]
    return (b * b).sum()


@program(lambda r: r.normal(size=5), second_order=True)
def two_names(x):
    a = x.copy()
    b = a
    b[0] = a[1] * a[2]
    a[1] += b[0] ** 2
    return (a + b) @ x


@program(lambda r: r.normal(size=(4, 4)))
def transposed_store(a):
    b = np.zeros((4, 4))
    t = b.T
    t[0] = a[1]
    t[1:, 2] += a[0, 1:] * 2
    b[:, -1] = t[0] * t[:, 2]
    return np.sum(b * a)


@program(lambda r: r.normal(size=9))
def steps_and_negative_steps(x):
    y = x.copy()
    y[::2] *= 3.0
    y[::-1][:3] = x[2:5]
    y[-2:1:-3] += x[0]
    return (y[::-1] * x).sum() + y[-1] * y[-3]


@program(lambda r: r.normal(size=(3, 6)))
def view_of_a_view(a):
    b = a * 1.0
    inner = b[1:, ::2][:, 1:]
    inner[0] = inner[1] * 2.0
    inner[...] -= 0.5
    column = b[:, 2]
    column[1] = 7.0 * a[0, 0]
    return np.sum(b**2)


@program(lambda r: r.normal(size=6))
def carried_row(x):
    a = np.outer(x, x)
    previous = a[0]
    total = 0.0
    for i in range(1, 6):
        current = a[i]
        total += np.dot(previous, current) * np.tanh(previous[i])
        previous = current
    return total


@program(lambda r: (r.normal(size=5), 4), second_order=True)
def swapped_buffers(u, steps):
    p = u.copy()
    q = np.zeros_like(p)
    for _ in range(steps):
        q[1:-1] = p[1:-1] + 0.1 * (p[2:] - 2 * p[1:-1] + p[:-2])
        q[0] = p[1]
        q[-1] = p[-2] * p[0]
        p, q = q, p
    return np.sum(p * p) + q[0]


@program(lambda r: r.normal(size=(4, 5)))
def ellipsis_and_newaxis(a):
    b = a.copy()
    b[..., 0] = 2.0 * b[..., 1]
    b[..., -1] *= b[0, ...].sum()
    c = b[np.newaxis, ..., None]
    c[0, 1, :, 0] += 1.0
    return (b**2).sum()


@program(lambda r: r.normal(size=7))
def overlapping_shift(x):
    y = x.copy()
    y[1:] = y[:-1]
    y[:-2] += y[2:]
    y[2:5] -= 0.5 * y[1:4] * y[3:6]
    return (y * x).sum()


@program(lambda r: r.normal(size=(4, 4)))
def symmetrise_in_place(a):
    s = a.copy()
    s += s.T
    s[1:, 1:] -= s[:-1, :-1]
    return np.sum(np.sin(s))


@program(lambda r: r.normal(size=8))
def aliases_in_branches(x):
    y = x.copy()
    half = y[:4]
    if x[0] > 0:
        half *= 2.0
    else:
        half += y[4:]
    half[0] = half[1] * half[2]
    return y @ y


@program(lambda r: (r.normal(size=4), 3))
def history(x, steps):
    states = np.empty((steps + 1, 4))
    states[0] = x
    for t in range(steps):
        states[t + 1] = np.tanh(states[t] + 0.3 * states[t, ::-1])
    return (states[-1] * states[0]).sum() + states[:, 1].mean()
