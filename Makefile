# Two commands matter: `make serve` starts the product, `make test` proves it.

VENV    := .venv
BIN     := $(VENV)/bin
PYTHON  ?= python3
HOST    ?= $(or $(IPVIT_HOST),127.0.0.1)
PORT    ?= $(or $(IPVIT_PORT),8000)
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: serve test lint format bench browser clean

serve: $(VENV)/.installed
	@$(BIN)/ipvit serve --host $(HOST) --port $(PORT)

test: $(VENV)/.installed-dev browser
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

# The browser tests drive Debian's Chromium.
browser:
	@command -v chromium >/dev/null || \
	  { $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq chromium; }

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
