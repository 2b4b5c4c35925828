"""What to do instead of calling a function of NumPy that is not supported."""

from __future__ import annotations

_OUTSIDE = "call it outside, and pass the result as an argument"
_BY_NAME = {
    "einsum": "write it with `@`, np.outer and sums",
    "tensordot": "write it with `@`",
    "vectorize": "write the loop",
    "apply_along_axis": "write the loop",
    "apply_over_axes": "write the loop",
    "fromfunction": "call the function on np.indices or np.meshgrid",
    "fromiter": "make a list, and np.array of it",
    "partition": "use np.sort",
    "argpartition": "use np.argsort",
    "lexsort": "use np.argsort(kind='stable') once for each key, the last key first",
    "unique": "how many values differ is no size that can be compiled: " + _OUTSIDE,
    "histogram": "use np.digitize and np.bincount(weights=...)",
    "histogram2d": "use np.digitize and np.bincount(weights=...)",
    "geomspace": "use np.logspace, or np.exp of np.linspace",
    "reduceat": "write a loop over the pieces",
    "modf": "use `x - np.trunc(x)` and np.trunc(x)",
    "ldexp": "write `x * 2.0**n`",
    "resize": "use np.tile and a slice",
    "trim_zeros": "slice the array",
    "unstack": "index the array, or loop over it",
    "unravel_index": "use `//` and `%`",
    "ravel_multi_index": "multiply and add the indices",
    "nextafter": "add a multiple of np.finfo(float).eps",
    "spacing": "use np.finfo(float).eps",
    "union1d": _OUTSIDE,
    "intersect1d": _OUTSIDE,
    "setdiff1d": _OUTSIDE,
    "polyfit": "solve the normal equations, or fit outside",
    "packbits": _OUTSIDE,
    "eig": "eigenvalues of a general matrix are complex; of a symmetric one use np.linalg.eigh",
    "eigvals": "eigenvalues of a general matrix are complex; of a symmetric one use np.linalg.eigvalsh",
    "frompyfunc": "call the function itself",
}
_BY_MODULE = {
    "np.random.": "random numbers differ from call to call: draw them outside, and pass them",
    "np.linalg.": "if it needs no derivative, " + _OUTSIDE,
    "np.fft.": "complex numbers are not supported; a discrete transform may be written as `matrix @ x`",
}


def hint_for(name: str) -> str:
    """`name`: as a user writes it, `np.fft.fft`."""
    module, _, last = name.rpartition(".")
    return _BY_NAME.get(last) or _BY_MODULE.get(f"{module}.", "")


#: Attributes and methods of arrays.
ATTRIBUTES = {
    "flat": "use `.ravel()` or index with all axes",
    "tolist": "keep the array, or take its numbers one by one",
    "resize": "make a new array",
    "view": "use `.astype`",
    "partition": "use `.sort()`",
    "argpartition": "use `.argsort()`",
    "data": "",
    "base": "",
    "strides": "",
    "ctypes": "",
    "imag": "arrays are real here",
    "tobytes": "",
    "tofile": "",
    "byteswap": "",
}
