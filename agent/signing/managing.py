"""What a person does with a token besides signing, step by step.

 1. intend     the journal: what is to be done, on which token, to which objects; never a label, never a subject
 2. ask        the person, when it is their turn: the prompt says what will be done, and what will be gone
 3. do         the token, with the secrets from the prompt; where it fails the person may try again (2)
 4. record     the outcome, failures too

The secrets go from the prompt to the worker; nothing of them is seen here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from agent.certificates.description import Description, describe
from agent.certificates.request import RequestedExtensions, Subject, subject_name
from agent.consent.prompter import Dialogue, Prompter, TokenPrompt
from agent.errors import CertificateDamaged, Fact, PeroError, PinCancelled, Refused, WindowClosed
from agent.ipc.pin import PinSource, Purpose
from agent.journal import Journal
from agent.model import KEY_FILES, TokenState
from agent.signing.fitting import warnings
from agent.signing.follow_up import FollowUps, Give, until
from agent.signing.intention import intention
from agent.signing.queue import PersonQueue
from agent.texts.standards import standard
from agent.tokens.inventory import KeySpec, ObjectName, TokenObject, TokenObjects, is_same
from agent.tokens.management import TokenManagement

Result = TypeVar("Result")
Pairs = tuple[tuple[str, str], ...]
_GOST = "GOST R 34.10-2012"


class Managing:
    """The procedure with what it works with."""

    def __init__(self, tokens: TokenManagement, journal: Journal, queue: PersonQueue) -> None:
        self._tokens = tokens
        self._journal = journal
        self._queue = queue
        self.follow_ups = FollowUps()  # those of signing, where both are composed

    async def look(self, token: TokenState) -> TokenObjects:
        """What can be seen without a login. Nobody is asked, nothing is written."""
        return await self._tokens.objects(token)

    async def objects(self, token: TokenState, prompter: Prompter, language: str) -> TokenObjects:
        """The private ones too."""
        prompt = _prompt("objects", token, language)
        with intention(self._journal, "token_objects", _facts(token, prompter)) as begun:
            found = await self._ask(prompt, prompter, token, lambda pin: self._tokens.objects(token, pin))
            begun.ended("done")
        return found

    async def change_pin(self, token: TokenState, prompter: Prompter, language: str) -> None:
        details = await self._owner(token) if token.module == KEY_FILES else ()
        prompt = _prompt("change_pin", token, language, secrets=("pin", "new_pin"), details=details)
        with intention(self._journal, "token_change_pin", _facts(token, prompter)) as begun:
            await self._ask(prompt, prompter, token, lambda pin: self._tokens.change_pin(token, pin))
            begun.ended("done")

    async def _owner(self, token: TokenState) -> Pairs:
        """Whose key file it is: their name is no part of its passphrase."""
        for one in (await self.look(token)).objects:
            if one.der and one.has_key:
                with contextlib.suppress(CertificateDamaged):
                    return (("token_detail.owner", describe(one.der).owner),)
        return ()

    async def unblock(self, token: TokenState, prompter: Prompter, language: str) -> None:
        prompt = _prompt("unblock", token, language, secrets=("so_pin", "new_pin"))
        with intention(self._journal, "token_unblock", _facts(token, prompter)) as begun:
            await self._ask(prompt, prompter, token, lambda pin: self._tokens.unblock(token, pin))
            begun.ended("done")

    async def set_pin(self, token: TokenState, prompter: Prompter, language: str) -> None:
        """The first one."""
        prompt = _prompt("set_pin", token, language, secrets=("so_pin", "new_pin"))
        with intention(self._journal, "token_set_pin", _facts(token, prompter)) as begun:
            await self._ask(prompt, prompter, token, lambda pin: self._tokens.set_first_pin(token, pin))
            begun.ended("done")

    async def generate(self, token: TokenState, spec: KeySpec, prompter: Prompter, language: str) -> TokenObject:
        kind = standard(key_title(spec.type, spec.parameters), language)
        details = _named(("token_detail.key", kind), ("token_detail.label", spec.label), ("token_detail.id", spec.id))
        prompt = _prompt("generate", token, language, details=details)
        with intention(self._journal, "token_generate", _facts(token, prompter)) as begun:
            made = await self._ask(prompt, prompter, token, lambda pin: self._tokens.generate(token, spec, pin))
            begun.ended("done", objects=_written((made.name,)))
        return made

    async def request(
        self,
        token: TokenState,
        key: ObjectName,
        subject: Subject,
        extensions: RequestedExtensions,
        prompter: Prompter,
        language: str,
    ) -> bytes:
        """DER of a PKCS#10 request."""
        subject_name(subject)  # what is wrong with it is told before anybody is asked
        facts = _facts(token, prompter, key)
        prompt = _prompt("request", token, language, details=(*_subject(subject), *_named(("token_detail.id", key.id))))
        with intention(self._journal, "token_request", facts) as begun:
            made = await self._ask(
                prompt, prompter, token, lambda pin: self._tokens.request(token, key, subject, pin, extensions)
            )
            begun.ended("done")
        return made

    async def write_certificate(
        self,
        token: TokenState,
        der: bytes,
        label: str,
        authority: bool,
        prompter: Prompter,
        language: str,
        chain: Sequence[bytes] = (),
    ) -> TokenObject:
        description = describe(der)
        name = ObjectName("certificate", "", description.thumbprint)
        prompt = _prompt("write_certificate", token, language, details=_certificate(description))
        with intention(self._journal, "token_write_certificate", _facts(token, prompter, name)) as begun:
            made = await self._ask(
                prompt,
                prompter,
                token,
                lambda pin: self._tokens.write_certificate(
                    token, der, pin, label=label, authority=authority, chain=chain
                ),
            )
            begun.ended("done", objects=_written((made.name,)))
        return made

    async def import_key_file(
        self, token: TokenState, content: bytes, name: str, prompter: Prompter, language: str
    ) -> tuple[TokenObject, ...]:
        details = (("token_detail.file", name),)
        prompt = _prompt("import", token, language, secrets=("passphrase", "pin"), details=details)
        with intention(self._journal, "token_import", {**_facts(token, prompter), "file": name}) as begun:
            made = await self._ask(
                prompt, prompter, token, lambda pin: self._tokens.import_key_file(token, content, name, pin)
            )
            begun.ended("done", objects=_written([one.name for one in made]))
        return made

    async def rename(self, token: TokenState, name: ObjectName, label: str, prompter: Prompter, language: str) -> None:
        found = await self._found(token, (name,))
        details = (*(detail for one in found for detail in _object(one, language)), ("token_detail.new_label", label))
        with intention(self._journal, "token_rename", _facts(token, prompter, name)) as begun:
            if token.module == KEY_FILES:
                await self._agree(_prompt("rename", token, language, secrets=(), details=details), prompter)
                await self._tokens.rename(token, name, label)
            else:
                prompt = _prompt("rename", token, language, details=details)
                await self._ask(prompt, prompter, token, lambda pin: self._tokens.rename(token, name, label, pin))
            begun.ended("done")

    async def delete(self, token: TokenState, names: Sequence[ObjectName], prompter: Prompter, language: str) -> None:
        losses = await self.losses(token, names, language)
        with intention(self._journal, "token_delete", _facts(token, prompter, *names)) as begun:
            if token.module == KEY_FILES:
                await self._agree(_prompt("delete", token, language, secrets=(), losses=losses), prompter)
                await self._tokens.delete(token, names)
            else:
                prompt = _prompt("delete", token, language, losses=losses)
                await self._ask(prompt, prompter, token, lambda pin: self._tokens.delete(token, names, pin))
            begun.ended("done")

    async def losses(self, token: TokenState, names: Sequence[ObjectName], language: str) -> Pairs:
        """What will be gone when these are deleted, in words: key of the catalogue and the object's own name."""
        every = (await self.look(token)).objects
        gone = await self._found(token, names, every)
        losses = [_loss(one, language) for one in gone]
        deleted = {one.name.thumbprint for one in gone if one.name.kind == "certificate"}
        orphans = {thumbprint for one in gone if one.name.kind == "key" for thumbprint in one.certificates} - deleted
        left = [one for one in every if one.name.kind == "certificate" and one.name.thumbprint in orphans]
        return (*losses, *(("token_loss.keyless", _title(one, language)) for one in left))

    async def _found(
        self, token: TokenState, names: Sequence[ObjectName], every: Sequence[TokenObject] | None = None
    ) -> tuple[TokenObject, ...]:
        """What is known of objects before a login; of one that only a login shows, its name."""
        if every is None:
            every = (await self.look(token)).objects
        return tuple(next((one for one in every if is_same(one.name, name)), TokenObject(name)) for name in names)

    async def _agree(self, prompt: TokenPrompt, prompter: Prompter) -> None:
        """The person's word alone, where no secret is needed."""
        async with self._queue.turn(while_paused=True), prompter.ask_token(prompt) as dialogue:
            await dialogue.confirmed()
            await dialogue.done()

    async def _ask(
        self, prompt: TokenPrompt, prompter: Prompter, token: TokenState, work: Callable[[PinSource], Awaitable[Result]]
    ) -> Result:
        """The result is given before the person decides whether to change a PIN that everybody knows."""
        return await self.follow_ups.first(lambda give: self._asked(prompt, prompter, token, work, give))

    async def _asked(
        self,
        prompt: TokenPrompt,
        prompter: Prompter,
        token: TokenState,
        work: Callable[[PinSource], Awaitable[Result]],
        give: Give[Result],
    ) -> Result:
        change = False
        async with self._queue.turn() as patience, prompter.ask_token(prompt) as dialogue:
            last: PeroError | None = None
            while True:
                await _confirmed(dialogue, last)
                patience.renew()
                try:
                    result = await work(dialogue.pin_source())
                except PinCancelled:
                    last = None  # the person went back, or away: the next answer tells
                except PeroError as error:
                    last = error
                    await dialogue.failed(error)
                else:
                    break
                patience.renew()
            if await dialogue.done():
                give(result)
                change = await until(self._queue.wanted(), dialogue.offer_taken())
        if change:
            await self.change_pin(token, prompter, prompt.language)
        return result


