# container: `make help` lists the targets.

ID    ?= c1
IMAGE ?= alpine
CMD   ?= sh
PREFIX ?= /usr/local

# Where the images are, for the program as for the recipes.
IMAGES := $(or $(CONTAINER_IMAGES),images)
export TAR FORCE ALPINE_MIRROR CONTAINER_IMAGES

# cargo builds here, even for a user who has it build all else in one place.
export CARGO_TARGET_DIR := target

# RUSTFLAGS would replace those of .cargo/config.toml, and build a program that crashes.
unexport RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET

# What builds the book: a program from crates.io.
TOOLS := target/tools
MDBOOK := $(TOOLS)/bin/mdbook

# Namespaces need root. Whoever is root already needs no sudo.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=CONTAINER_IMAGES,CONTAINER_STATE,TERM)

.PHONY: all help run image test test-bench test-pages bench bench-report lint book sync-book tools install clean

all: container ## build the release binary ./container

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 14
	@echo
	@echo 'make run   takes ID, IMAGE and CMD   (now: ID=$(ID) IMAGE=$(IMAGE) CMD="$(CMD)")'
	@echo 'make image takes IMAGE, TAR=FILE, FORCE=1 and ALPINE_MIRROR=URL'
	@echo 'make bench takes QUICK=1, to try it within a minute'
	@echo 'make install takes PREFIX and DESTDIR'

container: Cargo.toml Cargo.lock build.rs link.ld .cargo/config.toml $(shell find src -name '*.rs')
	@command -v cargo >/dev/null || { echo 'make: Rust is missing: get it from https://rustup.rs, or from your distribution (1.88 or newer)' >&2; exit 1; }
	cargo build --release --locked
	@cp target/release/container container.new && mv container.new container

run: container ## run CMD in the container ID on IMAGE, and make the image first if it is missing
	@test -d "$(IMAGES)/$(IMAGE)" || images/build "$(IMAGE)"
	@$(SUDO) ./container $(ID) $(IMAGE) $(CMD)

image: ## make images/IMAGE
	@images/build "$(IMAGE)"

# The tests of the real binary need root, since namespaces do. cargo itself stays the user's.
TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
TEST := $(if $(SUDO),CARGO_TARGET_$(TARGET)_RUNNER="sudo --preserve-env",) cargo test --release --locked
test: container tools test-images test-bench ## run all tests
	cargo build --locked
	$(TEST)
	@$(MAKE) --no-print-directory test-pages

.PHONY: test-images
test-images:
	@for image in busybox alpine node; do test -d "$(IMAGES)/$$image" || images/build $$image || exit; done

test-pages: book ## look at every page of the book in a browser, on a phone and on a desk
	@command -v chromium >/dev/null || tests/tools chromium fonts-dejavu-core
	cargo test --release --locked --test pages -- --ignored

bench: container target/floor target/count ## measure container and its peers; write bench/results, the pictures and the figures in README and docs
	@tests/tools - < bench/packages || echo 'make bench: goes on with the peers that are here' >&2
	@test -d "$(IMAGES)/alpine" || images/build alpine
	@$(if $(SUDO),sudo --preserve-env=CONTAINER_IMAGES) QUICK="$(QUICK)" bench/run

target/floor target/count: target/%: bench/%.c
	@mkdir -p target
	cc -O2 -Wall -Wextra -o $@ $<

bench-report: ## write the pictures and the figures anew from bench/results, and show the tables
	@python3 bench/report.py

test-bench: ## test the arithmetic of the benchmark, and that README and docs show its results
	python3 -m unittest discover --quiet --start-directory bench

book: $(MDBOOK) ## build the book into target/book
	@$(MDBOOK) build docs

$(MDBOOK):
	cargo install mdbook --version 0.5.4 --locked --no-default-features --features search --root $(TOOLS)

sync-book: container tools test-images ## write the book's code and transcripts anew (PAGE=NAME: of that page alone)
	SYNC_BOOK=1 PAGE=$(PAGE) $(TEST) --test book -- every_listing every_transcript --nocapture

lint: tools ## rustfmt, clippy with warnings denied, shellcheck, mandoc, pyflakes, pycodestyle
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	shellcheck images/build images/*.sh tests/tools tests/busy .ci/run completions/container.bash
	mandoc -T lint -W warning container.1
	pyflakes3 bench bench/run
	pycodestyle --max-line-length=120 bench bench/run

tools: ## install what the tests and lints need (Debian's packages)
	@tests/tools

install: container ## install the program, its man page, completions, and a line for systemd-tmpfiles
	install -D -m 755 container "$(DESTDIR)$(PREFIX)/bin/container"
	install -D -m 644 container.1 "$(DESTDIR)$(PREFIX)/share/man/man1/container.1"
	install -D -m 644 completions/container.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/container"
	install -D -m 644 completions/_container "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_container"
	install -D -m 644 container.tmpfiles "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/container.conf"
	install -D -m 644 completions/container.fish "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/container.fish"

clean: ## remove what was built; images and containers stay
	cargo clean
	rm -f container container.new
