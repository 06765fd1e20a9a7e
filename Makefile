# Everything a person types. `make` alone lists it.
PYTHON ?= python3
BIN = .venv/bin
RUN = PYTHONPATH=. $(BIN)/python
PIP = $(BIN)/python -m pip install --disable-pip-version-check --require-hashes --quiet

STATE = $(or $(LOCAL_DIR),.local)

.DEFAULT_GOAL := help
.PHONY: help demo up test check format bench calendar-proof faults cases contracts validate-contracts secrets requirements clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 22

.venv/.run: requirements.txt requirements-local.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python has no venv module (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "Installing what Lead Handoff needs into .venv (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -r requirements.txt -r requirements-local.txt
	@$(BIN)/python -m compileall -q services shared deploy
	@touch $@

.venv/.dev: .venv/.run requirements-dev.txt
	@echo "Installing what the tests need ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

demo: .venv/.run ## Show the whole product on sample leads, in a minute
	@$(RUN) -m deploy.demo

up: .venv/.run ## Run everything here, in the foreground, until Ctrl-C
	@$(RUN) -m deploy.local

test: .venv/.dev ## Prove it: real Kafka, real Postgres, real SMTP, real kill -9
	@$(RUN) -m pytest

check: .venv/.dev ## Lint, types, import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && PYTHONPATH=. $(BIN)/lint-imports

format: .venv/.dev ## Format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: .venv/.dev ## Measure it against ceilings in the same run
	@$(RUN) -m tests.bench

calendar-proof: .venv/.dev ## Every zone × every day of three years × every kind of step; ten years of 1,000 clients
	@$(RUN) -m tests.services.followup.calendar_proof

faults: .venv/.dev ## The long form of the fault tests (FAULT_SECONDS, FAULT_LEADS, FAULT_SEED)
	@FAULT_SECONDS=$${FAULT_SECONDS:-120} FAULT_LEADS=$${FAULT_LEADS:-10000} $(RUN) -m pytest tests/faults --timeout 1800 -s

cases: .venv/.dev ## Send real cases by others to a running intake: make cases CASES=folder
	@$(RUN) -m deploy.local.cases $(CASES)

contracts: .venv/.run ## Generate schemas, AsyncAPI and OpenAPI from the code
	@$(RUN) -m shared.contract && $(RUN) -m deploy.openapi

validate-contracts: contracts ## Let the official AsyncAPI validator read our contract (needs Node)
	@npx --yes @asyncapi/cli@6.2 validate shared/contracts/asyncapi.json

secrets: ## Make the secrets docker compose needs, in deploy/secrets
	@$(PYTHON) deploy/compose/make_secrets.py

requirements: .venv/.dev ## Compile requirements*.in with hashes
	@for r in requirements requirements-local requirements-dev; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $$r.in -o $$r.txt; done

clean: ## Remove the local state (databases, Kafka, mails); keeps .venv and downloads
	@$(RUN) -c "from pathlib import Path; from deploy.local.postgres import remove_data; [remove_data(Path('$(STATE)') / one / 'postgres') for one in ('', 'demo', 'demo-before')]"
	@rm -rf $(addprefix $(STATE)/, kafka mail run demo demo-before api-key secret-key)
