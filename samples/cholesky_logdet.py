"""The log-determinant of a positive definite array, by a Cholesky factorisation in place.

    python -m samples.cholesky_logdet
    python -m samples.cholesky_logdet --memory      (peak memory of the gradient, 400 x 400)

The factorisation overwrites its argument element by element. Its gradient undoes the overwriting
on the way back, so it needs a few arrays of the size of A, not one per step.
"""

import argparse
import json
import subprocess
import sys

import numpy as np

from autodiff_compiler import grad


def cholesky_in_place(L):
    """Turn the lower triangle of `L` into its Cholesky factor, row by row."""
    n = len(L)
    for i in range(n):
        for j in range(i):
            L[i, j] -= L[i, :j] @ L[j, :j]
            L[i, j] /= L[j, j]
        L[i, i] = np.sqrt(L[i, i] - L[i, :i] @ L[i, :i])


def logdet(A):
    L = A.copy()
    cholesky_in_place(L)
    total = 0.0
    for i in range(len(L)):
        total += np.log(L[i, i])
    return 2.0 * total


def positive_definite(n, seed=0):
    root = np.random.default_rng(seed).normal(size=(n, n))
    return root @ root.T / n + np.eye(n)


def main(n=60):
    A = positive_definite(n)
    value = logdet(A)
    reference = np.linalg.slogdet(A)[1]

    # `logdet` reads the lower triangle alone, so an element below the diagonal stands for two of
    # A. Halving them over both triangles gives the derivative in every element, inv(A).T.
    G = grad(logdet)(A)
    symmetric = (G + G.T) / 2
    inverse = np.linalg.inv(A).T
    error = float(np.max(np.abs(symmetric - inverse)) / np.max(np.abs(inverse)))

    print(f"log det A          {value:.10f}")
    print(f"numpy.linalg       {reference:.10f}")
    print(f"gradient against inv(A).T: largest relative difference {error:.1e}")

    assert np.isclose(value, reference, rtol=1e-10)
    assert error < 1e-10
    assert np.all(np.triu(G, 1) == 0.0)
    return {"value": float(value), "reference": float(reference), "error": error}


def peak_bytes():
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure_gradient(n):
    """How far one gradient of an n x n array raises this process's peak of resident memory."""
    gradient = grad(logdet, backend="c")
    # The kernel is compiled for all sizes, so a small call is enough to build and load it.
    gradient(positive_definite(4))
    A = positive_definite(n)

    # The peak lies above what is in use now (imports freed some). Fill the gap up, so that from
    # here on every page in use raises the peak.
    before = peak_bytes()
    ballast = []
    while peak_bytes() < before + 2**20:
        ballast.append(np.ones(2**14))
    before = peak_bytes()
    gradient(A)
    return peak_bytes() - before


def memory(n=400):
    """Measure in a process of its own, where nothing else has touched memory."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", "--n", str(n)],
        capture_output=True,
        text=True,
        check=True,
    )
    extra = json.loads(done.stdout)
    array = n * n * 8
    print(f"an array of {n} x {n} float64    {array / 2**20:8.2f} MiB")
    print(f"gradient's peak extra memory  {extra / 2**20:8.2f} MiB, {extra / array:.1f} arrays")
    return {"array_bytes": array, "extra_bytes": extra, "ratio": extra / array}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="log-determinant by Cholesky in place")
    parser.add_argument("--memory", action="store_true", help="peak memory of the gradient")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, default=400, help="size of the array for --memory")
    options = parser.parse_args()
    if options.measure:
        print(measure_gradient(options.n))
    elif options.memory:
        memory(options.n)
    else:
        main()
