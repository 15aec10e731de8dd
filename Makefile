# Everything needs only python3 (3.11 or later), make and pip; the first target that runs sets up .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check proof evals

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv/ready

demo: setup  ## watch a whole run on a simulated model
	rm -rf socratune-demo
	$(BIN)/socratune demo

test: setup  ## what CI runs
	$(BIN)/pytest --numprocesses 2 --quiet

check: setup  ## lint, types, import order
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

proof: setup  ## the slow statistical and crash proofs
	$(BIN)/pytest --numprocesses 2 --quiet -m proof

evals: setup  ## every recipe on every world, the tables of that, and the nulls
	$(BIN)/python -m socratune.evals.suite --out results/worlds.jsonl
	$(BIN)/python -m socratune.evals.tables results/worlds.jsonl
	$(BIN)/python -m socratune.evals.nulls
