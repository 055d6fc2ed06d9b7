# Every command of the project. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
CLUSTER := $(PYTHON) -m tests.cluster
GATEWAY ?=
N ?= 5
# Tests on the cluster mostly wait: four of them share two cores.
SIDE_BY_SIDE := -n 4 --dist worksteal
WITH_GATEWAY := $(if $(GATEWAY),--gateway)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint unit e2e soak cluster cluster-down images quickstart crds docs protos lock study bench-serving

help: ## what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.made ## the virtual environment, with every dependency pinned by hash

.venv/.made: tests/requirements.txt pyproject.toml
	@echo "Installing Python dependencies into .venv (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes -r tests/requirements.txt
	@$(BIN)/pip install --quiet --no-deps -e .
	@touch $@

demo: setup ## three versions on a real cluster: installed, promoted, taken back (GATEWAY=1: exact weights)
	@$(CLUSTER) up $(WITH_GATEWAY)
	@$(CLUSTER) images
	@$(CLUSTER) exec -- $(BIN)/python -m tests.demo $(WITH_GATEWAY)

test: lint ## lint, then every test: unit, component and end to end on a cluster of its own
	@$(BIN)/pytest -q -n 2 tests/unit
	@$(CLUSTER) up --gateway --name test
	@$(CLUSTER) images --name test
	@$(CLUSTER) exec --name test -- $(BIN)/pytest -q -n 3 tests/component
	@$(CLUSTER) exec --name test -- $(BIN)/pytest -q $(SIDE_BY_SIDE) tests/e2e

lint: setup ## ruff, mypy, import-linter, and what is generated as it was generated
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy serving operator tests
	@$(BIN)/lint-imports --config pyproject.toml
	@$(BIN)/python -m pilotage_operator.api.crd --check crds/ charts/pilotage/files/
	@$(BIN)/python -m pilotage.runtime.page docs/metrics.md --check
	@$(BIN)/python -m pilotage_operator.domain.rollout.pages docs --check
	@$(BIN)/python -m pilotage.transport.rpc.protos --check

unit: setup ## only the unit tests: seconds, no cluster
	@$(BIN)/pytest -q -n 2 tests/unit

e2e: setup ## only the tests on the cluster (ARGS: more words for pytest)
	@$(CLUSTER) up --gateway --name test
	@$(CLUSTER) images --name test
	@$(CLUSTER) exec --name test -- $(BIN)/pytest -q $(SIDE_BY_SIDE) tests/e2e $(ARGS)

soak: ## the tests on the cluster N times in a row
	@for i in $$(seq $(N)); do echo "round $$i of $(N)"; $(MAKE) --no-print-directory e2e || exit 1; done

cluster: ## a Kubernetes of your own (GATEWAY=1: with Envoy Gateway; NAME: another one beside it)
	@$(CLUSTER) up $(WITH_GATEWAY) $(if $(NAME),--name $(NAME))

cluster-down: ## takes it down, and leaves nothing
	@$(CLUSTER) down $(if $(NAME),--name $(NAME))

images: ## builds the two images and loads them
	@$(CLUSTER) images $(if $(NAME),--name $(NAME))

quickstart: setup ## builds and pushes the example, and writes its digest into examples/quickstart.yaml
	@$(CLUSTER) exec $(if $(NAME),--name $(NAME)) -- $(BIN)/python examples/train.py build/quickstart \
	  oci://registry.platform.svc.cluster.local:5000/models/fraud --plain-http

crds: setup ## writes crds/ and the chart's copy from the models
	@$(BIN)/python -m pilotage_operator.api.crd crds/ charts/pilotage/files/

docs: setup ## writes docs/metrics.md, docs/reasons.md and the table in docs/rollout.md from the code
	@$(BIN)/python -m pilotage.runtime.page docs/metrics.md
	@$(BIN)/python -m pilotage_operator.domain.rollout.pages docs

protos: setup ## writes the gRPC modules from the .proto files
	@$(BIN)/python -m pilotage.transport.rpc.protos

study: setup ## how often the judges are wrong, beside other tools: docs/judgement.md and its plots (ten minutes)
	@$(BIN)/python -m tests.bench.judgement $(ARGS)

bench-serving: setup ## the server beside MLServer, KServe and others, and docs/performance.md (half an hour)
	@$(BIN)/python -m tests.bench.serving $(ARGS)

lock: setup ## pins every dependency anew
	@for room in serving operator; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --no-emit-index-url \
	    --no-annotate --no-header --extra $$room -o $$room/requirements.txt pyproject.toml; done
	@$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-annotate --no-header --extra dev -o tests/requirements.txt pyproject.toml
