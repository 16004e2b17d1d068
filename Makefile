# The commands of README.md, and what a contributor runs. Each says what it is doing and for how long.
CARGO ?= cargo
CLUSTER ?= embedded
E2E = $(CARGO) run --quiet --locked --package camerafleet-e2e --
# Only the kernel's own crate is optimised: the dependencies are those that the tests built.
MODEL = $(CARGO) --config 'profile.dev.package.camerafleet-footage.opt-level=3' run --quiet --locked \
	--package camerafleet-footage --example disclosure_model

.PHONY: demo down test unit model e2e lint fmt crds tools

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

## Builds the pinned tools of e2e/tools into a cache outside the checkout.
tools:
	$(E2E) tools
