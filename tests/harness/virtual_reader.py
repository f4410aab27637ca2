"""A real pcscd of the test's own, with virtual readers (vsmartcard's vpcd) and PIV cards for them.

pcscd keeps its socket in a folder of the test (tests/tokens/own_pcscd.c), so that it disturbs none that runs on the
machine and no other test run; clients find it by PCSCLITE_CSOCK_NAME.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.harness.keyfiles import Identity
from tests.harness.places import ROOT
from tests.harness.virtual_card import SLOTS

OPENSC = "opensc-pkcs11.so"
DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
_DAEMON = "/usr/sbin/pcscd"
_START = 20.0  # seconds


class Card:
    """A card's process and what it holds. Every order waits for its answer."""

    def __init__(self, port: int, folder: Path, identities: dict[str, Identity]) -> None:
        self.identities = identities
        folder.mkdir()
        for name, identity in identities.items():
            assert name in SLOTS
            (folder / f"{name}.pem").write_bytes(identity.key_pem)
            (folder / f"{name}.der").write_bytes(identity.der)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.virtual_card", str(port), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        self._answer("ready")

    def insert(self) -> None:
        self._say("insert")

    def remove(self) -> None:
        self._say("remove")

    def set_tries(self, left: int) -> None:
        self._say(f"tries {left}", "tries")

    def set_puk_tries(self, left: int) -> None:
        self._say(f"puk {left}", "puk")

    def freshen(self) -> None:
        """PINs and tries are those of the beginning."""
        self._say("fresh")

    @property
    def tries_left(self) -> tuple[int, int]:
        """Of the PIN, of the PUK."""
        pin, puk = self._say("left", None).split()
        return int(pin), int(puk)

    def set_delay(self, milliseconds: int) -> None:
        """Before each answer of the card."""
        self._say(f"delay {milliseconds}", "delay")

    @property
    def verifications(self) -> int:
        """How many PINs the card was given so far."""
        return int(self._say("verified", None))

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _say(self, order: str, answer: str | None = "") -> str:
        assert self._process.stdin
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._answer(order if answer == "" else answer)

    def _answer(self, wanted: str | None) -> str:
        assert self._process.stdout
        said = self._process.stdout.readline().strip()
        assert said if wanted is None else said == wanted, f"the card said {said!r}"
        return said


class Readers:
    """pcscd with one configured reader, which has two slots."""

    def __init__(self, folder: Path) -> None:
        for needed in (_DAEMON, DRIVER):
            assert Path(needed).exists(), f"{needed} is missing: install the packages pcscd and vsmartcard-vpcd"
        subprocess.run(["make", "-s", "-C", str(ROOT / "tests" / "tokens")], check=True)
        self._folder = folder
        self._port = _two_free_ports()
        (folder / "conf").mkdir()
        (folder / "run").mkdir()
        (folder / "conf" / "virtual").write_text(
            f'FRIENDLYNAME "Pero Virtual"\nDEVICENAME /dev/null:0x{self._port:X}\nLIBPATH {DRIVER}\n'
            f"CHANNELID 0x{self._port:X}\n"
        )
        self._daemon: subprocess.Popen[bytes] | None = None
        self._cards: list[Card] = []

    names = ("Pero Virtual 00 00", "Pero Virtual 00 01")

    @property
    def port(self) -> int:
        """On loopback, where cards of the first slot come in (vpcd's protocol); the second slot's is the next one."""
        return self._port

    @property
    def environment(self) -> dict[str, str]:
        """What clients of this pcscd need."""
        return {"PCSCLITE_CSOCK_NAME": str(self._folder / "run" / "pcscd.comm")}

    def start(self) -> None:
        """Returns when pcscd says that it is ready. It must be ours: another one would have taken the ports."""
        assert self._daemon is None
        preload = {"LD_PRELOAD": str(ROOT / "build" / "tokens" / "own_pcscd.so")}
        self._daemon = subprocess.Popen(
            [_DAEMON, "--foreground", "--info", "--config", str(self._folder / "conf")],
            env={**os.environ, **preload, "PERO_PCSCD_DIR": str(self._folder / "run")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = _until(self._daemon, b"daemon ready")
        if b"daemon ready" not in said:
            self.stop()
            raise AssertionError(f"pcscd did not start: {said.decode(errors='replace')}")
        (self._folder / "log").write_bytes(said)
        _drain(self._daemon)

    def stop(self) -> None:
        if self._daemon:
            self._daemon.send_signal(signal.SIGTERM)
            try:
                self._daemon.wait(10)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
            self._daemon = None

    def card(self, identities: dict[str, Identity], slot: int = 0) -> Card:
        """A card that is not yet in its reader. `identities`: by names of virtual_card.SLOTS."""
        card = Card(self._port + slot, self._folder / f"card-{len(self._cards)}", identities)
        self._cards.append(card)
        return card

    def close(self) -> None:
        for card in self._cards:
            card.close()
        self.stop()


def own_folder() -> Path:
    """Of the readers of this process."""
    return Path(tempfile.gettempdir()) / f"pero-pcsc-{os.getpid()}"


@contextlib.contextmanager
def virtual_readers() -> Iterator[Readers]:
    """Running readers, gone at the end.

    Their folder is the same each time, since libpcsclite reads the name of the socket once in a process; and it is
    made here, since that name has to be short.
    """
    folder = own_folder()
    folder.mkdir(mode=0o700)
    readers = Readers(folder)
    try:
        readers.start()
        yield readers
    finally:
        readers.close()
        shutil.rmtree(folder)


def _two_free_ports() -> int:
    """The first of two ports in a row; vpcd listens on one for each slot."""
    for port in range(36100 + os.getpid() % 1000 * 2, 60000, 2):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for number in (port, port + 1):
                stack.enter_context(socket.socket()).bind(("0.0.0.0", number))
            return port
    raise AssertionError("no two ports in a row are free")


def _until(process: subprocess.Popen[bytes], wanted: bytes) -> bytes:
    """What a process said until a word came, or it ended, or it took too long."""
    assert process.stdout
    said = b""
    while wanted not in said:
        ready, _, _ = select.select([process.stdout], [], [], _START)
        part = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not part:
            break
        said += part
    return said


def _drain(process: subprocess.Popen[bytes]) -> None:
    """Nobody reads on: its further words go nowhere, and it is not stopped by a full pipe."""
    import threading

    def read() -> None:
        assert process.stdout
        with process.stdout as stream:
            while stream.read(4096):
                pass

    threading.Thread(target=read, daemon=True).start()
