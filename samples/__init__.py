"""Small programs to run and read, each on its own: `python -m samples.neuron`."""
