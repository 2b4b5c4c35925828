"""The smallest gradient: a line, z = w * x + b, at one point.

python -m samples.neuron_line
"""

from autodiff_compiler import value_and_grad


def line(x, w, b):
    z = w * x + b
    return z


def main():
    # At x = 30, w = 40, b = 50: how much does z move when w moves, and when b does?
    z, (dz_dw, dz_db) = value_and_grad(line, argnums=("w", "b"))(30.0, 40.0, 50.0)

    print(f"z     = w * x + b = {z:g}")
    print(f"dz/dw = x         = {dz_dw:g}")
    print(f"dz/db = 1         = {dz_db:g}")
    return {"z": z, "dz_dw": dz_dw, "dz_db": dz_db}


if __name__ == "__main__":
    main()
