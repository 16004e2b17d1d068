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
# What is linked into the programs: PACKAGES lists it with its terms, and beside it lie the texts that each package brought.
# (A software bill of materials in CycloneDX is made by `make sbom`.)
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    mkdir -p /licenses && cp LICENSE /licenses/ \
    && cargo tree --locked --edges normal --prefix none --format '{p} {l}' \
        -p camerafleet-operator -p camerafleet-ingest -p camerafleet-jobs > /tmp/tree \
    && sed -e 's/ (\*)$//' -e 's/ (proc-macro)//' -e '/(\//d' -e '/ v[0-9]/!d' /tmp/tree | sort -u > /licenses/PACKAGES \
    && while read -r name version terms; do \
        mkdir -p "/licenses/$name-${version#v}" \
        && find "${CARGO_HOME:-/usr/local/cargo}"/registry/src/*/"$name-${version#v}" -maxdepth 1 -type f \
            '(' -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'unlicense*' ')' \
            -exec cp -t "/licenses/$name-${version#v}" '{}' + || exit 1; \
    done < /licenses/PACKAGES

FROM ${RUNTIME_BASE}
COPY --from=build /out/ /usr/local/bin/
COPY --from=build /licenses/ /usr/share/doc/camerafleet/licenses/
USER 65532:65532
