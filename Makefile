# Python and make are all that is needed: every verb sets up its own environment.
# Another interpreter: `make setup PYTHON=python3.12`.
PYTHON ?= python3

BIN := .venv/bin
SETUP := .venv/.installed
INTEGRATIONS := .venv/.integrations
OLDEST := .venv-oldest/.installed
CODE := spatialheteroreg tests benchmarks examples docs
# What to add to a command: `make bench ARGS="--task globe"`, `make test ARGS=tests/test_graph.py`.
ARGS ?=
# Processes of one thread that `make test` shares the tests out to; 0 for none but its own.
WORKERS ?= 2

CHECK_PYTHON := $(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'

# Old packages warn of the NumPy that they run on: shap 0.46 when it is imported,
# pyproj 3.6 of a single place.
OLDEST_WARNINGS := -W 'ignore:Converting `np.inexact` or `np.floating`:DeprecationWarning' -W 'ignore:Conversion of an array with ndim:DeprecationWarning'

# No verb opens a window.
export MPLBACKEND := Agg

# The small networks of tests and gallery are faster on one thread than on two.
test test-integrations test-oldest docs: export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: setup test test-integrations test-properties test-oldest lint docs bench demo format build clean help

setup: $(SETUP) ## make .venv and install the project with exact versions

test: $(SETUP) ## run the tests, the doctests and the code of the README
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-integrations: $(INTEGRATIONS) ## run the tests with packages from outside
	$(BIN)/python -m pytest tests/integrations $(ARGS)

test-properties: $(SETUP) ## try thousands of generated tables
	PROPERTY_PROFILE=nightly $(BIN)/python -m pytest tests/test_properties.py $(ARGS)

test-oldest: $(OLDEST) ## run the tests on the oldest supported versions
	.venv-oldest/bin/python -m pytest $(OLDEST_WARNINGS) $(ARGS)

lint: $(SETUP) ## check format, code, types and docstrings
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m numpydoc lint $$(find spatialheteroreg -name '*.py' | sort)

docs: $(SETUP) ## build the documentation and run its examples; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: $(SETUP) ## measure accuracy on generated data, and on that in the folder STCG_DATA
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

demo: $(SETUP) ## fit on a simulated globe and draw true and learned effects
	$(BIN)/python examples/demo.py --output demo.png $(ARGS)

format: $(SETUP) ## rewrite the code in the project's format
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

build: $(SETUP) ## build the wheel and the source archive into dist
	$(BIN)/python -m build

clean: ## remove everything that the other verbs wrote, .venv included
	rm -rf .venv .venv-oldest build dist docs/_build docs/gallery docs/generated docs/sg_execution_times.rst
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## print these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r verb text; do printf 'make %-19s%s\n' "$$verb" "$$text"; done

$(SETUP): pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[plot,test,docs,bench]"
	touch $@

$(INTEGRATIONS): $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test-integrations]"
	touch $@

$(OLDEST): pyproject.toml constraints-oldest.txt
	@$(CHECK_PYTHON)
	test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-oldest.txt -e ".[plot,geo,cubes]" hypothesis polars pyarrow pytest
	touch $@
