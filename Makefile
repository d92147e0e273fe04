# make demo    set up, denoise a shipped clip, say where the result and a before/after picture lie
# make check   set up with the development tools, run the quick tests: under two minutes on two cores
# make test    the same and everything else: real servers, the browser, whole processes, every network
# make lint    ruff: rules and layout        make types   mypy --strict
# make clean   remove the environment and what the targets wrote
#
# Needs make and Python 3.11 to 3.13. PYTHON=/path/to/python3.12 chooses one; VENV= moves the environment.

VENV ?= .venv
BIN := $(VENV)/bin
BASE := $(VENV)/base.stamp
DEV := $(VENV)/dev.stamp
ACCEPTS := import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

.PHONY: demo check test lint types format clean
.DELETE_ON_ERROR:

demo: $(BASE)
	@mkdir -p demo
	$(BIN)/python samples/degrade.py samples/campus.avi demo/degraded.mp4 --noise 20 --seed 1
	$(BIN)/streamfix -y -hide_banner -i demo/degraded.mp4 -vf denoise -c:v libx264 -crf 20 demo/restored.mp4
	$(BIN)/python samples/before_after.py demo/degraded.mp4 demo/restored.mp4 demo/before_after.png
	@echo
	@echo "degraded clip:  $(CURDIR)/demo/degraded.mp4"
	@echo "restored clip:  $(CURDIR)/demo/restored.mp4"
	@echo "before/after:   $(CURDIR)/demo/before_after.png"

# A process for each core, and one thread in each for its arithmetic. What is left out is marked `slow`, see below.
check: $(DEV)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' -n auto --maxprocesses 8 --dist worksteal

# The quick ones, then the others one after the other: servers, senders and browsers are there with their own processes,
# and some tests take the time. A failure of the first kind does not hide one of the second.
test: $(DEV)
	@quick=0; $(MAKE) --no-print-directory check || quick=$$?; \
	    $(BIN)/python -m pytest -m slow && exit $$quick

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up runs again only when pyproject.toml is newer than the stamp.
$(BASE): pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV): pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(BASE) $@

# Debian splits pip's bootstrap off into python3-venv; where only that is missing, an installed pip fills the gap.
$(BIN)/python:
	@set -e; for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3); do \
	    "$$python" -c '$(ACCEPTS)' 2>/dev/null || continue; \
	    echo "setting up $(VENV) with $$("$$python" --version) (PyTorch is a large download: minutes)"; \
	    if "$$python" -c 'import ensurepip' 2>/dev/null; then "$$python" -m venv $(VENV); \
	    elif "$$python" -m pip --version >/dev/null 2>&1; then \
	        "$$python" -m venv --without-pip $(VENV) && "$$python" -m pip --python $(BIN)/python install --quiet pip; \
	    else echo "$$python has neither ensurepip nor pip: apt-get install python3-venv" >&2; exit 1; fi; \
	    exit 0; \
	done; \
	echo "no Python 3.11, 3.12 or 3.13 found; install one or name it: make PYTHON=/path/to/python3.12" >&2; exit 1
