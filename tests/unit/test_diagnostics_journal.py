"""What the PC/SC service and the kernel said, out of a real journal, which the real journalctl reads."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from agent.diagnostics.probes.journal import Said, SystemJournal

REMOTE = "/lib/systemd/systemd-journal-remote"
BOOT = Path("/proc/sys/kernel/random/boot_id")
SERVICE, KERNEL = "_SYSTEMD_UNIT=pcscd.service\n_TRANSPORT=stdout", "_TRANSPORT=kernel"
REFUSED = "00000012 auth.c:143:IsClientAuthorized() Process 4711 (user: 1000) is NOT authorized for action: access_pcsc"
ACCESS = "ccid_usb.c:669:OpenUSBByName() Can't libusb_open(1/7): LIBUSB_ERROR_ACCESS"
PORT = "usb 1-1: device descriptor read/64, error -71"


def entry(source: str, message: str, age: float) -> str:
    """In systemd's Journal Export Format; `age` in seconds."""
    moment = int((time.time() - age) * 1_000_000)
    boot = BOOT.read_text().strip().replace("-", "")
    return (
        f"__REALTIME_TIMESTAMP={moment}\n__MONOTONIC_TIMESTAMP={moment % 10**9}\n_BOOT_ID={boot}\n{source}\n"
        f"PRIORITY=2\nMESSAGE={message}\n\n"
    )


def journal(folder: Path, *entries: str) -> SystemJournal:
    """`journalctl` reads this journal and no other."""
    path = folder / "test.journal"
    subprocess.run([REMOTE, f"--output={path}", "-"], input="".join(entries).encode(), check=True, capture_output=True)
    program = folder / "journalctl"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/journalctl --file={path} "$@"\n')
    program.chmod(0o755)
    return SystemJournal({"PATH": f"{folder}:{os.environ['PATH']}"})


async def both(seen: SystemJournal) -> tuple[frozenset[Said], frozenset[Said]]:
    return await seen.service(), await seen.kernel()


async def test_what_service_and_kernel_said_lately_is_heard_of_each(tmp_path: Path) -> None:
    seen = journal(tmp_path, entry(SERVICE, REFUSED, 60), entry(SERVICE, ACCESS, 50), entry(KERNEL, PORT, 40))
    assert await both(seen) == ({"refused", "forbidden"}, {"port_fault"})


async def test_what_was_said_long_ago_or_by_others_is_not_heard(tmp_path: Path) -> None:
    others = "_SYSTEMD_UNIT=other.service\n_TRANSPORT=stdout"
    seen = journal(tmp_path, entry(SERVICE, REFUSED, 7200), entry(others, ACCESS, 10), entry(KERNEL, PORT, 7200))
    assert await both(seen) == (frozenset(), frozenset())


async def test_a_journal_that_is_not_there_or_does_not_answer_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await both(SystemJournal({"PATH": str(tmp_path)})) == (frozenset(), frozenset())
    monkeypatch.setattr("agent.diagnostics.probes.journal._SECONDS", 0.3)
    program = tmp_path / "journalctl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    assert await both(SystemJournal({"PATH": f"{tmp_path}:{os.environ['PATH']}"})) == (frozenset(), frozenset())
