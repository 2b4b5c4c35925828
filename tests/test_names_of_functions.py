"""How a compiled function shows itself at the prompt."""

from autodiff_compiler import compile, grad, value_and_grad


def square(x):
    return x * x


def test_it_says_what_it_is_of():
    assert repr(compile(square)) == "<compile of square>"
    assert repr(grad(value_and_grad(square))) == "<grad of value_and_grad of square>"


def test_a_method_is_named_with_its_class():
    assert repr(grad(Spring(2.0).energy)) == "<grad of Spring.energy>"


class Spring:
    def __init__(self, stiffness):
        self.stiffness = stiffness

    def energy(self, x):
        return 0.5 * self.stiffness * x * x
