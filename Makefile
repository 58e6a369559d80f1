# Two commands are enough: `make up` runs Berth, `make test` proves it. Each installs first what is missing.
PYTHON := .venv/bin/python
CHECKS := check-style check-format check-types check-layers check-templates check-shell check-migrations check-deploy

.PHONY: up down test lint bench $(CHECKS)

# Set up what is missing, and run Berth in this terminal.
up:
	@deploy/install
	@exec $(PYTHON) -m panel.up

# Name what it stops, ask (not with YES=1), then stop Berth, its Caddy and an engine that `make up` started.
down:
	@$(PYTHON) -m panel.down $(if $(YES),--yes)

# All tests on SQLite; beside them the browser's, then those that touch the database on PostgreSQL. ARGS go to pytest.
test:
	@deploy/install dev
	@$(PYTHON) -m tests $(ARGS)

# Everything that only reads the code, all of it even if one fails. Django's own checks need a key, hence the wrapper.
lint:
	@deploy/install dev
	@$(PYTHON) -m tests.support.services $(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync $(CHECKS)

# Measures; NAMES picks some of tests/bench.
bench:
	@deploy/install dev
	@$(PYTHON) -m tests.bench $(NAMES)

check-style:
	@$(PYTHON) -m ruff check --quiet

check-format:
	@$(PYTHON) -m ruff format --check --quiet

check-types:
	@$(PYTHON) -m mypy --no-error-summary apps panel

check-layers:
	@.venv/bin/lint-imports --no-logo

check-templates:
	@.venv/bin/djlint templates --lint --quiet

check-shell:
	@shellcheck deploy/install deploy/sample/serve .ci/run

check-migrations:
	@$(PYTHON) manage.py makemigrations --check --dry-run

# As others see it: over TLS.
check-deploy:
	@PANEL_BASE_URL=https://panel.example PANEL_APPS_DOMAIN=apps.example $(PYTHON) manage.py check --deploy --fail-level=WARNING
