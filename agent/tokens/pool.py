"""TokenPool: every token of this machine, each module behind a worker process of its own.

The agent's side: it imports no vendor library, no binding, no key, and sees no PIN.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

import msgspec

from agent.algorithms import SignatureAlgorithm
from agent.certificates.gost_keys import TYPES
from agent.certificates.kept import kept_issuers
from agent.errors import DigestLength, KeyFileDamaged, ModuleForbidden, ModuleSlow, PeroError, TokenAbsent
from agent.ipc.pin import PinSource
from agent.model import KEY_FILES, CertificateEntry, Listing, ModuleFault, TokenState
from agent.policy import Policy
from agent.tokens import devices, messages
from agent.tokens.asking import Asking
from agent.tokens.management import TokenManagement
from agent.tokens.many import ManySignatures, ToSign
from agent.tokens.process import WorkerProcess
from agent.tokens.signature_order import SignatureOrders
from agent.tokens.unfinished import Unfinished
from agent.tokens.vendors import has_readers
from agent.tokens.watcher import Change, Watcher

OCTETS_LIMIT = 1 << 20  # bytes that go to a token instead of their digest
KEY_FILE_LIMIT = 1 << 20  # bytes; what is longer is no PKCS#12 file of a person

Answer = tuple[messages.TokenListing, ...] | PeroError  # of a module that was asked for its tokens


class ModuleState(msgspec.Struct, frozen=True):
    """What one PKCS#11 module says of itself and of its tokens."""

    path: str
    error: str | None  # name of an error of ``errors``
    facts: messages.Facts  # of the error, else of the module
    tokens: tuple[TokenState, ...]


