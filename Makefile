# Two commands: `make demo` builds a kernel and boots it, `make check` runs every check and test.
# Both set everything up first, and say what they install.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# A file's tests run in one worker: those of the real kernel share a store. They are the longest, and begin first.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo check check-fast lint bench clean

demo: $(VENV)/ready system
	$(BIN)/kernix boot linux_micro

check: $(VENV)/ready system
	@echo "make check: real kernels are compiled, which takes half an hour; \`make check-fast\` leaves them out"
	$(BIN)/python -m pytest $(PARALLEL)

# All but the tests that build and boot a real kernel: a few minutes instead of half an hour.
check-fast: $(VENV)/ready system
	$(BIN)/python -m pytest $(PARALLEL) -m "not kernel"

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/ready system
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

.PHONY: system
system:
	@sh ./setup.sh system

$(VENV)/ready: pyproject.toml setup.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) sh ./setup.sh venv
	@touch $@
