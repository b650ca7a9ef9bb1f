# Everything here needs python3 and make; each target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Wheels only, every one of them checked against the hash in the lock, and nothing that the lock does not name.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps

# One process a core. A file stays in one: its tests share a running gateway.
PARALLEL := --numprocesses auto --dist loadfile

export HOST PORT

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "chatrix needs Python 3.11 or newer; `make PYTHON=python3.12 ...` picks another one")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@echo "Installing the locked packages into $(VENV) ..."
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

.PHONY: runtime
runtime: $(VENV)/.runtime ## Make .venv with nothing but what the gateway needs at run time

$(VENV)/.development: requirements-dev.txt pyproject.toml $(VENV)/.runtime
	@echo "Installing the locked development packages into $(VENV) ..."
	@$(PIP_INSTALL) -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: install
install: $(VENV)/.development ## Make .venv with the locked packages; fast when nothing changed

.PHONY: run
run: $(VENV)/.runtime ## Gateway with the embedded Bedrock simulator on http://127.0.0.1:3000 (PORT=4000 for another port)
	@exec $(BIN)/python -m gateway serve --simulate

.PHONY: test
test: install ## Every test that needs only Python; under three minutes
	@$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)
	@echo "Not run here, because it needs node and npm: the real Claude Code (make e2e)."

.PHONY: coverage
coverage: install ## make test with a coverage report
	@$(BIN)/python -m pytest --cov --cov-report=term $(PARALLEL) $(PYTEST_ARGS)

.PHONY: format
format: install ## Format and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lint
lint: install ## ruff format check, ruff, mypy, import order
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: check
check: lint test ## lint and test: what every commit must pass

.PHONY: e2e
e2e: install ## The real Claude Code from npm against `serve` and the simulator (needs node and npm)
	@$(BIN)/python -m pytest tests/e2e --override-ini='norecursedirs=.*' --timeout=180 --numprocesses auto $(PYTEST_ARGS)

# A file stays in one process: its tests share a gateway. FAULTS_ARGS=--long plays a night's worth.
.PHONY: faults
faults: install ## Faults of Bedrock, clients, platform and keys, abuse, fuzzing, the OpenAPI description; under ten minutes
	@$(SUITE) $(PARALLEL) tests/faults $(FAULTS_ARGS) $(PYTEST_ARGS)

.PHONY: mutants
mutants: install ## Break each promise of authentication and of stream endings in a copy; its named test must notice
	@$(BIN)/python -m tests.faults.mutants $(MUTANTS_ARGS)

.PHONY: bench
bench: install ## Cost beside nginx and a naive gateway, written into docs/performance.md; a quarter of an hour (Linux, nginx, a C compiler)
	@$(BIN)/python -m benchmarks.bench --write $(BENCH_ARGS)

.PHONY: bench-quick
bench-quick: install ## The same in half a minute, written nowhere
	@$(BIN)/python -m benchmarks.bench --quick $(BENCH_ARGS)

.PHONY: bench-peers
bench-peers: install ## The same as bench, also beside Portkey and LiteLLM, installed into .cache; half an hour
	@$(BIN)/python -m benchmarks.bench --write --peers $(BENCH_ARGS)

.PHONY: bench-gate
bench-gate: install ## Fails when a ratio to the naive gateway has become worse by more than 15 %; up to six rounds of 15 s
	@$(BIN)/python -m benchmarks.bench --gate $(BENCH_ARGS)

.PHONY: load
load: install ## Sessions like those of Claude Code, by locust: LOAD_ARGS='--host URL --users 50 --run-time 5m' for a deployed gateway
	@$(BIN)/python -m tests.load.run $(LOAD_ARGS)

.PHONY: load-test
load-test: install ## The load test itself: it passes a good gateway, and fails one that cuts its streams
	@$(BIN)/python -m pytest tests/load --override-ini='norecursedirs=.*' --timeout=300 $(PYTEST_ARGS)

