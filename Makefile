# A thin front: each target sets up what it needs (scripts/setup), then calls the tool that does the work.
PRESET ?= release
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
BUILD = build/$(PRESET)

.PHONY: build
build:
	@scripts/setup build
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET)
	@cmake --build $(BUILD) -j $(JOBS) -- -k 0
