# songda: make run shows it, make test proves it.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
IN_VENV := .venv/bin
PIP := $(IN_VENV)/python -m pip --quiet
LOCK := $(IN_VENV)/uv pip compile pyproject.toml --quiet --python-version 3.11 --python-platform linux --generate-hashes \
	--no-header --group build

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PYTHONUTF8 := 1

.PHONY: run test search check bench lock clean install install-dev

run: install
	$(IN_VENV)/songda demo

test: install-dev
	$(IN_VENV)/python -m pytest -n 2 --dist loadfile

# The same tests with new examples each time (test: the same ones), for as many rounds as you have time for.
search: install-dev
	$(IN_VENV)/python -m pytest -n 2 --dist loadfile --hypothesis-profile=search

check: install-dev
	$(IN_VENV)/ruff format --check .
	$(IN_VENV)/ruff check .
	$(IN_VENV)/mypy --strict
	$(IN_VENV)/lint-imports --no-logo

bench: install-dev
	$(IN_VENV)/python -m tests.bench $(ROWS)

# Both files again, as new as the registry allows, for Python 3.11 on Linux (hashes of every wheel, so aarch64 too);
# the second holds everything of the first at the same version.
lock: install-dev
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --upgrade --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist songda.egg-info

install: .venv/installed
install-dev: .venv/installed-dev

.venv/installed: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing songda's libraries into .venv (once; a minute or two) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "Installing the tools for tests and checks into .venv (once; a minute or two) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

.venv/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'songda needs Python 3.11 or newer: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv \
		|| { rm -rf .venv; echo 'No virtual environment could be made. On Debian: apt-get install python3-venv' >&2; exit 1; }
