# The commands of README.md, and what a contributor runs. Each says what it is doing and for how long.
CARGO ?= cargo
CLUSTER ?= embedded
E2E = $(CARGO) run --quiet --locked --package camerafleet-e2e --
# Only the kernel's own crate is optimised: the dependencies are those that the tests built.
MODEL = $(CARGO) --config 'profile.dev.package.camerafleet-footage.opt-level=3' run --quiet --locked \
	--package camerafleet-footage --example disclosure_model

.PHONY: demo down test unit model e2e lint fmt crds tools vectors fuzz bench-footage bench-ingest bench-retention \
	bench-disclosure browser golden sbom

## The main job on a real Kubernetes, from a camera to an opened clip. CLUSTER=existing: on the current kubeconfig's.
demo:
	$(E2E) demo --cluster $(CLUSTER)

## Ends the demo and removes all it left on this machine.
down:
	$(E2E) down

## Everything that must pass before a change lands.
test: lint unit e2e

## Unit and integration tests; they start a real Vault, S3 server and cameras where they need one.
unit: tools
	$(CARGO) test --locked --workspace --quiet

## Checks the decision on disclosure in every case of a small world, 31 million of them: about two minutes.
model:
	@$(MODEL)

## End-to-end tests, on an instance of their own.
e2e:
	$(E2E) test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features --quiet -- --deny warnings

fmt:
	$(CARGO) fmt --all

## Generates the CustomResourceDefinitions from their types.
crds:
	$(CARGO) run --quiet --locked --package camerafleet-crds --bin crdgen

## Writes charts/tests/golden anew: what Helm makes of the chart for each file of charts/tests/values. Read the difference.
golden: tools
	CAMERAFLEET_WRITE_GOLDEN=1 $(CARGO) test --quiet --locked --package camerafleet-operator --test chart golden

## Builds the pinned tools of e2e/tools into a cache outside the checkout.
tools:
	$(E2E) tools

## Writes the format's test vectors anew (footage/testdata, see footage/FORMAT.md).
vectors:
	$(CARGO) run --quiet --locked --package camerafleet-footage --example vectors

## Fuzzes the parsers of headers, records and names with libFuzzer, FUZZ_SECONDS each. Needs `cargo install cargo-fuzz`.
## Without a sanitizer: then a stable toolchain will do, and there is no unsafe code of ours to watch.
FUZZ_SECONDS ?= 60
FUZZ = cd footage && $(CARGO) fuzz run --sanitizer none
FUZZ_OPTIONS = -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1
fuzz:
	mkdir -p footage/fuzz/corpus/header footage/fuzz/corpus/names footage/fuzz/corpus/records
	$(FUZZ) header fuzz/corpus/header testdata/valid testdata/invalid $(FUZZ_OPTIONS) -max_len=8192
	$(FUZZ) records fuzz/corpus/records testdata/valid testdata/invalid $(FUZZ_OPTIONS) -max_len=4096
	$(FUZZ) names fuzz/corpus/names fuzz/seeds/names $(FUZZ_OPTIONS) -max_len=512

## Sealing against bare age in the same run, opening, and the header's size. Its last line is JSON.
bench-footage:
	$(CARGO) bench --quiet --locked --package camerafleet-footage --bench footage

## Recording against `ffmpeg -c copy`, and how many cameras a core takes: five minutes. Its last line is JSON.
## BENCH_SECONDS, BENCH_CAMERAS, … for longer (ingest/benches/ingest/main.rs). It needs two cores and `make tools`.
bench-ingest: tools
	$(CARGO) bench --quiet --locked --package camerafleet-ingest --bench ingest

## Segments of every codec in Chromium's media stack. It needs Debian's chromium-headless-shell, ffmpeg and `make tools`.
browser: tools
	$(CARGO) test --quiet --locked --package camerafleet-ingest --test browser -- --ignored

## A run of the retention job: 10,000 objects due among 100,000 and among 1,000,000. Its last line is JSON.
bench-retention: tools
	$(CARGO) bench --quiet --locked --package camerafleet-jobs --bench retention

## A day of one camera released in both forms, against decrypting and sealing anew and against a plain copy. Its last line
## is JSON. BENCH_KIB: a segment's size.
bench-disclosure:
	$(CARGO) bench --quiet --locked --package camerafleet-jobs --bench disclosure

## A software bill of materials of each program in the image, in CycloneDX: target/sbom. Needs `cargo install cargo-cyclonedx`.
## It must name all that is linked in (and names a few packages more: those that only tests' features bring).
SBOM = target/sbom
PROGRAMS = -p camerafleet-operator -p camerafleet-ingest -p camerafleet-jobs
sbom: export LC_ALL = C
sbom:
	rm -rf $(SBOM) && mkdir -p $(SBOM)
	$(CARGO) cyclonedx --quiet --format json --describe binaries --no-build-deps --spec-version 1.5
	mv operator/*_bin.cdx.json ingest/*_bin.cdx.json jobs/*_bin.cdx.json $(SBOM) && rm */*_bin.cdx.json
	@grep -ho '"purl": "pkg:cargo/[^"?]*' $(SBOM)/*.json | sed 's/.*cargo.//; s/%2B/+/' | sort -u > $(SBOM)/named
	@$(CARGO) tree --locked --edges normal --prefix none --format '{p}' $(PROGRAMS) \
		| sed -n 's/^\([^ ]*\) v\([^ ]*\).*/\1@\2/p' | sort -u > $(SBOM)/linked
	@test -s $(SBOM)/linked && ! comm -13 $(SBOM)/named $(SBOM)/linked | grep .
	@rm $(SBOM)/named $(SBOM)/linked && ls $(SBOM)
