"""When the journal waits for the disk: counted at fsync and fdatasync themselves, in a process of its own (R17)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
static int waits;
int pero_waits(void) { return waits; }
int fsync(int file) { waits++; return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file); }
int fdatasync(int file) { waits++; return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file); }
"""
_WRITER = """
import ctypes, json, sys
from datetime import UTC, datetime
from pathlib import Path
from agent import journal
journal.SETTLE_SECONDS = 3600.0  # nothing comes to the disk by itself meanwhile
waits, seen = ctypes.CDLL(None).pero_waits, {}
kept = journal.Journal(Path(sys.argv[1]), lambda: datetime.now(UTC))
def counted(name, done):
    before = waits()
    done()
    seen[name] = waits() - before
kept.note("connect", {})
counted("intention", lambda: kept.begin("sign", {}, durable=False))
counted("agreement", lambda: kept.note("confirmed", {"entry": 3}))
counted("outcome", lambda: kept.finish(3, "signed", {}, durable=False))
counted("settled", kept.settle)
counted("second intention", lambda: kept.begin("sign", {}, durable=False))
counted("second agreement", lambda: kept.note("confirmed", {"entry": 6}))
counted("whole outcome", lambda: kept.finish(6, "signed", {}))
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often each act of the journal waited for the disk."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "counter.c").write_text(_COUNTER)
    counter = folder / "counter.so"
    command = ["gcc", "-shared", "-fPIC", "-o", str(counter), str(folder / "counter.c"), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-c", _WRITER, str(folder / "journal.sqlite")],
        env={**os.environ, "LD_PRELOAD": str(counter)}, cwd=Path(__file__).parents[2], capture_output=True,
        timeout=60, check=True,
    )  # fmt: skip
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("act", ["agreement", "second agreement", "whole outcome", "settled"])
def test_what_must_outlive_a_loss_of_power_waits_for_the_disk(waits: dict[str, int], act: str) -> None:
    assert waits[act] >= 1


@pytest.mark.parametrize("act", ["intention", "outcome"])
def test_what_a_later_entry_takes_along_does_not(waits: dict[str, int], act: str) -> None:
    assert waits[act] == 0
