# make demo: train, capture, measure, check, draw.   make test: every check.   Both work on a fresh clone with Python 3.11+ and make.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
OUT    ?= runs/demo
# One thread per process: on two busy cores, two threads made a small training run ten times slower.
THREADS = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
# Compiled tests are kept for the next run, even where the shell forbids it.
KEPT    = PYTHONDONTWRITEBYTECODE=

.PHONY: demo test lint types fast slow zoo format docs gallery screenshots bench matrix gpu lock audit clean

demo: $(VENV)/installed
	$(BIN)/infoplane demo --out $(OUT) --overwrite

test: lint types
	$(THREADS) $(KEPT) $(BIN)/python -m pytest -q -n 2 --dist loadfile --maxprocesses 2

lint: $(VENV)/installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

fast: $(VENV)/installed
	$(THREADS) $(KEPT) $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" --once

slow: $(VENV)/installed
	$(THREADS) $(BIN)/python -m pytest -q -m slow

zoo: $(VENV)/installed
	$(THREADS) ZOO=all $(BIN)/python -m pytest -q -n 2 tests/zoo
	$(BIN)/python docs/build_zoo.py

format: $(VENV)/installed
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

gallery: $(VENV)/installed
	$(THREADS) $(BIN)/python docs/build_gallery.py

screenshots: $(VENV)/installed
	$(THREADS) $(BIN)/python docs/screenshots.py

docs: $(VENV)/installed
	$(PIP) -e '.[docs]'
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

bench: $(VENV)/installed
	env -u OPENBLAS_NUM_THREADS -u OPENBLAS_CORETYPE $(BIN)/python -m benchmarks

# The wheel in clean environments: every interpreter found, the oldest and the newest dependencies; a table at the end.
matrix: $(VENV)/installed
	$(BIN)/python .ci/matrix.py

# The checks that need a device; "no device" where torch finds none.
gpu: $(VENV)/installed
	$(BIN)/python .ci/gpu.py

# pip takes torch from wherever it is configured to look (pip.conf, PIP_INDEX_URL, PIP_FIND_LINKS).
# TORCH_PIP passes more to pip for torch alone, for example: make test TORCH_PIP='--index-url URL-of-CPU-builds'.
TORCH_PIP ?=
# On CI everything else is held against hashes first (requirements-ci.txt, for one platform); then nothing is left to fetch but torch.
PIP_ONLY = $(BIN)/python -m pip install -q --disable-pip-version-check
PIP = $(PIP_ONLY) -c constraints.txt
LOCKED = import platform, sys; sys.exit((sys.platform, platform.machine(), sys.version_info[:2]) != ('linux', 'x86_64', (3, 11)))
$(VENV)/installed: pyproject.toml constraints.txt requirements-ci.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	if [ -n "$$CI" ] && $(BIN)/python -c "$(LOCKED)"; then $(PIP_ONLY) --require-hashes --no-deps -r requirements-ci.txt; fi
	$(PIP) $(TORCH_PIP) torch
	$(PIP) -e '.[dev]'
	$(BIN)/infoplane compile
	touch $@

lock: $(VENV)/installed
	$(BIN)/python .ci/lock.py

# Known vulnerabilities of what CI installs, torch included. Needs a network that reaches PyPI's or OSV's database (AUDIT=osv); where it does not,
# --strict makes that an error and not a clean bill. In an environment of its own: the tool is not part of what it judges.
AUDIT ?= pypi
audit:
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install -q --disable-pip-version-check 'pip-audit>=2.7'
	grep '^torch==' constraints.txt | cat requirements-ci.txt - > $(VENV)-audit/everything.txt
	sed -i 's/ --hash=.*//' $(VENV)-audit/everything.txt
	$(VENV)-audit/bin/pip-audit --strict --disable-pip --no-deps --vulnerability-service $(AUDIT) -r $(VENV)-audit/everything.txt

clean:
	rm -rf $(VENV) $(VENV)-audit build dist *.egg-info .mypy_cache .ruff_cache
