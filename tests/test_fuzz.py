"""Some random programs of fixed seeds; `python -m tests.fuzz` runs as many as one has time for."""

import collections

import pytest

from autodiff_compiler.testing import value_and_grad_dual
from tests.constructs import constructs
from tests.fuzz import check, generate, wide
from tests.fuzz.__main__ import construct_counts, jobs_for, source_for
from tests.fuzz.pool import Worker, run_all
from tests.fuzz.shrink import shrink

# What the generator must draw in at least 2 % of its programs.
DRAWN = """
if|ternary|and|or|not|chained comparison|range()|range with a step|enumerate()|zip()|reversed()|while|break|continue
for-else|several returns|return in a loop|call of a helper|method call|nested function|lambda|list literal|comprehension
.append()|len()|abs()|min()|max()|sum()|pow()|round()|int()|float()|assert|raise|//|%|store|negative index|slice
slice with a step|slice with a negative step|ellipsis|newaxis|mask|masked store|named view|alias|.copy()|swap|nested loops
triangular loops|tuple assignment|chained assignment|chained assignment to subscripts|tuple assignment to subscripts
augmented assignment|augmented assignment to a subscript|slice bounds read from an array|out=|.outer()|.reduce()
.accumulate()|.at()|.astype()|.size|.T|@|**|keyword argument|annotated assignment|dict literal|for over an object
for over a tuple or list|np.exp|np.log|np.sqrt|np.sin|np.cos|np.tan|np.tanh|np.abs|np.maximum|np.minimum|np.where
np.sum|np.mean|np.max|np.min|np.dot|np.outer|np.zeros|np.ones|np.empty|np.zeros_like|np.empty_like|np.arange|np.array
np.eye|.sum()|.mean()|.max()|.reshape()|.transpose()|np.sign|np.floor|np.isnan|math.sin|math.exp|math.log|math.sqrt
"""


def test_every_construct_is_drawn():
    jobs = jobs_for(300, 0, "both")
    counts = construct_counts(jobs)
    required = {name for line in DRAWN.split("\n") for name in line.split("|") if name}
    required |= wide.constructs_of_snippets(constructs)
    assert {name: counts[name] for name in required if counts[name] < 0.02 * len(jobs)} == {}


def test_constructs_are_named_alike():
    assert constructs("np.cos(v2).astype(float)") == {"np.cos", ".astype()"}
    assert constructs("np.multiply.outer(v, np.array(L8).mean())") == {
        ".outer()",
        "np.array",
        ".mean()",
    }
    assert constructs("np.linalg.solve(A, v).sum()") == {"np.linalg.solve", ".sum()"}


def _failures(results):
    return [r for r in results if r["status"] in ("mismatch", "crash", "invalid")]


def test_random_programs():
    results = run_all(jobs_for(100, 9_999, "both"), 2)
    assert _failures(results) == []
    counts = collections.Counter(r["status"] for r in results)
    # Programs at kinks are not compared, and refused ones neither: few of either may be left out.
    assert counts["kink"] <= 0.05 * len(results)
    assert counts["refused"] <= 0.05 * len(results)


def test_programs_that_leave_the_language():
    assert _failures(run_all(jobs_for(70, 20_000, "both", strange=True), 2)) == []


def test_the_shrinker_keeps_the_failure():
    source = source_for(jobs_for(1, 3, "both")[0])
    small = shrink(source, lambda text: "return" in text and "np" in text)
    assert "return" in small and len(small) < len(source) / 2


class Compiled:
    """A compiler whose gradients are duals', with a mistake in one of the ways that there are."""

    def __init__(self, mistake):
        self._mistake = mistake

    def value_and_grad(self, f, argnums, backend):
        def run(*args):
            value, gradient = value_and_grad_dual(f, args, argnums)
            if self._mistake == "value":
                value += 1e-6
            if self._mistake == "gradient":
                gradient[1][0, 0] += 1e-4 * check._largest(gradient)
            if self._mistake == "argument":
                args[0][0] += 1.0
            return value, gradient

        return run


@pytest.mark.parametrize("mistake", ["value", "gradient", "argument"])
def test_mistakes_are_noticed(mistake, tmp_path):
    source, args = generate.source_of(5), generate.args_of(5)
    reference, problem = check._reference(source, args, tmp_path, False)
    assert problem is None
    f = check.load(source, tmp_path).f
    check._first_order(Compiled(None), f, args, "c", reference, False)
    with pytest.raises(check.Failure, match=mistake):
        check._first_order(Compiled(mistake), f, args, "c", reference, False)


def test_a_dead_worker_is_a_crash_of_its_program_alone(tmp_path):
    job = jobs_for(1, 2, "both")[0] | {"backends": []}
    worker = Worker(str(tmp_path / "cache"))
    deadly = "import os\ndef f(x, A, a, k, idx):\n    os._exit(11)\n"
    died = worker.run({**job, "source": deadly})
    assert died["status"] == "crash" and "11" in died["detail"]
    assert worker.run(job)["status"] == "ok"
    worker.stop()
