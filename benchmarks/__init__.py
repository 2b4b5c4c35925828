"""Measurements to run by hand: `python -m benchmarks`, `python -m benchmarks.neuron_call`."""
