"""Another program that uses a token: logged in, with a session open, signing without an end. It knows nothing of Pero.

``python -m tests.harness.other_program MODULE LABEL MECHANISM ID``; the PIN is the first line of standard input. It
answers ``ready`` as soon as it has signed once; with an empty line for a PIN it loads the module and does no more.
Then a line each, answered by one line: ``report`` (JSON: signatures, the calls that failed, the states its session was
in), ``look`` (JSON: every object that it sees, on all tokens), ``logout``, ``leave`` (all is closed; the program ends).
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import PyKCS11

from tests.harness.places import ROOT

DIGEST = bytes(range(32))


class Program:
    """What runs in the other process."""

    def __init__(self, module: str, mechanism: str) -> None:
        self._library = PyKCS11.PyKCS11Lib()
        self._library.load(module)
        self._mechanism = PyKCS11.Mechanism(int(mechanism, 0), None)
        self._session: Any = None
        self._looking: dict[str, Any] = {}  # sessions, by labels of tokens
        self.is_signing = False
        self.pause = 0.0  # seconds; pcscd looks only ten times a second whether a card is free for who waits
        self.signatures = 0
        self.failures: list[str] = []
        self.states: set[int] = set()

    def log_in(self, label: str, identifier: str, pin: str) -> None:
        slot = next(slot for slot in self._slots() if self._label(slot) == label)
        self._session = self._library.openSession(slot, PyKCS11.CKF_SERIAL_SESSION)
        self._session.login(pin)
        wanted = [(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_ID, bytes.fromhex(identifier))]
        (self._key,) = self._session.findObjects(wanted)
        self.is_signing = True
        self.sign()

    def _slots(self) -> list[int]:
        return list(self._library.getSlotList(tokenPresent=True))

    def _label(self, slot: int) -> str:
        return str(self._library.getTokenInfo(slot).label.strip(" \0"))

    def _is_initialized(self, slot: int) -> bool:
        return bool(self._library.getTokenInfo(slot).flags & PyKCS11.CKF_TOKEN_INITIALIZED)

    def look(self) -> list[str]:
        """In sessions that stay open."""
        if not self._looking:
            for slot in filter(self._is_initialized, self._slots()):
                self._looking[self._label(slot)] = self._library.openSession(slot, PyKCS11.CKF_SERIAL_SESSION)
        seen = []
        for label, session in self._looking.items():
            for handle in session.findObjects():
                kind, name = session.getAttributeValue(handle, [PyKCS11.CKA_CLASS, PyKCS11.CKA_ID])
                seen.append(f"{label}: {kind} {bytes(name or ()).hex()}")
        return sorted(seen)

    def sign(self) -> None:
        self.states.add(int(self._session.getSessionInfo().state))
        begin = time.monotonic()
        try:
            self._session.sign(self._key, DIGEST, self._mechanism)
            self.signatures += 1
        except PyKCS11.PyKCS11Error as error:
            self.failures.append(str(error))
        self.pause = 15 * (time.monotonic() - begin)

    def obey(self, order: str) -> str:
        if order == "report":
            return json.dumps([self.signatures, self.failures[:5], sorted(self.states)])
        if order == "logout":
            self.is_signing = False
            self._session.logout()
        elif order == "look":
            return json.dumps(self.look())
        elif order == "leave":
            self._library.unload()
        return "done"

    def run(self) -> None:
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([sys.stdin], [], [], self.pause if self.is_signing else None)
            if readable:
                order = sys.stdin.readline().strip()
                print(self.obey(order), flush=True)
                if order in ("leave", ""):
                    return
            if self.is_signing:
                self.sign()


class Report:
    def __init__(self, told: str) -> None:
        self.signatures: int
        self.failures: list[str]
        self.states: list[int]
        self.signatures, self.failures, self.states = json.loads(told)


class OtherProgram:
    """Its near end. Every order waits for the answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self, order: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def report(self) -> Report:
        return Report(self.says("report"))

    def look(self) -> list[str]:
        return list(json.loads(self.says("look")))


@contextmanager
def other_program(
    module: str, label: str = "", mechanism: int = 0, pin: str = "", identifier: str = "01"
) -> Iterator[OtherProgram]:
    """Running until the block ends; with a PIN it is logged in and signs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.other_program", module, label, hex(mechanism), identifier],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    program = OtherProgram(process)
    try:
        assert program.says(pin) == "ready"
        yield program
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    module, label, mechanism, identifier = sys.argv[1:]
    program, pin = Program(module, mechanism), sys.stdin.readline().rstrip("\n")
    if pin:
        program.log_in(label, identifier, pin)
    program.run()


if __name__ == "__main__":
    main()
