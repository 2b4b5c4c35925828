"""Options of the test run. In it the IR is checked after every pass, and defects are not dressed up."""

import os

os.environ.setdefault("AUTODIFF_COMPILER_CHECK", "1")


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the compiler prints now into tests/golden, for review as a diff",
    )
