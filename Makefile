# `make` prints the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# The first Python that runs and is new enough; a version manager's stand-in for one that is not installed does not count.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && command -v $$name && break; done)
BIN := .venv/bin
export PORT DEMO_PORT DATABASE_URL REDIS_URL

.PHONY: help demo run test test-rest test-all check format bench lock screenshots clean

help:  ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: .venv/.demo  ## try Milepost: everything on this machine, with the demo service and its traffic
	@exec $(BIN)/python manage.py up --demo

run: .venv/.runtime  ## run Milepost without the demo
	@exec $(BIN)/python manage.py up

test: .venv/.dev  ## the tests: SQLite whole, PostgreSQL and Redis where it matters, one browser pass
	@$(BIN)/python tests/lanes.py quick

test-rest: .venv/.dev  ## what test-all adds to test
	@$(BIN)/python tests/lanes.py rest

test-all: test test-rest  ## every test on both databases

check: .venv/.dev  ## linters, types, migrations, system checks, lock files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py check --fail-level WARNING
	@PRODUCTION=true SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))') ALLOWED_HOSTS=milepost.example \
	  BASE_URL=https://milepost.example $(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

format: .venv/.dev  ## format the code
	@$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format .

bench: .venv/.dev  ## measure speed and memory; writes benchmarks/results/
	@$(BIN)/python -m benchmarks

screenshots: .venv/.dev  ## renew the pictures of the documentation from a running demo
	@$(BIN)/python -m docs.screenshots

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11
lock: .venv/.dev  ## renew requirements/*.txt from pyproject.toml
	@$(LOCK) pyproject.toml -o requirements/runtime.txt
	@$(LOCK) --extra demo -c requirements/runtime.txt pyproject.toml -o requirements/demo.txt
	@$(LOCK) --extra demo --extra dev -c requirements/demo.txt pyproject.toml -o requirements/dev.txt

clean:  ## remove the virtual environment and all local data (asks first)
	@read -rp "Remove .venv and var (the local database)? [y/N] " answer && [ "$$answer" = y ] && rm -rf .venv var

# One virtual environment; a stamp per set of requirements, each set holding the smaller ones.
.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Milepost needs Python 3.11 or newer: install python3 and python3-venv."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv: install the package python3-venv."; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv

.venv/.%: requirements/%.txt | .venv/bin/python
	@echo "Installing requirements/$*.txt"
	@{ command -v uv >/dev/null && uv pip install --quiet --python $(BIN)/python --require-hashes -r $<; } || \
	 $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
