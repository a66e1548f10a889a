# Two commands matter: `make run` (everything, and the main job before your eyes) and `make test`.
# Every target first does the set-up steps that are missing.

# A distribution's Python is compiled with profiles, one built at home mostly without: a quarter of a core.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip; assert sys.version_info >= (3, 11)' 2> /dev/null \
	&& echo /usr/bin/python3 || echo python3)
VENV := .venv/bin
VESTNIK := $(VENV)/python -m tools.vestnik
PATHS := services tools deploy tests
# What is not given on the command line is the program's own to choose.
option = $(if $($(1)),--$(2) $($(1)))

.DEFAULT_GOAL := help
.PHONY: run up down logs status test check bench idle mailing chaos soak outage profile replay clean lock help setup

run: setup ## start everything, perform the main job visibly, keep running until Ctrl-C
	@$(VESTNIK) run

up: setup ## start everything in the background; returns when all of it is ready
	@$(VESTNIK) up

down: ## stop everything that `make up` started
	@if [ -x $(VENV)/python ]; then $(VESTNIK) down; fi

logs: .venv/.stamp ## show the logs of a running stack (one process: make logs NAME=gateway-api)
	@$(VESTNIK) logs $(NAME)

status: .venv/.stamp ## show every process: pid, restarts, ready or why not
	@$(VESTNIK) status

test: setup ## run all tests on real PostgreSQL and Kafka (a part of them: make test ARGS=tests/billing)
	@$(VENV)/python -m pytest $(ARGS)

check: .venv/.stamp ## lint, strict types, import contracts, generated documents
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy $(PATHS)
	$(VENV)/lint-imports
	$(VESTNIK) contracts --check
	$(VESTNIK) openapi --check

bench: setup ## measure: make bench SECONDS=120 RATE=700 -> var/bench/latest.json
	@$(VENV)/python -m tests.bench $(call option,SECONDS,seconds) $(call option,RATE,rate)

idle: setup ## what an unused stack costs, and how soon a single message goes out -> var/bench-idle/latest.json
	@$(VENV)/python -m tests.bench.idle

mailing: setup ## does a mailing slow down anybody's answers? make mailing PER_SECOND=1000 -> var/bench-mailing/latest.json
	@$(VENV)/python -m tests.bench.mailing $(call option,PER_SECOND,per-second)

chaos: setup ## break things: make chaos FAULTS=70 SEED=7 RATE=100 [FROM=N] -> var/chaos/latest.json
	@$(VENV)/python -m tests.chaos $(call option,FAULTS,faults) $(call option,SEED,seed) $(call option,RATE,rate) $(call option,FROM,from)

soak: setup ## an hour under load, does anything grow? make soak MINUTES=60 RATE=300 -> var/soak/latest.json
	@$(VENV)/python -m tests.soak $(call option,MINUTES,minutes) $(call option,RATE,rate)

outage: setup ## a server is down under load: make outage WHAT=kafka|postgres MINUTES=5 RATE=100 -> var/soak/outage-WHAT.json
	@$(VENV)/python -m tests.soak.outage $(call option,WHAT,what) $(call option,MINUTES,minutes) $(call option,RATE,rate)

profile: setup ## measure under py-spy: make profile RATE=300 -> a flame graph and the top 20 of each process, var/bench/profile-*
	@$(VENV)/python -m tests.bench $(call option,SECONDS,seconds) $(call option,RATE,rate) --profile

replay: .venv/.stamp ## the published facts into an empty schema: the same journal and balances (needs `make up`)
	@$(VESTNIK) replay

clean: down ## stop everything and remove var/
	@$(PYTHON) -m deploy.local.bootstrap clean

lock: .venv/.stamp ## resolve the requirements anew (for maintainers: it fetches uv)
	@test -x $(VENV)/uv || $(VENV)/pip install --quiet uv
	$(VENV)/uv pip compile pyproject.toml --universal --generate-hashes --no-header --quiet -o requirements.lock
	$(VENV)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --quiet -o requirements-dev.lock

help: ## show this text
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Kafka first: a machine without Java or Maven is told so before anything is fetched.
setup: var/kafka/.stamp .venv/.stamp
	@$(PYTHON) -m deploy.local.bootstrap postgres

.venv/.stamp: requirements-dev.lock
	@$(PYTHON) -m deploy.local.bootstrap venv

var/kafka/.stamp: deploy/local/kafka/pom.xml
	@$(PYTHON) -m deploy.local.bootstrap kafka
