# Two commands do all the set-up on a fresh machine:  make demo   and   make test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Most modules of what is installed are never imported: Python compiles a module when one is.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile --constraint constraints.txt

.PHONY: demo playground test cover fast lint check bench docs outputs clean browser

demo: $(VENV)/lab            ## the classic experiments on real digits, then one page
	$(BIN)/isogain demo

playground: $(VENV)/lab      ## turn the knobs of an untrained network and see what initial weights do
	$(BIN)/isogain playground --open

test: $(VENV)/dev browser    ## the whole test suite
	$(BIN)/python -m pytest

cover: $(VENV)/dev browser   ## the same, with the lines that no test reached
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term

fast: $(VENV)/dev            ## the tests that matter for a change, under 90 seconds
	$(BIN)/python .ci/fast.py

lint: $(VENV)/dev            ## style, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check src tests benchmarks docs/*.py examples setup.py
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

bench: $(VENV)/dev           ## the short benchmarks; docs/benchmarks.md has the rest
	for script in benchmarks/draw.py benchmarks/lab.py benchmarks/inspect_cost.py; do $(BIN)/python $$script || exit 1; done

docs: $(VENV)/dev            ## generated pages and notebooks, then the site: open site/index.html
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/notebooks.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

outputs: $(VENV)/dev         ## what the pages' blocks print, written below them anew
	OMP_NUM_THREADS=1 $(BIN)/python docs/blocks.py

# A stamp for each set of extras, so that nothing is installed twice.
$(VENV)/pip: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) pip setuptools
	touch $@

$(VENV)/lab: $(VENV)/pip pyproject.toml setup.py src/isogain/_version.py $(wildcard src/isogain/drawing/*.[ch])
	$(PIP) --editable '.[lab]'
	touch $@

$(VENV)/dev: $(VENV)/pip pyproject.toml setup.py src/isogain/_version.py $(wildcard src/isogain/drawing/*.[ch])
	$(PIP) --editable '.[dev]'
	touch $@

browser:                     ## Chromium, for the tests that open pages
	@sh tests/install-browser.sh

clean:
	rm -rf $(VENV) build dist site *.egg-info src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
