# The commands that people and CI share. Everything runs in .venv, made from the lock file by a uv from PyPI.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV_VERSION := 0.13.9
UV_HOME := .cache/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
RUN := $(UV) run --frozen --no-sync
BUNDLE_SOURCES := $(wildcard producers/browser/src/*.ts producers/browser/build.mjs producers/browser/package*.json)
# By files, in the order in which tests are collected (tests/conftest.py), not by how many a file holds.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo test clients faults privacy detector check bench format clean

help: ## What there is
	@grep -hE '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.synced ## Make .venv from the lock file (uv comes from PyPI; nothing else is needed)

demo: setup ## The stack with a demo marketplace and live traffic; DEMO_SECONDS, DEMO_JSON, CHAOS=1, CHAOS_SEED
	@$(RUN) tidegate demo

test: setup ## Every test, on a real broker, a real ClickHouse engine and a real browser; ARGS goes to pytest
	@scripts/install-chromium.sh
	$(RUN) pytest $(PARALLEL) $(ARGS)

clients: setup ## Official clients of other projects against a gateway: Python, Node (from PyPI, with npm), Chromium
	@scripts/install-chromium.sh
	$(RUN) pytest $(PARALLEL) -m clients tests/clients $(ARGS)

faults: setup ## Kills at every failpoint and at random, the fault matrix, repairs, a switch of partitions; FAULTS_JSON=path, SOAK_SEED, SOAK_SECONDS
	@scripts/install-chromium.sh
	$(RUN) pytest $(PARALLEL) -m faults tests/faults tests/e2e tests/integration $(ARGS)

privacy: setup ## The leak test at length; PRIVACY_CANARIES, PRIVACY_SEED, PRIVACY_JSON=path, PRIVACY_CONTROL=1 must fail
	@$(RUN) python -m tests.privacy

detector: setup ## The stronger detector of personal data with its extra (300 MB), in an environment of its own
	$(UV) run --isolated --frozen --python $(UV_HOME)/bin/python --extra stack --extra presidio pytest -n 0 tests/unit/infra/test_detect.py $(ARGS)

check: setup ## Lint, format, types, import rules, schema evolution, generated tables
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) mypy tests
	$(RUN) lint-imports
	$(RUN) python -m tidegate_schemas check
	$(RUN) python -m tidegate_infra.settings_table --check docs/settings.md
	$(RUN) python -m tidegate_infra.privacy.inventory --check docs/privacy-inventory.md

bench: setup ## The numbers; BENCH_JSON=path writes them, BENCH_ONLY=prefix picks some
	@$(RUN) python -m tests.benchmarks

format: setup ## Let ruff mend what it can
	$(RUN) ruff check --fix
	$(RUN) ruff format

clean: ## Remove what the commands above made in this folder
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis tests/.artifacts producers/tidegate_gateway/browser/tidegate.js

.venv/.synced: uv.lock pyproject.toml $(BUNDLE_SOURCES) $(UV)
	@echo "installing the locked dependencies into .venv"
	@$(UV) sync --frozen --all-extras --no-extra presidio --python $(UV_HOME)/bin/python
	@$(RUN) tidegate install
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tidegate needs Python 3.11 or later, but $(PYTHON) is " + sys.version.split()[0] + ". Fix: make PYTHON=python3.12")'
	@echo "fetching uv $(UV_VERSION) from PyPI"
	@$(PYTHON) -m venv $(UV_HOME) || { echo "Python's venv module is missing. Fix (Debian): apt-get install python3-venv" >&2; exit 1; }
	@$(UV_HOME)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
