# make demo | test | lint | docs | bench. `CORES=8` sets the cores of the demo, `PYTHON=python3.12` the Python of .venv.
PYTHON ?= python3
CORES ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 4 ? n : 4)))

INSTALLED := .venv/.installed
REPORT := results/report.zip
# Rules call `python`: it must be the one of .venv.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python -m
DEMO := $(RUN) snakemake --configfile config/demo.yaml --workflow-profile workflow/profiles/demo

# Hundreds of processes import the same packages: where bytecode is not kept, each compiles them anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint docs bench system

demo: system $(INSTALLED)
	$(DEMO) --cores $(CORES)
	@if [ ! -e $(REPORT) ] || find results -newer $(REPORT) -name '*.svg' -o -newer $(REPORT) -name '*.tsv' | grep -q .; then \
		$(DEMO) --report results/report.part.zip --report-metadata results/provenance.yaml && mv results/report.part.zip $(REPORT); \
	else \
		echo '$(REPORT) is up to date'; \
	fi
	@echo
	@echo 'figures  results/*/figures/'
	@echo 'tables   results/metrics.tsv and results/*/evaluation/'
	@echo 'report   $(REPORT): unpack it and open report.html'

test: system $(INSTALLED)
	OMP_NUM_THREADS=1 $(RUN) pytest -q -n $(CORES) --dist loadfile --no-loadscope-reorder --durations=10

lint: $(INSTALLED)
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) snakefmt --check workflow
	$(RUN) snakemake --lint

# What is written from the code: the tables of config/README.md.
docs: $(INSTALLED)
	PYTHONPATH=workflow/lib $(RUN) cisflow document-config --readme config/README.md

# Speed, side by side, with memory kept as in the jobs of the pipeline; minutes and 5 GB. Each script has options.
bench: export MALLOC_MMAP_THRESHOLD_ := 33554432
bench: export MALLOC_TRIM_THRESHOLD_ := 268435456
bench: $(INSTALLED)
	@for script in tests/benchmarks/bench_*.py; do echo "$$script"; .venv/bin/python "$$script" || exit 1; done

system:
	@.ci/system-packages

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'cisflow needs Python 3.11 or newer as $(PYTHON); name another: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@# Compiling all that is installed takes longer than compiling what is imported.
	.venv/bin/python -m pip install --disable-pip-version-check --no-compile -r requirements.txt
	@touch $@
