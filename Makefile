# make demo    the seed neuron, its training, a fit on real data, and the generated source
# make test    the whole test suite
# make fuzz    N random programs through every oracle: make fuzz N=2000
# make bench   every program of the benchmark next to JAX, PyTorch and numba: BENCH_ARGS=--quick
# make docs    the documentation's site, into build/site; a broken link is an error
# make lint    ruff, black and mypy
# make clean   remove the environment and everything else that was made

PYTHON ?= python3
VENV ?= .venv
N ?= 200
# What the tests need; more is tested with `torch`, `jax` and `dask`, as continuous integration does.
EXTRAS ?= samples,test
# Each worker of the test run takes whole files, so that a file's tests keep their order.
JOBS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
RUN := $(VENV)/.run.stamp
TEST := $(VENV)/.test.stamp
LINT := $(VENV)/.lint.stamp
BENCH := $(VENV)/.bench.stamp
DOCS := $(VENV)/.docs.stamp

.PHONY: demo test fuzz bench docs lint clean

demo: $(RUN)
	$(PY) -m samples.demo

test: $(TEST)
	$(PY) -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

fuzz: $(TEST)
	$(PY) -m tests.fuzz --n $(N)

bench: $(BENCH)
	$(PY) -m benchmarks $(BENCH_ARGS)

docs: $(DOCS)
	$(PY) -m sphinx -q -W --keep-going -b html docs build/site
	@echo "build/site/index.html"

lint: $(LINT)
	$(PY) -m ruff check .
	$(PY) -m black --check --quiet .
	$(PY) -m mypy

# The package is installed in place, so a change of its sources needs no new installation.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The venv module of $(PYTHON) is incomplete (Debian: apt install python3-venv)"; exit 1; }

$(RUN): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[samples]'
	@touch $@

$(TEST): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[$(EXTRAS)]'
	@touch $@

$(BENCH): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[bench]'
	@touch $@

$(DOCS): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[docs]'
	@touch $@

$(LINT): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[dev,samples,test]'
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
