"""A service that refuses: a real polkitd decides, before a real pcscd; the client is an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from agent.diagnostics.probes.journal import heard
from tests.harness.places import ROOT
from tests.harness.polkit import CLIENT, Polkit, door, polkit
from tests.harness.virtual_reader import virtual_readers

PROGRAM = (
    f"CLIENT = {CLIENT}\n"
    + """
import asyncio, json, os, sys
from agent.diagnostics.checks import pcsc_service
from agent.diagnostics.probes.cards import PcscCards
from agent.diagnostics.probes.system import LinuxSystem
from tests.harness.diagnosed import Fake
from pathlib import Path
os.setgroups([]), os.setresgid(CLIENT, CLIENT, CLIENT), os.setresuid(CLIENT, CLIENT, CLIENT)
fake = Fake()
fake.cards, fake.system = PcscCards(os.environ), LinuxSystem(os.environ, Path(sys.argv[1]))
print(json.dumps([[one.case, one.status, dict(one.facts)] for one in asyncio.run(pcsc_service.CHECK.examine(fake))]))
"""
)


def found(environment: dict[str, str], root: Path, **more: str) -> list[Any]:
    """What pcsc.service tells an ordinary user, in a process of its own. `root`: holds /proc as the machine has it.

    It becomes that user once Python is there, which need not be readable to everybody.
    """
    order = [sys.executable, "-c", PROGRAM, str(root)]
    given = {"PATH": os.environ["PATH"], "HOME": "/", **environment, **more}
    done = subprocess.run(order, env=given, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert isinstance(told, list)
    return told


def hidden(root: Path) -> None:
    """As /proc/self/mounts is where /proc is mounted with hidepid: the real kernel writes it in a namespace."""
    order = "mount -t proc -o hidepid=2 proc /proc && cat /proc/self/mounts"
    said = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", order], capture_output=True, check=True)
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "mounts").write_bytes(said.stdout)


def test_who_is_refused_by_polkit_is_told_why_and_is_let_in_by_a_rule() -> None:
    with virtual_readers() as readers, polkit() as judge, tempfile.TemporaryDirectory(dir="/tmp") as name:
        root = Path(name)
        root.chmod(0o755)
        with door(judge, Path(readers.environment["PCSCLITE_CSOCK_NAME"])) as environment:
            _refusals(judge, environment, root)
            judge.admit()
            assert found(environment, root) == [["running", "ok", {"readers": 2}]]
            judge.forbid()
            assert found(environment, root)[0][0] == "refused"
            hidden(root)
            assert found(environment, root) == [["processes_hidden", "error", {}]]


def _refusals(judge: Polkit, environment: dict[str, str], root: Path) -> None:
    """Nobody's session is an active one, so that the action's own default refuses."""
    assert found(environment, root) == [["refused", "error", {}]]
    assert "refused" in heard("\n".join(judge.said))
    assert found(environment, root, SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22") == [
        ["refused_remote", "error", {"sign": "SSH_CONNECTION"}]
    ]
