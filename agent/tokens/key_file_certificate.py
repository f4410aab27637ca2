"""Certificates for the key of a key file: the request for one, and the issued one put to the key.

The key file that there was stays as it is: its certificate may still be wanted, and the new one may begin later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from agent.algorithms import algorithm_named, new_digest
from agent.certificates import request as pkcs10
from agent.certificates.chain import chain_for
from agent.errors import CertificateDamaged, KeyAbsent, ObjectAbsent, ObjectExists, OperationUnsupported, TokenAbsent
from agent.ipc.pin import MAX_PIN, Ask, Pin
from agent.model import KEY_FILES
from agent.tokens import key_file, messages, objects, public_key, tasks
from agent.tokens.backend import Accept
from agent.tokens.inventory import ObjectName, TokenObject
from agent.tokens.key_file_signing import check_length

Keep = Callable[[bytes, tuple[bytes, ...]], None]  # PKCS#12 and its certificates in DER, the key's own first


class _Opening:
    """One passphrase, that of the file."""

    def __init__(self, path: Path, request: messages.Manage) -> None:
        self._path = path
        self._request = request
        self._retry = False

    def ask(self) -> Ask:
        if not self._path.is_file():
            raise TokenAbsent(token=self._request.token.label, module=KEY_FILES)
        return Ask(retry=self._retry, purpose="passphrase", minimum=1, maximum=MAX_PIN)

    def close(self) -> None:
        pass

    def _opened(self, pin: Pin) -> tuple[bytes, key_file.OpenedFile]:
        check_length(pin)
        self._retry = True
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise TokenAbsent(token=self._request.token.label, module=KEY_FILES) from error
        return content, key_file.open_file(content, pin.reveal(), self._request.token.label)


class Installing(_Opening):
    """Raises CertificateDamaged, KeyAbsent, ObjectExists before anything is asked.

    `own`: DER of the certificate that the key has; `is_there`: of a thumbprint, whether it is a key file already.
    """

    def __init__(
        self, path: Path, request: messages.Manage, own: bytes, is_there: Callable[[str], bool], keep: Keep
    ) -> None:
        super().__init__(path, request)
        assert isinstance(request.task, tasks.WriteCertificate)  # noqa: S101 - the caller looked
        self._task, self._keep = request.task, keep
        label = request.token.label
        if self._task.authority:
            raise OperationUnsupported(token=label, operation="PKCS#12")
        self._thumbprint = hashlib.sha256(self._task.der).hexdigest()
        if _key(self._task.der) != public_key.public_key(own):
            raise KeyAbsent(thumbprint=self._thumbprint, token=label)
        if is_there(self._thumbprint):
            raise ObjectExists(token=label, kind="certificate", id="")

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done:
        content, opened = self._opened(pin)
        accepted()
        der, label = self._task.der, self._request.token.label
        certificates = (der, *chain_for(der, (*self._task.chain, *opened.certificates[1:])))
        written = key_file.strengthened(content, pin.reveal(), label, certificates=certificates)
        key_file.open_file(written, pin.reveal(), label)
        self._keep(written, certificates)
        made = TokenObject(
            ObjectName("certificate", thumbprint=self._thumbprint),
            key_type=public_key.public_key(der).key_type,
            parameters=objects.certificate_parameters(der),
            has_key=True,
            der=der,
        )
        return messages.Done(self._request.id, made=(made,))


class Requesting(_Opening):
    """Raises SubjectInvalid, ObjectAbsent before anything is asked. `own`: as of Installing."""

    def __init__(self, path: Path, request: messages.Manage, own: bytes) -> None:
        super().__init__(path, request)
        assert isinstance(request.task, tasks.MakeRequest)  # noqa: S101 - the caller looked
        self._own = own
        task, key = request.task, public_key.public_key(own)
        if task.key.thumbprint not in ("", hashlib.sha256(key.value).hexdigest()):
            raise ObjectAbsent(token=request.token.label, kind=task.key.kind, id=task.key.id)
        self._algorithm = algorithm_named(pkcs10.ALGORITHMS[key.key_type])
        self._content = pkcs10.request_info(task.subject, task.extensions, public_key.info_of(own))

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done:
        _, opened = self._opened(pin)
        accepted()
        digest = new_digest(self._algorithm.digest.name, self._content).digest()
        signature = key_file.sign(opened.key, self._algorithm, digest)
        return messages.Done(self._request.id, request=self._content, signature=signature)


def _key(der: bytes) -> public_key.PublicKey:
    """Raises CertificateDamaged."""
    try:
        return public_key.public_key(der)
    except (ValueError, IndexError) as error:
        raise CertificateDamaged(detail=type(error).__name__) from error
