PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c "import sys; sys.version_info < (3, 11) or print(\"$(p)\")" 2>/dev/null)))
HOST ?= 127.0.0.1
PORT ?= 8000
# Tests wait for servers about as long as they compute.
JOBS ?= 3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
HOUSE := api cli commands eventstore mcp_server projections reactors toolbox settings.py wiring.py logs.py metrics.py tracing.py
SOURCES := $(HOUSE) tests benchmarks .ci/audit

.DELETE_ON_ERROR:
.PHONY: help install serve test check audit format docs golden bench lock clean

help:
	@echo "make serve    install what is missing and run the server on $(HOST):$(PORT) (HOST=, PORT=)"
	@echo "make test     run the tests in $(JOBS) processes (JOBS=, ARGS= for pytest)"
	@echo "make check    lint, format, types, import contracts"
	@echo "make audit    check the locked dependencies against lists of known vulnerabilities"
	@echo "make format   format the source"
	@echo "make docs     regenerate docs/settings.md and docs/mcp-tools.md"
	@echo "make golden   add samples of new event types, and regenerate docs/events.md"
	@echo "make bench    run the benchmark of the HTTP API (ARGS= for its options)"
	@echo "make lock     resolve the dependencies again, after a change in pyproject.toml"
	@echo "make clean    remove everything that make created (data folders stay)"

install: $(VENV)/.runtime

serve: $(VENV)/.runtime
	@# Where Python is told to write no bytecode, each process would translate the whole house as it starts: a third of the start.
	@$(BIN)/python -m compileall -q $(HOUSE)
	@exec $(BIN)/notechondria serve --host $(HOST) --port $(PORT)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet --check $(SOURCES) || { echo "The files above are not formatted: run make format."; exit 1; }
	@$(BIN)/mypy --no-error-summary $(SOURCES)
	@$(BIN)/lint-imports --no-logo

audit: $(VENV)/.dev
	@$(BIN)/python .ci/audit $(BIN)/uv tool run pip-audit --requirement requirements.lock --require-hashes --disable-pip --format json --progress-spinner off

format: $(VENV)/.dev
	@$(BIN)/ruff check --quiet --fix $(SOURCES)
	@$(BIN)/ruff format --quiet $(SOURCES)

docs: $(VENV)/.runtime
	@# Beside first: a command that fails must not leave an empty page.
	@$(BIN)/notechondria settings > $(VENV)/page && mv $(VENV)/page docs/settings.md
	@$(BIN)/notechondria mcp tools > $(VENV)/page && mv $(VENV)/page docs/mcp-tools.md

golden: $(VENV)/.dev
	@$(BIN)/python -m tests.golden.publish

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.http $(ARGS)

lock: $(VENV)/.dev
	@$(COMPILE) --group build --output-file requirements.lock $(ARGS)
	@$(COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

clean:
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c "import sys; sys.version_info < (3, 11) and sys.exit(\"Python 3.11 or newer is needed, $(PYTHON) is \" + sys.version.split()[0])"
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment: on Debian and Ubuntu install python3-venv."; exit 1; }

# The stamps are younger than the locks they were installed from. The order keeps two installs from running at once.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing ..."
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the development tools ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@
