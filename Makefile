PYTHON ?= python3
CONFIG_ENV ?= default
UV := .venv/bin/uv
SYNC := $(UV) pip sync --quiet --require-hashes
# The first that runs: a version manager's shim may exist and only print an error. Also searches pyenv's and uv's folders.
PYTHONS_3_13 = python3.13 $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13 \
	$(HOME)/.local/share/uv/python/cpython-3.13.*/bin/python3.13)
PYTHON_3_13 = $(firstword $(foreach python,$(PYTHONS_3_13),$(shell \
	$(python) -c 'import sys; sys.version_info[:2] == (3, 13) and print("$(python)")' 2>/dev/null)))
STACK_PATH := $(CURDIR)/.venv-stack/bin:$(CURDIR)/.venv/bin:$(PATH)

# Every command starts many Python processes: without bytecode each compiles what it imports, for twice the CPU.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run up down test test-dynamodb lint format bench soak soak-limit soak-ordered redrive screenshots chromium deploy lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

##@ Use

run: .venv/ready .venv-stack/ready ## Start everything, send three webhooks, show their history
	@.venv/bin/python -m local demo

up: .venv/ready .venv-stack/ready ## Start the local AWS and deploy what has changed
	@.venv/bin/python -m local up

down: .venv/ready ## Stop the local AWS and delete its state
	@HOOKLOG_SECOND_AWS=1 .venv/bin/python -m local down >/dev/null # left by a test run that was killed
	@.venv/bin/python -m local down

##@ Develop

# Tests also wait: six processes keep two cores busy.
test: .venv/ready .venv-stack/ready .venv-runtime/ready tests/embedding/node_modules chromium ## Run all tests; PYTEST='-k name' selects some
	@.venv/bin/python -m pytest -n 6 $(PYTEST)

test-dynamodb: .venv/ready tests/dynalite/node_modules ## Run tests/integration on dynalite (needs Node.js)
	@if [ -d tests/dynalite/node_modules/dynalite ]; then \
		TEST_DYNAMODB=dynalite .venv/bin/python -m pytest -n 3 tests/integration $(PYTEST); \
	else echo "Skipped: dynalite needs Node.js 18 or newer with npm."; fi

lint: .venv/ready .venv-stack/ready .venv-checkov/ready tests/embedding/node_modules ## Run ruff, mypy, cfn-lint, sam validate, checkov and tsc
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv-stack/bin/cfn-lint template.yaml docs/network.yaml
	SAM_CLI_TELEMETRY=0 .venv-stack/bin/sam validate --lint --region us-east-1
	.venv-checkov/bin/checkov --config-file .checkov.yaml
	@if [ -x tests/embedding/node_modules/.bin/tsc ]; then (set -x; tests/embedding/node_modules/.bin/tsc --project jsconfig.json); \
	else echo "Skipped: tsc needs Node.js with npm."; fi

format: .venv/ready ## Fix and format the code with ruff
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: .venv/ready .venv-stack/ready ## Run the benchmarks: a table and JSON lines
	@.venv/bin/python -m benchmarks

soak: .venv/ready .venv-stack/ready ## Send webhooks through random faults; SOAK='--count 300'
	@.venv/bin/python -m tests.soak $(SOAK)

soak-limit: .venv/ready .venv-stack/ready ## Send a burst to a webhook with a rate limit
	@.venv/bin/python -m tests.soak_limit $(SOAK)

soak-ordered: .venv/ready .venv-stack/ready ## Send to ordered webhooks through random faults
	@.venv/bin/python -m tests.soak_ordered $(SOAK)

screenshots: .venv/ready .venv-stack/ready chromium ## Retake docs/*.png from the local History page
	@.venv/bin/python -m docs.screenshots

