# What a person or CI types: each target says what it does; a second run of `setup` or `weights` takes no time.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup weights demo up tools test lint bench chaos quality examples check-images lock clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
HASHED := install --no-deps --require-hashes

# cpu or cuda; the CPU build comes from the package index where it has one, else from PyTorch's own.
TORCH ?= cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# One thread a process: two processes that each take every core are slower than one.
export OMP_NUM_THREADS ?= 1

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

setup: $(VENV)/.ready ## Make .venv from the pinned, hashed requirements

$(VENV)/.ready: requirements/build.txt requirements/torch.txt requirements/torch-cuda.txt requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "clinq needs Python 3.11, and $(or $(PYTHON),no python3) is not. Name yours: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "Python cannot make a virtual environment here; on Debian or Ubuntu: apt-get install python3.11-venv"; exit 1; }
	@echo "setup 1/3: pip, setuptools, hatchling"
	@$(PIP) $(HASHED) -r requirements/build.txt
	@echo "setup 2/3: torch ($(TORCH))"
ifeq ($(TORCH),cuda)
	@$(PIP) $(HASHED) -r requirements/torch-cuda.txt
else
	@$(PIP) $(HASHED) -r requirements/torch.txt 2>/dev/null \
	  || $(PIP) $(HASHED) -r requirements/torch.txt --index-url $(TORCH_INDEX)
endif
	@echo "setup 3/3: everything else (some minutes the first time)"
	@$(PIP) $(HASHED) --no-build-isolation -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

weights: setup ## Fetch the embedded weights, checked by hash, into CLINQ_MODELS_DIR
	@$(BIN)/clinq models pull
	@$(BIN)/python -m worker.prepare

demo: weights ## Start the whole service, send it a recording and a note, show what comes out
	@$(BIN)/clinq demo

up: weights ## Run the whole service on this machine until Ctrl-C
	@$(BIN)/clinq up

tools: ## Install Chromium, PostgreSQL, Node.js and tesseract for the tests where we may, else say what will be skipped
	@.ci/tools

test: weights tools ## Run the tests (ARGS="-k name" for some of them)
	@$(BIN)/python -m pytest -m "not images" $(ARGS)

lint: setup ## Format, style, types, import contracts, repeated blocks, length of files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@echo "symilar: no block of six lines twice"
	@found=$$($(BIN)/symilar -d 6 -i --ignore-docstrings --ignore-imports --ignore-signatures \
	  $$(find api worker shared -name '*.py')) && grep -q ' duplicates=0 ' <<< "$$found" || { echo "$$found"; exit 1; }
	$(BIN)/python -m pytest -q tests/test_structure.py

bench: weights ## Measure speed and memory, and write docs/benchmarks.md
	@$(BIN)/python -m tests.benchmarks

chaos: weights tools ## Kill everything that runs, in all ways, and write docs/chaos.md (ARGS="--seeds 1 --short")
	@$(BIN)/python -m tests.chaos $(ARGS)

# MTS-Dialog, ACI-Bench, BC5CDR, NCBI disease and NUBes, each in a folder of its name.
DATA ?= $(firstword $(wildcard data ../*/data))

quality: weights ## Measure on development data (DATA=folder) and write docs/quality.md (ARGS="english facts" for parts)
	@$(BIN)/python -m tests.quality --data "$(DATA)" $(ARGS)

examples: weights ## Write docs/examples, and the examples in docs/result.md and docs/resultado.md, anew
	@$(BIN)/python -m tests.examples

check-images: setup ## Run the build and start steps of both Dockerfiles in a scratch folder, without Docker
	@$(BIN)/python -m pytest -m images tests/test_ship.py

COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe \
  --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
# torch and what only its CUDA build brings stand in requirements/torch*.txt.
WITHOUT_TORCH := awk '/^[a-z0-9]/ {keep = $$0 !~ /^(torch|triton|nvidia-|cuda-)/} /^\#/ {keep = 1} keep'
ONLY_TORCH := awk '/^[a-z0-9]/ {keep = $$0 ~ /^(torch|triton|nvidia-|cuda-)/} /^\#/ {keep = 0} keep'

lock: setup ## Compile requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(COMPILE) $(UPGRADE) --extra api --extra worker --extra dev -o requirements/dev.txt pyproject.toml
	$(WITHOUT_TORCH) requirements/dev.txt > requirements/.kept && mv requirements/.kept requirements/dev.txt
	$(COMPILE) --extra worker -c requirements/dev.txt -o requirements/worker.txt pyproject.toml
	$(WITHOUT_TORCH) requirements/worker.txt > requirements/.kept && mv requirements/.kept requirements/worker.txt
	$(COMPILE) --extra api -c requirements/dev.txt -o requirements/api.txt pyproject.toml
	$(COMPILE) -c requirements/dev.txt -o requirements/build.txt requirements/build.in
	PIP_FIND_LINKS= PIP_CONFIG_FILE=/dev/null $(COMPILE) -o requirements/.cuda.txt requirements/torch-cuda.in
	{ head -n 1 requirements/torch-cuda.in; $(ONLY_TORCH) requirements/.cuda.txt; } > requirements/torch-cuda.txt
	rm requirements/.cuda.txt
	for rival in arq celery; do $(COMPILE) -o requirements/rival-$$rival.txt requirements/rival-$$rival.in; done

clean: ## Remove what was built here; weights and data stay where they are
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis demo-output
	find api worker shared tests deploy -name __pycache__ -type d -prune -exec rm -rf {} +
