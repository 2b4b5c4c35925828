"""Time of one call of the neuron's gradient, next to PyTorch in eager mode where installed.

    python -m benchmarks.neuron_call

Numbers this small make the call itself the cost: finding the kernel, taking the arguments in and
handing the results out.
"""

import argparse
import math
import timeit

from autodiff_compiler import grad
from samples.neuron import loss

POINT = (0.6, -0.3, 1.5, 1.0)


def by_hand(w, b, x, y):
    """The same gradient as a person would write it in plain Python."""
    y_hat = 1.0 / (1.0 + math.exp(-(w * x + b)))
    d_z = -2.0 * (y - y_hat) * y_hat * (1.0 - y_hat)
    return d_z * x, d_z


def torch_eager():
    """A gradient by PyTorch's tape, as a function of four floats, or None if not installed."""
    try:
        import torch
    except ImportError:
        return None

    torch.set_num_threads(1)
    w, b, x, y = (torch.tensor(v, dtype=torch.float64) for v in POINT)
    w.requires_grad_()
    b.requires_grad_()

    def call(*_):
        # The tensors exist already: PyTorch is not charged for making them from floats.
        y_hat = torch.sigmoid(w * x + b)
        dw, db = torch.autograd.grad((y - y_hat) ** 2, (w, b))
        return dw.item(), db.item()

    return call


def seconds_per_call(function, repeats=20, number=None):
    """The least of several timings, so that a busy machine disturbs it little."""
    timer = timeit.Timer(lambda: function(*POINT))
    if number is None:
        number = max(1, timer.autorange()[0] // 10)
    return min(timer.repeat(repeat=repeats, number=number)) / number


def measure(repeats=20):
    """Seconds per call by name, after a check that all give the same gradient."""
    functions = {
        "here, C": grad(loss, argnums=("w", "b"), backend="c"),
        "here, Python": grad(loss, argnums=("w", "b"), backend="python"),
        "by hand, plain Python": by_hand,
        "PyTorch, eager": torch_eager(),
    }
    expected = by_hand(*POINT)
    times = {}
    for name, function in functions.items():
        if function is None:
            times[name] = None
            continue
        result = function(*POINT)
        if not all(math.isclose(a, b, rel_tol=1e-12) for a, b in zip(result, expected)):
            raise AssertionError(f"{name} gives {result}, not {expected}")
        times[name] = seconds_per_call(function, repeats)
    return times


def main():
    parser = argparse.ArgumentParser(description="time per call of the neuron's gradient")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    print("one call of the neuron's gradient, microseconds (least of the repeats)")
    for name, time in measure(options.repeats).items():
        shown = "not installed" if time is None else f"{1e6 * time:13.3f}"
        print(f"  {name:<24}{shown:>13}")


if __name__ == "__main__":
    main()
