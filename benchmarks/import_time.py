"""What `import autodiff_compiler` costs beyond `import numpy`.

    python -m benchmarks.import_time

Each measurement is a process of its own that has imported NumPy already; processor time counts, and
the least of them, since whatever else the machine does can only add to it.
"""

import argparse
import subprocess
import sys

PROGRAM = """
import time
import numpy
start = time.process_time()
import autodiff_compiler
print(time.process_time() - start)
"""


def seconds(processes=15):
    """The least processor time of an import, in seconds, over that many processes."""
    times = []
    for _ in range(processes):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout))
    return min(times)


def main():
    parser = argparse.ArgumentParser(description="cost of the import beyond numpy's")
    parser.add_argument("--processes", type=int, default=15)
    options = parser.parse_args()
    cost = seconds(options.processes)
    print(f"import autodiff_compiler, beyond import numpy: {1e3 * cost:.1f} ms")


if __name__ == "__main__":
    main()
