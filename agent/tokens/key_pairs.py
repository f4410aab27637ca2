"""Making a key pair on a token: one that signs and cannot be taken out."""

from __future__ import annotations

from agent.errors import BadParameters, MechanismUnsupported, ObjectExists, PeroError, TokenFailed
from agent.tokens import key_templates, messages, objects, pkcs11, tasks
from agent.tokens.inventory import PARAMETERS, TokenObject
from agent.tokens.labels import check_label, identifier, value_identifier
from agent.tokens.pkcs11 import Module, TokenInfo
from agent.tokens.work import Work


class Generating:
    """Raises BadParameters, LabelUnsuitable."""

    writes = True

    def __init__(self, task: tasks.Generate) -> None:
        spec = task.spec
        self._spec = spec
        self._first = task.first
        self._parameters = spec.parameters or PARAMETERS[spec.type][0]
        if self._parameters not in PARAMETERS[spec.type]:
            raise BadParameters(detail="parameters")
        self._id = identifier(spec.id)
        check_label(spec.label)

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        offered = module.mechanisms(slot)
        if offered and key_templates.GENERATORS[self._spec.type] not in offered:
            raise MechanismUnsupported(algorithm=self._algorithm, token=info.label)

    def act(self, work: Work) -> messages.Done:
        self._refuse_taken(work)
        with work.session.all_or_nothing():
            try:
                return messages.Done(work.number, made=(self._made(work),))
            except MechanismUnsupported as error:
                raise MechanismUnsupported(algorithm=self._algorithm, token=work.info.label) from error

    @property
    def _algorithm(self) -> str:
        return f"{self._spec.type} {self._parameters}"

    def _refuse_taken(self, work: Work) -> None:
        for kind in (pkcs11.PRIVATE_KEY, pkcs11.PUBLIC_KEY):
            if self._id and work.session.find(kind, (), (pkcs11.ID, self._id)):
                raise ObjectExists(token=work.info.label, kind="key", id=self._id.hex())

    def _made(self, work: Work) -> TokenObject:
        """The id of a key that is not there yet cannot be made of it: it has another for a moment."""
        spec, first = self._spec, self._id or identifier(self._first)
        public = key_templates.public_template(spec.type, spec.label, first)
        public += key_templates.parameters_template(spec.type, self._parameters)
        private = key_templates.private_template(spec.type, spec.label, first)
        handles = work.session.generate(key_templates.GENERATORS[spec.type], public, private)
        last = first
        if not self._id:
            last = self._renamed(work, *handles, first)
        keys = (one for one in objects.read_all(work.session) if one.name.kind == "key")
        made = next((one for one in keys if one.name.id == last.hex()), None)
        if made is None or made.extractable or made.sensitive is False:  # not what was asked for: it is not kept
            raise TokenFailed(operation="C_GenerateKeyPair", return_code="CKA_EXTRACTABLE", module=work.module.path)
        return made

    def _renamed(self, work: Work, public: object, private: object, first: bytes) -> bytes:
        """SHA-1 of the public value, as PKCS#11 v2.40 section 4.8 suggests; a token that keeps ids as they were made
        keeps the first one."""
        halves = objects.halves(work.session, pkcs11.PUBLIC_KEY)
        value = next((half.value for half in halves if half.id == first), b"")
        wanted = value_identifier(value)
        if not wanted:
            return first
        try:
            work.session.change(private, [(pkcs11.ID, wanted)])
        except PeroError:
            return first
        try:
            work.session.change(public, [(pkcs11.ID, wanted)])
        except PeroError:
            work.session.change(private, [(pkcs11.ID, first)])
            return first
        return wanted
