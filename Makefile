.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# The queues that benchmarks compare with; the service needs none of them.
REFERENCES := .venv-references
export PYTHONUNBUFFERED := 1

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(VENV)/.service: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %s" % sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

$(VENV)/.development: $(VENV)/.service requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

$(REFERENCES)/.installed: benchmarks/references/requirements.txt
	$(PYTHON) -m venv $(REFERENCES)
	$(REFERENCES)/bin/pip install --quiet --disable-pip-version-check --requirement benchmarks/references/requirements.txt
	@touch $@

# What the page loads in the browser, as package-lock.json has it. Without it the page works, but does not move.
node_modules/.installed: $(VENV)/.service package.json package-lock.json
	@$(BIN)/python -m web.assets

# With what the tests of the page need besides.
$(VENV)/.browser: $(VENV)/.development package.json package-lock.json
	@$(BIN)/python -m web.assets --development
	@touch $@

run: $(VENV)/.service node_modules/.installed ## Start the service: dry-run, embedded PostgreSQL, port 5000 or PORT
	@exec $(BIN)/python web_server.py

worker: $(VENV)/.service ## Start one more router on the same database
	@exec $(BIN)/python execution_router.py

demo: $(VENV)/.service ## Post a realistic day to the running service and print what was decided
	@$(BIN)/python -m demo

config: $(VENV)/.service ## Show the effective configuration and every problem in it
	@$(BIN)/python -m config

psql: $(VENV)/.service ## Open psql on the service's database
	@$(BIN)/python -m database.psql

backup: $(VENV)/.service ## Back the database up into backups/, while the service runs
	@mkdir -p backups && $(BIN)/python -m control backup backups/$$(date -u +%Y-%m-%dT%H%M%SZ).dump

test: $(VENV)/.browser ## Run all tests
	$(BIN)/pytest --numprocesses 4 --dist worksteal

chaos: $(VENV)/.development ## Kill workers and database over a thousand times while orders go out; CHAOS_KILLS=n for n kills
	CHAOS_KILLS=$${CHAOS_KILLS:-1000} $(BIN)/pytest --numprocesses 2 --dist worksteal tests/chaos

drills: $(VENV)/.development ## Take the database, the network, the clock and processes away, and see all of it come back
	$(BIN)/pytest --numprocesses 4 --dist worksteal tests/drills

fuzz: $(VENV)/.development ## Send a million requests by chance to webhooks and API; FUZZ_CASES=n for n, FUZZ_SEED=n for other ones
	FUZZ_CASES=$${FUZZ_CASES:-1000000} $(BIN)/pytest --numprocesses 2 --dist worksteal tests/fuzz

lint: $(VENV)/.development ## Check format, lint, types, import rules and pinned versions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python deploy/check_dependencies.py

audit: $(VENV)/.development ## Check the pinned versions, and ask the package index whether one of them was withdrawn
	$(BIN)/python deploy/check_dependencies.py --registry

reference: $(VENV)/.service ## Renew the tables in README.md and docs/reference.md
	@PYTHONPATH=. $(BIN)/python docs/generate.py

format: $(VENV)/.development ## Format the code and fix what can be fixed by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

references: $(REFERENCES)/.installed ## Install the queues that the drain is measured against

bench: $(VENV)/.development $(REFERENCES)/.installed ## Measure everything and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

bench-small: $(VENV)/.development $(REFERENCES)/.installed ## Run every benchmark at a small size, to see that it runs
	$(BIN)/python -m benchmarks --small

assets: $(VENV)/.service ## Install what the page loads in the browser
	@$(BIN)/python -m web.assets --strict

.PHONY: help run worker demo config psql backup test chaos drills fuzz lint audit format reference references bench bench-small assets
