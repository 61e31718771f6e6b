# Everything there is to do, a target each. `make` alone lists them.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := node_modules/.bin

# What `make run` does; override any of them: make run WORKLOAD=echo RATE=100
WORKLOAD ?= unique-ids
NODES ?= 3
RATE ?= 1000
TIME ?= 30
NEMESIS_INTERVAL ?= 5

# What `make fuzz` does: make fuzz SEEDS=10000 WORKLOADS=unique-ids
WORKLOADS ?= echo unique-ids ids voucher saga broadcast g-set g-counter pn-counter lin-kv kafka txn-list-append txn-rw-register
SEEDS ?= 2000

# What `make services` does: make services WORKLOADS=saga SECONDS_EACH=3600 SERVICES='--nemesis-interval 40'
SECONDS_EACH ?= 60
SEED ?= 1
SERVICES ?=

# A file of tests, or several, in place of the quick suite: make test FILE=test/ids/snowflake.test.ts
FILE ?=

VITEST := $(BIN)/vitest run --config test/vitest.config.mts

SOURCES := $(shell find src -name '*.ts' -o -name '*.css' -o -path '*/templates/*' -type f) package.json

.PHONY: help run test test-slow test-all fix docs digests fuzz services check build bench coverage clean maelstrom

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: build ## Runs three real nodes for 30 s at 1000 requests a second with partitions, and judges them
	@echo '== test: $(WORKLOAD), $(NODES) nodes, $(RATE) requests a second for $(TIME) s, partitions, total availability'
	@bin/snowstorm test -w $(WORKLOAD) --bin bin/maelstrom-node --node-count $(NODES) --rate $(RATE) --time-limit $(TIME) \
	  --nemesis partition --nemesis-interval $(NEMESIS_INTERVAL) --availability total

test: $(if $(FILE),build,check build) ## Types, lint, the quick tests: eight minutes; or some: make test FILE=…
	@echo '== tests'
	@$(VITEST) $(if $(FILE),$(FILE),--project quick)

test-slow: build ## Only what the quick tests leave out (*.slow.test.ts): real processes, fuzzing, Clojure, README commands
	@echo '== slow tests'
	@$(VITEST) --project slow

test-all: ## Everything: make test, then make test-slow, and the sum of both
	@test/support/sum-suites '$(MAKE) --no-print-directory test' '$(MAKE) --no-print-directory test-slow'

maelstrom: build ## Runs a workload inside of Maelstrom (make maelstrom WORKLOAD=voucher MAELSTROM='--nemesis partition')
	@maelstrom/run $(WORKLOAD) $(MAELSTROM)

fuzz: build ## Runs every workload simulated, 2000 seeds each, under all or some faults, then the log of the services
	@for workload in $(WORKLOADS); do bin/snowstorm fuzz -w $$workload --seeds $(SEEDS) || exit; done
	@echo '== the log of the services: $(SEEDS) seeds'
	@SEEDS=$(SEEDS) $(VITEST) --project quick log-fuzz encrypted-log

services: WORKLOADS = ids voucher saga
services: build ## Tests three services on an etcd of three members under all faults, 60 s a workload; needs etcd
	@for workload in $(WORKLOADS); do \
	  bin/snowstorm test -w $$workload --serve 3 --engine etcd:3 --nemesis all --nemesis-interval 15 \
	    --time-limit $(SECONDS_EACH) --rate 30 --concurrency 4n --seed $(SEED) $(SERVICES) || exit; \
	done

check: node_modules/.installed ## Types, lint and format, and that the core stays pure
	@echo '== types'
	@$(BIN)/tsc -p tsconfig.json
	@echo '== types of the core, without Node'
	@$(BIN)/tsc -p src/tsconfig.core.json
	@echo '== types of the page, in a browser'
	@$(BIN)/tsc -p src/report/browser/tsconfig.json
	@echo '== lint and format'
	@$(BIN)/biome check --error-on-warnings .

fix: node_modules/.installed ## Formats, and repairs what the linter can repair
	@$(BIN)/biome check --write .

docs: node_modules/.installed ## Writes the references anew: src/workloads/MESSAGES.md, src/library/API.md
	@UPDATE_DOCS=1 $(VITEST) wire-reference api-reference

digests: build ## Records the digests of runs anew, after a change that is meant to change them
	@UPDATE_DIGESTS=1 $(VITEST) digests

build: dist/.built ## Bundles the three programs and the page of reports into dist/

bench: build ## Measures, as ratios in one run; some parts: make bench ONLY="node start"; UPDATE_DOCS=1 writes FIGURES.md
	@node --import tsx test/bench/main.ts $(ONLY)

coverage: SEEDS = 200
coverage: node_modules/.installed ## Tells which branches of the protocol core 200 seeds of every workload reach
	@node --import tsx test/coverage/main.ts $(SEEDS) $(WORKLOADS)

clean: ## Removes what was installed, built and recorded
	rm -rf node_modules dist store

dist/.built: node_modules/.installed $(SOURCES)
	@echo '== build'
	@npm run --silent build
	@touch $@

node_modules/.installed: package.json package-lock.json
	@echo '== install (npm ci)'
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
