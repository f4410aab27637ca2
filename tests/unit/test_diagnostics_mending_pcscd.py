"""A real pcscd that was stopped, mended by the command that the repair runs.

systemd runs on no machine of the tests: `systemctl` is a script that, for `restart`, starts the test's pcscd, and for
`enable` does what the real systemctl does to a folder (`--root`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.config import Locations, secure_folder
from agent.diagnostics.base import Finding
from agent.diagnostics.mending import offering
from agent.diagnostics.mending.base import Ground
from agent.diagnostics.mending.rights import Elevation
from tests.harness.places import ROOT
from tests.harness.virtual_reader import Readers, virtual_readers

PROGRAM = """
import asyncio, json, os
from agent.diagnostics.checks import pcsc_service
from agent.diagnostics.probes.cards import PcscCards
from tests.harness.diagnosed import Fake
fake = Fake()
fake.cards = PcscCards(os.environ)
(found,) = asyncio.run(pcsc_service.CHECK.examine(fake))
print(json.dumps([found.id, found.case, found.status]))
"""
UNITS = "usr/lib/systemd/system"


class NoAgent:
    async def start(self) -> None:
        raise AssertionError

    async def stop(self) -> bool:
        raise AssertionError


def found(readers: Readers) -> Finding:
    """What pcsc.service finds, in a process of its own: libpcsclite reads the name of the socket once."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **readers.environment}, cwd=ROOT, capture_output=True,
        timeout=120, check=True,
    )  # fmt: skip
    identifier, case, status = json.loads(done.stdout)
    return Finding(identifier, case, status)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    root, programs = tmp_path / "root", tmp_path / "programs"
    for folder in (root / "run/systemd/system", root / UNITS, root / "usr/bin", programs):
        folder.mkdir(parents=True)
    (root / UNITS / "pcscd.socket").write_text(
        "[Socket]\nListenStream=/run/pcscd/pcscd.comm\n[Install]\nWantedBy=sockets.target\n"
    )
    (root / UNITS / "sockets.target").write_text("[Unit]\n")
    (root / "usr/bin/systemctl").touch()
    script = programs / "systemctl"
    script.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/ran\n'
        f'case "$1" in enable|disable) exec /usr/bin/systemctl --root={root} "$1" "$3";; esac\n'
        f"echo go > {tmp_path}/go; cat {tmp_path}/started\n"
    )
    script.chmod(0o755)
    places = Locations(state=tmp_path / "state", runtime=tmp_path / "run")
    secure_folder(places.state)

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    rights = Elevation({}, terminal=False, user=0, folders=(str(programs), "/usr/bin", "/bin"))
    return Ground(places, {}, root, rights, NoAgent(), nothing, nothing, lambda: datetime.now(UTC))


async def test_a_service_that_was_stopped_runs_after_the_repair(ground: Ground, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    os.mkfifo(tmp_path / "go")
    with virtual_readers() as readers:
        assert found(readers).case == "running"
        daemon = readers._daemon
        assert daemon is not None
        daemon.kill()  # its socket stays
        readers.stop()
        broken = found(readers)
        assert broken.case == "stopped", "its socket is there and nobody serves it"

        def systemd() -> None:
            (tmp_path / "go").read_text()
            Path(readers.environment["PCSCLITE_CSOCK_NAME"]).unlink()
            readers.start()
            (tmp_path / "started").write_text("started")

        standing_in = threading.Thread(target=systemd, daemon=True)
        standing_in.start()
        (offered,) = await offering.offer([broken], ground)
        await offering.perform(offered, ground)
        standing_in.join(60)
        assert found(readers).case == "running"
    assert (tmp_path / "ran").read_text() == "restart pcscd.socket pcscd.service\n"


async def test_a_service_that_was_not_enabled_is_as_systemctl_tells(ground: Ground, tmp_path: Path) -> None:
    def enabled() -> str:
        done = subprocess.run(
            ["/usr/bin/systemctl", f"--root={ground.root}", "is-enabled", "pcscd.socket"], capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        return done.stdout.strip()

    assert enabled() == "disabled"
    (offered,) = await offering.offer([Finding("pcsc.service", "not_running", "error")], ground)
    record = await offering.perform(offered, ground)
    assert enabled() == "enabled"
    await offering.undo(record, ground)
    assert enabled() == "disabled"
    assert (tmp_path / "ran").read_text() == "enable --now pcscd.socket\ndisable --now pcscd.socket\n"
