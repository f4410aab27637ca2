"""The PC/SC service as a real pcscd with a virtual card shows it: started, card in, card out, stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.harness.keyfiles import make_identity
from tests.harness.places import ROOT
from tests.harness.virtual_reader import Readers, virtual_readers

PROGRAM = """
import asyncio, json, os
from agent.diagnostics.probes.cards import PcscCards
view = asyncio.run(PcscCards(os.environ).view())
print(json.dumps([view.outcome, [[reader.empty, reader.mute, reader.atr.hex()] for reader in view.readers]]))
"""
EMPTY = [True, False, ""]


def seen(readers: Readers) -> list[Any]:
    """In a process of its own: libpcsclite reads the name of the socket once."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **readers.environment}, cwd=ROOT,
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert isinstance(told, list)
    return told


def until(readers: Readers, first: list[Any]) -> list[Any]:
    """What is seen once the first slot is so: pcscd looks at its slots in its own time."""
    for _ in range(60):
        told = seen(readers)
        if told[1][0][:2] == first:
            return told
    raise AssertionError(told)


def test_the_service_and_its_card_are_seen_as_they_are() -> None:
    with virtual_readers() as readers:
        assert seen(readers) == ["running", [EMPTY, EMPTY]]
        card = readers.card({"authentication": make_identity("p256")})
        card.insert()
        outcome, states = until(readers, [False, False])
        assert (outcome, states[1]) == ("running", EMPTY)
        assert states[0][2].startswith("3b")
        assert card.verifications == 0
        card.remove()
        until(readers, EMPTY[:2])
        readers.stop()
        assert seen(readers)[0] in ("no_socket", "stopped")
        readers.start()
        assert seen(readers)[0] == "running"
