#!/bin/sh
# Compile the pins: compile.sh UV [FLAGS for `uv pip compile`]. Called by `make pins`, from the project's root.
# One resolution serves all platforms and all supported Pythons. Pins have hashes but no index addresses.
set -eu

uv=$1
shift
export UV_CUSTOM_COMPILE_COMMAND="make pins"

pin() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --output-file "$output" "$@"
}

echo uv | pin requirements/uv.txt "$@" -
pin requirements/dev.txt --extra report --extra test --extra check "$@" pyproject.toml
