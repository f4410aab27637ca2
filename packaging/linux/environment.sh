#!/usr/bin/env bash
# Makes the virtual environment .venv hold what a level needs, by its lock file, and Pero itself (editable).
# Usage: environment.sh runtime|test|check   (from the root of the project; the levels contain one another in this order)
#
# Quick when nothing changed: .venv/.installed-LEVEL holds the digest of what was installed.
set -euo pipefail

level=$1
locks=packaging/linux/locks
python=.venv/bin/python

contained() {
    case $1 in
        runtime) echo runtime ;;
        test) echo runtime test ;;
        check) echo runtime test check ;;
        *) echo "no such level: $1" >&2; exit 64 ;;
    esac
}

digest() {
    cat "$locks/$1.txt" pyproject.toml packaging/linux/environment.sh | sha256sum | cut -d ' ' -f 1
}

make_environment() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Pero needs Python 3.11 or newer; python3 is $(python3 --version 2>&1 || echo absent)." >&2
        exit 1
    }
    echo "Making the virtual environment .venv"
    rm -rf .venv
    python3 -m venv .venv || {
        rm -rf .venv
        echo "Python's venv is missing; on Debian: sudo apt-get install python3-venv" >&2
        exit 1
    }
}

levels=$(contained "$level")
"$python" -c '' 2>/dev/null || make_environment
[ "$(cat ".venv/.installed-$level" 2>/dev/null)" != "$(digest "$level")" ] || exit 0

echo "Installing Python packages ($level)"
pip() {
    "$python" -m pip --disable-pip-version-check --quiet --quiet --no-input "$@"
}
pip install --require-hashes --only-binary :all: --requirement "$locks/$level.txt"
pip install --no-deps --no-build-isolation --editable .
for name in $levels; do
    digest "$name" >".venv/.installed-$name"
done
