# Everything a developer does with this project. `make` alone explains the targets.
# Needs python3 (3.11 or newer), git and make; all else is installed into $(VENV) and ./.local.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV ?= .venv
PY := $(VENV)/bin/python
ARGS ?=
# Hundreds of Python processes start below: without bytecode each of them would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## this list
	@printf 'make TARGET [ARGS="..."]\n\n'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: env env-bench env-celery env-kubernetes env-lowest
env: ## make or repair the development environment (every target does this first)
	@sh dev/bootstrap.sh $(VENV)

# Apart from $(VENV): the other providers bring plugins, which would be loaded by every Airflow that is started here.
BENCH := .local/venv-bench
env-bench:
	@mkdir -p .local && sh dev/bootstrap.sh $(BENCH) dev/requirements-bench.txt

# What is needed to run on several machines, and brings plugins, too.
CELERY := .local/venv-celery
env-celery:
	@mkdir -p .local && sh dev/bootstrap.sh $(CELERY) dev/requirements-celery.txt

env-kubernetes: env ## build kube-apiserver and etcd for the tests, if KUBEBUILDER_ASSETS does not name them (minutes, once)
	@$(PY) -m dev.kubernetes

# With the oldest Airflow that is supported.
LOWEST := .local/venv-lowest
env-lowest:
	@mkdir -p .local && REQUIREMENTS=dev/requirements-lowest.txt sh dev/bootstrap.sh $(LOWEST)

# --- see it work -------------------------------------------------------------------------------------------------

.PHONY: demo up down notebook
demo: env ## train federated models in a real Airflow against a real FATE, show what it gains, and ask one over HTTP (ARGS=--sites=2: two sites; ARGS=--stop to end it all)
	@$(PY) -m dev.demo $(ARGS)

up: env ## start FATE and Airflow with its UI, and keep them running
	@$(PY) -m dev.stack up $(ARGS)

notebook: env ## start FATE and a JupyterLab whose fate-client speaks to it (it needs no Airflow)
	@$(PY) -m dev.stack notebook $(ARGS)

down: env ## stop what `make demo`, `make up` and `make notebook` started
	@$(PY) -m dev.stack down $(ARGS)

# --- check it ----------------------------------------------------------------------------------------------------

.PHONY: test test-all test-unit test-lowest test-integration test-kubernetes test-e2e test-models test-celery test-clusters test-serving test-llm chaos chaos-pair lint format accept
test: env env-lowest env-celery ## all checks: lint, types, unit, integration and end-to-end tests, faults, coverage
	@$(PY) -m dev.kubernetes > /dev/null || true # the tests that need it say so, too
	@$(PY) -m dev.check $(ARGS)

test-all: env env-lowest env-celery ## the same with the long runs: all chaos trials, 10,000 examples, the oldest Airflow in full
	@$(PY) -m dev.kubernetes > /dev/null || true
	@$(PY) -m dev.check --all $(ARGS)

test-unit: env env-celery ## the tests that need no FATE and no Airflow (minutes; some start PostgreSQL)
	@$(PY) -m dev.check unit $(ARGS)

test-lowest: env env-lowest ## the tests of operators and their life cycle on the oldest Airflow that is supported
	@$(PY) -m dev.check lowest $(ARGS)

test-integration: env env-celery ## the tests against a real FATE on this machine
	@$(PY) -m dev.check integration $(ARGS)

test-kubernetes: env-kubernetes ## the tests against a real Kubernetes API on this machine
	@$(PY) -m dev.check kubernetes $(ARGS)

test-e2e: env env-celery ## the tests that run DAGs in a real Airflow against a real FATE
	@$(PY) -m dev.check e2e $(ARGS)

MODELS = $(patsubst %,tests/integration/test_%.py,predict convert model_package metrics mlflow drift variants recipes) \
    tests/unit/models tests/e2e/test_decisions.py tests/e2e/test_assets.py tests/e2e/test_loop.py
test-models: env ## what is promised of models, on a real FATE, MLflow and Airflow: a line for each claim (an hour)
	@TEST_ALL=1 $(PY) -m pytest -v --no-header --tb=short $(MODELS) $(ARGS)

