# What a developer does with this checkout. Everything is built and unpacked under target/.

SHELL := /bin/bash -euo pipefail
DOCKER ?=
STORE ?= $(if $(DOCKER),consul,embedded)
KEEP ?=
SECONDS_EACH ?= 60
# For `make fuzz`: which targets, if not all.
TARGETS ?=
# For `make soak`: which histories, and for how long.
SEEDS ?=
SECONDS ?= $(if $(SEEDS),,600)
# What to pack, if not target/release/weft.
BINARY ?=
# For `make packages`, and for its test: which, if not all.
ARCHES ?=
CHECKS ?=
MUSL := $(shell uname -m)-unknown-linux-musl

export WEFT_TOOLS := $(CURDIR)/target/tools

# Tests make namespaces, devices and firewall rules, all inside namespaces of their own, which takes root.
# Everything is built by whoever calls make; only what must be is run by root.
ifneq ($(shell id -u),0)
    SUDO := sudo
    # The name of cargo's setting for "how to run what was built" has the target in it.
    RUNNER := CARGO_TARGET_$(shell rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')_RUNNER
    export $(RUNNER) := sudo --preserve-env
endif

.PHONY: help build demo demo-down test vm-test soak mutants chaos bench lint audit fuzz static deb rpm packages \
    packages-test arm64-test tools
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 15

build: ## the release binary: target/release/weft
	cargo build --release --locked --package weft

demo: tools build ## two hosts on this machine, step by step (DOCKER=1; STORE=consul; KEEP=1 leaves them up)
	@$(SUDO) DOCKER=$(DOCKER) STORE=$(STORE) KEEP=$(KEEP) scripts/demo

demo-down: ## ends what `make demo KEEP=1` left up
	@$(SUDO) scripts/demo down

# Most tests of `make test` wait, for engines and stores to start and for sessions to end: one more than there are cores.
test: export RUST_TEST_THREADS := $(shell echo $$((1 + $$(nproc))))
test: tools ## all tests, on real namespaces and stores
	scripts/page-tools
	scripts/earlier
	cargo build --workspace --locked
	WEFT_REQUIRE_TOOLS=1 cargo test --workspace --locked --no-fail-fast

vm-test: tools ## much of it on stock kernels: Debian's 5.10, 6.1 and 6.12, each in a virtual machine
	scripts/vm-kernels
	cargo build --workspace --locked
	cargo test --locked --package weft-testbed --test weft --no-run
	WEFT_REQUIRE_TOOLS=1 cargo test --locked --package weft-testbed --test vm -- --include-ignored --nocapture

soak: ## random histories of the simulation, and those with a liar, new ones each time (SECONDS=600 each, or SEEDS=0..100000)
	$(if $(SEEDS),WEFT_SEEDS=$(SEEDS)) $(if $(SECONDS),WEFT_SECONDS=$(SECONDS)) \
	    cargo test --locked --package weft-agent --lib soak -- --ignored --nocapture --test-threads=1

mutants: ## deliberate bugs, each of which the simulation has to catch; prints a table (SEEDS=0..800)
	@$(if $(SEEDS),SEEDS=$(SEEDS)) scripts/mutants

chaos: tools ## everything that can break, broken under load on real hosts and stores; prints a table
	cargo build --workspace --locked
	WEFT_REQUIRE_TOOLS=1 cargo test --locked --package weft-testbed --test chaos -- --include-ignored

bench: tools build ## the figures, each beside its reference from the same run (ONLY="names scale": these groups; RECORD=FILE: kept there)
	WEFT_BENCH_RECORD=$(abspath $(RECORD)) cargo bench --locked --package weft-testbed --bench figures -- $(ONLY)

lint: ## formatting, clippy, documentation, shell scripts, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --package weft --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --locked --quiet
	@if command -v shellcheck >/dev/null; then echo shellcheck; shellcheck scripts/* .ci/run; \
	    else echo 'SKIPPED: no shellcheck here'; [[ ! $${CI:-} ]]; fi
	@if command -v cargo-deny >/dev/null; then cargo deny --log-level=error check bans licenses sources; \
	    else echo 'SKIPPED: no cargo-deny here'; [[ ! $${CI:-} ]]; fi

audit: ## known faults in the libraries used (needs cargo-deny, and the network)
	cargo deny check advisories

fuzz: ## each fuzz target in turn (SECONDS_EACH=60; TARGETS="dns_query journal")
	@scripts/fuzz $(SECONDS_EACH) $(TARGETS)

static: ## one file without any library, for any Linux: target/*-musl/release/weft
	@[[ -d $$(rustc --print target-libdir --target $(MUSL)) ]] || { \
	    echo 'Rust has no $(MUSL) here: rustup target add $(MUSL)' >&2; exit 1; }
	CC=gcc cargo build --release --locked --package weft --target $(MUSL)

deb: $(if $(BINARY),,build) ## a Debian package of target/release/weft (or BINARY=): target/packages
	@scripts/package deb $(BINARY)

rpm: $(if $(BINARY),,build) ## the same for Fedora, RHEL, openSUSE
	@scripts/package rpm $(BINARY)

packages: ## .deb and .rpm for amd64 and arm64, for glibc 2.28 and later, in target/packages (ARCHES=amd64)
	@scripts/tools cc:gcc dpkg-gencontrol:dpkg-dev readelf:binutils rpmbuild:rpm
	@scripts/packages $(ARCHES)

packages-test: ## these, installed, used, upgraded and removed: Debian 11, 12 and 13, and rpm (CHECKS="check_rpm")
	@scripts/tools debootstrap:debootstrap dpkg-gencontrol:dpkg-dev ip:iproute2 nft:nftables rpmbuild:rpm
	@$(SUDO) scripts/roots
	@$(SUDO) scripts/packages-test $(CHECKS)

arm64-test: ## the guide in a virtual machine with an arm64 processor, with the arm64 package
	@scripts/tools cpio:cpio debootstrap:debootstrap depmod:kmod qemu-system-aarch64:qemu-system-arm setpriv:util-linux
	@scripts/vm-kernels 6.1-arm64
	@$(SUDO) scripts/roots bullseye-arm64
	@$(SUDO) scripts/arm64-test

tools: # what tests and demo need; at once when it is there
	@scripts/tools
