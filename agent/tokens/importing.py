"""A PKCS#12 file onto a token: its passphrase first, then the PIN; key and certificates, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Internal, MechanismUnsupported, ObjectExists, PassphraseIncorrect, PinIncorrect, PinLength
from agent.ipc.pin import MAX_PIN, Ask, Pin
from agent.tokens import key_file, key_templates, messages, objects, pkcs11, public_key, tasks
from agent.tokens.backend import Accept
from agent.tokens.inventory import TokenObject
from agent.tokens.keys import certificates_of
from agent.tokens.labels import value_identifier
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
        from agent.tokens.key_material import material

        self._retry = True
        try:
            self._material = material(key_file.open_file(self._task.content, pin.reveal(), self._task.name))
        except PinIncorrect as error:
            raise PassphraseIncorrect(file=self._task.name) from error
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
        identifier = value_identifier(key.value)
        self._refuse_taken(work, key, identifier)
        there = [der for der, _, _, _ in certificates_of(session)]
        label = self._task.name.rsplit(".", 1)[0][:64]
        with session.all_or_nothing():
            session.create([*key_templates.private_template(key.key_type, label, identifier), *key.private])
            session.create([*key_templates.public_template(key.key_type, label, identifier), *key.public])
            for index, content in enumerate(key.certificates):
                if content not in there:
                    own = identifier if index == 0 else value_identifier(public_key.public_key(content).value)
                    create_certificate(session, content, "", own, authority=index > 0)
            made = [one for one in objects.read_all(session) if _is_made(one, identifier, key)]
        return messages.Done(work.number, made=tuple(made))

    def _refuse_taken(self, work: Work, key: KeyMaterial, identifier: bytes) -> None:
        for kind in (pkcs11.PRIVATE_KEY, pkcs11.PUBLIC_KEY):
            for half in objects.halves(work.session, kind):
                if half.id == identifier or (half.key_type == key.key_type and half.value == key.value):
                    raise ObjectExists(token=work.info.label, kind="key", id=half.id.hex())


def _is_made(one: TokenObject, identifier: bytes, key: KeyMaterial) -> bool:
    return one.der in key.certificates or (one.name.kind == "key" and one.name.id == identifier.hex())
