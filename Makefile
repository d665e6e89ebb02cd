PYTHON ?= python3
CONFIG_ENV ?= default
UV := .venv/bin/uv
SYNC := $(UV) pip sync --quiet --require-hashes
# One that runs: a version manager's shim may only print an error. Where pyenv and uv keep theirs is searched as well.
PYTHONS_3_13 = python3.13 $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13 \
	$(HOME)/.local/share/uv/python/cpython-3.13.*/bin/python3.13)
PYTHON_3_13 = $(firstword $(foreach python,$(PYTHONS_3_13),$(shell \
	$(python) -c 'import sys; sys.version_info[:2] == (3, 13) and print("$(python)")' 2>/dev/null)))
STACK_PATH := $(CURDIR)/.venv-stack/bin:$(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run up down test test-dynamodb lint format bench soak redrive screenshots chromium deploy lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

run: .venv/ready .venv-stack/ready ## Start everything locally, send three webhooks and show their history
	@.venv/bin/python -m local demo

up: .venv/ready .venv-stack/ready ## Start the local AWS and deploy what changed; write .local/outputs.json
	@.venv/bin/python -m local up

down: .venv/ready ## Stop the local AWS and forget its state
	@.venv/bin/python -m local down

test: .venv/ready .venv-stack/ready .venv-runtime/ready chromium ## Every test; PYTEST='-k name' chooses some
	@.venv/bin/python -m pytest -n 3 $(PYTEST)

test-dynamodb: .venv/ready tests/dynalite/node_modules ## tests/integration against a second DynamoDB; skipped without Node.js
	@if [ -d tests/dynalite/node_modules/dynalite ]; then \
		TEST_DYNAMODB=dynalite .venv/bin/python -m pytest -n 3 tests/integration $(PYTEST); \
	else echo "Skipped: dynalite needs Node.js 18 or newer, with npm"; fi

lint: .venv/ready .venv-stack/ready .venv-checkov/ready ## ruff, mypy, cfn-lint, sam validate and checkov
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv-stack/bin/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 .venv-stack/bin/sam validate --lint --region us-east-1
	.venv-checkov/bin/checkov --config-file .checkov.yaml

format: .venv/ready ## Let ruff rewrite what it can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: .venv/ready .venv-stack/ready ## The benchmarks: a table, and one JSON line per figure
	@.venv/bin/python -m benchmarks

soak: .venv/ready .venv-stack/ready ## Thousands of webhooks through faults at random, then the books; SOAK='--seed 7 --count 3000'
	@.venv/bin/python -m tests.soak $(SOAK)

redrive: .venv/ready ## Put the dead letters back on the webhook queue; STACK=name for a deployed stack instead of the local one
	@.venv/bin/hooklog redrive $(if $(STACK),--stack $(STACK))

screenshots: .venv/ready .venv-stack/ready chromium ## Take docs/*.png anew, of the page on the local AWS
	@.venv/bin/python -m docs.screenshots

# Debian's own package, for the browser tests, with the page's two fonts.
chromium: ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
chromium:
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || { \
		echo "Installing Chromium ..." && \
		$(ROOT) apt-get update -qq && \
		$(ROOT) apt-get install -y -qq --no-install-recommends chromium fonts-inter fonts-jetbrains-mono >/dev/null; \
		} || { echo "The browser tests need Chromium: install the package chromium as root, then try again" >&2; exit 1; }

deploy: export PATH := $(STACK_PATH)
deploy: export LAYER_PYTHON ?= $(or $(PYTHON_3_13),false)
deploy: .venv/ready .venv-stack/ready ## To real AWS; CONFIG_ENV names a section of samconfig.toml
	@.venv/bin/python -m cli.preflight --config-env $(CONFIG_ENV) $(if $(NO_BYTECODE),--no-bytecode)
	SAM_CLI_TELEMETRY=0 sam build --config-env $(CONFIG_ENV)
	SAM_CLI_TELEMETRY=0 sam deploy --config-env $(CONFIG_ENV)

# The layer's pins are those of the deployed runtime; the development pins repeat them and add to them.
lock: PIN := $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(LOCK)
lock: .venv/uv ## Pin again what pyproject.toml asks for; LOCK=--upgrade takes newer versions
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

clean: ## Remove everything that make made
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m local down; fi
	rm -rf .venv .venv-stack .venv-runtime .venv-checkov .local .aws-sam tests/dynalite/node_modules \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/uv: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Hooklog needs Python 3.11 or newer, and $(PYTHON) is not: try make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@echo "Installing into .venv and .venv-stack ..."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		-r requirements-uv.txt
	@touch $@

# Wheels only, because a build fetches tools that no hash pins. The stack may build: SAM's watchdog has no wheel for every Mac.
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

tests/dynalite/node_modules: tests/dynalite/package-lock.json
	@if command -v npm >/dev/null; then cd tests/dynalite && npm ci --silent --ignore-scripts; fi
	@mkdir -p $@ && touch $@

# The deployed Python where there is one, or else the developer's.
.venv-runtime/ready: .venv/uv requirements-runtime.txt
	@$(or $(PYTHON_3_13),.venv/bin/python) -m venv --without-pip .venv-runtime
	@$(SYNC) --no-build --python .venv-runtime/bin/python requirements-runtime.txt || { rm .venv-runtime/bin/python && \
		echo "Lambda's runtime client is not made for this machine: its tests are skipped" >&2; }
	@touch $@

.venv-checkov/ready: .venv/uv requirements-checkov.txt
	@.venv/bin/python -m venv --without-pip .venv-checkov
	@$(SYNC) --no-build --python .venv-checkov/bin/python requirements-checkov.txt
	@touch $@
