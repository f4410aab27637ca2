"""A PIV card (NIST SP 800-73-4) played at APDU level to the virtual reader of vsmartcard's vpcd, as its own process.

``python -m tests.harness.virtual_card PORT FOLDER``: FOLDER holds NAME.pem (a private key) and NAME.der (its
certificate) for the slots of SLOTS. Orders come on standard input, one a line, and each is answered by a line:
``insert``, ``remove``, ``tries N`` (left of the PIN), ``puk N`` (left of the PUK), ``left`` (of both), ``fresh`` (PINs
and tries are those of the beginning), ``delay MS`` (before each answer), ``verified`` (how many VERIFY with a PIN the
card has seen). The card keeps its state while it is out of the reader.

It is its own process since the library that waits for the card may hold the interpreter's lock.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import socket
import sys
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

AID = bytes.fromhex("A00000030800001000")
PIN, PUK = b"123456", b"12345678"
TRIES = 3
_PADDED = 8  # bytes of a PIN in a command
SLOTS = {"authentication": (0x9A, 0x5FC105), "signature": (0x9C, 0x5FC10A), "management": (0x9D, 0x5FC10B)}
ALGORITHMS = {0x07: 2048, 0x11: 256, 0x14: 384}  # SP 800-78-4, table 6-2: bits of the key

_OK, _NO_FILE, _NOT_VERIFIED, _BLOCKED, _WRONG_DATA = 0x9000, 0x6A82, 0x6982, 0x6983, 0x6A80
_NO_INSTRUCTION, _WRONG_PLACE = 0x6D00, 0x6A86
_PART = 256  # bytes of an answer at a time


def atr() -> bytes:
    """ISO 7816-3: T=1, historical bytes `Pero1`."""
    body = bytes([0x85, 0x80, 0x01]) + b"Pero1"
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes([check])


def tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    else:
        length = b"\x81" + bytes([size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + length + value


def read_tlv(data: bytes) -> dict[int, bytes]:
    """Elements with tags of one byte."""
    found, position = {}, 0
    while position < len(data):
        tag, size = data[position], data[position + 1]
        position += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[position : position + count], "big")
            position += count
        found[tag] = data[position : position + size]
        position += size
    return found


class Card:
    """The card itself. `process` answers one command."""

    def __init__(self, folder: Path) -> None:
        self.tries = self.puk_tries = TRIES
        self.pin, self.puk = PIN.ljust(_PADDED, b"\xff"), PUK.ljust(_PADDED, b"\xff")
        self.delay = 0.0  # seconds
        self.verifications = 0
        self._verified = False
        self._keys: dict[int, object] = {}
        guid = secrets.token_bytes(16)
        fasc_n = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
        self._objects: dict[int, bytes] = {
            0x7E: tlv(0x7E, tlv(0x4F, AID) + tlv(0x5F2F, b"\x40\x00")),
            0x5FC102: tlv(0x53, tlv(0x30, fasc_n) + tlv(0x34, guid) + tlv(0x35, b"20991231") + b"\x3e\x00\xfe\x00"),
            0x5FC107: tlv(0x53, tlv(0xF0, b"\xa0\x00\x00\x01\x16\xff\x02" + secrets.token_bytes(14)) + b"\xfe\x00"),
        }
        for name, (reference, tag) in SLOTS.items():
            if (folder / f"{name}.pem").exists():
                self._keys[reference] = load_pem_private_key((folder / f"{name}.pem").read_bytes(), None)
                certificate = (folder / f"{name}.der").read_bytes()
                self._objects[tag] = tlv(0x53, tlv(0x70, certificate) + b"\x71\x01\x00\xfe\x00")
        self.reset()

    def reset(self) -> None:
        """Power was cut."""
        self._verified = self._fresh = False
        self._chained = self._rest = b""

    def process(self, command: bytes) -> bytes:
        time.sleep(self.delay)
        if command[1] == 0xC0:  # GET RESPONSE
            return self._part()
        data = command[5 : 5 + command[4]] if len(command) > 5 else b""
        if command[0] & 0x10:  # command chaining, ISO 7816-4 section 5.1.1
            self._chained += data
            return _OK.to_bytes(2, "big")
        data, self._chained = self._chained + data, b""
        answer, status = self._answer(command[1], command[2], command[3], data)
        if status != _OK:
            return status.to_bytes(2, "big")
        self._rest = answer
        return self._part()

    def _part(self) -> bytes:
        part, self._rest = self._rest[:_PART], self._rest[_PART:]
        return part + (
            bytes([0x61, len(self._rest) if len(self._rest) < _PART else 0]) if self._rest else _OK.to_bytes(2, "big")
        )

    def _answer(self, instruction: int, p1: int, p2: int, data: bytes) -> tuple[bytes, int]:
        match instruction:
            case 0xA4:
                return self._select(data)
            case 0xCB:
                return self._get(int.from_bytes(data[2 : 2 + data[1]], "big"))
            case 0x20:
                return b"", self._verify(p1, p2, data)
            case 0x24:
                return b"", self._change(p2, data)
            case 0x2C:
                return b"", self._unblock(p2, data)
            case 0x87:
                return self._authenticate(p1, p2, data)
        return b"", _NO_INSTRUCTION

    def _select(self, aid: bytes) -> tuple[bytes, int]:
        if len(aid) < 5 or not AID.startswith(aid[: len(AID)]):
            return b"", _NO_FILE
        return tlv(0x61, tlv(0x4F, AID[5:] + b"\x01\x00") + tlv(0x79, tlv(0x4F, AID[:5]))), _OK

    def _get(self, tag: int) -> tuple[bytes, int]:
        return (self._objects[tag], _OK) if tag in self._objects else (b"", _NO_FILE)

    def _verify(self, what: int, reference: int, data: bytes) -> int:
        if reference != 0x80 or what not in (0x00, 0xFF):
            return _WRONG_PLACE
        if what:  # forget that the PIN was verified (SP 800-73-4 part 2, section 3.2.1)
            self._verified = self._fresh = False
            return _OK
        if not data:  # asked for the state
            return _OK if self._verified else _BLOCKED if not self.tries else 0x63C0 | self.tries
        self.verifications += 1
        self._verified = self._fresh = False
        if not self.tries:
            return _BLOCKED
        if not hmac.compare_digest(data, self.pin):
            self.tries -= 1
            return 0x63C0 | self.tries if self.tries else _BLOCKED
        self.tries = TRIES
        self._verified = self._fresh = True
        return _OK

    def _change(self, reference: int, data: bytes) -> int:
        """CHANGE REFERENCE DATA of the PIN (SP 800-73-4 part 2, section 3.2.2)."""
        if reference != 0x80 or len(data) != 2 * _PADDED:
            return _WRONG_PLACE
        if not self.tries:
            return _BLOCKED
        if not hmac.compare_digest(data[:_PADDED], self.pin):
            self.tries -= 1
            return 0x63C0 | self.tries if self.tries else _BLOCKED
        return self._set(data[_PADDED:])

    def _unblock(self, reference: int, data: bytes) -> int:
        """RESET RETRY COUNTER by the PUK (section 3.2.3)."""
        if reference != 0x80 or len(data) != 2 * _PADDED:
            return _WRONG_PLACE
        if not self.puk_tries:
            return _BLOCKED
        if not hmac.compare_digest(data[:_PADDED], self.puk):
            self.puk_tries -= 1
            return 0x63C0 | self.puk_tries if self.puk_tries else _BLOCKED
        self.puk_tries = TRIES
        return self._set(data[_PADDED:])

    def _set(self, pin: bytes) -> int:
        """Six to eight digits (section 2.4.3)."""
        digits = pin.rstrip(b"\xff")
        if not digits.isdigit() or len(digits) < len(PIN):
            return _WRONG_DATA
        self.pin, self.tries = pin, TRIES
        return _OK

    def _authenticate(self, algorithm: int, reference: int, data: bytes) -> tuple[bytes, int]:
        """GENERAL AUTHENTICATE; the signature key wants a PIN right before it (SP 800-73-4 part 1, table 5)."""
        fresh, self._fresh = self._fresh, False
        key = self._keys.get(reference)
        if key is None:
            return b"", _WRONG_PLACE
        if not self._verified or (reference == SLOTS["signature"][0] and not fresh):
            return b"", _NOT_VERIFIED
        challenge = read_tlv(read_tlv(data).get(0x7C, b"")).get(0x81, b"")
        signature = _signed(key, ALGORITHMS.get(algorithm, 0), challenge)
        return (tlv(0x7C, tlv(0x82, signature)), _OK) if signature else (b"", _WRONG_DATA)


def _signed(key: object, bits: int, challenge: bytes) -> bytes:
    """RSA: the raw operation on a padded block. EC: ECDSA over a digest. Empty where key and command do not fit."""
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size != bits or len(challenge) != bits // 8:
            return b""
        numbers = key.private_numbers()
        return pow(int.from_bytes(challenge, "big"), numbers.d, numbers.public_numbers.n).to_bytes(bits // 8, "big")
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.key_size != bits:
        return b""
    digests = {20: hashes.SHA1(), 32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}
    digest = digests.get(len(challenge))
    return key.sign(challenge, ec.ECDSA(utils.Prehashed(digest))) if digest else b""


class InReader:
    """The connection to vpcd: it stands while the card is in the reader."""

    def __init__(self, card: Card, port: int) -> None:
        self._card = card
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def remove(self) -> None:
        with contextlib.suppress(OSError):  # the reader went away before
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        """Each message has its length before it, two bytes; one of one byte is about power."""
        with contextlib.suppress(ConnectionError), self._socket, self._socket.makefile("rb") as stream:
            while True:
                size = stream.read(2)
                message = stream.read(int.from_bytes(size, "big")) if len(size) == 2 else b""
                if not message:
                    return
                answer = self._card.process(message) if len(message) > 1 else self._power(message[0])
                if answer is not None:
                    try:
                        self._socket.sendall(len(answer).to_bytes(2, "big") + answer)
                    except OSError:
                        return

    def _power(self, order: int) -> bytes | None:
        """0: off, 1: on, 2: reset, 4: tell the ATR."""
        if order == 4:
            return atr()
        self._card.reset()
        return None


def main(port: int, folder: Path) -> None:
    card, place = Card(folder), None
    print("ready", flush=True)
    for line in sys.stdin:
        order, _, value = line.strip().partition(" ")
        answer = order
        match order:
            case "insert":
                place = InReader(card, port)
            case "remove" if place:
                place.remove()
                place = None
            case "tries":
                card.tries = int(value)
            case "puk":
                card.puk_tries = int(value)
            case "fresh":  # PINs and tries are those of the beginning
                card.tries = card.puk_tries = TRIES
                card.pin, card.puk = PIN.ljust(_PADDED, b"\xff"), PUK.ljust(_PADDED, b"\xff")
            case "left":
                answer = f"{card.tries} {card.puk_tries}"
            case "delay":
                card.delay = int(value) / 1000
            case "verified":
                answer = str(card.verifications)
        print(answer, flush=True)
    if place:
        place.remove()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
