# Every target sets up what it needs. `make` alone says what there is.
VENV := .venv
PY := $(VENV)/bin/python
SYNCED := $(VENV)/.synced
SDKS := $(VENV)/sdks/.synced
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
OUT ?= demo-out
PYTEST := $(PY) -m pytest -n 2 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help setup browser demo screens words test test-slow fuzz exhaustive sdks lint serve worker migrate bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(SYNCED) ## make .venv with the command understudy in it
	@echo "Ready: $(VENV)/bin/understudy"

demo: $(SYNCED) ## one licensed generation, end to end, on a real portrait
	$(VENV)/bin/understudy demo --out $(OUT)

screens: $(SYNCED) browser ## take a picture of every page into docs/screens, and of every step of docs/learn
	$(PY) -m tests.screens
	$(PY) -m tests.web.newcomer

words: $(SYNCED) ## bring the catalogues of translations up to date with the sentences in the code
	$(PY) -m tests.words

browser: ## install a Chromium for the tests of pages, where there is none (Debian, Ubuntu)
	@command -v chromium-headless-shell chromium chromium-browser google-chrome | grep -q . \
	|| { echo "Chromium is missing: installing it"; apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends chromium-headless-shell >/dev/null; } \
	|| { echo "The pages are tested in a real browser. Install Chromium (as root: apt install chromium-headless-shell)."; exit 1; }

test: $(SYNCED) browser ## run the tests (under 15 minutes on two cores)
	$(PYTEST) -m "not slow and not exhaustive"

test-slow: $(SYNCED) $(SDKS) ## run the tests that take minutes, too slow for every change
	$(PYTEST) -m "slow"

fuzz: $(SYNCED) ## verify 20 000 broken copies of signed files
	FUZZ_FILES=2500 $(PYTEST) -m slow tests/audit/test_fuzz.py

exhaustive: $(SYNCED) ## run the long searches by hand
	$(PYTEST) -m "exhaustive"

sdks: $(SDKS) ## install the vendors' own SDKs beside .venv: tests/providers/test_sdks.py drives the fake with them

lint: $(SYNCED) ## ruff, mypy strict, import floors
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

serve: $(SYNCED) migrate ## run the server and a worker on 127.0.0.1:8420
	$(VENV)/bin/understudy serve

worker: $(SYNCED) migrate ## run a worker of its own
	$(VENV)/bin/understudy worker

migrate: $(SYNCED) ## make keys and database, or bring them up to date
	$(VENV)/bin/understudy setup

bench: $(SYNCED) ## measure, and report ratios
	$(PY) -m tests.bench
	$(PY) -m tests.bench.watermark --page docs/watermark-benchmarks.md

lock: ## resolve dependencies anew into requirements.lock
	uv pip compile --universal --generate-hashes --group dev pyproject.toml -o requirements.lock --no-header --quiet
	uv pip compile --universal --generate-hashes --group sdks -o requirements-sdks.lock --no-header --quiet

clean: ## remove the environment and what the demo made
	rm -rf $(VENV) .uv $(OUT)

$(SYNCED): requirements.lock pyproject.toml | $(UV)
	@test -x $(PY) || $(UV) venv --quiet --python '>=3.11' $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(SDKS): requirements-sdks.lock | $(UV)
	@test -x $(VENV)/sdks/bin/python || $(UV) venv --quiet --python '>=3.11' $(VENV)/sdks
	VIRTUAL_ENV=$(VENV)/sdks $(UV) pip sync --quiet requirements-sdks.lock
	@touch $@

.uv/bin/uv:
	@echo "uv is missing: installing it into .uv"
	@python3 -m venv .uv 2>/dev/null && .uv/bin/python -m pip install --quiet uv \
	|| { rm -rf .uv; python3 -m pip install --quiet --target .uv uv; } \
	|| { echo "Neither venv nor pip is here. Install one (Debian, Ubuntu: apt install python3-venv), or uv itself."; exit 1; }
