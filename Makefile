# Every target is one line of work; `make help` lists them.
PYTHON ?= python3.11
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
export PORT

.DEFAULT_GOAL := help
.PHONY: help run test check lint types imports unit browser soak bench lock format docs notebooks clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.run ## Start the app on $$PORT (8501); with nothing configured it shows sample data
	@echo "Starting on http://127.0.0.1:$(PORT)"
	@exec $(BIN)/streamlit run app.py --server.port $(PORT)

test: $(VENV)/.test $(VENV)/.emulators ## Run everything: lint, types, import rules, unit, contract, app and browser tests
	@tests/find-browser
	$(MAKE) lint types imports
	$(BIN)/python -m pytest -n 4 --dist loadfile

check: lint types imports ## Run the quick checks only

lint: $(VENV)/.test ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test ## Check types
	$(BIN)/mypy

imports: $(VENV)/.test ## Check the one direction of imports
	$(BIN)/lint-imports

unit: $(VENV)/.test $(VENV)/.emulators ## Run the tests that need no browser
	$(BIN)/python -m pytest -m "not browser"

browser: $(VENV)/.test ## Run the browser tests; SCREENSHOTS=DIR keeps a picture of every page
	@tests/find-browser
	$(BIN)/python -m pytest -m browser

soak: $(VENV)/.test $(VENV)/.emulators $(VENV)/.fuzz ## Run the long tests: many kills, fuzzing, millions of rows
	$(BIN)/python -m pytest -m soak

bench: $(VENV)/.test ## Run the benchmarks and print their table
	$(BIN)/python -m benchmarks

format: $(VENV)/.test ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.test ## Write the generated parts of docs/ anew from the code
	PYTHONPATH=tests $(BIN)/python -m support.generated_docs

notebooks: $(VENV)/.test ## Write the notebooks anew from their paired Python files
	$(BIN)/jupytext --to ipynb --update notebooks/*.py

lock: $(VENV)/.tools ## Compile the pinned requirements anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --generate-hashes requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --generate-hashes requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --generate-hashes tests/emulators/requirements.in -o tests/emulators/requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --generate-hashes tests/fuzz/requirements.in -o tests/fuzz/requirements.txt

clean: ## Remove the environment and what tests leave behind
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis screenshots

# uv installs in seconds; where it can't be had, pip does the same more slowly. Everything is compiled once, here: where
# Python may not write bytecode later, each start would compile anew, which takes longer than all the rest of it.
$(VENV)/.tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	-@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

$(VENV)/.run: requirements.txt $(VENV)/.tools
	@if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.txt; else $(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt; fi
	@if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps -e .; else $(BIN)/python -m pip install --quiet --no-deps -e .; fi
	@$(BIN)/python -m compileall -q bwp_client pages app.py
	@touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	@if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.txt; else $(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt; fi
	@touch $@

# The AWS emulator needs a botocore that is not ours, so it has an environment of its own within ours.
$(VENV)/.fuzz: tests/fuzz/requirements.txt $(VENV)/.test
	@if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r $<; else $(BIN)/python -m pip install --quiet --require-hashes -r $<; fi
	@touch $@

$(VENV)/.emulators: tests/emulators/requirements.txt $(VENV)/.tools
	$(PYTHON) -m venv --clear $(VENV)/emulators
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(VENV)/emulators/bin/python --compile-bytecode --require-hashes -r $<; else $(VENV)/emulators/bin/python -m pip install --quiet --require-hashes -r $<; fi
	@touch $@
