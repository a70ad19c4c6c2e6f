# Python and make are all that is needed: every verb sets up its own environment.
# Another interpreter: `make setup PYTHON=python3.12`.
PYTHON ?= python3

BIN := .venv/bin
SETUP := .venv/.installed
CODE := spatialheteroreg tests benchmarks examples docs
# What to add to a command: `make bench ARGS="--task globe"`, `make test ARGS=tests/test_graph.py`.
ARGS ?=

# No verb opens a window.
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.PHONY: setup test lint docs bench demo format build clean help

setup: $(SETUP) ## make .venv and install the project with exact versions

test: $(SETUP) ## run the tests, the doctests and the code of the README
	$(BIN)/python -m pytest $(ARGS)

lint: $(SETUP) ## check format, code, types and docstrings
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m numpydoc lint $$(find spatialheteroreg -name '*.py' | sort)

docs: $(SETUP) ## build the documentation and run its examples; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: $(SETUP) ## measure accuracy on the real data in the folder STCG_DATA
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

demo: $(SETUP) ## fit on a simulated globe and draw true and learned effects
	$(BIN)/python examples/demo.py --output docs/_static/demo.png $(ARGS)

format: $(SETUP) ## rewrite the code in the project's format
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

build: $(SETUP) ## build the wheel and the source archive into dist
	$(BIN)/python -m build

clean: ## remove everything that the other verbs wrote, .venv included
	rm -rf .venv build dist docs/_build docs/gallery docs/generated docs/sg_execution_times.rst
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## print these lines
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r verb text; do printf 'make %-8s%s\n' "$$verb" "$$text"; done

$(SETUP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[plot,test,docs,bench]"
	touch $@
