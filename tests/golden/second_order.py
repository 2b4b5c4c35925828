import math

from autodiff_compiler import grad


def wave(x, k):
    total = 0.0
    for _ in range(k):
        x = math.sin(x)
        total += x * x
    return total


curvature = grad(grad(wave))
