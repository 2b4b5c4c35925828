"""The documentation: what it shows is what is printed, its programs run, its links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autodiff_compiler import grad, jacobian, value_and_grad, vjp
from docs import make_walkthrough
from samples import smoothing
from tests.optional import optional

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def test_walkthrough_shows_what_is_printed():
    told = "run `python -m docs.make_walkthrough --write`, and read whether the words still fit"
    assert make_walkthrough.PAGE.read_text("utf-8") == make_walkthrough.page(), told


def test_the_sample_that_it_follows():
    result = smoothing.main()
    assert result["value"] < result["first"] and abs(result["slope"]) < 1e-8


def test_the_site_is_built_without_a_warning(tmp_path):
    for package in ("sphinx", "myst_parser", "furo"):
        optional(package)
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs",
         str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in DOCS.glob("*.md"):
        assert (tmp_path / f"{page.stem}.html").is_file()


def test_links_of_the_readme():
    text = (ROOT / "README.md").read_text("utf-8")
    local = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert local and all((ROOT / link).exists() for link in local)


def test_the_quick_start_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.S)
    script = tmp_path / "quick_start.py"
    script.write_text("\n".join(blocks))
    spec = importlib.util.spec_from_file_location("quick_start", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    h = 1e-6
    difference = module.misfit(0.3 + h, module.x) - module.misfit(0.3 - h, module.x)
    assert module.slope == pytest.approx(difference / (2.0 * h), rel=1e-5)
    x = np.ones((4, 2))
    dw, db = module.loss(np.zeros(2), 0.5, x, np.zeros(4))
    assert dw.shape == (2,) and isinstance(db, float)


def test_what_stands_for_other_tools_names():
    """The entries of the tables that are more than a name."""

    def f(x):
        return np.sum(np.sin(x) * x[0])

    x, v = np.array([0.3, 1.1, -0.4]), np.array([1.0, -2.0, 0.5])
    hessian = jacobian(grad(f))(x)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-14)
    product = grad(lambda x: np.sum(grad(f)(x) * v))(x)
    np.testing.assert_allclose(product, hessian @ v, rtol=1e-12, atol=1e-14)
    elementwise = vjp(lambda x: np.exp(x), x)[1](np.ones_like(x))[0]
    np.testing.assert_allclose(elementwise, np.exp(x), rtol=1e-14)


def test_the_kernel_that_is_looked_at(tmp_path):
    text = (DOCS / "performance.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.S)
    script = tmp_path / "steps.py"
    script.write_text(f"import numpy as np\n\n\n{program}")
    spec = importlib.util.spec_from_file_location("steps", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = value_and_grad(module.steps, (0, 1), backend="c").specialize(np.ones(4), np.ones(10))
    shown = re.findall(r"```c\n(.*?)```", text, re.S)
    assert len(shown) == 2 and all(block in made.c_source for block in shown)
