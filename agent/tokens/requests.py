"""Certification requests, signed by the key that they are for."""

from __future__ import annotations

from agent.algorithms import algorithm_named, new_digest
from agent.certificates import request as pkcs10
from agent.errors import MechanismUnsupported, ObjectAbsent
from agent.tokens import gost_signing, key_signing, matching, messages, objects, pkcs11, public_key, tasks
from agent.tokens.inventory import ObjectName
from agent.tokens.key_info import key_info
from agent.tokens.keys import certificates_of
from agent.tokens.objects import Half
from agent.tokens.pkcs11 import Module, TokenInfo
from agent.tokens.work import Work


class Requesting:
    """Raises SubjectInvalid."""

    writes = False

    def __init__(self, task: tasks.MakeRequest) -> None:
        self._task = task
        pkcs10.subject_name(task.subject)
        pkcs10.requested(task.extensions)

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        """Whether the key is there is known after the login."""

    def act(self, work: Work) -> messages.Done:
        private, key_type, info = self._key(work)
        algorithm = algorithm_named(pkcs10.ALGORITHMS[key_type])
        content = pkcs10.request_info(self._task.subject, self._task.extensions, info)
        digest = new_digest(algorithm.digest.name, content).digest()
        way = gost_signing.way(algorithm, work.module.mechanisms(work.slot), content)
        if way is None:
            raise MechanismUnsupported(algorithm=algorithm.name, token=work.info.label)
        job = key_signing.Job(
            algorithm, way, digest, content, self._task.digest_order, public_key.key_of(info).field_size, lambda: info
        )
        key = matching.TokenKey(
            private.handle, private.id, matching.CKK[key_type], private.value, self._always(work, private)
        )
        signature, order = key_signing.sign(work.session, key, job, work.secret, work.module.path)
        return messages.Done(work.number, request=content, signature=signature, digest_order=order)

    def _key(self, work: Work) -> tuple[Half, str, bytes]:
        """The private half, its type, DER of its SubjectPublicKeyInfo. Raises ObjectAbsent, MechanismUnsupported."""
        name = self._task.key
        for private, public in objects.key_pairs(work.session, name):
            if private is None or private.key_type not in pkcs10.ALGORITHMS:
                continue
            info = key_info(private.key_type, public or private) or self._certified(work, private, name)
            if info:
                return private, private.key_type, info
            raise MechanismUnsupported(algorithm=private.key_type, token=work.info.label)
        raise ObjectAbsent(token=work.info.label, kind=name.kind, id=name.id)

    def _certified(self, work: Work, private: Half, name: ObjectName) -> bytes:
        """Of a key that shows no public half but has a certificate, such as on PIV cards."""
        for der, key, identifier, _ in certificates_of(work.session):
            if key.key_type == private.key_type and identifier.hex() == name.id:
                return public_key.info_of(der)
        return b""

    def _always(self, work: Work, private: Half) -> bool:
        (again,) = work.session.read(private.handle, (pkcs11.ALWAYS_AUTHENTICATE,))
        return bool(again)
