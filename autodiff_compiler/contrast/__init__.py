"""The static graph here beside the dynamic graph that PyTorch builds: `python -m autodiff_compiler contrast`."""
