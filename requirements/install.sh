#!/bin/sh
# Set up the environment: install.sh PYTHON VENV. Called by `make`, which marks the environment as ready
# only if this script succeeds. Run it from the project's root.
#
# Only this file and the pins decide which packages are installed, and where. UV_* and PIP_* variables of the caller
# are unset, except those that say where packages are downloaded from (index, proxy, certificates, cache).
set -eu

python=$1
venv=$2
here=requirements

main() {
    forget_settings
    usable "$venv/bin/python" || create_venv
    "$venv/bin/python" -m pip install --quiet --require-hashes -r $here/uv.txt
    echo "Installing the pinned packages into $venv: about 6 GB, some minutes the first time."
    uv sync --require-hashes --compile-bytecode $here/dev.txt
    uv install --quiet --no-deps --no-build-isolation --editable .
    "$venv/bin/python" $here/compile_renderers.py
}

forget_settings() {
    for name in $(env | sed -nE 's/^((UV|PIP)_[A-Z_]+)=.*/\1/p'); do
        case $name in
            *INDEX* | *FIND_LINKS* | *CERT* | *HOST* | *PROXY* | *TLS* | *KEYRING* | *CACHE* | *TIMEOUT* | *RETR*) ;;
            *CONFIG* | UV_CONCURRENT* | UV_LINK_MODE | UV_OFFLINE | UV_NO_PROGRESS) ;;
            *) unset "$name" ;;
        esac
    done
    unset PYTHONHOME PYTHONPATH
    export PIP_DISABLE_PIP_VERSION_CHECK=1
}

# An environment of an earlier set-up is kept and updated if its Python still runs.
usable() {
    [ -x "$1" ] && "$1" $here/check_python.py >/dev/null 2>&1 && "$1" -c 'import pip' 2>/dev/null
}

create_venv() {
    if ! "$python" -c '' 2>/dev/null; then
        echo "There is no Python named \"$python\"." >&2
        suggest
    fi
    "$python" $here/check_python.py "$python" >&2 || suggest
    "$python" -m venv --clear "$venv"
}

suggest() {
    for version in 3.13 3.12 3.14 3.11; do
        if usable_as_base "python$version"; then
            echo "This machine has a suitable Python: make setup PYTHON=python$version" >&2
            break
        fi
    done
    exit 1
}

usable_as_base() {
    command -v "$1" >/dev/null && "$1" $here/check_python.py >/dev/null 2>&1
}

uv() {
    command=$1
    shift
    "$venv/bin/uv" pip "$command" --python "$venv/bin/python" "$@"
}

main
