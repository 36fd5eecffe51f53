# The two commands: `make run` shows the whole thing, `make test` checks the whole thing. The others help while building.
SHELL := /bin/bash
BIN := .venv/bin
PYTEST_ARGS ?=
# For real phones on the same Wi-Fi: make run RUN_ARGS=--https
RUN_ARGS ?=
# Test files side by side: each worker has a PostgreSQL and a Valkey of its own.
WORKERS ?= 2
section = @printf '\n\033[1m== %s ==\033[0m\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help run test check format lint types imports web web-types web-unit unit bench screenshots lock migration setup setup-test clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: setup web  ## the demonstration: one city, one real day, simulated teams; Ctrl-C ends it, running it again continues
	@exec $(BIN)/rescue demo $(RUN_ARGS)

test: setup-test web check web-unit unit  ## everything that must hold

check: format-check lint types imports web-types  ## everything but the tests

.PHONY: format-check
format-check:
	$(call section,格式 Format)
	@$(BIN)/ruff format --check --quiet . || { echo "请运行 make format。Run: make format"; exit 1; }

# --- the web apps: Node.js and npm are those of .venv ------------------------------------------------------------------

NPM := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --prefix web
WEB_SOURCES = $(shell find web/src web/public web/phone -type f -not -name 'schema.ts') web/index.html web/check.html web/vite.config.ts

web/node_modules/.installed: web/package-lock.json
	@echo '准备网页组件（首次需要一两分钟） Preparing the packages of the web apps (a minute or two the first time)'
	@$(NPM) ci --silent && touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	@echo '构建网页 Building the web apps'
	@$(NPM) run --silent build -- --logLevel error && touch $@ || { rm -f $@; exit 1; }

web: setup web/dist/index.html  ## build the web apps into web/dist

web-types: web/node_modules/.installed  ## the web apps: format, and types against our own API document
	$(call section,网页类型 Web types)
	@mkdir -p .local && $(BIN)/python -m ops.api_document .local/openapi.json && $(NPM) run --silent api >/dev/null
	@$(NPM) run --silent format-check || { echo "请运行 make format。Run: make format"; exit 1; }
	@$(NPM) run --silent types

web-unit: web/node_modules/.installed  ## the tests of the web apps' own rules
	$(call section,网页测试 Web tests)
	@$(NPM) run --silent test

lint:  ## ruff
	$(call section,规范 Lint)
	@$(BIN)/ruff check --quiet .

types:  ## mypy, strict
	$(call section,类型 Types)
	@$(BIN)/mypy

imports:  ## who may import whom
	$(call section,依赖方向 Imports)
	@$(BIN)/lint-imports

unit: ## the tests, on real PostGIS and Valkey and in a browser; PYTEST_ARGS="-k offer" picks some, WORKERS=0 runs them one by one
	$(call section,测试 Tests)
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

screenshots: setup-test web  ## the pictures of docs/screens anew, taken by the browser tests
	@RESCUE_SCREENSHOTS=1 $(BIN)/pytest -q tests/web

bench: setup web  ## the benchmarks of docs: ratios in one run
	@$(BIN)/rescue bench

format: web/node_modules/.installed  ## put the code into shape
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(NPM) run --silent format

migration:  ## write the skeleton of the next migration from backend/db.py: make migration NAME=what_it_does
	@$(BIN)/python -m ops.migration $(NAME)

lock: setup .local/lock/bin/uv  ## requirements.lock anew from pyproject.toml: exact versions with hashes, no addresses
	@.local/lock/bin/uv pip compile pyproject.toml --group dev --python-version 3.12 --generate-hashes \
		--no-emit-index-url --no-header --quiet --upgrade -o requirements.lock

.local/lock/bin/uv:
	@$(BIN)/python -m venv .local/lock && .local/lock/bin/pip install -qq --disable-pip-version-check uv

setup:  ## what `make run` needs, without running it
	@bash ops/local/setup.sh run

setup-test:
	@bash ops/local/setup.sh test

clean:  ## stop the embedded services; remove caches and .venv. The data in .local stay
	@if [ -x $(BIN)/rescue ]; then $(BIN)/rescue db down; fi
	@rm -rf web/node_modules web/dist .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
