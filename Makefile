# The commands of the project. `make help` lists them; each sets up `.venv` first where that is needed.
# Kept to what GNU make 3.81 knows, which is the one that comes with macOS.

# Set on the command line; of these, only PYTHON is also taken from the environment.
PYTHON ?= python3
VENV    = .venv
SUITE   = auto
RESULTS = results
REPORTS = reports
DATA    =
DEVICE  =
WORKERS =

BIN   := $(VENV)/bin
BENCH := "$(BIN)/python" -m bench
READY := $(VENV)/.ready
PINS  := requirements/uv.txt requirements/dev.txt

# Two single-thread processes are faster than one with two threads, in tests as in training.
TEST_WORKERS = 2

# An option of the command line, left out where its variable is empty: $(call option,--data,$(DATA)).
option = $(if $(strip $(2)),$(1) "$(strip $(2))")

.DEFAULT_GOAL := help
.PHONY: help setup bench report test test-slow test-faults throughput check lint types pins clean
.DELETE_ON_ERROR:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile
	@echo
	@echo 'bench, report and throughput take SUITE=auto|NAME|PATH and RESULTS=DIR; bench also DATA=DIR,'
	@echo 'REPORTS=DIR, DEVICE=cpu|cuda and WORKERS=N; throughput DEVICE; every target PYTHON and VENV.'

setup: $(READY) ## install the pinned environment into .venv, once

$(READY): $(PINS) pyproject.toml requirements/install.sh
	@sh requirements/install.sh "$(PYTHON)" "$(VENV)"
	@touch "$@"

bench: $(READY) ## run a suite and write its report (SUITE=auto: gpu where CUDA is available, else cpu)
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

test-faults: $(READY) ## kill and stop runs in every way and see that they end in the same bytes
	@OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -m "" -v -n $(TEST_WORKERS) tests/faults

throughput: $(READY) ## measure speeds; rows and pytest-benchmark's JSON go to results/throughput/
	@mkdir -p "$(RESULTS)/throughput"
	@"$(BIN)/python" -m pytest --benchmark --bench-suite="$(SUITE)" --bench-results="$(RESULTS)" \
	    $(call option,--bench-device,$(DEVICE)) \
	    --benchmark-json="$(RESULTS)/throughput/$$(date +%Y%m%d-%H%M%S).json"

check: lint types ## ruff, import directions and mypy

lint: $(READY) ## ruff and import directions
	@"$(BIN)/python" -m ruff check
	@"$(BIN)/python" -m ruff format --check
	@"$(BIN)/lint-imports" --no-cache

types: $(READY) ## mypy
	@"$(BIN)/python" -m mypy

pins: $(READY) ## compile requirements/*.txt again from pyproject.toml (PINS_FLAGS=--upgrade for newer ones)
	@sh requirements/compile.sh "$(BIN)/uv" $(PINS_FLAGS)

clean: ## remove .venv and caches; results and reports stay
	@rm -rf "$(VENV)" .tox build *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache .benchmarks
