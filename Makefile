# Two commands do everything: `make rehearse` and `make test`. Each sets up what it needs, and is quick the second time.
VENV := .venv
READY := $(VENV)/.ready
READY_TO_TEST := $(VENV)/.ready-to-test

.PHONY: rehearse test ready-to-test compiled check format pictures bench clean

rehearse: $(READY)
	$(VENV)/bin/retake-flow run go-live.yaml --rehearse --for 20s

test: $(READY_TO_TEST)
	PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

ready-to-test: $(READY_TO_TEST)

# Compiles the tests once, instead of in each worker of `test`, which reports those that it cannot collect.
compiled: $(READY)
	PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -m pytest -p no:cacheprovider --collect-only -q >/dev/null || true

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python .ci/layout.py

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

pictures: $(READY)
	$(VENV)/bin/retake-flow graph go-live.yaml --folded --format svg --output docs/go-live.svg
	$(VENV)/bin/python .ci/page_pictures.py

bench: $(READY)
	$(VENV)/bin/python benchmarks/startup.py
	$(VENV)/bin/python benchmarks/engine.py
	$(VENV)/bin/python benchmarks/store.py
	$(VENV)/bin/python benchmarks/runs.py
	$(VENV)/bin/python benchmarks/resume.py
	$(VENV)/bin/python benchmarks/chat.py
	$(VENV)/bin/python benchmarks/on_air.py
	$(VENV)/bin/python benchmarks/screen.py
	$(VENV)/bin/python benchmarks/screen_healing.py
	$(VENV)/bin/python benchmarks/page.py
	$(VENV)/bin/python benchmarks/go_live.py
	$(VENV)/bin/python benchmarks/healing.py --each 2
	$(VENV)/bin/python benchmarks/fuzz.py --count 2000 --answers 500

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml setup.sh
	sh setup.sh $(VENV)
	touch $(READY)

$(READY_TO_TEST): pyproject.toml setup.sh
	sh setup.sh $(VENV) tests
	touch $(READY) $(READY_TO_TEST)
