# On a new machine nothing else is needed: every target sets up what it uses.
PYTHON ?= python3
DATA ?= tracewright-data
BIN := .venv/bin

.PHONY: help setup browser run test test-slow check lint serve bench teacher pictures clean

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## make .venv with all that run and test need (again: under a second)
	@PYTHON=$(PYTHON) .ci/setup

run: setup  ## the main job: problems to a release and its report, in ./tracewright-data
	@$(BIN)/tracewright demo --out $(DATA)

# A worker a core, up to four: each may have an engine of 1 GiB. A file's tests share what they start, and stay together.
test: setup browser  ## the test suite
	@$(BIN)/pytest -q -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

browser:  ## a headless Chromium for the tests that look at pages (Debian's, through apt-get)
	@.ci/browser

test-slow: setup browser  ## the proofs that take minutes
	@$(BIN)/pytest -q -m slow

lint: setup  ## format, lint, types, import layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

check: lint test  ## lint, then the tests

serve: setup  ## the curation service on the store that make run left; prints a sign-in link
	@$(BIN)/tracewright serve --store $(DATA)/store

bench: setup  ## the benchmarks that fit this machine, into benchmarks/results
	@$(BIN)/tracewright bench all

teacher: setup  ## train the embedded teacher again, from nothing
	@$(BIN)/tracewright teacher train --out pipeline/engines/embedded

pictures: setup browser  ## the README's pictures, from what make run left
	@.ci/pictures $(DATA)/report.html data_cards/report.png
	@$(BIN)/python .ci/screens $(DATA)/store data_cards

clean:  ## remove what can be made again, but for ./tracewright-data
	@rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
