"""Arrays that are written through another shape of them."""

import numpy as np

from .registry import matrix, program, vector


@program(vector(6), second_order=True)
def elements_and_rows_of_a_reshape(x):
    a = x * 1.0
    b = a.reshape(2, 3)
    for i in range(2):
        for j in range(3):
            b[i, j] = b[i, j] * a[0] + i
        b[i] *= 0.5
    return np.sum(a**2)


@program(vector(6))
def columns_of_a_reshape(x):
    a = x * 1.0
    b = a.reshape(2, 3)
    for j in range(3):
        b[:, j] += b[:, j - 1]
    b[1, ::-1] = a[:3]
    b[:, 1:] *= 2.0
    return np.sum(a**2) + np.sum(b[0])


@program(matrix(2, 3), second_order=True)
def a_transpose_that_is_written(m):
    t = m.transpose()
    t[1:, 0] *= m[1, 1:]
    t += 0.5 * m.transpose()[::-1]
    return np.sum(m.transpose(1, 0) @ m) + t[0, 1] ** 2


@program(matrix(2, 3))
def a_flat_view_of_a_copy(m):
    a = m.copy()
    f = a.ravel()
    for k in range(6):
        f[k] = f[k] * k + f[k - 1]
    a[0, 0] = 1.0
    f[1:3] = 7.0
    return np.sum(a * f.reshape(2, 3))


@program(matrix(2, 3))
def an_argument_by_its_other_shape(m):
    f = m.reshape(-1)
    f[2] = f[0] * f[1]
    m[1] *= f[3]
    return np.sum(m**2)


@program(vector(6))
def masks_and_indices_of_a_reshape(x):
    a = x * 1.0
    b = a.reshape(2, 3)
    b[b > 0] = 0.0
    b[[0, 1], [2, 1]] += a[0]
    b += 1.0
    b[...] = b * b
    return np.sum(a * x)


@program(vector(6))
def three_shapes(x):
    a = x * 1.0
    b = a.reshape(1, 2, 3)
    c = b.reshape(3, 2)
    c[1] = b[0, 0, :2] * 2
    b[0] = b[0] + c.T.copy().reshape(2, 3)
    a[5] = c[0, 0]
    return np.sum(c**2) + np.sum(b)


@program(vector(6))
def shapes_and_branches(x):
    a = x * 1.0
    b = a.reshape(2, 3)
    if x[0] > 0:
        b[0, 0] = 3.0 * x[1]
    else:
        a[1] = 2.0
    c = b if x[1] > 0 else a.reshape(2, 3)
    s = np.sum(c * b)
    i = 0
    while i < 2:
        b[i, 1] = b[i, 0] * a[i]
        i += 1
    return s + np.sum(a)


@program(vector(6))
def helpers_write_into_other_shapes(x):
    def fill(v, k):
        v[k] = v[k] * 2 + 1

    a = np.zeros((2, 3))
    a[0] = x[:3]
    fill(a.ravel(), 1)
    fill(a.reshape(3, 2), 2)
    return np.sum(a**2) * x[5]


@program(lambda r: r.normal(size=4).astype(np.float32))
def a_reshape_in_single_precision(x):
    a = np.outer(x, x)
    a.ravel()[4] += x[0]
    b = a.reshape(2, 8)
    b[1] *= x[1]
    t = 0.0
    for v in a.reshape(-1):
        t += v * v
    return t
