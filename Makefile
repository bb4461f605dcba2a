# Two commands on a fresh machine with Python 3.11 or newer:
#   make demo   sets up and searches the embedded data set
#   make test   sets up and runs lint, format check and all tests
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test format bench clean

demo: .venv/.demo
	$(BIN)/nas search studies/motion
	$(BIN)/nas pareto studies/motion

test: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.test
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

.venv/.demo: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("nas needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.test: .venv/.demo pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf .venv
