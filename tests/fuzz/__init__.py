"""Random programs, run through every oracle: `python -m tests.fuzz --n 2000 --seed 0`."""