def key_title(kind: str, parameters: str) -> str:
    """A kind of key for people, as certificates name it: "RSA 2048", "P-256", "GOST R 34.10-2012 256 (TC26-A)"."""
    if kind.startswith("gost"):
        return f"{_GOST} {kind.removeprefix('gost')}" + (f" ({parameters})" if parameters else "")
    if kind == "ec":
        return parameters or "EC"
    return f"{kind.upper()} {parameters}".strip()


async def _confirmed(dialogue: Dialogue, last: PeroError | None) -> None:
    """Wait for the person. Where they give up after a failure, the failure is what happened."""
    try:
        await dialogue.confirmed()
    except (Refused, WindowClosed):
        if last is not None:
            raise last from None
        raise


def _prompt(
    action: str,
    token: TokenState,
    language: str,
    *,
    secrets: tuple[Purpose, ...] = ("pin",),
    details: Pairs = (),
    losses: Pairs = (),
) -> TokenPrompt:
    return TokenPrompt(
        action=action,
        token_label=token.label,
        token_serial=token.serial,
        token_reader=token.reader,
        details=details,
        losses=losses,
        secrets=secrets,
        warnings=warnings(token),
        protected_path=token.protected_path,
        key_file=token.module == KEY_FILES,
        language=language,
    )


def _facts(token: TokenState, prompter: Prompter, *names: ObjectName) -> Mapping[str, Fact]:
    facts: dict[str, Fact] = {"token": token.serial, "asked_by": prompter.kind}
    return facts | ({"objects": _written(names)} if names else {})


