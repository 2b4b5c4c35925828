"""`python -m benchmarks`: every program, every tool, one table."""

from .run import main

if __name__ == "__main__":
    main()
