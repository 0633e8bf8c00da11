# The commands of the project. `make help` lists them; each sets up `.venv` first if it needs it.
# Only features of GNU make 3.81 are used, because macOS comes with that version.

# Set these on the command line; only PYTHON is also read from the environment.
PYTHON ?= python3
VENV    = .venv
SUITE   = auto
RESULTS = results
REPORTS = reports
DATA    =
DEVICE  =
WORKERS =
RESTARTS =

BIN   := $(VENV)/bin
BENCH := "$(BIN)/python" -m bench
READY := $(VENV)/.ready
PINS  := requirements/uv.txt requirements/dev.txt

# Two single-thread processes are faster than one with two threads, in tests as in training.
TEST_WORKERS = 2

# A command-line option, left out if its variable is empty: $(call option,--data,$(DATA)).
option = $(if $(strip $(2)),$(1) "$(strip $(2))")

.DEFAULT_GOAL := help
.PHONY: help setup bench report test test-slow test-faults throughput check lint types pins clean
.DELETE_ON_ERROR:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile
	@echo
	@echo 'Variables: bench, report and throughput take SUITE=auto|NAME|PATH and RESULTS=DIR.'
	@echo 'bench also takes DATA=DIR, REPORTS=DIR, DEVICE=cpu|cuda and WORKERS=N; report takes REPORTS=DIR;'
	@echo 'throughput takes DEVICE and RESTARTS=N (processes, 6 or more to compare). Every target takes PYTHON and VENV.'

setup: $(READY) ## install the pinned environment into .venv, once

$(READY): $(PINS) pyproject.toml requirements/install.sh
	@sh requirements/install.sh "$(PYTHON)" "$(VENV)"
	@touch "$@"

bench: $(READY) ## run a suite and write its report (SUITE=auto: gpu if CUDA is available, else cpu)
	@$(BENCH) run "$(SUITE)" --results "$(RESULTS)" $(call option,--data,$(DATA)) \
	    $(call option,--device,$(DEVICE)) $(call option,--workers,$(WORKERS)); \
	status=$$?; [ $$status -le 1 ] || exit $$status; \
	$(BENCH) report "$(SUITE)" --results "$(RESULTS)" --reports "$(REPORTS)" || exit $$?; \
	exit $$status

report: $(READY) ## rebuild tables, figures and pages from results/; trains nothing
	@$(BENCH) report "$(SUITE)" --results "$(RESULTS)" --reports "$(REPORTS)"

test: $(READY) ## run the tests
	@OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --benchmark-disable

test-slow: $(READY) ## run the long parametrisations, simulations and repeats
	@OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -m "slow and not faults" -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --benchmark-disable

test-faults: $(READY) ## kill and stop runs in many ways, and check that the results are the same bytes
	@OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -m "" -v -n $(TEST_WORKERS) tests/faults

throughput: $(READY) ## measure speeds; rows and pytest-benchmark's JSON go to results/throughput/
	@mkdir -p "$(RESULTS)/throughput"
	@"$(BIN)/python" -m pytest --benchmark --bench-suite="$(SUITE)" --bench-results="$(RESULTS)" \
	    $(call option,--bench-device,$(DEVICE)) $(call option,--bench-restarts,$(RESTARTS)) \
	    --benchmark-json="$(RESULTS)/throughput/$$(date +%Y%m%d-%H%M%S).json"

check: lint types ## ruff, import directions and mypy

lint: $(READY) ## ruff and import directions
	@"$(BIN)/python" -m ruff check
	@"$(BIN)/python" -m ruff format --check
	@"$(BIN)/lint-imports" --no-cache

types: $(READY) ## mypy
	@"$(BIN)/python" -m mypy

pins: $(READY) ## compile requirements/*.txt again from pyproject.toml (PINS_FLAGS=--upgrade for newer versions)
	@sh requirements/compile.sh "$(BIN)/uv" $(PINS_FLAGS)

clean: ## remove .venv and caches; results and reports stay
	@rm -rf "$(VENV)" .tox build *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache .benchmarks