def _written(names: Sequence[ObjectName]) -> str:
    """Objects as the journal names them: their kind with CKA_ID or thumbprint."""
    return ", ".join(f"{name.kind}:{name.id or name.thumbprint}" for name in names)


def _named(*pairs: tuple[str, str]) -> Pairs:
    return tuple(pair for pair in pairs if pair[1])


def _subject(subject: Subject) -> Pairs:
    numbers = (subject.inn, subject.inn_le, subject.ogrn, subject.ogrnip, subject.snils)
    return _named(
        ("token_detail.owner", subject.common_name),
        ("token_detail.organization", subject.organization),
        ("token_detail.numbers", ", ".join(number for number in numbers if number)),
    )


def _certificate(description: Description) -> Pairs:
    return (
        ("token_detail.owner", description.owner),
        ("token_detail.issuer", dict(description.details).get("certificate.issuer", description.issuer)),
        ("token_detail.validity", f"{description.not_before:%Y-%m-%d} — {description.not_after:%Y-%m-%d}"),
    )


def _object(one: TokenObject, language: str) -> Pairs:
    return _named(("token_detail.object", _title(one, language)), ("token_detail.label", one.label))


def _title(one: TokenObject, language: str) -> str:
    """What an object is called for people."""
    if one.der:
        try:
            found = describe(one.der)
            return f"{found.owner}, {found.not_before:%Y-%m-%d} — {found.not_after:%Y-%m-%d}"
        except CertificateDamaged:
            pass
    kind = standard(key_title(one.key_type, one.parameters), language) if one.key_type else ""
    return ", ".join(part for part in (kind, one.application, one.label, one.name.id) if part) or one.name.thumbprint


def _loss(one: TokenObject, language: str) -> tuple[str, str]:
    return f"token_loss.{one.name.kind}", _title(one, language)
