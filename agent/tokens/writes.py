"""Certificates written beside their keys; labels changed; objects deleted."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from agent.errors import CertificateDamaged, KeyAbsent, ObjectExists, TokenFailed
from agent.tokens import key_templates, messages, objects, pkcs11, public_key, tasks
from agent.tokens.inventory import ObjectName, TokenObject
from agent.tokens.keys import certificates_of, private_key_of
from agent.tokens.labels import check_label, value_identifier
from agent.tokens.pkcs11 import Module, TokenInfo
from agent.tokens.public_key import PublicKey
from agent.tokens.work import Work
from agent.tokens.writing import WritableSession

# A token that does not know CKA_CERTIFICATE_CATEGORY says one of these
_UNKNOWN = ("CKR_ATTRIBUTE_TYPE_INVALID", "CKR_ATTRIBUTE_VALUE_INVALID", "CKR_TEMPLATE_INCONSISTENT")


class WritingCertificate:
    """Raises CertificateDamaged, LabelUnsuitable."""

    writes = True

    def __init__(self, task: tasks.WriteCertificate) -> None:
        self._task = task
        check_label(task.label)
        try:
            self._key: PublicKey = public_key.public_key(task.der)
            key_templates.certificate_template(task.der, task.label, b"", authority=task.authority)
        except (ValueError, IndexError) as error:
            raise CertificateDamaged(detail=type(error).__name__) from error

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        with module.session(slot, info.label) as session:
            _refuse_second(session, self._task.der, info.label)

    def act(self, work: Work) -> messages.Done:
        task, session = self._task, work.session
        _refuse_second(session, task.der, work.info.label)
        key = private_key_of(session, self._key, b"")
        if key is None and not task.authority:
            thumbprint = hashlib.sha256(task.der).hexdigest()
            raise KeyAbsent(thumbprint=thumbprint, token=work.info.label)
        identifier = key.identifier if key else value_identifier(self._key.value)
        with session.all_or_nothing():
            create_certificate(session, task.der, task.label, identifier, authority=task.authority)
            return messages.Done(work.number, made=(written(session, task.der, work.module.path),))


def _refuse_second(session: pkcs11.Session, der: bytes, token: str) -> None:
    for one, _, identifier, _ in certificates_of(session):
        if one == der:
            raise ObjectExists(token=token, kind="certificate", id=identifier.hex())


def create_certificate(session: WritableSession, der: bytes, label: str, identifier: bytes, *, authority: bool) -> None:
    """With its category where the token knows that attribute."""
    template = key_templates.certificate_template(der, label, identifier, authority=authority)
    try:
        session.create(template)
    except TokenFailed as error:
        if error.facts.get("return_code") not in _UNKNOWN:
            raise
        plain = key_templates.certificate_template(der, label, identifier, authority=authority, category=False)
        session.create(plain)


def written(session: WritableSession, der: bytes, module: str) -> TokenObject:
    """What the token made of a certificate; it must come out as it went in."""
    for one in objects.read_all(session):
        if one.der == der:
            return one
    raise TokenFailed(operation="C_CreateObject", return_code="CKA_VALUE", module=module)


class Renaming:
    """Raises LabelUnsuitable."""

    writes = True

    def __init__(self, name: ObjectName, label: str) -> None:
        self._name = name
        self._label = label
        check_label(label)

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        """The object may be one that is seen only after the login."""

    def act(self, work: Work) -> messages.Done:
        session, changed = work.session, []
        handles = objects.handles_of(session, self._name, work.info.label)
        before = [session.read(handle, (objects.LABEL,))[0] for handle in handles]
        try:
            for handle, label in zip(handles, before, strict=True):
                session.change(handle, [(objects.LABEL, self._label.encode())])
                changed.append((handle, label))
        except BaseException:
            for handle, label in changed:
                with suppress(Exception):  # the first failure is what is told
                    session.change(handle, [(objects.LABEL, _octets(label))])
            raise
        return messages.Done(work.number)


def _octets(label: pkcs11.Attribute) -> bytes:
    return label if isinstance(label, bytes) else str(label or "").encode()


class Deleting:
    """Keys first, their private halves before the public ones: where a token refuses, it refuses there, and nothing is
    gone yet."""

    writes = True

    def __init__(self, names: tuple[ObjectName, ...]) -> None:
        self._names = sorted(names, key=lambda name: ("key", "certificate", "data").index(name.kind))

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        """The objects may be such as are seen only after the login."""

    def act(self, work: Work) -> messages.Done:
        found = [objects.handles_of(work.session, name, work.info.label) for name in self._names]
        for handle in [handle for handles in found for handle in handles]:
            work.session.destroy(handle)
        return messages.Done(work.number)