class TokenPool:
    """`modules` gives the paths of the PKCS#11 modules and is asked anew at each call, to which those of `policy` are
    added in front; `key_files` is the folder of key files, `issuers` that of issuers' certificates, `unfinished` the
    file of what key generations left that were cut short; `deadline`: seconds for one operation of a worker; `idle`:
    seconds after which an unused one ends."""

    def __init__(
        self,
        modules: Callable[[], Sequence[str]],
        key_files: Path,
        *,
        issuers: Path | None = None,
        unfinished: Path | None = None,
        deadline: float = 30.0,
        idle: float = 60.0,
        policy: Policy | None = None,
    ) -> None:
        self._policy = policy or Policy()
        self._given = modules
        self._watcher = Watcher(self._look, went=self._card_went)
        self._folder = key_files
        self._issuers = issuers
        self._deadline = deadline
        self._idle = idle
        self._orders = SignatureOrders()
        self._workers: dict[str, WorkerProcess] = {}
        self._listings = Asking(self._tokens, self._is_loaded, self._watcher.answered)
        self._looks = Asking(self._slots, lambda path: path in self._workers)
        self.management = TokenManagement(self._worker, self._orders, Unfinished(unfinished))
        self.heard: Callable[[Listing], None] = lambda listing: None  # told of each listing, which does not wait for it

    async def listing(self) -> Listing:
        """All certificates and tokens, key files first; a module that fails is a row of `faults`, never an exception.

        A token that several modules show is listed once, from the module that is best for it (``devices``).
        """
        paths = await self._places()
        return self._listed(dict(zip(paths, await asyncio.gather(*map(self._tokens, paths)), strict=True)))

    async def listing_soon(self, patience: float | None = None) -> Listing:
        """The same for somebody who is there when the rest comes: a module that takes longer than a moment, or than
        `patience` seconds, is not waited for, but a row of `faults` with ModuleSlow. When it answers, `changes` has a
        change."""
        paths = await self._places()
        answers = await self._listings.soon(paths, patience)
        return self._listed({path: answers.get(path, ModuleSlow(module=path)) for path in paths})

    async def _places(self) -> tuple[str, ...]:
        """What is to be listed: modules that may be used, and the key files where there are some."""
        modules = self._modules()
        await self._end_removed(modules)
        return (KEY_FILES, *modules) if self._any_key_file() else modules

    def _listed(self, answers: Mapping[str, Answer]) -> Listing:
        faults: list[ModuleFault] = []
        found: list[devices.Found] = []
        for path, answer in answers.items():
            if isinstance(answer, PeroError):
                faults.append(ModuleFault(path, answer.name, answer.facts))
            else:
                found += [devices.Found(path, token) for token in answer]
        chosen = devices.best(found, self._watcher.atrs)
        faults += [ModuleFault(path, token.error, token.facts) for path, token in chosen if token.error]
        tokens = tuple(token.token for _, token in chosen if token.token)
        issuers = kept_issuers(self._issuers) if self._issuers else ()
        listing = Listing(_certificates(chosen), tokens, tuple(faults), issuers)
        self.heard(listing)
        return listing

    def changes(self) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Readers and tokens that come and go while the block lasts: ``async with pool.changes() as changes: async
        for change in changes: ...``. What is listed after a change has it."""
        return self._watcher.changes()

    async def module_states(self) -> tuple[ModuleState, ...]:
        """Each module in turn: whether it can be loaded and what it sees."""
        return tuple(await asyncio.gather(*(self._state(path) for path in self._modules())))

    async def sign(
        self,
        entry: CertificateEntry,
        algorithm: SignatureAlgorithm,
        digest: bytes,
        pin: PinSource,
        *,
        octets: bytes | None = None,
    ) -> bytes:
        """A signature as CMS holds it: the PKCS#1 v1.5 block, a DER ECDSA-Sig-Value, or GOST's s and r, which verify.

        `octets`: what the digest is of, for GOST tokens that sign only what they digested themselves (at most
        OCTETS_LIMIT bytes, such as signed attributes). The pool owns `pin` from here on. Cancelling closes the PIN
        conversation. Raises the errors of tokens, PINs and workers (``errors``, section 2000), SignatureWrong at a
        GOST signature that verifies in no order of octets.
        """
        try:
            if len(digest) != algorithm.digest.size:
                raise DigestLength(algorithm=algorithm.digest.name, expected=algorithm.digest.size, given=len(digest))
            worker = self._worker(entry.token.module, entry.token.label)
        except PeroError:
            pin.close()
            raise
        kind, order = pin.kind, self._orders.digest_order(entry.token)
        given = octets if octets and algorithm.key_type in TYPES and len(octets) <= OCTETS_LIMIT else b""

        def request(number: int) -> messages.Sign:
            return messages.Sign(
                number, kind, entry.token, entry.der, entry.thumbprint, algorithm.name, digest, given, order
            )

        done = await worker.call(request, pin)
        self._orders.remember_digest_order(entry.token, done.digest_order)
        return self._orders.put_right(entry, algorithm, digest, done.signature)

    async def sign_many(
        self, entry: CertificateEntry, algorithm: SignatureAlgorithm, jobs: AsyncIterator[ToSign], pin: PinSource
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """The same for many digests in one login: number and signature, in order, as they come.

        `jobs` is asked for more as they are needed, and may end at any time. What was given out before an error is
        good. Closing the generator stops the worker at the next block and logs out.
        """
        try:
            worker = self._worker(entry.token.module, entry.token.label)
        except PeroError:
            pin.close()
            raise
        kind, order = pin.kind, self._orders.digest_order(entry.token)
        many = ManySignatures(worker, lambda found: self._orders.remember_digest_order(entry.token, found))
        is_gost = algorithm.key_type in TYPES

        def request(number: int) -> messages.SignMany:
            return messages.SignMany(
                number, kind, entry.token, entry.der, entry.thumbprint, algorithm.name, is_gost, order
            )

        digests: list[bytes] = []

        async def remembered() -> AsyncIterator[ToSign]:
            async for job in jobs:
                if len(job.digest) != algorithm.digest.size:
                    raise DigestLength(
                        algorithm=algorithm.digest.name, expected=algorithm.digest.size, given=len(job.digest)
                    )
                digests.append(job.digest)
                yield job if is_gost else ToSign(job.digest)

        index = 0
        async with aclosing(many.run(request, remembered(), pin)) as signatures:
            async for signature in signatures:
                yield index, self._orders.put_right(entry, algorithm, digests[index], signature)
                index += 1

    async def add_key_file(self, content: bytes, name: str, pin: PinSource) -> tuple[CertificateEntry, ...]:
        """Keep a PKCS#12 file; `name` is that of the file, `pin` gives its passphrase and is owned by the pool.

        Raises KeyFileDamaged, KeyFileWithoutKey, AlgorithmUnsupported, PinCancelled, PinIncorrect (one try only).
        """
        if len(content) > KEY_FILE_LIMIT:
            pin.close()
            raise KeyFileDamaged(file=name)
        kind = pin.kind
        done = await self._keeper().call(lambda number: messages.AddKeyFile(number, kind, name, content), pin)
        return tuple(entry for token in done.tokens for entry in _entries(token))

    async def forget_key_file(self, thumbprint: str) -> None:
        """Raises TokenAbsent where there is none."""
        await self._keeper().call(lambda number: messages.ForgetKeyFile(number, thumbprint))

    async def close(self) -> None:
        """End all workers; what is asked of them fails with Stopping."""
        await asyncio.gather(*(worker.close() for worker in self._workers.values()))
        await self._listings.close()
        await self._looks.close()

    async def forget_logins(self) -> None:
        """End all workers, and with them every login and every PIN that one holds; the next request starts anew."""
        workers, self._workers = list(self._workers.values()), {}
        await asyncio.gather(*(worker.close() for worker in workers))

    def worker_processes(self) -> dict[str, int]:
        """Process ids of the workers that run, by module."""
        return {path: worker.process_id for path, worker in self._workers.items() if worker.process_id is not None}

    def _modules(self) -> tuple[str, ...]:
        """Those of the policy, which may stand among the others under another name, and the others."""
        listed = [module.path for module in self._policy.modules]
        others = [path for path in self._given() if path in listed or self._policy.module(path) is None]
        return tuple(dict.fromkeys([*listed, *others]))

    async def _look(self, readers: bool) -> dict[str, frozenset[int]]:
        """The slots of modules; `readers`: without those whose tokens are in PC/SC readers. What fails or is slow
        is left out."""
        paths = [path for path in self._modules() if not (readers and has_readers(path))]
        answers = await self._looks.soon(paths)
        return {path: slots for path, slots in answers.items() if slots is not None}

    async def _slots(self, path: str) -> frozenset[int] | None:
        try:
            return frozenset((await self._known(path).call(messages.Look)).slots)
        except PeroError:
            return None

    def _card_went(self) -> None:
        for path, worker in self._workers.items():
            if has_readers(path):
                worker.card_went()

    def _any_key_file(self) -> bool:
        return self._folder.is_dir() and any(self._folder.iterdir())

    async def _end_removed(self, modules: Sequence[str]) -> None:
        """A module that is not among ours any more needs no worker."""
        ours = {KEY_FILES, *modules}
        removed = [self._workers.pop(path) for path in list(self._workers) if path not in ours]
        await asyncio.gather(*(worker.close() for worker in removed))

    def _worker(self, path: str, token: str) -> WorkerProcess:
        """Raises TokenAbsent where the module is not among ours (any more), ModuleForbidden."""
        if path != KEY_FILES and path not in self._workers and path not in self._modules():
            raise TokenAbsent(token=token, module=path)
        return self._known(path)

    def _keeper(self) -> WorkerProcess:
        return self._known(KEY_FILES)

    def _known(self, path: str) -> WorkerProcess:
        """The worker of a module that is ours, or of the key files. Raises ModuleForbidden."""
        if path not in self._workers:
            what = ("keyfiles", str(self._folder)) if path == KEY_FILES else ("module", path, self._digest(path))
            self._workers[path] = WorkerProcess(path, *what, deadline=self._deadline, idle=self._idle)
        return self._workers[path]

    def _digest(self, path: str) -> str:
        """The SHA-256 that a module's file must have; empty for any. Raises ModuleForbidden."""
        module = self._policy.module(path)
        if module is None and self._policy.only_listed_modules:
            raise ModuleForbidden(module=path, reason="not_listed")
        return module.sha256 if module else ""

    def _is_loaded(self, path: str) -> bool:
        return path in self._workers and self._workers[path].is_loaded

    async def _tokens(self, path: str) -> Answer:
        try:
            return (await self._known(path).call(messages.List)).tokens
        except PeroError as error:
            return error

    async def _state(self, path: str) -> ModuleState:
        answer = await self._tokens(path)
        if isinstance(answer, PeroError):
            return ModuleState(path, answer.name, answer.facts, ())
        broken = next((token for token in answer if token.error), None)
        tokens = tuple(token.token for token in answer if token.token)
        if broken:
            return ModuleState(path, broken.error, broken.facts, tokens)
        try:
            return ModuleState(path, None, await self._known(path).facts(), tokens)
        except PeroError as error:
            return ModuleState(path, error.name, error.facts, tokens)


def _certificates(found: Sequence[devices.Found]) -> tuple[CertificateEntry, ...]:
    """Each certificate of a token once: modules may show one token as several."""
    entries: dict[tuple[str, str], CertificateEntry] = {}
    for path, token in found:
        for entry in _entries(token):
            entries.setdefault((entry.thumbprint, entry.token.serial or path), entry)
    return tuple(entries.values())


def _entries(token: messages.TokenListing) -> list[CertificateEntry]:
    if token.token is None:
        return []
    every = [certificate.der for certificate in token.certificates]
    return [
        CertificateEntry(
            thumbprint=hashlib.sha256(certificate.der).hexdigest(),
            der=certificate.der,
            token=token.token,
            has_key=certificate.has_key,
            chain=tuple(der for der in every if der != certificate.der),
        )
        for certificate in token.certificates
        if certificate.listed
    ]
