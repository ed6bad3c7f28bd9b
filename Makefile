# make verify             the twin comes up, the verify suite judges it, the twin goes down
# make chaos              the same with the chaos suite: every intervention of the runbook, about a minute
# make verify HOST=NAME   the same, on a host of hosts.toml; and so make chaos HOST=NAME
# make test               the suite's own tests, some files at a time; JOBS=0: one after the other
# make lint               style, format and types
# make readme             the tables of the README, from the code
# make venv               only the virtual environment; with EXTRAS= only what it takes to judge a host

HOST ?= twin
ARGS ?=
# Of the suite's own tests, files that are run at the same time: by default as many as there are processors, 4 at most.
JOBS ?= auto
# twin: what the disposable host is made of; dev: what the suite's own tests need.
EXTRAS ?= twin,dev
VENV := .venv
BIN := $(VENV)/bin
NEEDED := 3.11
# PYTHON=... names the interpreter; else the first of these that is new enough.
PYTHON ?=
CANDIDATES := $(PYTHON) $(if $(PYTHON),,python3 python3.14 python3.13 python3.12 python3.11 python)

comma := ,
EVERYTHING := twin$(comma)dev
# One stamp for each choice of extras; while UNFINISHED is there, what is in VENV is not to be built upon.
INSTALLED := $(VENV)/.installed$(if $(filter $(EVERYTHING),$(EXTRAS)),,-$(subst $(comma),-,$(EXTRAS)))
UNFINISHED := $(VENV)/.unfinished

.PHONY: verify chaos test lint venv bench readme clean

verify: venv
	@$(BIN)/python -m pytest -m verify --host '$(HOST)' $(ARGS)

chaos: venv
	@$(BIN)/python -m pytest -m chaos --host '$(HOST)' $(ARGS)

test: venv
	@$(BIN)/python -m pytest -p pytest_randomly -p xdist --numprocesses $(JOBS) --maxprocesses 4 --dist loadfile $(ARGS)

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

readme: venv
	@$(BIN)/python -m plugins.report.readme

bench: venv
	@$(BIN)/python -m benchmarks.gate

venv: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@if [ -e $(UNFINISHED) ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	python=; for candidate in $(CANDIDATES); do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < ($(subst .,$(comma) ,$(NEEDED))))' 2>/dev/null; \
	  then python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo 'Python $(NEEDED) or newer is needed, and none was found as: $(strip $(CANDIDATES)). Install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$python has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv), then run make again." >&2; exit 1; fi; \
	echo "making $(VENV) with $$($$python --version) (once, about a minute)"; \
	rm -rf $(VENV) && mkdir $(VENV) && touch $(UNFINISHED) && $$python -m venv $(VENV) || exit 1; fi; \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.$(EXTRAS:%=[%])' --config-settings editable_mode=compat && rm -f $(UNFINISHED) && touch $@

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
