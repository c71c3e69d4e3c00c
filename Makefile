# Caravan in two commands: make run, make test.
#
# Every setting may be given as `make run NAME=value` or in the environment: make hands
# both to the processes.

.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
PY := $(VENV)/bin/python
PINS := pyproject.toml constraints.txt

# The first Python >= 3.11 on PATH.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

# Torch is big: it comes only for a model that needs it.
MODEL ?= $(MODEL_PATH)
OTHER_MODEL := $(if $(wildcard $(MODEL)/*.gguf),,$(filter-out %.gguf,$(MODEL)))
NEEDS_TORCH := $(filter transformers,$(ENGINE))$(if $(filter-out auto,$(ENGINE)),,$(OTHER_MODEL))
WANTS_TRACES := $(OTEL_EXPORTER_OTLP_ENDPOINT)$(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
RUN_PACKAGES := $(VENV)/.run $(if $(NEEDS_TORCH),$(VENV)/.transformers) \
	$(if $(WANTS_TRACES),$(VENV)/.tracing)

# What make quantize does; RULES such as --max-memory 12GB --min-quality 8.5 --prefer speed.
RECIPES ?= fp16 fp32 bf16 int8 nf4 int4-fast fp4 nf4-dq q8_0 q4_0 q4_1 q4_k_m
RESULTS ?= $(or $(STATE_DIR),var)/quantization/$(or $(notdir $(patsubst %/,%,$(MODEL))),default)
REPORT ?= docs/benchmarks/quantization.md

# Where what is made for a deployment goes.
BUILT = $(or $(STATE_DIR),var)

# What make bench runs, each by its module in benchmarks/.
BENCHES ?= depth fairness batch gateway way crowd hostile footprint stack engine llamacpp lookup control_tokens

.PHONY: help
help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: $(RUN_PACKAGES)  ## Start everything, show a first answer, stay until Ctrl-C (DETACH=1: return)
	@$(PY) -m cli up $(if $(filter-out 0 no false,$(DETACH)),--detach)

.PHONY: stop
stop:  ## Stop what `make run DETACH=1` started
	@if [ -e $(VENV)/.run ]; then $(PY) -m cli down; else echo "Caravan is not running."; fi

.PHONY: backup
backup: $(RUN_PACKAGES)  ## Save the running stack's store, files and secrets (TO=FILE)
	@$(PY) -m cli backup $(TO)

.PHONY: restore
restore: $(RUN_PACKAGES)  ## Put a backup into a stopped stack (FROM=FILE; FORCE=1: put aside what is there)
	@[ -n "$(FROM)" ] || { echo "Which backup? make restore FROM=FILE" >&2; exit 2; }
	@$(PY) -m cli restore $(FROM) $(if $(filter-out 0 no false,$(FORCE)),--force)

.PHONY: test
test: $(VENV)/.test  ## Run the whole suite (ARGS="-k name" for a part)
	@$(PY) -m tests.support.tools
	@$(PY) -m quantization fetch
	@OMP_WAIT_POLICY=PASSIVE $(PY) -m pytest $(ARGS)

.PHONY: check
check: $(VENV)/.test  ## Format, lint, types, imports, YAML, Dockerfiles
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/bandit --quiet --configfile pyproject.toml --recursive api cli common compose k8s quantization worker
	@$(PY) -m tests.support.secret_scan
	@$(VENV)/bin/yamllint --strict k8s keda compose
	@$(VENV)/bin/hadolint api/Dockerfile worker/Dockerfile
	@cd api/static && $(abspath $(VENV))/bin/biome check --error-on-warnings .

.PHONY: manifests
manifests: $(VENV)/.test  ## Render k8s/overlays to a file each, for plain kubectl apply -f (var/manifests)
	@mkdir -p $(BUILT)/manifests
	@for overlay in cpu gpu prod; do \
	$(VENV)/bin/kubectl kustomize k8s/overlays/$$overlay > $(BUILT)/manifests/$$overlay.yaml && \
	echo "$(BUILT)/manifests/$$overlay.yaml" || exit 1; done

.PHONY: sbom
sbom: $(VENV)/.test  ## List what the images are made of, as CycloneDX (var/sbom.json)
	@mkdir -p $(BUILT)
	@$(PY) -m compose.sbom $(BUILT)/sbom.json
	@echo "$(BUILT)/sbom.json"

.PHONY: scan-images
scan-images: $(VENV)/.test  ## Look for known vulnerabilities in the built images (needs Docker and the internet)
	@docker info >/dev/null 2>&1 || { \
	echo "No image was scanned: no Docker daemon answers here." >&2; exit 1; }
	@images=$$($(VENV)/bin/docker-compose -f compose/compose.yaml --profile cpu --profile gpu config --images) || exit 1; \
	for image in $$images; do docker image inspect $$image >/dev/null 2>&1 || { \
	echo "$$image was not scanned: build it first (docker compose -f compose/compose.yaml build)." >&2; exit 1; }; \
	$(VENV)/bin/trivy image --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1 $$image || exit 1; done

.PHONY: format
format: $(VENV)/.test  ## Format the code and mend what can be mended
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .
	@cd api/static && $(abspath $(VENV))/bin/biome check --write .

.PHONY: bench
bench: $(VENV)/.test  ## Measure ourselves beside peers (BENCHES="gateway way"); an hour for all
	@$(PY) -m tests.support.tools wrk
	@$(PY) -m pytest tests/performance --benchmark-only
	@missed=; for bench in $(BENCHES); do echo "$$bench:"; \
	$(PY) -m benchmarks.$$bench || missed="$$missed $$bench"; done; \
	$(PY) -m benchmarks.report; \
	[ -z "$$missed" ] || { echo "Goals missed:$$missed" >&2; exit 1; }

.PHONY: bench-gpu
bench-gpu: $(VENV)/.run $(VENV)/.transformers  ## Measure the engine on one GPU in the shapes of Llama 2 7B (10 minutes, 16 GB of disk, offline)
	@$(PY) -m benchmarks.gpu

.PHONY: chaos
chaos: $(VENV)/.test  ## Kill, pause and cut off everything under load, and count (CHAOS_JOBS=5000)
	@$(PY) -m benchmarks.chaos

.PHONY: quantize
quantize: $(VENV)/.workshop  ## Build, measure and compare all recipes (RECIPES, TEXT, RULES, FRESH=speed)
	@$(PY) -m quantization fetch
	@for recipe in $(RECIPES); do \
	$(PY) -m quantization build --recipe $$recipe && \
	$(PY) -m quantization measure --recipe $$recipe --json $(RESULTS)/$$recipe.json \
	$(if $(TEXT),--text $(TEXT)) $(if $(FRESH),--fresh $(FRESH)) || exit 1; done
	@$(PY) -m quantization compare $(RESULTS) --output $(REPORT) $(RULES)

.PHONY: guard
guard: $(VENV)/.guard  ## Train and measure the prompt guard's classifier (downloads 4 MB)
	@$(PY) -m benchmarks.guard

.PHONY: screenshots
screenshots: $(VENV)/.test  ## Draw the pictures of docs/console.md anew (Chromium; the default model)
	@$(PY) -m tests.console.screenshots

.PHONY: recording
recording: $(VENV)/.run $(VENV)/.recording  ## Record the session on the README's first screen anew (needs ports 8000, 5555, 6380)
	@$(PY) -m quantization fetch
	@$(PY) -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))' $(VENV)/bin/termtosvg \
		docs/recording/session.svg --command "bash docs/recording/session.sh" \
		--screen-geometry 92x30 --min-frame-duration 120 --max-frame-duration 1500 \
		--loop-delay 4000 --template window_frame

.PHONY: clean
clean: stop  ## Remove the virtual environment and caches; var/ (jobs, models) stays
	@rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .benchmarks

# --- packages ------------------------------------------------------------------------------

$(VENV)/.run: EXTRAS := api,worker,llamacpp,quantization,embedded
$(VENV)/.transformers: EXTRAS := transformers
$(VENV)/.tracing: EXTRAS := tracing
$(VENV)/.workshop: EXTRAS := llamacpp,quantization,transformers,workshop
$(VENV)/.workshop: INCLUDED := $(VENV)/.transformers
$(VENV)/.guard: EXTRAS := guard
$(VENV)/.recording: EXTRAS := recording
$(VENV)/.test: EXTRAS := api,worker,llamacpp,quantization,embedded,transformers,workshop,manifests,examples,bench,test
$(VENV)/.test: INCLUDED := $(VENV)/.run $(VENV)/.transformers $(VENV)/.tracing $(VENV)/.workshop

$(VENV)/.run $(VENV)/.transformers $(VENV)/.tracing $(VENV)/.workshop $(VENV)/.guard $(VENV)/.recording $(VENV)/.test: $(PINS) | $(VENV)/.made
	@echo "Installing packages: $(EXTRAS) (first time only; a minute or two) ..."
	@$(PY) -m pip install -qq --disable-pip-version-check --constraint constraints.txt \
		$(if $(TORCH_INDEX_URL),--extra-index-url $(TORCH_INDEX_URL)) --editable '.[$(EXTRAS)]'
	@touch $(INCLUDED) $@

$(VENV)/.made: | supported
	@$(PYTHON) -m venv $(VENV)
	@touch $@

.PHONY: supported
supported:
	@case "$$(uname -s) $$(uname -m)" in "Linux x86_64" | "Darwin arm64") ;; \
	*) echo "Caravan runs on Linux x86_64 and macOS arm64; use a machine or container of these." >&2; exit 1 ;; esac
	@[ -n "$(PYTHON)" ] || { \
	echo "Python 3.11 or newer is missing: apt install python3 python3-venv, or brew install python." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "Python's venv module is missing: apt install python3-venv." >&2; exit 1; }
