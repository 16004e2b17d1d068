# syntax=docker/dockerfile:1
# Every server-side program of Camerafleet in one image; a pod's command says which one it runs.
#
#   docker build -t <registry>/camerafleet:<tag> .
#
# The bases are arguments, so that the end-to-end tests can build the same file with buildah on bases of their own.
ARG BUILD_BASE=docker.io/library/rust:1.95-bookworm
ARG RUNTIME_BASE=gcr.io/distroless/cc-debian12

FROM ${BUILD_BASE} AS build
WORKDIR /build
COPY . .
# Cargo reads the manifest of every member of the workspace and wants a target in it. Of these two, which are not part
# of the image, only the manifests are here: they lose the targets that they name ([[test]], [[bin]]) and get an empty one.
RUN sed -i '/^\[\[/,/^$/d' e2e/Cargo.toml kubectl-footage/Cargo.toml \
    && mkdir -p e2e/src kubectl-footage/src && touch e2e/src/lib.rs kubectl-footage/src/lib.rs
# The target folder outlives the build: dependencies are compiled once. Cargo tells what is current by time, and another
# checkout's files may be older than the last build, so that everything of ours is compiled anew, and old programs go.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=camerafleet-target,target=/build/target \
    mkdir -p /out target/release \
    && find . -path ./target -prune -o -type f -exec touch '{}' + \
    && find target/release -maxdepth 1 -type f -delete \
    && cargo build --release --locked -p camerafleet-operator -p camerafleet-ingest -p camerafleet-jobs --bins \
    && find target/release -maxdepth 1 -type f -perm -u+x -exec cp -t /out '{}' +

FROM ${RUNTIME_BASE}
COPY --from=build /out/ /usr/local/bin/
USER 65532:65532
