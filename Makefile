# A thin front: each target sets up what it needs (scripts/setup), then calls the tool that does the work.
#
#   PRESET=release|dev|asan|tsan|clang|fuzz   which build (CMakePresets.json)
#   BUILD=build/mine                          a build folder of your own for that preset
#   JOBS=2  PREFIX=/usr/local  DESTDIR=  ARGS="..."  CHECKS="format layers"  T=30
PRESET ?= release
BUILD ?= build/$(PRESET)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=
CHECKS ?=
FILES ?=
T ?= 30
FUZZ_SECONDS ?= $(T)

export JOBS

.DEFAULT_GOAL := build
.PHONY: build demo test unit check format bench interop fuzz install dist wheel clean help

build: ## build bin/pli, libpli.so and the engine module into build/release
	@scripts/setup build
	@scripts/build $(PRESET) $(BUILD)

demo: ## set up, build, and ingest files into a Delta table before your eyes
	@scripts/demo

test: ## every test but interop; the last line is "N passed, N failed"
	@scripts/setup test
	@scripts/build $(PRESET) $(BUILD)
	@tests/run --build $(BUILD) $(ARGS)

unit: ## the C tests alone
	@scripts/setup build
	@scripts/build $(PRESET) $(BUILD)
	@tests/run --build $(BUILD) --only ctest $(ARGS)

check: ## format, rules, warnings with gcc and clang, clang-tidy, unit tests under the sanitizers
	@scripts/setup check
	@scripts/check $(CHECKS)

format: ## rewrite the sources in the project's format (all, or FILES="src/delta")
	@scripts/setup check
	@scripts/checks/format --write $(FILES)

bench: ## speed and memory, beside the floor measured in the same run
	@scripts/setup bench
	@scripts/build $(PRESET) $(BUILD)
	@tests/run --build $(BUILD) --only bench $(ARGS)

interop: ## other engines read our tables, and we read theirs (Spark, delta-rs, Polars, DuckDB)
	@scripts/setup interop
	@scripts/build $(PRESET) $(BUILD)
	@tests/run --build $(BUILD) --only interop $(ARGS)

fuzz: ## each fuzz target for T (or FUZZ_SECONDS) seconds from its kept inputs; ARGS=--plant: do they find planted bugs?
	@scripts/setup fuzz
	@scripts/fuzz $(FUZZ_SECONDS) $(ARGS)

install: ## into DESTDIR/PREFIX (/usr/local)
	@scripts/setup build
	@scripts/build release build/release
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

dist: ## a tarball that runs on a bare machine: dist/polars-incremental-<version>-linux-<arch>.tar.gz
	@scripts/setup dist
	@scripts/build release build/release
	@scripts/dist build/release

wheel: ## the Python package as a self-contained wheel: dist/polars_incremental-*.whl
	@scripts/setup wheel
	@scripts/wheel

clean: ## remove build/, dist/ and demo/ (downloads are kept)
	rm -rf build dist demo

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
