"""The agent's core without processes: tokens held in memory, a person played by a script, a clock that stands."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID

from agent.algorithms import SignatureAlgorithm
from agent.api.caller import Caller, Role
from agent.api.dispatcher import Dispatcher
from agent.api.services import Services
from agent.api.uploads import Uploads
from agent.cms.formats import Material
from agent.config import Locations
from agent.consent.origins import Origins
from agent.consent.pause import Pause
from agent.consent.prompter import (
    BatchAnswer,
    BatchDialogue,
    BatchPrompt,
    ChoicePrompt,
    ConnectionAnswer,
    ConnectionPrompt,
    Dialogue,
    PassphrasePrompt,
    Progress,
    Remedy,
    ShowDocument,
    ShownDocument,
    SigningPrompt,
    TokenPrompt,
    Updates,
)
from agent.errors import PeroError, TimestampUnconfigured, TokenAbsent
from agent.ipc.pin import PinSource
from agent.journal import Journal
from agent.model import CertificateEntry, Listing, ModuleFault, TokenState
from agent.policy import Policy
from agent.signing.levels import Levels
from agent.signing.managing import Managing
from agent.signing.procedure import Signing
from agent.signing.queue import PersonQueue
from agent.tokens.management import TokenManagement
from agent.tokens.many import ToSign
from agent.tokens.signature_order import SignatureOrders

NOON = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
SITE = "https://site.example"


def certificate(
    key: Any,
    name: str,
    *,
    begins: datetime,
    days: int,
    serial: int = 0x5E41,
    subject: Sequence[tuple[str, str]] = (),
    extensions: Sequence[x509.ExtensionType] = (),
) -> bytes:
    """DER of a self-issued signing certificate. `subject`: OIDs and values that follow the name."""
    more = [x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in subject]
    subject_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), *more])
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(subject_name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(usage, critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class MemoryTokens:
    """Tokens whose keys lie in memory. `fail` is raised by every signature, once each."""

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}
        self.entries: list[CertificateEntry] = []
        self.faults: list[ModuleFault] = []
        self.fail: list[PeroError] = []
        self.signed = 0
        self.logins = 0
        self.fail_at = 0
        self.pause_at = -1
        self.paused = asyncio.Event()
        self.spoil: Callable[[bytes], bytes] = lambda signature: signature
        self.hold: asyncio.Event | None = None
        self.forgotten = 0

    async def forget_logins(self) -> None:
        self.forgotten += 1

    def add(
        self,
        name: str,
        *,
        key: str = "rsa",
        begins: datetime = NOON - timedelta(days=1),
        days: int = 30,
        **more: Any,
    ) -> str:
        """`more` is for `certificate`."""
        private: Any = (
            rsa.generate_private_key(65537, 2048)
            if key == "rsa"
            else ec.generate_private_key(ec.SECP384R1() if key == "p384" else ec.SECP256R1())
        )
        der = certificate(private, name, begins=begins, days=days, **more)
        thumbprint = hashlib.sha256(der).hexdigest()
        token = TokenState(label="memory", serial="1", manufacturer="tests", model="memory", module="/memory.so")
        self.entries.append(CertificateEntry(thumbprint, der, token, True))
        self._keys[thumbprint] = private
        return thumbprint

    async def listing(self) -> Listing:
        tokens = tuple({entry.token.serial: entry.token for entry in self.entries}.values())
        return Listing(tuple(self.entries), tokens, tuple(self.faults))

    async def listing_soon(self, patience: float | None = None) -> Listing:
        return await self.listing()

    async def sign(
        self,
        entry: CertificateEntry,
        algorithm: SignatureAlgorithm,
        digest: bytes,
        pin: PinSource,
        *,
        octets: bytes | None = None,
    ) -> bytes:
        pin.close()
        if self.hold is not None:
            await self.hold.wait()
        if self.fail:
            raise self.fail.pop(0)
        return await self._signature(entry, algorithm, digest)

    async def _signature(self, entry: CertificateEntry, algorithm: SignatureAlgorithm, digest: bytes) -> bytes:
        self.signed += 1
        key = self._keys[entry.thumbprint]
        hashed = utils.Prehashed(getattr(hashes, algorithm.digest.name.upper())())
        if isinstance(key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashed._algorithm), algorithm.digest.size)
            return self.spoil(key.sign(digest, pss if algorithm.padding == "pss" else padding.PKCS1v15(), hashed))
        return self.spoil(key.sign(digest, ec.ECDSA(hashed)))

    async def sign_many(
        self, entry: CertificateEntry, algorithm: SignatureAlgorithm, jobs: AsyncIterator[ToSign], pin: PinSource
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """`fail_at`: signatures after which `fail` is raised, in each login; `pause_at`: after which no more come."""
        pin.close()
        self.logins += 1
        index = 0
        async for job in jobs:
            if self.fail and index == self.fail_at:
                raise self.fail.pop(0)
            signature = await self._signature(entry, algorithm, job.digest)
            yield index, signature
            index += 1
            if index == self.pause_at:
                self.paused.set()
                await asyncio.Event().wait()

    async def module_states(self) -> list[Any]:
        return []

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[object]]:
        async def none() -> AsyncIterator[object]:
            for nothing in list[object]():
                yield nothing

        yield none()

    async def close(self) -> None:
        return None


class MemoryAuthorities:
    """Time-stamps and material without a network: what is set is given or raised; as it begins, nothing is set."""

    def __init__(self) -> None:
        self.unreachable: PeroError | None = TimestampUnconfigured(possible_level="b")
        self.stamps: Callable[[bytes, str], bytes] | PeroError | None = None
        self.materials: Material | PeroError | None = None
        self.levels = Levels(self, self, self.reachable)

    async def reachable(self) -> None:
        if self.unreachable is not None:
            raise self.unreachable

    async def stamp(self, octets: bytes, digest_algorithm: str) -> bytes:
        if callable(self.stamps):
            return self.stamps(octets, digest_algorithm)
        raise self.stamps or TimestampUnconfigured(possible_level="b")

    async def material(self, certificate: bytes, chain: Sequence[bytes], tokens: Sequence[bytes]) -> Material:
        if isinstance(self.materials, Material):
            return self.materials
        raise self.materials or TimestampUnconfigured(possible_level="b")


class ScriptedPerson:
    """Answers every prompt as told: an exception is raised, a function is awaited. What was shown is kept."""

    kind = "test"

    def __init__(self) -> None:
        self.connection: PeroError | ConnectionAnswer = ConnectionAnswer(remember=True)
        self.answers: list[PeroError | str | Callable[[], Awaitable[str]] | None] = []
        self.shown: list[
            ConnectionPrompt | ChoicePrompt | SigningPrompt | PassphrasePrompt | TokenPrompt | BatchPrompt
        ] = []
        self.failures: list[PeroError] = []
        self.open = 0
        self.most_open = 0
        self.waiting = asyncio.Event()
        self.remedies: list[Remedy] = []
        self.lower: list[str | None] = []  # what could have been kept, each time that was asked
        self.struck: tuple[int, ...] = ()
        self.stop = asyncio.Event()
        self.progress: list[Progress] = []
        self.show: ShowDocument = _nothing_to_show

    async def ask_connection(self, prompt: ConnectionPrompt) -> ConnectionAnswer:
        self.shown.append(prompt)
        if isinstance(self.connection, PeroError):
            raise self.connection
        return self.connection

    async def choose_certificate(self, prompt: ChoicePrompt, updates: Updates | None = None) -> str:
        self.shown.append(prompt)
        return await self._answer(prompt.certificates[0].thumbprint if prompt.certificates else "")

    @asynccontextmanager
    async def ask_signature(self, prompt: SigningPrompt, updates: Updates | None = None) -> AsyncIterator[Dialogue]:
        self.shown.append(prompt)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            yield _Dialogue(self, prompt.chosen or next((one.thumbprint for one in prompt.certificates), ""))
        finally:
            self.open -= 1

    @asynccontextmanager
    async def ask_batch(
        self, prompt: BatchPrompt, show: ShowDocument, updates: Updates | None = None
    ) -> AsyncIterator[BatchDialogue]:
        self.shown.append(prompt)
        self.show = show
        chosen = prompt.chosen or next((one.thumbprint for one in prompt.certificates), "")
        yield _BatchDialogue(self, _Dialogue(self, chosen))

    @asynccontextmanager
    async def ask_passphrase(self, prompt: PassphrasePrompt) -> AsyncIterator[Dialogue]:
        self.shown.append(prompt)
        yield _Dialogue(self, "")

    @asynccontextmanager
    async def ask_token(self, prompt: TokenPrompt) -> AsyncIterator[Dialogue]:
        self.shown.append(prompt)
        yield _Dialogue(self, "")

    async def _answer(self, default: str) -> str:
        self.waiting.set()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, PeroError):
            raise answer
        if callable(answer):
            return await answer()
        return default if answer is None else answer


async def _nothing_to_show(_index: int) -> AsyncGenerator[ShownDocument | None, None]:
    yield None


class _Dialogue:
    def __init__(self, person: ScriptedPerson, default: str) -> None:
        self._person = person
        self._default = default

    async def confirmed(self) -> str:
        return await self._person._answer(self._default)

    def pin_source(self) -> PinSource:
        return PinSource("descriptor", -1)

    async def failed(self, error: PeroError) -> None:
        self._person.failures.append(error)

    async def remedy(self, error: PeroError, lower: str | None) -> Remedy:
        self._person.lower.append(lower)
        if self._person.remedies:
            return self._person.remedies.pop(0)
        return "give_up" if lower is None else "keep"

    async def done(self) -> bool:
        return False

    async def offer_taken(self) -> bool:
        return False


def _no_worker(module: str, token: str) -> NoReturn:
    """Of tokens that are only in memory."""
    raise TokenAbsent(token=token, module=module)


class _BatchDialogue:
    def __init__(self, person: ScriptedPerson, one: _Dialogue) -> None:
        self._person = person
        self._one = one

    async def confirmed(self) -> BatchAnswer:
        return BatchAnswer(await self._one.confirmed(), self._person.struck)

    def pin_source(self) -> PinSource:
        return self._one.pin_source()

    async def failed(self, error: PeroError) -> None:
        await self._one.failed(error)

    async def progress(self, progress: Progress) -> None:
        self._person.progress.append(progress)

    async def stopped(self) -> None:
        await self._person.stop.wait()

    async def done(self) -> None:
        await self._one.done()


class Core:
    """A dispatcher over memory tokens and a scripted person."""

    def __init__(self, folder: Path, *, patience: float = 60.0) -> None:
        self.now = NOON
        self.tokens = MemoryTokens()
        self.authorities = MemoryAuthorities()
        self.person = ScriptedPerson()
        self.places = Locations(state=folder, runtime=folder)
        self.journal = Journal(self.places.journal, self.clock)
        self.origins = Origins(self.places.origins)
        pause = Pause(self.places.pause)
        queue = PersonQueue(patience, pause)
        self.services = Services(
            version="0.1.0",
            locations=self.places,
            language="en",
            policy=Policy(),
            origins=self.origins,
            journal=self.journal,
            tokens=self.tokens,  # type: ignore[arg-type]
            queue=queue,
            pause=pause,
            managing=Managing(TokenManagement(_no_worker, SignatureOrders()), self.journal, queue),
            signing=Signing(self.tokens, self.journal, queue, self.clock, self.authorities.levels),
            uploads=Uploads(self.places.uploads, limit=8 << 30),
            now=self.clock,
            port=lambda: 14741,
        )
        self.dispatcher = Dispatcher(self.services)

    def clock(self) -> datetime:
        return self.now

    def page(self, origin: str = SITE, *, allowed: bool = True) -> Caller:
        if allowed:
            self.origins.allow(origin, self.now)
        return self._opened(Caller(Role.PAGE, origin, "test", self.person))  # type: ignore[arg-type]

    def command(self) -> Caller:
        return self._opened(Caller(Role.COMMAND, "", "test", self.person))  # type: ignore[arg-type]

    def extension(self) -> Caller:
        return self._opened(Caller(Role.EXTENSION, "", "test", self.person))  # type: ignore[arg-type]

    def _opened(self, caller: Caller) -> Caller:
        self.dispatcher.opened(caller)
        return caller

    async def call(self, caller: Caller, method: str, parameters: Any = None, identifier: Any = 1) -> dict[str, Any]:
        """The whole answer, as JSON."""
        request = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": parameters or {}}
        return await self.raw(caller, json.dumps(request))

    async def raw(self, caller: Caller, message: str | bytes) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self.dispatcher.handle(caller, message))
        return answer
