"""Measurements to run by hand: `python -m benchmarks.neuron_call`."""
