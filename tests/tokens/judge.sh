#!/bin/sh
# Let pkcs11-check (PyPI) judge gost.so and fault.so, and print its verdict: judge.sh PYTHON, which is 3.12 or later.
# Half an hour for both; see README.md for what it found. It keeps a state file in its folder: one run at a time.
set -eu
python=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
built=$root/build/tokens
place=$root/build/judge
if [ ! -x "$place/python/bin/pkcs11-check" ]; then
    "$python" -m venv "$place/python"
    "$place/python/bin/pip" install --quiet pkcs11-check==0.2.3 pytest-asyncio==1.5.0 pytest-timeout==2.4.0
fi
PATH=$place/python/bin:$PATH
export P11TEST_PIN=s3cret-7 P11TEST_SO_PIN=officer-8
for name in gost fault; do
    rm -rf "$place/$name"
    mkdir -p "$place/$name/tokens"
    cd "$place/$name"
    export PERO_TEST_TOKEN_DIR="$place/$name/tokens" PERO_FAULT_MODULE="$built/gost.so" PERO_FAULT_FILE="$place/$name/none"
    tool="pkcs11-tool --module $built/$name.so --slot 0"
    $tool --init-token --label Test --so-pin "$P11TEST_SO_PIN" > prepared.txt
    $tool --login --login-type so --so-pin "$P11TEST_SO_PIN" --init-pin --pin "$P11TEST_PIN" >> prepared.txt
    timeout 1500 pkcs11-check test --module "$built/$name.so" --skip-slow --timeout 60 --isolation file \
        --output json --output-file results.json > said.txt 2>&1 || true
    "$place/python/bin/python" - "$name" <<'END'
import json, sys
summary = json.load(open("results.json"))["summary"]
print(f"{sys.argv[1]}.so:", ", ".join(f"{summary[name]} {name}" for name in ("passed", "failed", "crashed", "skipped", "xfailed")))
END
    grep -ho '[^/ ]*\.py::.*' said.txt | sort -u | sed 's/^/    /'
done
