"""The backend of key files, the embedded default: PKCS#12 files in one folder, each with its certificates in clear.

    <folder>/<thumbprint>/key.p12            under the passphrase that the person gave when it was added
                          certificates.pem   the key's own certificate first; all that a listing reads
                          about.json         the file's own name, when it was added, the age of its passphrase

Folders are 0700 and files 0600. A key file comes whole or not at all: it is written beside and renamed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from agent.config import secure_folder, write_private
from agent.errors import (
    CertificateDamaged,
    FileUnreadable,
    FileUnwritable,
    LabelUnsuitable,
    OperationUnsupported,
    PeroError,
    TokenAbsent,
)
from agent.ipc import passphrase
from agent.ipc.pin import Ask, Pin
from agent.model import KEY_FILES, TokenState
from agent.tokens import about, key_file, messages, tasks
from agent.tokens.about import About
from agent.tokens.backend import Accept, ManyOperation, PinOperation
from agent.tokens.key_file_certificate import Installing, Requesting
from agent.tokens.key_file_signing import Signing, SigningMany, check_length
from agent.tokens.key_file_tasks import ChangingPassphrase, at_once, inventory
from agent.tokens.labels import LABEL_LIMIT, check_label

KEY, CERTIFICATES = "key.p12", "certificates.pem"
_UNFINISHED, _FORGOTTEN = ".new-", ".old-"
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_THUMBPRINT = 64  # hex digits
_SERIAL = 16  # hex digits of the thumbprint that stand for a serial number


class ContainerBackend:
    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = folder
        self._now = now

    def load(self) -> messages.Facts:
        secure_folder(self._folder)
        for left in (*self._folder.glob(f"{_UNFINISHED}*"), *self._folder.glob(f"{_FORGOTTEN}*")):
            shutil.rmtree(left, ignore_errors=True)
        for copy in self._folder.glob(f"{'?' * _THUMBPRINT}/{KEY}?*"):  # of a change that was cut short: mkstemp's name
            with contextlib.suppress(OSError):
                copy.unlink()
        return {"folder": str(self._folder)}

    def close(self) -> None:
        pass

    def listing(self) -> tuple[messages.TokenListing, ...]:
        return tuple(_listing(folder) for folder in sorted(self._folder.iterdir()) if len(folder.name) == _THUMBPRINT)

    def slots(self) -> tuple[int, ...]:
        return ()

    def sign(self, request: messages.Sign) -> PinOperation:
        return Signing(self._folder / request.thumbprint / KEY, request)

    def sign_many(self, request: messages.SignMany) -> ManyOperation:
        return SigningMany(self._folder / request.thumbprint / KEY, request)

    def manage(self, request: messages.Manage) -> PinOperation:
        if not isinstance(request.task, (tasks.ChangePin, tasks.WriteCertificate, tasks.MakeRequest)):
            raise OperationUnsupported(token=request.token.label, operation="PKCS#12")
        folder = self._folder_of(request)
        match request.task:
            case tasks.WriteCertificate():
                own, is_there = _read(folder)[0], (lambda thumbprint: (self._folder / thumbprint).exists())
                return Installing(folder / KEY, request, own, is_there, partial(self._keep_beside, folder))
            case tasks.MakeRequest():
                return Requesting(folder / KEY, request, _read(folder)[0])
            case _:
                return ChangingPassphrase(folder / KEY, request, _names(folder), lambda: self._note_change(folder))

    def manage_now(self, request: messages.Manage) -> messages.Done:
        folder = self._folder_of(request)
        if isinstance(request.task, tasks.ReadObjects):
            return inventory(request, list(_read(folder)))
        return at_once(request, lambda label: self._rename(folder, label), lambda: self.forget_key_file(folder.name))

    def _folder_of(self, request: messages.Manage) -> Path:
        """Raises TokenAbsent."""
        for folder in self._folder.iterdir():
            if len(folder.name) == _THUMBPRINT and folder.name[:_SERIAL] == request.token.serial:
                return folder
        raise TokenAbsent(token=request.token.label, module=KEY_FILES)

    def _rename(self, folder: Path, label: str) -> None:
        check_label(label)
        if not label.strip():
            raise LabelUnsuitable(limit=LABEL_LIMIT)
        known = about.read(folder) or About(file="", added=self._now())
        about.write(folder, msgspec.structs.replace(known, file=label.strip()))

    def _note_change(self, folder: Path) -> None:
        """The passphrase is a new one, and kept the rule. A record that cannot be written costs a reminder that comes
        too early."""
        now = self._now()
        known = about.read(folder) or About(file=folder.name, added=now)
        with contextlib.suppress(FileUnwritable):
            about.write(folder, msgspec.structs.replace(known, passphrase_set=now, weak=False))

    def _keep_beside(self, folder: Path, content: bytes, certificates: tuple[bytes, ...]) -> None:
        """Another key file with the same key, name and passphrase. Raises FileUnwritable."""
        known = about.read(folder) or About(file=_label(folder), added=self._now())
        files = {KEY: content, CERTIFICATES: _pem(certificates), about.ABOUT: msgspec.json.encode(known)}
        _store(self._folder, hashlib.sha256(certificates[0]).hexdigest(), files)

    def add_key_file(self, request: messages.AddKeyFile) -> PinOperation:
        return _Adding(self._folder, request, self._now)

    def forget_key_file(self, thumbprint: str) -> None:
        """Raises TokenAbsent where there is none."""
        folder = self._folder / thumbprint
        if len(thumbprint) != _THUMBPRINT or folder.parent != self._folder or not folder.is_dir():
            raise TokenAbsent(token=thumbprint, module=KEY_FILES)
        aside = self._folder / f"{_FORGOTTEN}{thumbprint}"
        try:
            folder.rename(aside)
            shutil.rmtree(aside)
        except OSError as error:
            raise FileUnwritable(path=str(folder), reason=error.strerror or "unwritable") from error


class _Adding:
    def __init__(self, folder: Path, request: messages.AddKeyFile, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._request = request
        self._now = now
        self._retry = False

    def ask(self) -> Ask:
        if not self._retry:
            key_file.check(self._request.content, self._request.name)
        return Ask(retry=self._retry, purpose="passphrase")

    def close(self) -> None:
        pass

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done:
        check_length(pin)
        self._retry = True
        content, name = self._request.content, self._request.name
        opened = key_file.open_file(content, pin.reveal(), name)
        accepted()
        if not key_file.is_strong(content):
            content = key_file.strengthened(content, pin.reveal(), name)
        thumbprint = hashlib.sha256(opened.certificates[0]).hexdigest()
        weak = bool(passphrase.faults(pin.reveal().decode(errors="replace"), (name, *owners(opened.certificates))))
        facts = msgspec.json.encode(About(file=name, added=self._now(), weak=weak))
        files = {KEY: content, CERTIFICATES: _pem(opened.certificates), about.ABOUT: facts}
        _store(self._folder, thumbprint, files)
        return messages.Done(self._request.id, tokens=(_listing(self._folder / thumbprint),))


def _store(folder: Path, thumbprint: str, files: dict[str, bytes]) -> None:
    target = folder / thumbprint
    if target.is_dir():  # added again, perhaps under another passphrase: each file is replaced whole
        for name, content in files.items():
            write_private(target / name, content)
        return
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    try:
        for name, content in files.items():
            write_private(unfinished / name, content)
        unfinished.rename(target)
    except OSError as error:
        raise FileUnwritable(path=str(target), reason=error.strerror or "unwritable") from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(unfinished)


def _listing(folder: Path) -> messages.TokenListing:
    """One key file, from its clear copy alone."""
    label = folder.name
    try:
        secure_folder(folder)
        label = _label(folder)
        certificates = _read(folder)
    except PeroError as error:
        return messages.TokenListing(_state(label, folder.name), (), error.name, error.facts)
    found = [
        messages.FoundCertificate(der, has_key=index == 0, listed=index == 0) for index, der in enumerate(certificates)
    ]
    return messages.TokenListing(_state(label, folder.name), tuple(found))


def _read(folder: Path) -> list[bytes]:
    """DER of the certificates. Raises FileUnreadable."""
    try:
        return _certificates((folder / CERTIFICATES).read_text("ascii"))
    except (OSError, ValueError) as error:
        raise FileUnreadable(path=str(folder / CERTIFICATES), reason=str(error)) from error


def _label(folder: Path) -> str:
    """The file's own name; without it the key file is still a key file."""
    known = about.read(folder)
    return known.file if known else folder.name


