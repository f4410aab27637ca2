"""Readers of a real pcscd as the doctor tells them: a card held by another program, one that does not answer."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from tests.harness.keyfiles import make_identity
from tests.harness.places import ROOT
from tests.harness.virtual_card import atr
from tests.harness.virtual_reader import Readers, virtual_readers

EXAMINE = """
import asyncio, json, os
from agent.diagnostics.checks import modules_device, pcsc_readers
from agent.diagnostics.probes.cards import PcscCards
from tests.harness.diagnosed import Fake
fake = Fake()
fake.cards, fake.known_modules = PcscCards(os.environ), []
async def examine():
    return [*await pcsc_readers.CHECK.examine(fake), *await modules_device.CHECK.examine(fake)]
print(json.dumps([[one.id, one.case, one.status] for one in asyncio.run(examine())]))
"""
# SCardConnect with SCARD_SHARE_EXCLUSIVE (1) and any protocol, held until the input ends (winscard.h of pcsc-lite).
HOLD = """
import ctypes, sys
library = ctypes.CDLL("libpcsclite.so.1")
context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
assert library.SCardEstablishContext(2, None, None, ctypes.byref(context)) == 0
name = sys.argv[1].encode()
connect = library.SCardConnect
connect.argtypes = [ctypes.c_long, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p]
assert connect(context, name, 1, 3, ctypes.byref(card), ctypes.byref(protocol)) == 0
print("held", flush=True)
sys.stdin.read()
"""
FIRST, SECOND = "pcsc.readers", "modules.device"


def examined(readers: Readers) -> list[Any]:
    """In a process of its own: libpcsclite reads the name of the socket once."""
    done = subprocess.run(
        [sys.executable, "-c", EXAMINE], env={**os.environ, **readers.environment}, cwd=ROOT,
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert isinstance(told, list)
    return told


def until(readers: Readers, wanted: list[str]) -> list[Any]:
    """What is told once this is among it: pcscd looks at its slots in its own time."""
    for _ in range(60):
        told = examined(readers)
        if wanted in told:
            return told
    raise AssertionError(told)


@contextlib.contextmanager
def held(readers: Readers, reader: str) -> Iterator[None]:
    """Another program has taken the card in this reader for itself."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, reader], env={**os.environ, **readers.environment},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == b"held"
        yield
    finally:
        process.communicate()


@contextlib.contextmanager
def mute_card(readers: Readers) -> Iterator[None]:
    """A card in the first slot that is there, and does not answer once it has power (vpcd: 4 asks for the answer to
    reset, by which it also looks whether there is a card; 1 and 2 give it power)."""
    with socket.create_connection(("127.0.0.1", readers.port)) as slot:

        def serve() -> None:
            has_power = False
            with contextlib.suppress(OSError):
                while size := slot.recv(2):
                    order = slot.recv(int.from_bytes(size, "big"))
                    if order == b"\x04":
                        answer = bytes(60) if has_power else atr()  # longer than any (ISO 7816-3 section 8.2)
                        slot.sendall(len(answer).to_bytes(2, "big") + answer)
                        has_power = False
                    else:
                        has_power = order in (b"\x01", b"\x02")

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        slot.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_card_that_another_program_keeps_to_itself_is_told_until_it_is_let_go() -> None:
    with virtual_readers() as readers:
        readers.card({"authentication": make_identity("p256")}).insert()
        told = until(readers, [FIRST, "card", "ok"])
        assert [SECOND, "not_recognized", "warning"] in told, (
            "the card of the tests is of no vendor, and no module looks"
        )
        with held(readers, readers.names[0]):
            told = examined(readers)
            assert [FIRST, "taken", "error"] in told
            assert [SECOND, "no_device", "not_applicable"] in told, "one red line"
        until(readers, [FIRST, "card", "ok"])


def test_a_card_that_does_not_answer_is_told_and_goes() -> None:
    with virtual_readers() as readers:
        with mute_card(readers):
            until(readers, [FIRST, "mute", "error"])
        until(readers, [FIRST, "empty", "warning"])
