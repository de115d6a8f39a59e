# The pipeline of the project: `make` lists what it can do.
# Everything it makes stays in this folder: .venv*, .local, node_modules, layers/dependencies/python.

PYTHON ?= python3
# Taken from make's command line alone: a shell may have variables of these names that are meant for something else.
KEEP =
BUCKET =
STACK =
REGION =
ENV = default
FUNCTION =
SINCE =
FOLLOW =
KEEP_DATA =
PREFIX =
export PARAMETERS =
ARGS =
# Each worker has a local stack of its own; the tests of one file stay together.
WORKERS ?= auto
PARALLEL := --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile

PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
SUPPORTED := 3.11 3.12 3.13
COMMA := ,
SPACE := $(subst ,, )
TOOLS := .venv/bin/python
EMULATOR := .venv-emulator/bin/python
FUNCTIONS := .venv-functions/bin/python
DEPENDENCIES := layers/dependencies/python
# A made thing is made anew when its list of packages or the Python version changes.
VERSION_STAMP := .local/python-$(PYTHON_VERSION)
DEMO_READY := .local/ready-demo
LINT_READY := .local/ready-lint
DEPLOY_READY := .local/ready-deploy
TEST_READY := .local/ready-test
EMULATOR_READY := .local/ready-emulator
FUNCTIONS_READY := .local/ready-functions
DEPENDENCIES_READY := .local/ready-dependencies
NODE_READY := .local/ready-node
PIP := -m pip --disable-pip-version-check -qq install
RUN := PYTHONPATH=.:local:layers/sp_api/python

.DEFAULT_GOAL := help
.PHONY: help demo stop test lint unit storm orders-storm throttling reference build publish doctor clean
.PHONY: deploy outputs logs destroy redrive-queue redrive-executions costs python-is-supported stack-is-named bucket-is-named
.PHONY: demo-environment publish-environment deploy-environment tools-environment test-environment operator-environment browser
MAKEFLAGS += --no-print-directory --silent

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

demo: demo-environment ## the whole report flow on this machine, no AWS account needed (KEEP=1 leaves it running)
	@$(RUN) $(TOOLS) local/demo.py --emulator-python $(EMULATOR) --function-python $(FUNCTIONS) $(if $(KEEP),--keep)

stop: operator-environment ## stop what `make demo KEEP=1` left running
	@$(RUN) $(TOOLS) local/stop.py

test: browser test-environment lint ## lint, then every test (ARGS= for pytest, WORKERS=0 for one at a time)
	@$(TOOLS) -m pytest $(PARALLEL) $(ARGS)

