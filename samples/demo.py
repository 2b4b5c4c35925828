"""What `make demo` runs: a neuron by the chain rule, its training, a real fit, and the source.

python -m samples.demo
"""

from autodiff_compiler import grad
from samples import logistic_regression, neuron, neuron_line


def heading(text):
    print()
    print(text)
    print("=" * len(text))


def show_source():
    """The gradient of the neuron's loss as the compiler writes it, in each of its languages."""
    kernel = grad(neuron.loss, argnums=("w", "b")).specialize(0.6, -0.3, 1.5, 1.0)
    heading("The neuron's gradient, in Python")
    print(kernel.source.strip())
    heading("The neuron's gradient, in C")
    print((kernel.c_source or "(no C: no compiler was found)").strip())
    return {"python": kernel.source, "c": kernel.c_source}


def main():
    heading("A line, z = w * x + b, at x = 30, w = 40, b = 50")
    result = {"line": neuron_line.main()}

    heading("One neuron, in numbers")
    result["chain_rule"] = neuron.show_chain_rule()

    heading("The neuron trained by gradient descent, learning rate 2")
    result["training"] = neuron.train(learning_rate=2.0)
    print(f"  the neuron now says class 1 from x = {result['training']['boundary']:.3f} on")

    heading("A fit on real data, against scikit-learn")
    result["fit"] = logistic_regression.main()

    result["source"] = show_source()
    return result


if __name__ == "__main__":
    main()
