# Two commands: `make demo` builds a kernel and boots it, `make check` runs every check and test.
# Both first install what they need, and say what they install.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# A file's tests run in one worker, because those of the real kernel share a store. They take longest, and run first.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo check check-fast lint bench clean venv programs-of-demo programs-of-tests

demo: venv programs-of-demo
	$(BIN)/kernix boot linux_micro

check: venv programs-of-tests
	@echo "make check: compiling real kernels, which takes half an hour; \`make check-fast\` skips them"
	$(BIN)/python -m pytest $(PARALLEL)

# All but the tests that build and boot a real kernel: a few minutes instead of half an hour.
check-fast: venv programs-of-tests
	$(BIN)/python -m pytest $(PARALLEL) -m "not kernel"

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: venv programs-of-tests
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

venv:
	@PYTHON='$(PYTHON)' VENV='$(VENV)' sh ./setup.sh venv

programs-of-demo:
	@sh ./setup.sh demo

programs-of-tests:
	@sh ./setup.sh tests
