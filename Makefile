# Needs make, and Python 3.11 to 3.14 with pip; everything else goes into .venv.
# `make` alone prints what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-complete
BENCH_STAMP := $(VENV)/.bench-complete
PIP_OPTIONS := --disable-pip-version-check --no-input --no-compile
# On two cores, 30 tests with Dagster instances took 30.0 s in one process, 20.3 s in two and 20.7 s in three.
# `make test PYTEST_ARGS="-x -k paging"` runs a part in one process.
PARALLEL := -n 2 --dist worksteal
PYTEST_ARGS ?= $(PARALLEL) -m "not campaign and not browser"
# As set in the environment, else in .env, else under data/.
DAGSTER_HOME ?= $(or $(shell sed -n 's/^DAGSTER_HOME=//p' .env 2>/dev/null),$(CURDIR)/data/dagster)

# A beta feature of Dagster that is used knowingly; pyproject.toml excepts it for tests. The other exceptions are
# Dagster's word that its commands have newer names.
BETA := ignore:Parameter `backfill_policy` of function `asset` is currently in beta
DEV_WARNINGS := $(BETA),ignore:Function `dev_command` is superseded
# Dagster reads a deprecated property of its own whenever it shows a schedule to another process.
CHECK_WARNINGS := error,$(BETA),ignore:Function `definitions_validate_command` is superseded,ignore:Property `ScheduleDefinition.environment_vars` is deprecated

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-ui test campaigns browser bench dev notebook lint types check lock clean

help:  ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## create .venv with everything the other targets need

# The stamp is taken away before anything changes and comes last, so a set-up that was interrupted is known by its
# absence and starts over in a fresh environment: pip takes a half-unpacked package for an installed one.
# pip checks every download against constraints.txt; the project itself is built with the build backend from there, not
# in an isolated environment whose packages nothing would check. Where Python comes without ensurepip (Debian without
# python3-venv), Python's own pip installs into the environment from outside.
# Bytecode is compiled by all processors at once instead of by pip: `import dagster` takes 0.8 s instead of 2.3 s. Files
# that do not compile are templates that some packages carry.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || { \
		echo "hologram-assets needs Python 3.11 to 3.14 (Dagster supports none newer);" \
			"'$(PYTHON)' is $$($(PYTHON) -c 'import sys; print(sys.version.split()[0])' 2>/dev/null || echo 'not there')." >&2; \
		echo "Name another one: make setup PYTHON=python3.12" >&2; \
		exit 1; }
	@if ! [ -f $@ ] || ! $(BIN)/python -c '' 2>/dev/null; then \
		echo "Creating $(VENV) with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv --clear $(VENV) >/dev/null || $(PYTHON) -m venv --clear --without-pip $(VENV); \
	fi
	@rm -f $@
	@echo "Installing the packages of constraints.txt (about a minute, most of it download)"
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; \
		then pip="$(BIN)/python -m pip"; else pip="$(PYTHON) -m pip --python $(BIN)/python"; fi; \
	{ $$pip install $(PIP_OPTIONS) --require-hashes --only-binary :all: -r constraints.txt 2>&1 || echo FAILED; } | \
		awk '{if ($$0 != "FAILED") last = last "\n" $$0} \
			/^Collecting/ {last = ""; if (++n % 20 == 0) {print "  " n " packages found"; fflush()}} \
			/^Installing collected/ {last = ""; print "  unpacking"; fflush()} \
			/^FAILED$$/ {print last > "/dev/stderr"; exit 1}' && \
	$$pip install $(PIP_OPTIONS) --quiet --no-deps --no-build-isolation --editable .
	@echo "Compiling bytecode"
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib hologram_assets || true
	@touch $@
	@echo "Ready: $(BIN)/hologram-assets --help"

demo: setup  ## run the whole graph on a sandbox API for two organisations, without an account
	@$(BIN)/hologram-assets demo

demo-ui: setup  ## the demo, then the Dagster UI on what it made, with the sandbox beside it
	@$(BIN)/hologram-assets demo --ui

test: setup  ## run the tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

campaigns: setup  ## run the slow tests: kills at many moments, a fleet with planted faults
	@$(BIN)/python -m pytest $(PARALLEL) -m campaign

