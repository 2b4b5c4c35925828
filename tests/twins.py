"""The twin of a function in PyTorch, for tests; without PyTorch they are skipped, but not where CI is set."""

import importlib.util
import os

import pytest

import autodiff_compiler as ad


def need_torch():
    """Called when a test module is imported."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
    elif os.environ.get("CI"):
        raise ImportError("PyTorch is part of a run of CI: pip install '.[torch]'")
    else:
        pytest.skip("PyTorch is not installed: pip install '.[torch]'", allow_module_level=True)


def twin_of(f, args, argnums=(0,), backend="python"):
    """(twin, bound arguments, the gradient here, its kernel)."""
    from autodiff_compiler.contrast.twin import make_twin
    from autodiff_compiler.signature import Request

    gradient = ad.value_and_grad(f, argnums=argnums, backend=backend)
    bound = gradient.bind(*args)
    kernel = gradient.specialize(*bound)
    return make_twin(f, kernel, Request("value_and_grad", argnums, False)), bound, gradient, kernel


def both(f, args, argnums=(0,)):
    """(twin, (value, gradients) by PyTorch, (value, gradients) here), gradients flat, as NumPy arrays."""
    import numpy as np
    import torch

    from autodiff_compiler.contrast.twin import float_leaves

    twin, bound, gradient, kernel = twin_of(f, args, argnums)
    found, theirs = twin.gradients(twin.inputs(bound))
    found = found.item() if torch.is_tensor(found) else found
    value, parts = gradient(*bound)
    specs = kernel.program.params
    ours = [x for k, part in zip(argnums, parts) for x in float_leaves(specs[k], part)]
    return (
        twin, (found, [g.detach().numpy() for g in theirs]), (value, [np.asarray(x) for x in ours])
    )  # fmt: skip