# Debian's package, with the two fonts of the History page. Not every release has the headless shell, the smaller one.
chromium: ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
chromium:
	@{ command -v chromium-headless-shell || command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || { \
		echo "Installing Chromium ..." && \
		$(ROOT) apt-get update -qq && \
		$(ROOT) apt-get install -y -qq --no-install-recommends fonts-inter fonts-jetbrains-mono \
			"$$(apt-cache show chromium-headless-shell >/dev/null 2>&1 && echo chromium-headless-shell || echo chromium)" >/dev/null; \
		} || { echo "The browser tests need Chromium. Install the package chromium as root, then try again." >&2; exit 1; }

##@ Deploy and operate

deploy: export PATH := $(STACK_PATH)
deploy: export LAYER_PYTHON ?= $(or $(PYTHON_3_13),false)
deploy: .venv/ready .venv-stack/ready ## Deploy to AWS; CONFIG_ENV selects a samconfig section
	@.venv/bin/python -m cli.preflight --config-env $(CONFIG_ENV) $(if $(NO_BYTECODE),--no-bytecode)
	SAM_CLI_TELEMETRY=0 sam build --config-env $(CONFIG_ENV)
	SAM_CLI_TELEMETRY=0 sam deploy --config-env $(CONFIG_ENV)

redrive: .venv/ready ## Resend the dead letters; STACK=name for a stack on AWS
	@.venv/bin/hooklog redrive $(if $(STACK),--stack $(STACK))

##@ Maintain

# The layer's pins are for the deployed runtime; the development pins contain them.
lock: PIN := $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(LOCK)
lock: .venv/uv ## Pin the dependencies; LOCK=--upgrade takes newer versions
	$(PIN) pyproject.toml --python-version 3.13 --python-platform aarch64-manylinux_2_28 \
		-o layers/shared/requirements.txt
	$(PIN) --group codings --python-version 3.13 --python-platform aarch64-manylinux_2_28 \
		-o layers/shared/requirements-codings.txt
	$(PIN) --group oidc --python-version 3.13 --python-platform aarch64-manylinux_2_28 \
		-c layers/shared/requirements.txt -o functions/authorize/requirements.txt
	$(PIN) pyproject.toml --group dev --universal --python-version 3.11 -c layers/shared/requirements.txt \
		-c layers/shared/requirements-codings.txt -c functions/authorize/requirements.txt -o requirements-dev.txt
	$(PIN) --group stack --universal --python-version 3.11 -o requirements-stack.txt
	$(PIN) --group checkov --universal --python-version 3.11 -o requirements-checkov.txt
	$(PIN) --group runtime --universal --python-version 3.11 -o requirements-runtime.txt
	$(PIN) --group uv --universal --python-version 3.11 -o requirements-uv.txt

clean: ## Remove everything that make has created
	@if [ -x .venv/bin/python ]; then HOOKLOG_SECOND_AWS=1 .venv/bin/python -m local down >/dev/null; .venv/bin/python -m local down; fi
	rm -rf .venv .venv-stack .venv-runtime .venv-checkov .local .aws-sam tests/*/node_modules \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/uv: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Hooklog needs Python 3.11 or newer; $(PYTHON) is older or does not run. Try: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@echo "Installing into .venv and .venv-stack ..."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		-r requirements-uv.txt
	@touch $@

# Install wheels only: a build fetches tools without pinned hashes. Exception: SAM's watchdog has no wheel for some Macs.
.venv/ready: .venv/uv requirements-dev.txt cli/hooklog
	@$(SYNC) --no-build --python .venv/bin/python requirements-dev.txt
	@.venv/bin/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "hooklog.pth").write_text("$(CURDIR)/layers/shared\n$(CURDIR)\n")'
	@ln -sf ../../cli/hooklog .venv/bin/hooklog
	@touch $@

.venv-stack/ready: .venv/uv requirements-stack.txt
	@.venv/bin/python -m venv --without-pip .venv-stack
	@$(SYNC) --python .venv-stack/bin/python requirements-stack.txt
	@touch $@

tests/%/node_modules: tests/%/package-lock.json
	@if command -v npm >/dev/null; then cd tests/$* && npm ci --silent --ignore-scripts || \
		echo "npm could not install tests/$*: what needs it is skipped" >&2; fi
	@mkdir -p $@ && touch $@

# Python 3.13, as deployed, if this machine has it; otherwise the developer's Python. Tests run it without writing bytecode.
.venv-runtime/ready: .venv/uv requirements-runtime.txt
	@$(or $(PYTHON_3_13),.venv/bin/python) -m venv --without-pip .venv-runtime
	@$(SYNC) --compile-bytecode --no-build --python .venv-runtime/bin/python requirements-runtime.txt || { rm .venv-runtime/bin/python && \
		echo "Lambda's runtime client has no build for this machine: its tests are skipped" >&2; }
	@touch $@

.venv-checkov/ready: .venv/uv requirements-checkov.txt
	@.venv/bin/python -m venv --without-pip .venv-checkov
	@$(SYNC) --no-build --python .venv-checkov/bin/python requirements-checkov.txt
	@touch $@
