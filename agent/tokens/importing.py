"""A PKCS#12 file onto a token: its passphrase first, then the PIN; key and certificates, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agent.algorithms import algorithm_named
from agent.errors import (
    AlgorithmUnsupported,
    Internal,
    KeyFileDamaged,
    KeyFileWithoutKey,
    MechanismUnsupported,
    ObjectExists,
    PassphraseIncorrect,
    PinIncorrect,
    PinLength,
    SignatureWrong,
)
from agent.ipc.pin import MAX_PIN, Ask, Pin
from agent.tokens import (
    key_file,
    key_signing,
    key_templates,
    mechanisms,
    messages,
    objects,
    pkcs11,
    public_key,
    tasks,
)
from agent.tokens.backend import Accept
from agent.tokens.gost_signing import Way
from agent.tokens.inventory import TokenObject
from agent.tokens.keys import certificates_of, keys_of
from agent.tokens.labels import value_identifier
from agent.tokens.mechanisms import GOST
from agent.tokens.pkcs11 import Module, TokenInfo
from agent.tokens.work import OneLogin, Work
from agent.tokens.writes import create_certificate

if TYPE_CHECKING:
    from agent.tokens.key_material import KeyMaterial


class Importing:
    """Raises KeyFileDamaged before anything is asked."""

    writes = True

    def __init__(self, module: Module, request: messages.Manage, task: tasks.ImportKeyFile) -> None:
        key_file.check(task.content, task.name)
        self._task = task
        self._material: KeyMaterial | None = None
        self._retry = False
        self._login = OneLogin(module, request, self)

    def ask(self) -> Ask:
        ask = self._login.ask()  # also before the passphrase: whether the token can be used at all
        return ask if self._material else Ask(purpose="passphrase", retry=self._retry, minimum=1, maximum=MAX_PIN)

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        if self._material:
            return self._login.attempt(pin, accepted)
        if not 0 < len(pin) <= MAX_PIN:
            raise PinLength(minimum=1, maximum=MAX_PIN)
        self._retry = True
        self._material = _opened(self._task.content, pin.reveal(), self._task.name)
        accepted()
        return None

    def close(self) -> None:
        self._material = None

    # the step of one login

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        if self._material:
            from agent.tokens.key_material import MECHANISMS

            offered = module.mechanisms(slot)
            if offered and MECHANISMS[self._material.key_type] not in offered:
                raise MechanismUnsupported(algorithm=self._material.key_type, token=info.label)

    def act(self, work: Work) -> messages.Done:
        session, key = work.session, self._material
        if key is None:  # a login comes after the passphrase
            raise Internal(detail="no key")
        missing, identifier = self._missing(work, key)
        label = self._task.name.rsplit(".", 1)[0][:64]
        with session.all_or_nothing():
            if pkcs11.PRIVATE_KEY in missing.halves:
                session.create([*key_templates.private_template(key.key_type, label, identifier), *key.private])
            if pkcs11.PUBLIC_KEY in missing.halves:
                session.create([*key_templates.public_template(key.key_type, label, identifier), *key.public])
            for content in missing.certificates:
                is_own = content == key.certificates[0]
                own = identifier if is_own else value_identifier(public_key.public_key(content).value)
                create_certificate(session, content, "", own, authority=not is_own)
            if key.key_type in GOST:
                self._prove(work, key, identifier)
            made = [one for one in objects.read_all(session) if _is_made(one, identifier, key)]
        return messages.Done(work.number, made=tuple(made))

    def _prove(self, work: Work, key: KeyMaterial, identifier: bytes) -> None:
        """A secret that is another's, or that the token read in another order, signs nothing that the certificate's
        key verifies. Raises SignatureWrong."""
        algorithm = algorithm_named(key.key_type)
        private = keys_of(work.session, pkcs11.PRIVATE_KEY, key.key_type)
        found = next(one for one in private if one.identifier == identifier)
        info, digest = public_key.info_of(key.certificates[0]), bytes(range(algorithm.digest.size))
        way = Way(mechanisms.CKM[algorithm.mechanism], False)
        job = key_signing.Job(algorithm, way, digest, b"", "", 0, lambda: info)
        _, order = key_signing.sign(work.session, found, job, work.secret, work.module.path)
        if not order:
            raise SignatureWrong(token=work.info.label)

    def _missing(self, work: Work, key: KeyMaterial) -> tuple[_Missing, bytes]:
        """What is not on the token yet, where one half or a certificate was deleted or an import was cut short; and the
        CKA_ID that the key has there, or will have. Raises ObjectExists where all is there, or an id is another's."""
        identifier, halves = value_identifier(key.value), []
        for kind in (pkcs11.PUBLIC_KEY, pkcs11.PRIVATE_KEY):  # many tokens show the value of the first alone
            of_kind = objects.halves(work.session, kind)
            same = [half for half in of_kind if half.key_type == key.key_type and _is_same(half, key, identifier)]
            if not same:
                halves.append(kind)
                if any(half.id == identifier for half in of_kind):
                    raise ObjectExists(token=work.info.label, kind="key", id=identifier.hex())
            else:
                identifier = same[0].id or identifier
        there = [der for der, _, _, _ in certificates_of(work.session)]
        certificates = [der for der in key.certificates if der not in there]
        if not halves and not certificates:
            raise ObjectExists(token=work.info.label, kind="key", id=identifier.hex())
        return _Missing(halves, certificates), identifier


class _Missing(NamedTuple):
    halves: list[int]  # classes
    certificates: list[bytes]  # DER


def _is_same(half: objects.Half, key: KeyMaterial, identifier: bytes) -> bool:
    """Of this key type: by its public value, or where it shows none by the id that is made of that."""
    return half.value == key.value if half.value else half.id == identifier


def _opened(content: bytes, passphrase: bytes, name: str) -> KeyMaterial:
    """RSA and EC keys, and GOST keys, of which `cryptography` knows nothing. Raises PassphraseIncorrect and the errors
    of files."""
    from agent.tokens import gost_key_file
    from agent.tokens.key_material import gost_material, material

    try:
        return material(key_file.open_file(content, passphrase, name))
    except (PinIncorrect, KeyFileDamaged, AlgorithmUnsupported) as error:
        try:
            return gost_material(gost_key_file.open_file(content, passphrase, name))
        except (KeyFileWithoutKey, KeyFileDamaged, AlgorithmUnsupported):
            if isinstance(error, PinIncorrect):  # a file that only the first one reads
                raise PassphraseIncorrect(file=name) from error
            raise error from None


def _is_made(one: TokenObject, identifier: bytes, key: KeyMaterial) -> bool:
    return one.der in key.certificates or (one.name.kind == "key" and one.name.id == identifier.hex())
