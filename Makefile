# One virtual environment, made here and nowhere else. PYTHON chooses the interpreter that makes it (3.11 or later).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready

.PHONY: demo test slow check docs audit soak bench simulate examples notebooks wheel families newest gpu clean

# What truthmap itself needs, in the versions that the tests run with.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("truthmap needs Python 3.11 or later; name one with: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

# The tools of those who work on it, too; and what every process would else compile for itself.
$(READY): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q src
	$(BIN)/python -c 'from truthmap.probes.solver.compile import compile_solver; compile_solver()'
	touch $@

demo: $(INSTALLED)  ## the map of a real model on real questions
	$(BIN)/truthmap run --model smollm2 --questions cities --out runs/demo

# Two workers, each on one core: the models of the tests are too small for more threads than one.
WORKERS := 2
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=20

test: $(READY)  ## every day's tests
	$(PYTEST) -m "not slow"

slow: $(READY)  ## the tests that are slow by nature
	$(PYTEST) -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/check_imports.py
	$(BIN)/python scripts/check_output.py
	$(BIN)/python scripts/audit.py
	$(MAKE) docs

docs: $(READY)  ## the site, in docs/_build/html: warnings are errors, nothing is fetched
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

audit: $(READY)  ## known faults of the pinned dependencies; where nobody can be asked, that is said and passes
	$(BIN)/python scripts/audit.py

soak: $(READY)  ## faults at other moments, for an hour; fifty mixed clients, for half of one
	TRUTHMAP_SOAK=3600 $(BIN)/python -m pytest tests/pipeline/test_faults.py tests/pipeline/test_run_at_a_url.py
	TRUTHMAP_SOAK=1 $(BIN)/python -m pytest -s tests/pipeline/test_flipped_bits.py tests/pipeline/test_killed_commands.py
	TRUTHMAP_SOAK=1800 $(BIN)/python -m pytest tests/server/test_soak.py
	TRUTHMAP_SOAK=1 $(BIN)/python -m pytest tests/execution/test_ray.py

bench: $(READY)
	$(BIN)/python -m benchmarks

simulate: $(READY)  ## how often intervals, tests and guarantees are right where the truth is known: writes docs/validity.md
	OMP_NUM_THREADS=1 $(BIN)/python -m simulations

examples: $(READY)  ## every script of examples/ on the built-in model, in about ten minutes: writes examples/output
	$(BIN)/python scripts/run_examples.py

notebooks: $(READY)  ## the notebooks, made from the scripts
	$(BIN)/python scripts/make_notebooks.py

wheel: $(READY)  ## the wheel, in empty environments with the newest and the oldest allowed dependencies: minutes, gigabytes
	$(BIN)/python -m pip install --quiet build twine
	$(BIN)/python scripts/check_wheel.py

families: $(READY)  ## every kind of model that transformers has, as a tiny one: writes docs/verified.md
	$(BIN)/python -m benchmarks.families

newest: $(READY)  ## the tests of models, answers and states with the newest transformers that the index has
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .newest transformers
	PYTHONPATH=.newest $(BIN)/python -c 'import transformers; print("transformers", transformers.__version__)'
	PYTHONPATH=.newest $(PYTEST) -m "not slow" tests/lm tests/answers tests/capture

gpu: $(READY)  ## what one GPU does, in under eight minutes and without a network: writes docs/gpu.md
	$(BIN)/python -m benchmarks.gpu

clean:
	rm -rf $(VENV) .newest .pytest_cache .mypy_cache .ruff_cache .hypothesis
