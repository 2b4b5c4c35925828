# The gradient of line(x, w, b) in seed_line.py, by w and b.
# Types assumed, for none were given: x: f64, w: f64, b: f64

import numpy as np


def grad_line(x, w, b):
    return x, 1.0
