"""A compiled function under JAX's `jit`, `grad` and `vmap`: a loop that JAX has no gradient of.

    python -m samples.jax_callback

A shot with air drag is followed until it comes down, in a `while` loop of unknown length. JAX
cannot go backwards through such a loop; the compiled function has its own gradient, and JAX treats
it as one of its operations. The aim is found by Newton's method on JAX's side, for several targets
at once.
"""

import jax
import jax.numpy as jnp
import numpy as np

from autodiff_compiler.interop.jax import to_jax

jax.config.update("jax_enable_x64", True)


def distance(angle, drag):
    """How far a shot of 50 m/s flies; the last step is cut where the height is 0."""
    x = 0.0
    y = 0.0
    vx = 50.0 * np.cos(angle)
    vy = 50.0 * np.sin(angle)
    dt = 0.01
    while True:
        speed = np.sqrt(vx * vx + vy * vy)
        vx -= dt * drag * speed * vx
        vy -= dt * (9.81 + drag * speed * vy)
        if y + dt * vy < 0.0:
            return x + vx * y / -vy
        x += dt * vx
        y += dt * vy


shot = to_jax(distance)


@jax.jit
def aim(target, drag):
    """The angle that hits: Newton's method, with the derivative of the compiled loop."""

    def step(_, angle):
        return angle - (shot(angle, drag) - target) / jax.grad(shot)(angle, drag)

    return jax.lax.fori_loop(0, 8, step, 0.3)


def main():
    drag = 0.004
    targets = jnp.array([60.0, 80.0, 100.0])
    angles = jax.vmap(aim, (0, None))(targets, drag)
    hits = jnp.array([distance(float(a), drag) for a in angles])
    slope = float(jax.grad(shot, 1)(0.3, drag))
    h = 1e-6
    by_hand = (distance(0.3, drag + h) - distance(0.3, drag - h)) / (2.0 * h)
    print("targets ", targets)
    print("angles  ", angles)
    print("hits    ", hits)
    print(f"metres lost per unit of drag: {slope:.4f}, by differences {by_hand:.4f}")
    error = float(jnp.max(jnp.abs(hits - targets)))
    assert error < 1e-6
    return {"error": error, "slope": slope, "by_hand": by_hand}


if __name__ == "__main__":
    main()
