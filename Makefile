# Each target does its own set-up from a bare machine with Python 3.11 or newer. `make` alone says what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := demo
# Versions are those of the lock file, so that a clone sets up today what it set up when it was tested. LOCK= takes the newest.
LOCK   ?= requirements-dev.lock
# Tests that run at once, in processes of their own. More: make test WORKERS=8.
WORKERS ?= 2
LOCKED := test docs openvino bench cluster
PIP    := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
ours   = $(PIP) $(if $(LOCK),--constraint $(LOCK)) --editable

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-cluster cluster-flink coverage lint docs bench evaluate lock clean

help:            ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 22

demo: $(VENV)/.core   ## the main job on scenes it makes itself: a table, results, a report to open
	@rm -rf $(DEMO)
	@echo "1/2  Making six dual-pixel scenes with known blur …"
	@$(BIN)/dpdeblur synthesize --output $(DEMO)/scenes --scenes 6 --seed 1 --size 768x512 --quiet
	@echo "2/2  Restoring and scoring them …"
	@$(BIN)/dpdeblur deblur --input $(DEMO)/scenes --output $(DEMO)/run --images restored
	@echo; echo "Open $(CURDIR)/$(DEMO)/run/report.html · pictures: $(DEMO)/run/images/ · tables: $(DEMO)/run/metrics/"

test: $(VENV)/.test lint   ## all gates: lint, types, unit, property and pipeline tests, README examples, the wheel
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m "not long and not cluster"

test-long: $(VENV)/.cluster   ## the long ones: 20 kills, here, on Prism, Flink and a store; 10 000 broken files
	@$(BIN)/python -m pytest -m long

test-cluster: $(VENV)/.cluster   ## on real engines and stores, started here: Flink, Spark, Prism, S3, GCS
	@$(BIN)/python -m pytest -m "cluster and not long" $(CLUSTER_TESTS) tests/cluster

cluster-flink: $(VENV)/.cluster   ## a Flink cluster on this machine until Ctrl-C; says what to add to a command
	@$(BIN)/python -m tests.cluster.engines flink

coverage: $(VENV)/.test   ## the tests once more, and which lines they run (no threshold; htmlcov/ has every line)
	@$(BIN)/python -m pytest -m "not long and not cluster" --cov --cov-report term:skip-covered --cov-report html

lint: $(VENV)/.test   ## ruff (lint and format) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/.docs   ## the documentation as a site, in site/: generated pages anew, no warning let through
	@$(BIN)/python -m dpdeblur.pipelines.reference
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open $(CURDIR)/site/index.html"

bench: $(VENV)/.bench   ## measure speed, as ratios side by side, into benchmarks/results.json and docs/performance.md
	@$(BIN)/python -m benchmarks

evaluate: $(VENV)/.test   ## measure the models against doing nothing and classical rivals, into docs/models.md (REALDATA=, PHOTOS=)
	@$(BIN)/python -m benchmarks.evaluate $(if $(REALDATA),--realdata $(REALDATA)) $(if $(PHOTOS),--photos $(PHOTOS))

lock: $(VENV)/.made   ## pin the development environment anew, in requirements-dev.lock
	@$(PIP) uv
	@$(BIN)/uv pip compile setup.py $(addprefix --extra ,$(LOCKED)) --universal --python-version 3.11 --upgrade --quiet \
	  --no-annotate --no-emit-index-url --custom-compile-command 'make lock' --output-file requirements-dev.lock

clean:           ## remove what the other targets made
	@rm -rf $(VENV) $(DEMO) site build dist htmlcov .coverage *.egg-info

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dpdeblur needs Python 3.11 or newer: make PYTHON=python3.11")'
	@echo "Setting up $(VENV) (once; a few minutes) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip
	@touch $@

$(VENV)/.core: $(VENV)/.made setup.py $(LOCK)
	@$(ours) .
	@touch $@

$(VENV)/.test: $(VENV)/.core setup.py $(LOCK)
	@$(ours) '.[test,docs,openvino]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core setup.py $(LOCK)
	@$(ours) '.[docs]'
	@touch $@

$(VENV)/.bench: $(VENV)/.test setup.py $(LOCK)
	@$(ours) '.[test,bench]'
	@touch $@

$(VENV)/.cluster: $(VENV)/.test setup.py $(LOCK)
	@$(ours) '.[test,cluster]'
	@touch $@
