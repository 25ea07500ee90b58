# forescale: `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
# Needs only python3 (3.11 or newer) with venv and pip; everything else is installed by it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST_ARGS ?=
# One worker a core, but at least two: much of a test's time is waiting for a server.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -lt 2 ] && echo 2 || echo $$n)

.PHONY: help setup demo test lint check docs bench evaluate lock clean

help: ## show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(READY) ## build .venv with every extra, from the locked versions

$(READY): requirements/lock.txt pyproject.toml
	@sh scripts/venv.sh $(PYTHON) $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## scale a local Auto Scaling Group on a day of load, in about a minute
	$(BIN)/forescale demo $(ARGS)

test: setup ## install the servers the tests start (where it may), and run every test
	@sh scripts/servers.sh
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lint: setup ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## everything that CI checks

docs: setup ## write the generated pages anew
	$(BIN)/python -m forescale.config.reference docs/configuration.md

bench: setup ## figures of speed, on this machine
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

evaluate: setup ## judge the default policy on public traces: docs/results.md (hours at first, then cached)
	@OMP_NUM_THREADS=1 PYTHONPATH=benchmarks $(BIN)/python -m evaluate $(ARGS)

lock: ## resolve the dependencies anew into requirements/lock.txt (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --no-annotate --all-extras --group dev pyproject.toml requirements/lock.in -o requirements/lock.txt

clean: ## remove what was built
	rm -rf $(VENV) .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