# Debian's Chromium, driven by Playwright: its own browsers are downloads that nothing here checks. Where it has to be
# installed, fonts come with it: a bare system draws every letter as a box.
browser: setup  ## run the tests of Dagster's UI in Chromium (SCREENSHOTS=docs/images: make the README's pictures anew)
	@{ [ -x "$$CHROMIUM" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || { \
		packages='chromium fonts-liberation'; \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo='sudo -n'; fi; \
		if ! command -v apt-get >/dev/null || ! $$sudo true 2>/dev/null; then \
			echo "The tests need Chromium. Install it (Debian: apt-get install $$packages), or set CHROMIUM to its path." >&2; \
			exit 1; \
		fi; \
		echo "Installing $$packages"; \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$packages >/dev/null; }
	@$(if $(SCREENSHOTS),SCREENSHOTS='$(SCREENSHOTS)') $(BIN)/python -m pytest -m browser tests/browser

# The peers, beside what is there: `make setup` doesn't need them. Nothing that constraints.txt names changes by
# it. Bytecode is compiled here too, or their first run would pay for it.
$(BENCH_STAMP): benchmarks/constraints.txt | setup
	@echo "Installing what the benchmarks compare with"
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; \
		then pip="$(BIN)/python -m pip"; else pip="$(PYTHON) -m pip --python $(BIN)/python"; fi; \
	$$pip install $(PIP_OPTIONS) --quiet --no-deps --require-hashes --only-binary :all: -r $<
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@

bench: setup $(BENCH_STAMP)  ## run the benchmarks, each a ratio measured side by side (data/bench.json)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

dev: export DAGSTER_HOME := $(DAGSTER_HOME)
dev: setup  ## start the Dagster UI and daemon (DAGSTER_HOME: data/dagster unless set)
	@mkdir -p "$$DAGSTER_HOME"
	@[ -e "$$DAGSTER_HOME/dagster.yaml" ] || ln -sf "$(CURDIR)/dagster.yaml" "$$DAGSTER_HOME/dagster.yaml"
	@PYTHONWARNINGS='$(DEV_WARNINGS)' $(BIN)/dagster dev -w workspace.yaml

notebook: setup  ## open the notebook on the copy for BI (of HOLOGRAM_REPORTS, the warehouse, or the demo)
	@$(BIN)/marimo run notebooks/fleet_costs.py

lint: setup  ## check style and format (ruff, marimo)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/marimo check --strict notebooks/fleet_costs.py

types: setup  ## check types (mypy)
	@$(BIN)/mypy

check: setup  ## load the code location as Dagster will, in an instance of its own
	@DAGSTER_HOME="$$(mktemp -d)"; export DAGSTER_HOME; trap 'rm -rf "$$DAGSTER_HOME"' EXIT; \
	export DAGSTER_DISABLE_TELEMETRY=1 PYTHONWARNINGS='$(CHECK_WARNINGS)'; \
	cp dagster.yaml "$$DAGSTER_HOME" && \
	$(BIN)/dg check toml && \
	$(BIN)/dg check defs && \
	$(BIN)/dagster definitions validate -w workspace.yaml

# benchmarks/constraints.txt has what `make bench` adds, in versions that go with those of constraints.txt.
lock:  ## write constraints.txt anew from pyproject.toml (UPGRADE=1: with the newest versions)
	@tools="$$(mktemp -d)"; trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools" && \
	"$$tools/bin/python" -m pip install --quiet $(PIP_OPTIONS) 'uv>=0.13' && \
	compile() { \
		"$$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
			--no-emit-index-url --no-header --system-certs $(if $(UPGRADE),--upgrade) "$$@" pyproject.toml; \
	} && \
	compile --extra test --extra dev --extra notebook --output-file constraints.txt && \
	compile --extra bench --constraints constraints.txt --output-file benchmarks/constraints.txt \
		$$(sed -n 's/^\([a-z0-9][a-z0-9._-]*\).*==.*/--no-emit-package \1/p' constraints.txt)

clean:  ## remove .venv, caches and builds (data/ stays)
	@rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .tmp_dagster_home_*
	@find hologram_assets tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
