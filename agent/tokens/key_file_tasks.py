"""What can be done with a key file besides signing: look, change its passphrase, give it another name, delete it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from agent.errors import FileUnwritable, OperationUnsupported, PassphraseWeak, PinIncorrect, PinLength, TokenAbsent
from agent.ipc import passphrase
from agent.ipc.pin import MAX_PIN, Ask, Pin
from agent.model import KEY_FILES
from agent.tokens import key_file, messages, objects, public_key, tasks
from agent.tokens.backend import Accept
from agent.tokens.inventory import ObjectName, TokenObject, TokenObjects


def inventory(request: messages.Manage, certificates: list[bytes]) -> messages.Done:
    """The key (a file has one) and its certificates, the key's own first."""
    found = [_certificate(der, own=index == 0) for index, der in enumerate(certificates)]
    key = public_key.public_key(certificates[0])
    keys = TokenObject(
        ObjectName("key", thumbprint=hashlib.sha256(key.value).hexdigest()),
        label=request.token.label,
        key_type=key.key_type,
        parameters=objects.certificate_parameters(certificates[0]),
        has_key=True,
        certificates=(found[0].name.thumbprint,),
    )
    return messages.Done(request.id, inventory=TokenObjects(request.token, (*found, keys), complete=True))


def _certificate(der: bytes, *, own: bool) -> TokenObject:
    key_type = ""
    with contextlib.suppress(ValueError, IndexError):
        key_type = public_key.public_key(der).key_type
    return TokenObject(
        ObjectName("certificate", thumbprint=hashlib.sha256(der).hexdigest()),
        key_type=key_type,
        parameters=objects.certificate_parameters(der),
        has_key=own,
        authority=not own,
        der=der,
    )


class ChangingPassphrase:
    """The file is encrypted anew, written beside the old one, read back and opened; only then it takes its place.

    `names`: of the file and its owner, of which the new passphrase has no part. `changed` is called when it is done.
    """

    def __init__(
        self, file: Path, request: messages.Manage, names: tuple[str, ...], changed: Callable[[], None]
    ) -> None:
        self._file = file
        self._request = request
        self._names = names
        self._changed = changed
        self._old: Pin | None = None
        self._retry = False

    def ask(self) -> Ask:
        if not self._file.is_file():
            raise TokenAbsent(token=self._request.token.label, module=KEY_FILES)
        if self._old:
            return Ask(purpose="new_pin", minimum=1, maximum=MAX_PIN, names=self._names)
        return Ask(purpose="passphrase", retry=self._retry, minimum=1, maximum=MAX_PIN)

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        if not 0 < len(pin) <= MAX_PIN:
            raise PinLength(minimum=1, maximum=MAX_PIN)
        try:
            content = self._file.read_bytes()
        except OSError as error:
            raise TokenAbsent(token=self._request.token.label, module=KEY_FILES) from error
        label = self._request.token.label
        try:
            if self._old is None:
                key_file.open_file(content, pin.reveal(), label)
                self._old = Pin(bytearray(pin.reveal()))
                accepted()
                return None
            self._judge(pin)
            anew = key_file.strengthened(content, self._old.reveal(), label, new=pin.reveal())
        except PinIncorrect:
            self._retry = True
            self.close()
            raise
        replace_checked(self._file, anew, lambda written: key_file.open_file(written, pin.reveal(), label))
        self._changed()
        accepted()
        return messages.Done(self._request.id)

    def _judge(self, pin: Pin) -> None:
        """Raises PassphraseWeak. Of octets that are no UTF-8 the letters that can be read count."""
        faults = passphrase.faults(pin.reveal().decode(errors="replace"), self._names)
        if faults:
            raise PassphraseWeak(faults=",".join(faults), minimum=passphrase.LEAST)

    def close(self) -> None:
        if self._old:
            self._old.wipe()
        self._old = None


def replace_checked(path: Path, content: bytes, check: Callable[[bytes], object]) -> None:
    """Put a file of mode 0600 in the place of another, once what was written was read again and `check` took it. What
    stood there stays until then. Raises FileUnwritable, and what `check` raises."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        read = Path(temporary).read_bytes()
        if read != content:
            raise FileUnwritable(path=str(path), reason=os.strerror(errno.EIO))
        check(read)
        os.replace(temporary, path)  # noqa: PTH105 - as the rest of the file system's words here
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def at_once(request: messages.Manage, rename: Callable[[str], None], forget: Callable[[], None]) -> messages.Done:
    """Tasks that need no passphrase. Raises OperationUnsupported."""
    match request.task:
        case tasks.Rename(label=label):
            rename(label)
        case tasks.Delete():
            forget()
        case _:
            raise OperationUnsupported(token=request.token.label, operation="PKCS#12")
    return messages.Done(request.id)
