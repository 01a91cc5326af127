# What a developer types. `make all` is what CI checks; .ci/run does the same on a fresh machine,
# from nothing, and looks at the packages besides.
PYTHON ?= python3
SECONDS_OF_FUZZING ?= 3600
SECONDS_A_FAMILY ?= 300
ZOO ?= build/zoo

.PHONY: all install lint types layers test quick samples docs actions zoo coverage fuzz bench build-ext package clean

all: lint types layers actions samples test

install:            ## everything that the tests need, into the current environment
	$(PYTHON) -m pip install -U pip
	$(PYTHON) -m pip install -e '.[archives,dev,real]'

lint:
	ruff check .
	ruff format --check .

types:
	mypy

layers:
	lint-imports

actions:
	check-jsonschema --builtin-schema vendor.github-actions action.yml
	zizmor --offline --no-progress action.yml

test:
	pytest

quick:              ## what needs no heavy library, no server and no build
	pytest -m "not slow"

samples:
	$(PYTHON) samples/build.py

docs:               ## regenerate what is generated
	$(PYTHON) tools/docs/build_rules.py

zoo:                ## models of heavy frameworks, each in its own environment, and what we say of them
	$(PYTHON) tests/zoo/build.py $(ZOO)
	WEIGHBRIDGE_ZOO=$(ZOO) pytest tests/zoo

coverage:
	coverage run -m pytest
	coverage report --skip-covered --show-missing

fuzz:
	$(PYTHON) fuzz/fuzz_pickle.py --seconds $(SECONDS_OF_FUZZING)
	$(PYTHON) fuzz/fuzz_formats.py --seconds $(SECONDS_A_FAMILY)
	$(PYTHON) fuzz/fuzz_repositories.py --seconds $(SECONDS_A_FAMILY)

bench:
	$(PYTHON) bench/run.py

build-ext:          ## compile the pickle machine in place
	$(PYTHON) setup.py build_ext --inplace

package:
	$(PYTHON) -m build

clean:
	rm -rf build dist samples/out src/*.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find src -name '*.so' -delete
	find src/weighbridge/formats/pickle -name '*.c' -delete
