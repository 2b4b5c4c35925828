"""Compiled functions inside other people's tools. Each module needs the package that it is named after.

torch   a compiled function as a node of PyTorch's graph
jax     a compiled function under `jit`, `grad` and `vmap`
dask    value and gradient of a sum over the rows of an array that outgrows one machine

For SciPy nothing is needed: `value_and_grad` is what `minimize(jac=True)` takes, `jacobian` what
`root` and `least_squares` take.
"""
