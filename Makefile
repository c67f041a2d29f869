# The harness's commands. They need Python 3.11+ with venv, and make; everything else is installed into this folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOMS := contract redaction files look settings health stores runlog orderservice stack reconcile chaos load webui locustfile.py
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test-fast test test-all night mutate check format bench options up down status clean clean-runs soak

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.python-ok:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1), the harness needs Python 3.11 or newer; try make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "setup: environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "error: python -m venv failed; install Python's venv package (on Debian: python3-venv)"; exit 2; }
	@touch $@

$(VENV)/.run-ok: requirements.txt constraints.txt | $(VENV)/.python-ok
	@echo "setup: packages of requirements.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev-ok: requirements-dev.txt requirements.txt constraints.txt | $(VENV)/.run-ok
	@echo "setup: packages of requirements-dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.run-ok ## Install environment, packages and Kafka's jars (once; then it takes a second)
	@$(BIN)/python -m stack fetch

setup-dev: setup $(VENV)/.dev-ok ## Install test tools and linters too

run: setup ## Send orders, stop the broker, start it again, and list every lost event
	@$(BIN)/locust --headless --expect lost-events $(ARGS)

test-fast: setup-dev ## Tests of what starts no process and opens no connection, all of them in a minute
	@EXAMPLES_PERCENT=10 $(BIN)/pytest -q -m pure -n 2 --dist loadfile $(ARGS)

test: setup-dev ## Unit and integration tests, real PostgreSQL, Kafka and Locust included
	@EXAMPLES_PERCENT=30 $(BIN)/pytest -q -m "not exhaustive and not docker and not night" -n 5 --dist loadfile $(ARGS)

test-all: setup-dev ## What `make test` leaves out: ways to end, Docker, the browser, a fresh clone, a sample of mutants
	@$(BIN)/pytest -q -m "(exhaustive or docker) and not night" -n 4 --dist loadfile $(ARGS)

night: setup-dev mutate soak ## What takes hours: the whole matrices, all seeds, all mutants, a hundred random runs
	@EXAMPLES_PERCENT=300 $(BIN)/pytest -q -m pure -n 2 --dist loadfile $(ARGS)
	@$(BIN)/pytest -q -m night -n 2 --dist loadfile $(ARGS)

mutate: setup-dev ## Change the pure core in every small way; its tests must notice (hours)
	@EXAMPLES_PERCENT=5 $(BIN)/mutmut run --max-children 2 $(ARGS)
	@$(BIN)/python -m tests.mutation.survivors

check: setup-dev ## Check format, lint, strict types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(ROOMS) tests benchmarks examples
	@PYTHONPATH=. $(BIN)/lint-imports

format: setup-dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## Measure speed beside the usual alternatives; writes docs/benchmarks.md
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup ## Make 100 short runs with random faults and random ends (half an hour); writes docs/soak.md
	@$(BIN)/python -m benchmarks.soak --page docs/soak.md $(ARGS)

options: setup ## Print every option with default, unit, environment variable and example
	@$(BIN)/python -m settings

up: setup ## Start the embedded stack and leave it running
	@$(BIN)/python -m stack up $(ARGS)

down: ## Stop the embedded stack; its data stays
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m stack down; else echo "nothing runs: nothing was set up here"; fi

status: ## Show which parts of the stack run, where, and their health
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m stack status || [ $$? -eq 3 ]; else echo "nothing runs: nothing was set up here"; fi

clean: ## Stop the stack; remove environment, caches and stack data (runs stay)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m stack clean; fi
	rm -rf $(VENV) .cache .stack mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

KEEP ?= 10
clean-runs: ## Remove old runs' folders, listing them first (KEEP=10 newest stay; DRY=1: only list; FORCE=1: unjudged too)
	@$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m runlog.clean_runs --keep "$(KEEP)" \
	  $(if $(filter-out 0,$(DRY)),--dry-run) $(if $(filter-out 0,$(FORCE)),--force) $(ARGS)