test-celery: env env-celery ## all services of docker-compose.yaml as plain processes; the main DAG with two Celery workers, one of them killed
	@$(PY) -m pytest -v --no-header --tb=short tests/deploy $(ARGS)

test-clusters: env ## what is promised of clusters, with a real FATE and Airflow: a line for each claim (half an hour)
	@$(PY) -m dev.claims clusters

SERVING = tests/unit/serving tests/unit/operators/test_serving.py tests/integration/test_serving.py
test-serving: env ## what is promised of services, on a real FATE and a real model server: a line for each claim
	@$(PY) -m pytest -v --no-header --tb=short $(SERVING) $(ARGS)

LLM = tests/unit/llm tests/unit/jobs/language $(patsubst %,tests/integration/test_%.py,llm llm_algorithms adapters) tests/e2e/test_adapter.py
test-llm: env ## what is promised of language models, on a real FATE-LLM: a line for each claim (a quarter of an hour)
	@TEST_ALL=1 $(PY) -m pytest -v --no-header --tb=short $(LLM) $(ARGS)

chaos: env ## random faults between a real Airflow, FATE-Flow and the network (TRIALS=500 ARGS="--seed 7")
	@$(PY) -m tests.chaos $(if $(TRIALS),--trials $(TRIALS)) $(ARGS)

chaos-pair: env ## random faults at either of two real FATE sites and between them (TRIALS=100 ARGS="--seed 7")
	@$(PY) -m tests.both_sides.chaos $(if $(TRIALS),--trials $(TRIALS)) $(ARGS)

lint: env ## ruff (rules and format) and mypy
	@$(PY) -m dev.check lint $(ARGS)

# It runs make again, each target of which sees to its own environment.
accept: env ## run an issue's acceptance list (AREA=house)
	@$(PY) -m dev.accept $(AREA)

format: env ## let ruff put the code into shape
	@$(VENV)/bin/ruff check --fix-only --quiet . && $(VENV)/bin/ruff format .

# --- measure it --------------------------------------------------------------------------------------------------

.PHONY: bench-import bench-wait bench-upload compare
bench-import: env-bench ## what importing our operators costs, next to those of other providers
	@$(BENCH)/bin/python -m tests.bench.bench_import $(ARGS)

bench-wait: env-bench ## what waiting for jobs costs a triggerer, next to a timer and to one poll per trigger (minutes)
	@$(BENCH)/bin/python -m tests.bench.wait $(ARGS)

bench-upload: env ## bringing a table from S3 to a real FATE, next to other ways of doing it (ARGS="--mb 50 --rounds 3")
	@$(PY) -m tests.bench.upload $(ARGS)

compare: env-bench ## AUC of the FATE job next to XGBoost on the joined data, same parameters
	@$(BENCH)/bin/python -m dev.compare $(ARGS)

# --- look after it -----------------------------------------------------------------------------------------------

.PHONY: docs lock clean
docs: env ## build the documentation into docs/_build/html; a warning is an error
	@$(PY) docs/_ext/generated.py
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

LOCK = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --custom-compile-command "make lock"
SERVER_PINS = airflow_provider_fate/serving/local/pins/model-server
lock: env ## resolve the newest versions of all dependencies into dev/requirements*.txt and the model server's pins
	@$(LOCK) --upgrade --extra test --extra docs --extra examples --extra local pyproject.toml dev/requirements.in \
	    --output-file dev/requirements.txt
	@$(LOCK) --upgrade --extra test pyproject.toml dev/requirements-lowest.in --output-file dev/requirements-lowest.txt
	@$(LOCK) --upgrade dev/requirements-bench.in --output-file dev/requirements-bench.txt
	@$(LOCK) --upgrade dev/requirements-celery.in --output-file dev/requirements-celery.txt
	@$(LOCK) --upgrade $(SERVER_PINS).in --output-file $(SERVER_PINS).txt
	@git --no-pager diff --stat -- dev/ $(SERVER_PINS).txt

clean: ## stop everything and remove what was made here (the installed FATE stays: `fate-local reset` removes that)
	@if [ -x $(PY) ] && [ -d .local ]; then $(PY) -m dev.stack down || true; fi
	rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov docs/_build dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
