# The commands of README.md, and what a contributor runs. Each says what it is doing and for how long.
CARGO ?= cargo
CLUSTER ?= embedded
E2E = $(CARGO) run --quiet --locked --package camerafleet-e2e --

.PHONY: demo down test unit e2e lint fmt crds tools vectors fuzz bench-footage

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

## Builds the pinned tools of e2e/tools into a cache outside the checkout.
tools:
	$(E2E) tools

## Writes the format's test vectors anew (footage/testdata, see footage/FORMAT.md).
vectors:
	$(CARGO) run --quiet --locked --package camerafleet-footage --example vectors
