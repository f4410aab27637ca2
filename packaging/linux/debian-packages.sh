#!/usr/bin/env bash
# Makes sure that the Debian packages of the named lists (packaging/linux/packages/NAME.txt) are installed.
# Usage: debian-packages.sh NAME...
#
# As root what is missing is installed; otherwise it is named, with the command that installs it, and the exit is 1.
# On a system without dpkg nothing can be looked up: the packages are named and the exit is 0, since the programs may be there.
# Run from the root of the project. A line of a list is a package, or alternatives ("a | b": any one will do, the first is installed).
set -euo pipefail

log=build/debian-packages.log
lists=$(dirname -- "${BASH_SOURCE[0]}")/packages

lines() {
    local name
    for name in "$@"; do
        sed -e 's/#.*//' -e 's/[[:space:]]\+$//' -- "$lists/$name.txt"
    done | sed '/^$/d'
}

installed() {
    # A Python that is not Debian's brings its own venv.
    if [ "$1" = python3-venv ] && python3 -c 'import ensurepip, venv' 2>/dev/null; then return 0; fi
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | head -c 9)" = installed ]
}

missing() {
    local line package found
    while IFS= read -r line; do
        found=no
        for package in ${line//|/ }; do
            if installed "$package"; then found=yes; fi
        done
        [ "$found" = yes ] || echo "${line%% *}"
    done < <(lines "$@") | sort -u
}

no_lists() {
    [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -print -quit 2>/dev/null)" ]
}

# apt-get, told on the screen only where it fails.
apt() {
    apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 "$@" </dev/null >>"$log" 2>&1
}

install() {
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p "$(dirname -- "$log")"
    : >"$log"
    if no_lists; then apt update || true; fi
    # Lists that are old name versions that are gone: look again once.
    apt install -y --no-install-recommends "$@" ||
        { apt update && apt install -y --no-install-recommends "$@"; } ||
        { tail -n 30 -- "$log" >&2 && return 1; }
}

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: make sure that what these packages hold is here: $(lines "$@" | tr '\n' ' ')"
    exit 0
fi
mapfile -t absent < <(missing "$@")
[ ${#absent[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
    {
        echo "These Debian packages are missing: ${absent[*]}"
        echo "Install them with:"
        if no_lists; then echo "    sudo apt-get update"; fi
        echo "    sudo apt-get install --no-install-recommends ${absent[*]}"
        echo "and say the same again."
    } >&2
    exit 1
fi
echo "Installing Debian packages (details in $log): ${absent[*]}"
install "${absent[@]}"
