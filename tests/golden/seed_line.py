def line(x, w, b):
    return w * x + b
