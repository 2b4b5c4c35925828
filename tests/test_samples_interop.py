"""The samples that need other people's packages. That of Dask is run in `test_interop_dask`."""

import pytest

from tests.optional import optional


def test_scipy_roots():
    pytest.importorskip("scipy")
    from samples import scipy_roots

    result = scipy_roots.main()
    assert result["residual"] < 1e-9 and result["error"] < 1e-3
    assert result["difference"] < 1e-6
    assert result["shapes"] == ((40, 40), (360, 2))


def test_torch_node():
    optional("torch")
    from samples import torch_node

    result = torch_node.main(steps=60)
    assert result["checked"]


def test_jax_callback():
    optional("jax")
    from samples import jax_callback

    result = jax_callback.main()
    assert result["error"] < 1e-6
    assert result["slope"] == pytest.approx(result["by_hand"], rel=1e-6)
