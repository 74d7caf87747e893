# Everything a person or CI does with this repository. A bare `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: test-bigquery test-browser help setup demo serve snowflake test check fmt bench bench-growth bench-lookup bench-forty-million bench-peers bench-export openapi pages postman dist docs lock clean audit fuzz slow prop crash

PYTHON ?= python3.11
PORT ?= 8080
HOME_DIR ?= .run/home
BIN := .venv/bin
EMULATOR := .venvs/snowflake
BIGQUERY := .venvs/bigquery
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile -q --config=pyproject.toml --upgrade --generate-hashes --strip-extras --allow-unsafe

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

setup: .venv/.ready $(EMULATOR)/.ready ## install everything from the locks, into .venv and .venvs

.venv/.ready: requirements.lock pyproject.toml
	@echo "Installing into .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(EMULATOR)/.ready: emulators/snowflake/requirements.lock
	@echo "Installing the local Snowflake into $(EMULATOR) …"
	@$(PYTHON) -m venv $(EMULATOR)
	@$(EMULATOR)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(BIGQUERY)/.ready: emulators/bigquery/requirements.lock
	@echo "Installing the local BigQuery into $(BIGQUERY) …"
	@$(PYTHON) -m venv $(BIGQUERY)
	@$(BIGQUERY)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

demo: setup ## the main job on a sample shop: local Snowflake → profiles, in under a minute
	@$(BIN)/python -m demo

serve: setup ## run the service on what the demo left (PORT=8080 HOME_DIR=.run/home)
	@$(BIN)/python -m demo.serve --home $(HOME_DIR) --port $(PORT)

snowflake: setup ## run the local Snowflake alone, with the sample shop (PORT=8084 FAULT=drop-after:50000)
	@$(EMULATOR)/bin/python emulators/snowflake/server.py --port $(if $(filter 8080,$(PORT)),8084,$(PORT)) --sample 100000 \
	    $(if $(FAULT),--fault $(FAULT) --chunk-rows 20000)

test: setup ## all tests
	@$(BIN)/python -m pytest -q

test-bigquery: setup $(BIGQUERY)/.ready ## all tests of BigQuery, against a local one that takes 600 MB
	@WHSYNC_TEST_BIGQUERY=1 $(BIN)/python -m pytest -q -n 0 -k bigquery tests/conformance tests/e2e/test_bigquery.py

test-browser: setup .venv/.browser ## the console in this machine's Chromium (PICTURES=docs/pictures keeps pictures of each page)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	    || { echo "There is no Chromium on this machine; the console was NOT tested. On Debian: apt-get install chromium"; exit 1; }
	@WHSYNC_TEST_BROWSER=1 $(if $(PICTURES),WHSYNC_TEST_PICTURES=$(PICTURES)) $(BIN)/python -m pytest -q -n 0 tests/browser

.venv/.browser: .venv/.ready tests/browser/requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r tests/browser/requirements.lock
	@touch $@

check: setup ## formatting, lint, types, direction of imports
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-timeout 2>/dev/null || $(BIN)/lint-imports

fmt: setup ## format the code and mend what lint can mend
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

bench: setup ## measure the speed of the apply; prints ratios taken side by side in one run
	@$(BIN)/python -m benchmarks

bench-growth: setup ## what ten million stored profiles cost: loads, small changes, look-ups (BENCH_MILLIONS=n)
	@$(BIN)/python -m benchmarks.growth

bench-lookup: setup ## profiles asked for over HTTP at 50 requests a second, idle and beside a run (BENCH_MILLIONS=n)
	@$(BIN)/python -m benchmarks.lookup

bench-forty-million: setup ## 40 million rows through the real service, and its memory; takes long (BENCH_MILLIONS=n)
	@$(BIN)/python -m benchmarks.forty_million

bench-peers: setup .venvs/peers/.ready ## other tools doing what they can of the same job, side by side with ours
	@$(BIN)/python -m benchmarks.peers

bench-export: setup ## profiles out in bulk, beside a bare copy of a plain table (BENCH_ROWS=n)
	@$(BIN)/python -m benchmarks.export

.venvs/peers/.ready: benchmarks/peers/requirements.lock
	@echo "Installing the tools to compare with into .venvs/peers …"
	@$(PYTHON) -m venv .venvs/peers
	@.venvs/peers/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

fuzz: setup ## attack the API and the SQL guard for minutes (CASES=5000); one table at the end
	@$(BIN)/python -m tests.fuzz --cases $(or $(CASES),5000)

slow: setup ## hold a thousand slow connections for five minutes; what everybody else notices (ARGS="--seconds 60")
	@$(BIN)/python -m tests.fuzz.slow $(ARGS)

prop: setup ## the apply against a model that takes one row at a time, on 70,000 random workloads (WORKLOADS=n of each strategy, SEED=n)
	@$(BIN)/python -m tests.property --workloads $(or $(WORKLOADS),10000) --seed $(or $(SEED),1)

crash: setup ## kill, stop, starve and upgrade the real service for hours; writes docs/reliability.md (ONLY=R1,R2 TRIALS=n SEED=n ADD=1)
	@$(BIN)/python -m tests.crash $(if $(ONLY),--only $(ONLY)) $(if $(TRIALS),--trials $(TRIALS)) $(if $(SEED),--seed $(SEED)) $(if $(ADD),--add)

openapi: setup ## write docs/openapi.json and the Postman collection anew from the code
	@$(BIN)/python tests/unit/test_openapi.py > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json
	@$(BIN)/python tests/postman/collection.py

pages: setup ## write docs/settings.md, docs/commands.md and the tables of docs/warehouses anew, after any change of what they list
	@for page in settings commands; do \
	    $(BIN)/python -m tests.unit.test_docs $$page > docs/$$page.md.new && mv docs/$$page.md.new docs/$$page.md || exit 1; done
	@$(BIN)/python -m tests.conformance.type_pages

postman: setup ## drive a fresh service with the Postman collection, by newman (needs npm)
	@$(BIN)/python tests/postman/drive.py

lock: .venv/.ready ## renew the locks
	@$(COMPILE) --all-extras -o requirements.lock pyproject.toml
	@for folder in emulators/snowflake emulators/bigquery tests/advisories tests/browser benchmarks/peers; do \
	    $(COMPILE) -o $$folder/requirements.lock $$folder/requirements.in || exit 1; done

.venvs/advisories/.ready: tests/advisories/requirements.lock
	@echo "Installing pip-audit into .venvs/advisories …"
	@$(PYTHON) -m venv .venvs/advisories
	@.venvs/advisories/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

audit: .venvs/advisories/.ready ## look every pinned package up among the published advisories (needs the internet; FROM=pypi or osv)
	@for lock in $$(git ls-files '*requirements.lock'); do echo "$$lock" && \
	    .venvs/advisories/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -s $(or $(FROM),pypi) -r $$lock \
	    || exit 1; done

.venvs/docs/.ready: docs/site/requirements.lock
	@echo "Installing the tools of the documentation into .venvs/docs …"
	@$(PYTHON) -m venv .venvs/docs
	@.venvs/docs/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

docs: .venvs/docs/.ready ## build the documentation as a site, into .run/site; any warning fails
	@NO_MKDOCS_2_WARNING=1 .venvs/docs/bin/mkdocs build -q --strict && echo "Open .run/site/index.html"

dist: setup ## build the wheel into dist/, install it into an empty environment, and run the main job with it
	@rm -rf dist && $(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist .
	@$(BIN)/python -m tests.e2e.test_distribution

clean: ## remove what make has made
	@rm -rf .venv .venvs .run .pytest_cache .mypy_cache .ruff_cache .hypothesis
