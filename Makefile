# Tailscope: `make demo` to see it, `make test` to check it, `make help` for the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --no-compile --constraint constraints.txt
# Of two gigabytes of packages a tenth is ever read. That is compiled once, here, and not all of them by pip.
COMPILE := $(BIN)/python -c 'import dashboard.cli.main, engine, pandera.pandas, plotly.graph_objects, shap, sklearn, streamlit.web.cli, torch, \
	streamlit.testing.v1; [getattr(engine, name) for name in engine.__all__]' >/dev/null 2>&1 || true
unexport PYTHONDONTWRITEBYTECODE
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

# Newest last: the constraints are tested on 3.11. `make demo PYTHON=/path/to/python` decides otherwise.
PYTHONS := $(PYTHON) python3.11 python3.12 python3.13 python3 python
CHROMIUMS := chromium chromium-browser google-chrome
CI ?=
# Processes that tests run in: one more than there are cores, since browsers and killed processes are waited for.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))

.PHONY: help
help: ## Show these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(INSTALLED) ## Install, train the sample run if there is none, open the dashboard on 127.0.0.1:8501.
	@$(BIN)/tailscope demo $(ARGS)

.PHONY: install
install: $(INSTALLED) ## Make .venv and install the product in it.

.PHONY: check
check: $(INSTALLED_DEV) ## The quick checks: style, types, import rules.
	@echo "ruff check";        $(BIN)/ruff check .
	@echo "ruff format";       $(BIN)/ruff format --check .
	@echo "pyright";           $(BIN)/pyright
	@echo "lint-imports";      $(BIN)/lint-imports

.PHONY: quick
quick: $(INSTALLED_DEV) ## The tests that need neither a browser nor a trained run, in a minute and a half.
	@$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile -m 'not trained and not browser and not slow and not realdata' $(ARGS)

# The tests run even when a quick check fails, so that one run tells all; either failure fails the target.
.PHONY: test
test: $(INSTALLED_DEV) browser ## Everything: the quick checks, then all tests.
	@checks=0; $(MAKE) --no-print-directory check || checks=$$?; \
	tests=0; $(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder $(ARGS) || tests=$$?; \
	if [ $$checks -ne 0 ]; then echo "A quick check failed: see above the tests, or run 'make check'." >&2; fi; \
	exit $$(( checks ? checks : tests ))

.PHONY: browser
browser:
	@for name in $(CHROMIUMS); do if command -v $$name >/dev/null; then exit 0; fi; done; \
	if [ "$(CI)" = true ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium and a Chinese font for the browser tests"; \
		export DEBIAN_FRONTEND=noninteractive; apt-get -qq update; \
		apt-get -qq install --yes --no-install-recommends chromium fonts-noto-cjk >/dev/null; \
	elif [ "$(CI)" = true ]; then \
		echo "CI=true, but there is no Chromium and no right to install one: apt-get install chromium fonts-noto-cjk" >&2; exit 1; \
	else \
		echo "No Chromium: the browser tests are skipped. To run them: sudo apt-get install chromium fonts-noto-cjk"; \
	fi

# RecTools pins older packages than the product, so it gets an environment of its own.
PEER := benchmarks/.peer
INSTALLED_PEER := $(PEER)/.installed

.PHONY: bench
bench: $(INSTALLED) $(INSTALLED_PEER) ## Measure speed against RecTools (20 min; DATA=folder, ARGS=--quick), write benchmarks/RESULTS.md.
	@PYTHONPATH=. $(BIN)/python benchmarks/bench.py --peer-python $(PEER)/bin/python $(if $(DATA),--data $(DATA)) $(ARGS)

$(INSTALLED_PEER): benchmarks/peer-requirements.txt | $(BIN)/pip
	@echo "Installing RecTools in $(PEER) (about two minutes the first time)"
	@$(BIN)/python -m venv $(PEER)
	@$(PEER)/bin/python -m pip --disable-pip-version-check install --quiet --requirement benchmarks/peer-requirements.txt
	@touch $@

LOWEST := .venv-lowest

.PHONY: lower-bounds
lower-bounds: $(BIN)/pip ## Install the lowest versions that pyproject.toml allows into .venv-lowest, and test with them.
	@$(BIN)/python -m venv --clear $(LOWEST)
	@$(BIN)/python tests/lower_bounds.py > $(LOWEST)/lowest.txt
	@$(LOWEST)/bin/python -m pip --disable-pip-version-check install --quiet --no-compile \
		--constraint $(LOWEST)/lowest.txt --editable . packaging pytest pytest-timeout hypothesis
	@$(LOWEST)/bin/python -m pytest -q -p no:cacheprovider $(LOWEST_TESTS)

LOWEST_TESTS := tests/unit/engine/test_config.py tests/unit/engine/data tests/unit/engine/explanation tests/unit/engine/pipeline/test_tuning.py \
	tests/unit/dashboard/cli/test_main.py tests/unit/dashboard/charts/test_charts.py tests/unit/engine/runs/test_store.py tests/app/test_views.py

.PHONY: screenshots
screenshots: $(INSTALLED_DEV) ## Take the README's pictures from the dashboard that `make demo` has open.
	@$(BIN)/python -m tests.e2e.screenshots $(ARGS)

SAYS := Message EngineError DataError ConfigError RunError UnknownIdError TrainingError

.PHONY: messages
messages: $(INSTALLED_DEV) ## Collect what pages and the engine say into the catalogues; what is new then waits for its translation.
	@$(BIN)/pybabel --quiet extract --keywords=pgettext:1c,2 --omit-header --no-location --sort-output \
		$(SAYS:%=--keywords=%:1) --output-file=dashboard/locale/tailscope.pot dashboard engine
	@$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
		--width=120 --domain=tailscope --input-file=dashboard/locale/tailscope.pot --output-dir=dashboard/locale

.PHONY: constraints
constraints: $(INSTALLED_DEV) ## Write constraints.txt from what is in .venv.
	@{ grep '^#' constraints.txt; $(PIP) freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.new
	@mv constraints.new constraints.txt

.PHONY: clean
clean: ## Remove .venv and everything that can be made again; runs and downloads stay.
	@rm -rf $(VENV) $(LOWEST) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	@for candidate in $(PYTHONS); do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$candidate" --version)"; \
			"$$candidate" -m venv $(VENV) || { \
				echo "Could not make $(VENV); on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }; \
			exit 0; \
		fi; \
	done; \
	echo "Tailscope needs Python 3.11 or newer; none of these is: $(PYTHONS). Name one: make demo PYTHON=/path/to/python3.11" >&2; \
	exit 1

# One folder and two stamps: users get the product alone, `make test` adds what tests need.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing (about two minutes and 2 GB the first time)"
	@$(INSTALL) --editable .
	@$(COMPILE)
	@touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing the product and what its tests need (about two minutes and 2 GB the first time)"
	@$(INSTALL) --editable '.[dev,text]'
	@$(COMPILE)
	@touch $@ $(INSTALLED)
