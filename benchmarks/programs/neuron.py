"""One neuron before its activation, of Python floats: nothing but the call itself."""

from ..registry import Program


def neuron(w, x, b):
    z = w * x + b
    return z


def data():
    return 0.6, 1.5, -0.3


def torch_form():
    return lambda w, x, b: w * x + b


PROGRAM = Program(
    name="neuron",
    primal=neuron,
    argnums=(0, 1, 2),
    data=data,
    sizes=((),),
    tiny=(),
    loops=False,
    jax=lambda: {"": neuron},
    torch=torch_form,
    transform="grad",
)