lint: tools-environment ## ruff, mypy --strict, cfn-lint
	@$(TOOLS) -m ruff check . && $(TOOLS) -m ruff format --check .
	@$(TOOLS) -m mypy layers/sp_api/python local publishing operations reference costs
	@for function in functions/*/app.py; do $(TOOLS) -m mypy $$function || exit 1; done
	@.venv/bin/cfn-lint templates/*.yaml

unit: tools-environment ## the unit tests alone
	@$(TOOLS) -m pytest tests/unit $(ARGS)

storm: test-environment ## 1,000 reports of 20 sellers, everything at once, several times and partly broken (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.storm $(ARGS)

orders-storm: tools-environment ## 10,000 orders over 40 simulated days, each asked once at the right time (ARGS=--help)
	@$(RUN) POWERTOOLS_SERVICE_NAME=orders-storm POWERTOOLS_LOG_LEVEL=WARNING $(TOOLS) -m orders_storm $(ARGS)

throttling: tools-environment ## how 200 reports that finish together wait for SP-API's quota: the table of docs/reports.md
	@$(TOOLS) -m tests.unit.statemachines.throttling

costs: demo-environment ## what the stack costs on AWS, counted anew: the tables of docs/costs.md (ARGS=--help)
	@$(RUN) $(TOOLS) -m costs --emulator-python $(EMULATOR) --function-python $(FUNCTIONS) $(ARGS)

reference: tools-environment ## write what docs/ and postman/ have from templates and functions
	@$(RUN) $(TOOLS) -m reference

build: $(DEPENDENCIES_READY) ## fill the dependencies layer, which make deploy and make publish take
	@echo "Built $(DEPENDENCIES). Next: make deploy, or make publish BUCKET=<name>"

deploy: deploy-environment ## from source, with sam: make deploy [ENV=default|dev|prod] [REGION=] [PARAMETERS="Name=Value ..."]
	@$(RUN) $(TOOLS) -m operations.deploy --env $(ENV) $(if $(REGION),--region $(REGION)) --parameters "$$PARAMETERS"

publish: bucket-is-named publish-environment ## write the launchable templates to a bucket: make publish BUCKET=<name> [REGION=] [PREFIX=] [PARAMETERS=]
	@.venv/bin/cfn-lint templates/*.yaml || { echo "The linter's findings stand above. Nothing was uploaded."; exit 1; }
	@$(RUN) $(TOOLS) -m publishing --bucket $(BUCKET) $(if $(REGION),--region $(REGION)) $(if $(PREFIX),--prefix $(PREFIX)) \
	  --parameters "$$PARAMETERS"

outputs: stack-is-named operator-environment ## a stack's outputs: make outputs STACK=<name> [REGION=] [ARGS=--json]
	@$(RUN) $(TOOLS) -m operations.outputs $(STACK) $(if $(REGION),--region $(REGION)) $(ARGS)

doctor: operator-environment ## look a stack over: make doctor STACK=<name> [REGION=], or the one that KEEP=1 left running
	@$(RUN) $(TOOLS) $(if $(STACK),-m operations.doctor $(STACK) $(if $(REGION),--region $(REGION)),local/doctor.py)

logs: stack-is-named operator-environment ## log lines of all functions: make logs STACK=<name> [FUNCTION=] [SINCE=1h] [FOLLOW=1]
	@$(RUN) $(TOOLS) -m operations.logs $(STACK) $(if $(REGION),--region $(REGION)) \
	  $(if $(FUNCTION),--function $(FUNCTION)) $(if $(SINCE),--since $(SINCE)) $(if $(FOLLOW),--follow) $(ARGS)

redrive-queue: stack-is-named operator-environment ## move dead letters back to their queues: make redrive-queue STACK=<name> [REGION=]
	@$(RUN) $(TOOLS) -m operations.redrive queue $(STACK) $(if $(REGION),--region $(REGION))

redrive-executions: stack-is-named operator-environment ## resume failed executions: make redrive-executions STACK=<name> [REGION=] [ARGS=--aborted]
	@$(RUN) $(TOOLS) -m operations.redrive executions $(STACK) $(if $(REGION),--region $(REGION)) $(ARGS)

destroy: stack-is-named operator-environment ## delete a stack and its data: make destroy STACK=<name> [REGION=] [KEEP_DATA=1] [ARGS=--yes]
	@$(RUN) $(TOOLS) -m operations.destroy $(STACK) $(if $(REGION),--region $(REGION)) $(if $(KEEP_DATA),--keep-data) $(ARGS)

clean: ## remove everything that make made
	@rm -rf .venv .venv-emulator .venv-functions .local node_modules $(DEPENDENCIES)

# Environments. Each is made once; -j makes them side by side.

demo-environment: python-is-supported
	@$(MAKE) -j4 $(DEMO_READY) $(EMULATOR_READY) $(FUNCTIONS_READY) $(DEPENDENCIES_READY)

publish-environment: python-is-supported
	@$(MAKE) -j4 $(LINT_READY) $(DEPENDENCIES_READY)

tools-environment: python-is-supported
	@$(MAKE) $(TEST_READY)

test-environment: python-is-supported
	@$(MAKE) -j4 $(TEST_READY) $(EMULATOR_READY) $(FUNCTIONS_READY) $(DEPENDENCIES_READY) $(NODE_READY)

# To deploy, no emulator is needed, and no Node.js; to look after a stack, nothing but the AWS client.
deploy-environment: python-is-supported
	@$(MAKE) -j4 $(DEPLOY_READY) $(DEPENDENCIES_READY)

operator-environment: python-is-supported
	@$(MAKE) $(DEMO_READY)

stack-is-named:
	@test -n "$(STACK)" || { echo "Name the stack: make $(MAKECMDGOALS) STACK=<name> [REGION=<region>]"; exit 2; }

bucket-is-named:
	@test -n "$(BUCKET)" || { echo "Name the bucket: make publish BUCKET=<name> [REGION=<region>] [PREFIX=<prefix>]"; exit 2; }

browser:
	@for program in chromium chromium-browser google-chrome google-chrome-stable; do \
	  command -v $$program > /dev/null && exit 0; done; \
	  echo "make test opens stored reports in a browser and finds none: install Chromium (Debian: apt-get install chromium) or Chrome"; exit 2

python-is-supported:
	@case " $(SUPPORTED) " in \
	  *" $(PYTHON_VERSION) "*) ;; \
	  *) echo "This needs Python $(subst $(SPACE),$(COMMA) ,$(SUPPORTED)); $(PYTHON) $(if $(PYTHON_VERSION),is $(PYTHON_VERSION),does not run). Name another: make demo PYTHON=python3.13"; exit 2;; \
	esac

$(VERSION_STAMP):
	@mkdir -p .local && rm -f .local/python-* && touch $@

.venv/made: $(VERSION_STAMP)
	@rm -rf .venv && $(PYTHON) -m venv .venv && touch $@

$(DEMO_READY): requirements/demo.txt .venv/made
	@echo "Preparing: the tools of the local run"
	@$(TOOLS) $(PIP) -r requirements/demo.txt && touch $@

$(LINT_READY): requirements/lint.txt $(DEMO_READY)
	@echo "Preparing: the templates' linter"
	@$(TOOLS) $(PIP) -r requirements/lint.txt && touch $@

$(DEPLOY_READY): requirements/deploy.txt requirements/lint.txt $(DEMO_READY)
	@echo "Preparing: sam"
	@$(TOOLS) $(PIP) -r requirements/deploy.txt && touch $@

$(TEST_READY): requirements/test.txt requirements/deploy.txt requirements/lint.txt $(DEMO_READY)
	@echo "Preparing: linters and test tools (about a minute, once)"
	@$(TOOLS) $(PIP) -r requirements/test.txt && touch $@

$(EMULATOR_READY): requirements/emulator.txt $(VERSION_STAMP)
	@echo "Preparing: the AWS emulator"
	@rm -rf .venv-emulator && $(PYTHON) -m venv .venv-emulator && $(EMULATOR) $(PIP) -r requirements/emulator.txt && touch $@

$(FUNCTIONS_READY): requirements/functions.txt $(VERSION_STAMP)
	@echo "Preparing: the functions' interpreter"
	@rm -rf .venv-functions && $(PYTHON) -m venv .venv-functions && $(FUNCTIONS) $(PIP) -r requirements/functions.txt && touch $@

$(DEPENDENCIES_READY): layers/dependencies/requirements.txt $(VERSION_STAMP)
	@echo "Preparing: the dependencies layer"
	@rm -rf $(DEPENDENCIES) && $(PYTHON) $(PIP) --no-deps --no-compile --target $(DEPENDENCIES) -r layers/dependencies/requirements.txt && touch $@

$(NODE_READY): package.json package-lock.json
	@echo "Preparing: the Node.js tools of the tests"
	@npm ci --silent --no-audit --no-fund && mkdir -p .local && touch $@
