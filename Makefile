# Every target sets itself up: `make sweep` and `make test` need Python 3.10 to 3.13 and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_TEST := $(VENV)/.ready-test
READY_DOCS := $(VENV)/.ready-docs
READY_DASHBOARD := $(VENV)/.ready-dashboard
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet

.DEFAULT_GOAL := help
.PHONY: help setup sweep train testcase leaderboard paper figures dashboard docs test types tests format clean-store clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(READY) ## make the virtual environment and install the package with its pinned dependencies

sweep: $(READY) ## the main job: rnn and mamba, without and with noise; SWEEP="..." sets other overrides
	$(BIN)/python train.py -m $(or $(SWEEP),model=rnn$(comma)mamba noise=0$(comma)0.1)

train: $(READY) ## one network with the defaults; RUN="..." sets overrides
	$(BIN)/python train.py $(RUN)

testcase: $(READY) ## the test case of metrics: every metric on every case; TESTCASE="..." sets overrides
	$(BIN)/python testcase.py $(TESTCASE)

leaderboard: $(READY) ## write docs/leaderboard.md and the README's table anew, with three seeds (half an hour); LEADERBOARD="..." sets others
	$(BIN)/python testcase.py -m $(or $(LEADERBOARD),seed=0$(comma)1$(comma)2) hydra.sweep.dir=multirun/leaderboard
	$(BIN)/python benchmarks/publish.py --leaderboard multirun/leaderboard

paper: $(READY) ## the study, at a small scale: every claim tested, docs/claims.md written anew; SCALE=full is for a cluster
	$(BIN)/python study.py -m protocol=corrected$(comma)published scale=$(or $(SCALE),small) hydra.sweep.dir=multirun/paper $(PAPER)
	$(BIN)/python benchmarks/publish.py --claims multirun/paper

dashboard: $(READY_DASHBOARD) ## a Weights & Biases workspace of what was logged; DASHBOARD="..." sets overrides
	$(BIN)/dynalign dashboard $(DASHBOARD)

NEWEST = $(patsubst %/report.html,%,$(firstword $(shell ls -t multirun/*/report.html multirun/single/*/report.html 2>/dev/null)))
figures: $(READY) ## every figure of the newest results as SVG and PDF, for papers; FOLDER="..." names other results
	@test -n "$(or $(FOLDER),$(NEWEST))" || { echo "There are no results in multirun yet: make sweep makes some." >&2; exit 1; }
	$(BIN)/dynalign figures "$(or $(FOLDER),$(NEWEST))"

docs: $(READY_DOCS) ## the documentation as a site that opens without a network: site/index.html; runs its notebooks
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "wrote site/index.html"

test: $(READY_TEST) ## run style checks, type checks and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory -j2 types tests

types: $(READY_TEST)
	$(BIN)/mypy

tests: $(READY_TEST)
	$(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

format: $(READY_TEST) ## rewrite the source in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean-store: $(READY) ## show what the store of runs holds, ask, and delete it; STORE="..." names another, YES=1 asks nothing
	@$(BIN)/python -m dynalign clean-store $(STORE) $(if $(filter 1,$(YES)),--yes)

clean: ## delete the virtual environment and all results
	rm -rf $(VENV) site
	find multirun -mindepth 1 -not -name .gitkeep -delete

comma := ,

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first: with it installed, nothing else pulls in another build of it.
define install
	@echo "Setting up $(VENV) ..."
	$(PIP) -c constraints.txt torch==2.13.0
	$(PIP) -c constraints.txt -e ".[$(1)]"
	@touch $@
endef

$(READY): $(BIN)/python pyproject.toml constraints.txt
	$(call install,train)

$(READY_TEST): $(BIN)/python pyproject.toml constraints.txt
	$(call install,test)
	@touch $(READY)

$(READY_DOCS): $(BIN)/python pyproject.toml constraints.txt
	$(call install,docs)

$(READY_DASHBOARD): $(BIN)/python pyproject.toml constraints.txt
	$(call install,dashboard)