def _names(folder: Path) -> tuple[str, ...]:
    """What a new passphrase may have no part of. Damage costs the owner's name here, and is told by the listing."""
    with contextlib.suppress(FileUnreadable):
        return (_label(folder), *owners(tuple(_read(folder))))
    return (_label(folder),)


def owners(certificates: tuple[bytes, ...]) -> tuple[str, ...]:
    """The name of the owner of the first certificate, which is the key's own."""
    from agent.certificates.description import describe

    try:
        return (describe(certificates[0]).owner,)
    except CertificateDamaged:
        return ()


def _state(label: str, thumbprint: str) -> TokenState:
    return TokenState(label=label, serial=thumbprint[:_SERIAL], manufacturer="", model="", module=KEY_FILES)


def _pem(certificates: tuple[bytes, ...]) -> bytes:
    parts = []
    for der in certificates:
        text = base64.encodebytes(der).decode("ascii").replace("\n", "")
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        parts.append("\n".join((_BEGIN, *lines, _END, "")))
    return "".join(parts).encode("ascii")


def _certificates(pem: str) -> list[bytes]:
    """Raises ValueError where there is none."""
    found = [base64.b64decode(part.split(_END)[0], validate=False) for part in pem.split(_BEGIN)[1:]]
    if not found:
        raise ValueError("no certificate")
    return found
