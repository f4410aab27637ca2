#!/usr/bin/env bash
# Writes the lock files anew from pyproject.toml: exact versions with hashes, without any registry's address.
# Run from the root of the project with the oldest Python that is supported, on Linux: `make lock`.
# LOCK_OPTIONS may carry options for pip-compile, such as --upgrade or --upgrade-package=NAME.
set -euo pipefail

locks=packaging/linux/locks
tools=build/lock-venv

[ -x "$tools/bin/pip-compile" ] || { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet pip-tools; }

# check.txt holds everything; the smaller two are cut out of it, so that a version is the same in all three.
compile() {
    local name=$1
    shift
    echo "lock: $locks/$name"
    # shellcheck disable=SC2086
    CUSTOM_COMPILE_COMMAND="make lock" "$tools/bin/pip-compile" --quiet --generate-hashes --allow-unsafe \
        --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-annotate \
        "$@" --output-file="$locks/$name" pyproject.toml ${LOCK_OPTIONS:-}
}
compile check.txt --extra=build --extra=test --extra=check
compile test.txt --extra=build --extra=test --constraint="$locks/check.txt"
compile runtime.txt --extra=build --constraint="$locks/check.txt"
