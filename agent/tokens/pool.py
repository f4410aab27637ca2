"""TokenPool: every token of this machine, each module behind a worker process of its own.

The agent's side: it imports no vendor library, no binding, no key, and sees no PIN.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from agent.algorithms import SignatureAlgorithm
from agent.errors import DigestLength, KeyFileDamaged, PeroError, TokenAbsent
from agent.ipc.pin import PinSource
from agent.model import KEY_FILES, CertificateEntry, Listing, ModuleFault, TokenState
from agent.tokens import messages
from agent.tokens.process import WorkerProcess

KEY_FILE_LIMIT = 1 << 20  # bytes; what is longer is no PKCS#12 file of a person


class ModuleState(msgspec.Struct, frozen=True):
    """What one PKCS#11 module says of itself and of its tokens."""

    path: str
    error: str | None  # name of an error of ``errors``
    facts: messages.Facts  # of the error, else of the module
    tokens: tuple[TokenState, ...]


class TokenPool:
    """`modules` gives the paths of the PKCS#11 modules and is asked anew at each call; `key_files` is the folder of
    key files; `deadline`: seconds for one operation of a worker; `idle`: seconds after which an unused one ends."""

    def __init__(
        self,
        modules: Callable[[], Sequence[str]],
        key_files: Path,
        *,
        deadline: float = 30.0,
        idle: float = 60.0,
    ) -> None:
        self._modules = modules
        self._folder = key_files
        self._deadline = deadline
        self._idle = idle
        self._workers: dict[str, WorkerProcess] = {}

    async def listing(self) -> Listing:
        """All certificates and tokens, key files first; a module that fails is a row of `faults`, never an exception.

        A token that two modules show is listed once, from the module that stands first.
        """
        modules = tuple(dict.fromkeys(self._modules()))
        await self._end_removed(modules)
        paths = (KEY_FILES, *modules) if self._any_key_file() else modules
        answers = await asyncio.gather(*(self._tokens(path) for path in paths))
        certificates: list[CertificateEntry] = []
        tokens: list[TokenState] = []
        faults: list[ModuleFault] = []
        seen: set[tuple[str, str]] = set()
        for path, answer in zip(paths, answers, strict=True):
            if isinstance(answer, PeroError):
                faults.append(ModuleFault(path, answer.name, answer.facts))
                continue
            tokens += [token.token for token in answer if token.token]
            for token in answer:
                if token.error:
                    faults.append(ModuleFault(path, token.error, token.facts))
                for entry in _entries(token):
                    place = (entry.thumbprint, entry.token.serial or path)
                    if place not in seen:
                        seen.add(place)
                        certificates.append(entry)
        return Listing(tuple(certificates), tuple(tokens), tuple(faults))

    async def module_states(self) -> tuple[ModuleState, ...]:
        """Each module in turn: whether it can be loaded and what it sees."""
        return tuple(await asyncio.gather(*(self._state(path) for path in dict.fromkeys(self._modules()))))

    async def sign(
        self, entry: CertificateEntry, algorithm: SignatureAlgorithm, digest: bytes, pin: PinSource
    ) -> bytes:
        """A signature as CMS holds it: the PKCS#1 v1.5 block, or a DER ECDSA-Sig-Value.

        The pool owns `pin` from here on. Cancelling closes the PIN conversation. Raises the errors of tokens, PINs
        and workers (``errors``, 2001 to 2015).
        """
        try:
            if len(digest) != algorithm.digest.size:
                raise DigestLength(algorithm=algorithm.digest.name, expected=algorithm.digest.size, given=len(digest))
            worker = self._worker(entry.token.module, entry.token.label)
        except PeroError:
            pin.close()
            raise
        kind = pin.kind

        def request(number: int) -> messages.Sign:
            return messages.Sign(number, kind, entry.token, entry.der, entry.thumbprint, algorithm.name, digest)

        return (await worker.call(request, pin)).signature

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

    def worker_processes(self) -> dict[str, int]:
        """Process ids of the workers that run, by module."""
        return {path: worker.process_id for path, worker in self._workers.items() if worker.process_id is not None}

    def _any_key_file(self) -> bool:
        return self._folder.is_dir() and any(self._folder.iterdir())

    async def _end_removed(self, modules: Sequence[str]) -> None:
        """A module that is not among ours any more needs no worker."""
        ours = {KEY_FILES, *modules}
        removed = [self._workers.pop(path) for path in list(self._workers) if path not in ours]
        await asyncio.gather(*(worker.close() for worker in removed))

    def _worker(self, path: str, token: str) -> WorkerProcess:
        """Raises TokenAbsent where the module is not among ours (any more)."""
        if path != KEY_FILES and path not in self._workers and path not in self._modules():
            raise TokenAbsent(token=token, module=path)
        return self._known(path)

    def _keeper(self) -> WorkerProcess:
        return self._known(KEY_FILES)

    def _known(self, path: str) -> WorkerProcess:
        """The worker of a module that is ours, or of the key files."""
        if path not in self._workers:
            kind, place = ("keyfiles", str(self._folder)) if path == KEY_FILES else ("module", path)
            self._workers[path] = WorkerProcess(path, kind, place, deadline=self._deadline, idle=self._idle)
        return self._workers[path]

    async def _tokens(self, path: str) -> tuple[messages.TokenListing, ...] | PeroError:
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
