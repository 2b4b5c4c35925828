"""A regression on rows that are never together on one machine, and a worker that dies on the way.

    python -m samples.dask_rows

Poisson regression: counts whose rates are exp(x @ w). The rows are made in blocks, where they are
needed, on a `dask.distributed` cluster of two processes; the negative log-likelihood is a sum over
rows, so its gradient is added up block by block. While the first gradient is computed, one of the
two workers is killed. Then the regression is fitted to the end.
"""

import logging
import os
import signal
import sys
import tempfile
import time

import dask.array
import numpy as np
from dask.distributed import Client, LocalCluster
from scipy.optimize import minimize

from autodiff_compiler import value_and_grad
from autodiff_compiler.interop.dask import value_and_grad_of_rows

TRUTH = np.array([0.5, -0.3, 0.2, 0.1])
START = np.full(4, 0.1)


def loss(w, rows):
    """The negative log-likelihood, without what does not depend on `w`; the counts stand last."""
    x, count = rows[:, :-1], rows[:, -1]
    z = x @ w
    return np.sum(np.exp(z) - count * z)


def rows_of_block(number, length, dead_man=""):
    """The data of one block. `dead_man`: a file; who finds it takes it away and dies."""
    time.sleep(0.02)
    if dead_man and number == 10:
        try:
            os.remove(dead_man)
            os.kill(os.getpid(), signal.SIGKILL)
        except FileNotFoundError:
            pass
    rng = np.random.default_rng(number)
    x = rng.normal(size=(length, len(TRUTH)))
    return np.column_stack([x, rng.poisson(np.exp(x @ TRUTH))])


def rows(blocks, length, dead_man=""):
    shape = (length, len(TRUTH) + 1)
    make = dask.delayed(rows_of_block, pure=False)
    parts = [
        dask.array.from_delayed(make(k, length, dead_man), shape, dtype=float)
        for k in range(blocks)
    ]
    return dask.array.concatenate(parts)


def first_gradient(client, blocks, length):
    """The gradient, with one of the workers killed while it is computed; and how many are new."""
    with tempfile.TemporaryDirectory() as folder:
        dead_man = os.path.join(folder, "dead_man")
        open(dead_man, "w").close()
        before = set(client.run(os.getpid).values())
        found = value_and_grad_of_rows(loss)(START, rows(blocks, length, dead_man))
        killed = not os.path.exists(dead_man)
    return found, killed, before


def main(blocks=16, length=2000):
    if sys.platform == "win32":
        raise SystemExit("this sample kills a process as POSIX has it")
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        Client(cluster) as client,
    ):
        (value, gradient), killed, before = first_gradient(client, blocks, length)
        alive = set(client.run(os.getpid).values())

        together = np.concatenate([rows_of_block(k, length) for k in range(blocks)])
        value_here, gradient_here = value_and_grad(loss)(START, together)
        difference = float(np.max(np.abs(gradient - gradient_here)) / np.max(np.abs(gradient_here)))

        # The blocks are kept on the cluster from here on: one pass over them for each step.
        data = client.persist(rows(blocks, length))
        fit = minimize(value_and_grad_of_rows(loss), START, args=(data,), jac=True)

    print(f"{blocks} blocks of {length} rows on two workers")
    print(f"  a worker was killed on the way       {'yes' if killed else 'no'}")
    print(f"  its process is gone                  {'yes' if before - alive else 'no'}")
    print(f"  value of the cluster, of one process {value:.6f}  {value_here:.6f}")
    print(f"  gradients differ by                  {difference:.1e}")
    print(f"  fitted                               {fit.x.round(3)}, of {TRUTH}  ({fit.nit} steps)")
    assert killed and difference < 1e-10 and np.max(np.abs(fit.x - TRUTH)) < 0.02
    return {
        "killed": killed,
        "gone": len(before - alive),
        "value": (float(value), float(value_here)),
        "difference": difference,
        "off": float(np.max(np.abs(fit.x - TRUTH))),
    }


if __name__ == "__main__":
    main()
