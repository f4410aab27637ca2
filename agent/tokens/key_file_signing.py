"""Signatures by a key file: one, or many with the key decrypted once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.algorithms import algorithm_named
from agent.errors import KeyFileDamaged, PinCancelled, PinLength, TokenAbsent
from agent.ipc.pin import MAX_PIN, Ask, Pin
from agent.model import KEY_FILES
from agent.tokens import key_file, messages
from agent.tokens.backend import Accept


class Signing:
    """Decrypts the key for one signature."""

    def __init__(self, path: Path, request: messages.Sign | messages.SignMany) -> None:
        self._path = path
        self._request = request
        self._algorithm = algorithm_named(request.algorithm)
        self._retry = False

    def ask(self) -> Ask:
        if not self._path.is_file():
            raise TokenAbsent(token=self._request.token.label, module=KEY_FILES)
        return Ask(retry=self._retry, purpose="passphrase")

    def close(self) -> None:
        pass

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done:
        opened = self.opened(pin, accepted)
        assert isinstance(self._request, messages.Sign)  # noqa: S101 - the other one is _SigningMany's
        signature = key_file.sign(opened.key, self._algorithm, self._request.digest)
        return messages.Done(self._request.id, signature=signature)

    def opened(self, pin: Pin, accepted: Accept) -> key_file.OpenedFile:
        check_length(pin)
        self._retry = True
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise TokenAbsent(token=self._request.token.label, module=KEY_FILES) from error
        opened = key_file.open_file(content, pin.reveal(), self._request.token.label)
        if opened.certificates[0] != self._request.certificate:
            raise KeyFileDamaged(file=self._request.token.label)
        accepted()
        return opened


class SigningMany:
    """Decrypts the key once; it is kept until the last signature."""

    def __init__(self, path: Path, request: messages.SignMany) -> None:
        self._one = Signing(path, request)
        self._algorithm = algorithm_named(request.algorithm)
        self._key: key_file.OpenedFile | None = None

    def ask(self) -> Ask:
        return self._one.ask()

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        self._key = self._one.opened(pin, accepted)
        return None

    def sign(self, digests: tuple[bytes, ...], octets: tuple[bytes, ...]) -> Iterator[tuple[bytes, str]]:
        if self._key is None:  # nobody signs before a passphrase opened it
            raise PinCancelled
        for digest in digests:
            yield key_file.sign(self._key.key, self._algorithm, digest), ""

    def close(self) -> None:
        self._key = None


def check_length(pin: Pin) -> None:
    """A key file without a passphrase would be a key in clear: it is not taken."""
    if not 0 < len(pin) <= MAX_PIN:
        raise PinLength(minimum=1, maximum=MAX_PIN)
