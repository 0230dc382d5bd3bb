# Two commands matter: `make serve` starts the product, `make test` proves it.

VENV    := .venv
BIN     := $(VENV)/bin
PYTHON  ?= python3
HOST    ?= $(or $(IPVIT_HOST),127.0.0.1)
PORT    ?= $(or $(IPVIT_PORT),8000)
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: serve worker test lint format bench services clean

serve: $(VENV)/.installed
	@$(BIN)/ipvit serve --host $(HOST) --port $(PORT)

# QUEUE=interactive answers single images, QUEUE=evaluation works on jobs.
worker: $(VENV)/.installed
	@$(BIN)/ipvit worker --queue $(or $(QUEUE),evaluation)

test: $(VENV)/.installed-dev services
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev services
	$(BIN)/python -m benchmarks

# The tests use the real parts: Redis, PostgreSQL, and Debian's Chromium.
services:
	@packages=; \
	command -v redis-server >/dev/null || packages="$$packages redis-server"; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || packages="$$packages postgresql"; \
	command -v chromium >/dev/null || packages="$$packages chromium"; \
	test -z "$$packages" || \
	  { $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $$packages; }

clean:
	rm -rf $(VENV) *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "expected Python 3.11 or newer, got $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "venv is missing; installing python3-venv"; rm -rf $(VENV); \
	    $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing IPViT Lab into $(VENV) (once; about a minute)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(INSTALL) -e '.[dev]'
	@touch $@
