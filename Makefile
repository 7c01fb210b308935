# The front door. CI calls `make test` and nothing else, so it cannot differ from what you run.
export PKG_CONFIG_PATH := $(CURDIR)/.deps/lib/pkgconfig:$(PKG_CONFIG_PATH)

SWIFT ?= swift
CHECKED := --explicit-target-dependency-import-check error
ADMIX := .build/release/admix
SOURCES := Package.swift Sources Tests Plugins

.PHONY: help setup build run test lint format bench docs fuzz clean

help: ## Say what there is
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what a build needs; does nothing the second time
	@./scripts/setup

build: setup ## Build the release binary and the library it opens
	$(SWIFT) build -c release --product AdmixArrow --static-swift-stdlib $(CHECKED)
	$(SWIFT) build -c release --product admix --static-swift-stdlib $(CHECKED)

run: build ## Run pipelines/admissions to the end
	$(ADMIX) run pipelines/admissions/pipeline.yaml

test: setup ## Build and run the whole test suite
	@./scripts/setup-tests
	$(SWIFT) build --build-tests $(CHECKED)
	$(SWIFT) test --skip-build

lint: ## Check the form of the code
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)

format: ## Mend the form of the code
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

bench: build ## Measure against peers; see Benchmarks/RESULTS.md
	./Benchmarks/run

docs: build ## Write the reference pages the program makes of itself
	./scripts/docs

fuzz: setup ## Fuzz the parsers for FUZZ_SECONDS each (60)
	./scripts/fuzz

clean: ## Remove what was built; keep what was installed
	rm -rf .build