.PHONY: sbom
sbom: install ## build/sbom.cdx.json: a CycloneDX bill of materials of what the image is made of
	@$(BIN)/python -m tests.supply.sbom

.PHONY: audit
audit: install ## Is a run-time package known to be vulnerable or poisoned? AUDIT_ARGS=--require-database fails where nobody can be asked
	@$(BIN)/python -m tests.supply.audit $(AUDIT_ARGS)

.PHONY: supply-test
supply-test: install ## The audit against a stand-in of its database, and the bill of materials
	@$(SUITE) tests/supply $(PYTEST_ARGS)

# The suites of what is shipped. Each says what it misses: a machine without podman or terraform skips it, visibly.
SUITE = $(BIN)/python -m pytest --override-ini='norecursedirs=.*' --timeout=600

.PHONY: image-test
image-test: install ## The real Dockerfile, built and run with podman (needs podman and debootstrap)
	@$(SUITE) tests/image $(PYTEST_ARGS)

.PHONY: lambda-test
lambda-test: install ## The gateway behind doubles of Lambda and of its web adapter: streaming, freeze, deadline
	@$(SUITE) tests/on_lambda $(PYTEST_ARGS)

.PHONY: infra-test
infra-test: install ## terraform validate, test, policies, and apply against moto (needs terraform)
	@$(SUITE) $(PARALLEL) tests/infra $(PYTEST_ARGS)

.PHONY: sam-test
sam-test: install ## sam build, local invoke and start-api of the real image (needs podman)
	@$(SUITE) tests/sam $(PYTEST_ARGS)

.PHONY: deploy-test
deploy-test: install ## make deploy against moto and a registry on loopback (needs terraform and podman)
	@$(SUITE) tests/deploy $(PYTEST_ARGS)

.PHONY: deploy
deploy: runtime ## Deploy to AWS, or bring what is deployed up to date (DEPLOY_ARGS=--yes asks nothing)
	@$(BIN)/python -m deploy $(DEPLOY_ARGS)

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url \
	--no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" $(LOCK_ARGS) pyproject.toml

.PHONY: lock
lock: install ## Write the lock files anew (LOCK_ARGS=--upgrade for newer versions)
	@$(UV_COMPILE) --output-file requirements.txt
	@$(UV_COMPILE) --constraint requirements.txt --group dev --output-file requirements-dev.txt
	@cd tests/sam && ../../$(UV_COMPILE:pyproject.toml=) --only-binary :all: requirements.in --output-file requirements.txt
	@cd tests/supply && ../../$(UV_COMPILE:pyproject.toml=) --only-binary :all: requirements.in --output-file requirements.txt
	@cd tests/faults/openapi && ../../../$(UV_COMPILE:pyproject.toml=) --only-binary :all: requirements.in --output-file requirements.txt
	@cd tests/load && ../../$(UV_COMPILE:pyproject.toml=) --only-binary :all: requirements.in --output-file requirements.txt
	@cd benchmarks/peers/litellm && ../../../$(UV_COMPILE:pyproject.toml=) --only-binary :all: requirements.in --output-file requirements.txt

.PHONY: clean
clean: ## Remove .venv, caches and downloads
	@rm -rf $(VENV) .cache build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov .import_linter_cache

.PHONY: transcripts
transcripts: install ## Write the golden transcripts anew; review the diff like code
	@$(BIN)/python -m tests.support.transcripts

.PHONY: matrix
matrix: install ## Write docs/compatibility.md anew from the feature table and its tests
	@$(BIN)/python -m tests.matrix.render

.PHONY: matrix-flips
matrix-flips: install ## Change each row of the feature table in turn; its test must notice
	@$(BIN)/python -m tests.matrix.flip

.PHONY: openapi
openapi: install ## Write docs/openapi.yaml anew from the request's types and the table of routes
	@$(BIN)/python -m tests.faults.openapi.render
