"""One neuron: its forward values, the chain rule in numbers, and its training.

    python -m samples.neuron

The neuron computes z = w * x + b and y_hat = sigmoid(z); its loss is (y - y_hat) ** 2. The chain
rule takes the derivative apart into one factor per step:

    dL/dw = dL/dy_hat * dy_hat/dz * dz/dw
"""

import numpy as np

from autodiff_compiler import grad, value_and_grad


def loss(w, b, x, y):
    z = w * x + b
    y_hat = 1.0 / (1.0 + np.exp(-z))
    return (y - y_hat) ** 2


def mean_loss(w, b, xs, ys):
    total = 0.0
    for x, y in zip(xs, ys):
        total += loss(w, b, x, y)
    return total / len(xs)


def chain_rule(w, b, x, y):
    """The steps of `loss` with their local derivatives, worked out as on paper."""
    z = w * x + b
    y_hat = 1.0 / (1.0 + np.exp(-z))
    steps = {
        "z": z,
        "y_hat": y_hat,
        "L": (y - y_hat) ** 2,
        "dL/dy_hat": -2.0 * (y - y_hat),
        "dy_hat/dz": y_hat * (1.0 - y_hat),
        "dz/dw": x,
        "dz/db": 1.0,
    }
    dL_dz = steps["dL/dy_hat"] * steps["dy_hat/dz"]
    steps["dL/dw"] = dL_dz * steps["dz/dw"]
    steps["dL/db"] = dL_dz * steps["dz/db"]
    return {name: float(value) for name, value in steps.items()}


def show_chain_rule(w=0.6, b=-0.3, x=1.5, y=1.0):
    """Print the steps, and the product of their derivatives next to what `grad` gives."""
    s = chain_rule(w, b, x, y)
    dw, db = grad(loss, argnums=("w", "b"))(w, b, x, y)

    print(f"w = {w}, b = {b}, x = {x}, y = {y}")
    print()
    print("forward")
    print(f"  z     = w * x + b      = {s['z']:.6f}")
    print(f"  y_hat = sigmoid(z)     = {s['y_hat']:.6f}")
    print(f"  L     = (y - y_hat)**2 = {s['L']:.6f}")
    print()
    print("local derivatives")
    print(f"  dL/dy_hat = -2 * (y - y_hat)    = {s['dL/dy_hat']:9.6f}")
    print(f"  dy_hat/dz = y_hat * (1 - y_hat) = {s['dy_hat/dz']:9.6f}")
    print(f"  dz/dw     = x                   = {s['dz/dw']:9.6f}")
    print(f"  dz/db     = 1                   = {s['dz/db']:9.6f}")
    print()
    print("chain rule, and the compiled gradient")
    outer = f"{s['dL/dy_hat']:.6f} * {s['dy_hat/dz']:.6f}"
    print(f"  dL/dw = {outer} * {s['dz/dw']:.6f} = {s['dL/dw']:9.6f}   grad: {dw:9.6f}")
    print(f"  dL/db = {outer} * {s['dz/db']:.6f} = {s['dL/db']:9.6f}   grad: {db:9.6f}")

    assert np.isclose(dw, s["dL/dw"], rtol=1e-12, atol=0.0)
    assert np.isclose(db, s["dL/db"], rtol=1e-12, atol=0.0)
    return {**s, "dw": dw, "db": db}


def train(learning_rate=2.0, steps=2000):
    """Gradient descent on six points: small x belong to class 0, large x to class 1."""
    xs = np.array([0.5, 1.0, 1.5, 2.5, 3.0, 3.5])
    ys = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    loss_and_grad = value_and_grad(mean_loss, argnums=("w", "b"))

    w, b = 0.0, 0.0
    losses = []
    for step in range(steps + 1):
        value, (dw, db) = loss_and_grad(w, b, xs, ys)
        losses.append(value)
        if step in (0, 1, 10, 100, 1000, steps):
            print(f"  step {step:5d}   loss {value:.6f}   w {w:8.4f}   b {b:8.4f}")
        w -= learning_rate * dw
        b -= learning_rate * db
    return {"w": w, "b": b, "losses": losses, "boundary": -b / w}


def main():
    result = show_chain_rule()
    print()
    print("training, learning rate 2")
    result.update(train(learning_rate=2.0))
    print(f"  the neuron now says class 1 from x = {result['boundary']:.3f} on")
    return result


if __name__ == "__main__":
    main()
