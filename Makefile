# What a newcomer types; `make help` lists it. Needs: make, Python 3.11 or newer with venv; `make test` also Java 17 or
# newer and Maven, for Kafka. Everything else comes from
# the locks in requirements/, by hash, into .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
FLOORS := domain commands projections streams api infra
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The interpreter for .venv; the first of these that is new enough unless PYTHON says otherwise.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)
# Test processes at once: as many as there are cores.
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
# How long to fuzz, over all parsers together, and which of them (none named: all).
FUZZ_SECONDS ?= 3600
FUZZ_PARSERS ?=

.PHONY: help install dev run test check format lint types imports unit bench fuzz events fmt lock upgrade clean

help: ## what can be asked for
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment

install: .venv/installed ## make .venv with what the program needs
dev: .venv/installed-dev ## the same with the tools and what the tests need

.venv:
	@[ -n "$(PYTHON)" ] || \
		{ echo "Needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# Beancount is under the GPL: an own machine gets it, from a lock of its own; whatever we hand out leaves it out.
.venv/installed: requirements/runtime.txt requirements/beancount.txt pyproject.toml | .venv
	$(PIP) install --quiet --require-hashes --requirement requirements/runtime.txt
	$(PIP) install --quiet --require-hashes --requirement requirements/beancount.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements/dev.txt requirements/oracles.txt pyproject.toml | .venv
	$(PIP) install --quiet --require-hashes --requirement $<
	$(PIP) install --quiet --require-hashes --no-deps --requirement requirements/oracles.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ .venv/installed

# The fuzzer is for Linux and CPython alone, so that nobody needs it to develop.
.venv/installed-fuzz: requirements/fuzz.txt .venv/installed-dev
	$(PIP) install --quiet --require-hashes --requirement $<
	@touch $@

# The program

run: install ## start at http://127.0.0.1:8000 with a sample household
	$(BIN)/finshift serve --demo

# The checks

check: dev format lint types imports unit ## the fast part, in seconds

format: dev
	$(BIN)/ruff format --check .

lint: dev
	$(BIN)/ruff check .
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/compose-lint check --quiet --fail-on low --strict-config --skip-suppressed --no-env docker-compose.yml
	$(BIN)/hadolint Dockerfile

types: dev
	$(BIN)/mypy

imports: dev
	$(BIN)/lint-imports --no-logo

unit: dev
	$(BIN)/pytest --quiet tests/unit

# What kills and restarts programs runs first and alone; the rest shares the cores, and its coverage is printed last.
test: dev format lint types imports ## everything: checks, then all tests on real servers, with coverage by branch
	rm -f .coverage .coverage.*
	$(BIN)/pytest --cov --cov-report= tests/chaos || [ $$? -eq 5 ]
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup --cov --cov-append --ignore tests/chaos

bench: dev ## measure: docs/performance.md says what and on what
	$(BIN)/python -m tests.bench

fuzz: .venv/installed-fuzz ## feed every parser what strangers might send, for an hour: docs/fuzzing.md
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS) $(FUZZ_PARSERS)

events: dev ## write docs/events, the published contract, anew from the code
	$(BIN)/python -m streams.catalogue docs/events

fmt: dev ## format and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The locks, with hashes, for every platform, naming no package index: what runs, its optional part, what develops

LOCK := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"
EXTRA := import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	print(*project["optional-dependencies"]["beancount"])

lock: .venv-lock ## write requirements/*.txt anew after a change in pyproject.toml
	$(LOCK) pyproject.toml --group build --output-file requirements/runtime.txt
	.venv-lock/bin/python -c '$(EXTRA)' | \
		$(LOCK) - --constraint requirements/runtime.txt --output-file requirements/beancount.txt
	$(LOCK) pyproject.toml --group build --group dev --extra beancount --constraint requirements/runtime.txt \
		--constraint requirements/beancount.txt --output-file requirements/dev.txt
	$(LOCK) --no-deps --group oracles --output-file requirements/oracles.txt
	$(LOCK) --group fuzz --constraint requirements/dev.txt --output-file requirements/fuzz.txt

upgrade: .venv-lock ## the same, taking the newest versions
	rm -f requirements/*.txt
	$(MAKE) lock

.venv-lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip --disable-pip-version-check install --quiet uv

clean: ## take away what was made here; the data folder of the program is left alone
	rm -rf .venv .venv-lock .fuzz .stack .coverage .coverage.* .hypothesis build dist *.egg-info
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(FLOORS) tests -name __pycache__ -type d -prune -exec rm -rf {} +
