"""What a person does with tokens and key files besides signing: look, change PINs, make keys, write, rename, delete."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from agent.algorithms import algorithm_named, new_digest
from agent.certificates import request as pkcs10
from agent.certificates.request import RequestedExtensions, Subject
from agent.errors import Internal, KeyFileDamaged, OutcomeUnknown, PeroError, Stopping, WorkerDied, WorkerHung
from agent.ipc.pin import PinSource
from agent.model import KEY_FILES, TokenState
from agent.tokens import messages, public_key, tasks
from agent.tokens.inventory import KeySpec, ObjectName, TokenObject, TokenObjects
from agent.tokens.process import WorkerProcess
from agent.tokens.signature_order import SignatureOrders
from agent.tokens.unfinished import Unfinished

KEY_FILE_LIMIT = 1 << 20  # bytes; what is longer is no PKCS#12 file of a person


FIRST_ID_SIZE = 20  # bytes, as of SHA-1


class CancelledInDoubt(asyncio.CancelledError):
    """What was being done may have been done."""


class TokenManagement:
    """Reached as `pool.management`. A token is named by its TokenState out of a listing, and found again by label,
    serial number and model.

    Every method takes its `pin` source over and closes it always; cancelling closes the conversation. `Ask.purpose`
    says what is asked for: the order is given with each method. Every method raises TokenAbsent, PinCancelled and the
    errors of modules and workers; those with a login PinIncorrect (where no other may be asked for), PinLength,
    PinLocked, PinNotSet, PinInvalid (a PIN that expired); those that write TokenReadOnly, TokenFull, SoLoginRequired,
    TokenFailed. Lengths and flags are looked at before a PIN is tried. What failed leaves nothing behind;
    where that cannot be known OutcomeUnknown is raised, and the next change takes an unfinished key pair away.
    """

    def __init__(
        self,
        worker: Callable[[str, str], WorkerProcess],
        orders: SignatureOrders,
        unfinished: Unfinished | None = None,
    ) -> None:
        """`worker`: that of a module, for a token of this label."""
        self._worker = worker
        self._orders = orders
        self._unfinished = unfinished or Unfinished(None)

    async def objects(self, token: TokenState, pin: PinSource | None = None) -> TokenObjects:
        """Everything on a token. Asks "pin"; without a source only what can be seen without a login."""
        found = (await self._do(token, tasks.ReadObjects(), pin)).inventory
        if found is None:
            raise Internal(detail="no inventory")
        return found

    async def change_pin(self, token: TokenState, pin: PinSource) -> None:
        """Asks "pin", tried at once, then "new_pin" until the token takes it. A key file is encrypted anew.

        Raises PinInvalid, PinLength where no other may be asked for.
        """
        await self._do(token, tasks.ChangePin(), pin)

    async def unblock(self, token: TokenState, pin: PinSource) -> None:
        """Asks "so_pin" or "puk", as the token has it, then "new_pin".

        Raises SoPinIncorrect, SoPinLocked, PinInvalid, OperationUnsupported.
        """
        await self._do(token, tasks.Unblock(), pin)

    async def set_first_pin(self, token: TokenState, pin: PinSource) -> None:
        """The same for a token without a user PIN. Raises also PinAlreadySet, before anything is asked."""
        await self._do(token, tasks.Unblock(first=True), pin)

    async def generate(self, token: TokenState, spec: KeySpec, pin: PinSource) -> TokenObject:
        """A new key pair that cannot leave the token. Asks "pin". May take minutes.

        Raises MechanismUnsupported (before the PIN is asked for), ObjectExists where the id is taken, BadParameters.
        """
        if spec.id:
            return (await self._do(token, tasks.Generate(spec, ""), pin)).made[0]
        first = secrets.token_hex(FIRST_ID_SIZE)
        self._unfinished.begin(token, first)
        try:
            made = (await self._do(token, tasks.Generate(spec, first), pin)).made[0]
        except (OutcomeUnknown, CancelledInDoubt):
            raise
        except BaseException:
            self._unfinished.forget(token, (first,))
            raise
        else:
            self._unfinished.forget(token, (first,))
            return made
        finally:
            self._unfinished.end(first)

    async def request(
        self,
        token: TokenState,
        key: ObjectName,
        subject: Subject,
        pin: PinSource,
        extensions: RequestedExtensions | None = None,
    ) -> bytes:
        """DER of a PKCS#10 request (RFC 2986) for a key of the token, which signs it. Asks "pin".

        Raises SubjectInvalid (before anything is asked), ObjectAbsent, MechanismUnsupported, SignatureWrong.
        """
        wanted, order = extensions or RequestedExtensions(), self._orders.digest_order(token)
        done = await self._do(token, tasks.MakeRequest(key, subject, wanted, order), pin)
        self._orders.remember_digest_order(token, done.digest_order)
        info = pkcs10.key_in(done.request)
        key_type = public_key.key_of(info).key_type
        algorithm = algorithm_named(pkcs10.ALGORITHMS[key_type])
        digest = new_digest(algorithm.digest.name, done.request).digest()
        signature = self._orders.proved(token, info, algorithm, digest, done.signature)
        return pkcs10.assemble(done.request, key_type, signature)

    async def write_certificate(
        self,
        token: TokenState,
        der: bytes,
        pin: PinSource,
        *,
        label: str = "",
        authority: bool = False,
        chain: Sequence[bytes] = (),
    ) -> TokenObject:
        """Put a certificate beside its key; `authority`: one of the chain, which needs no key. Asks "pin", of a key
        file "passphrase": it becomes another key file, with the issuers that are found in `chain`.

        Raises CertificateDamaged (before anything is asked), KeyAbsent, ObjectExists.
        """
        return (await self._do(token, tasks.WriteCertificate(der, label, authority, tuple(chain)), pin)).made[0]

    async def import_key_file(
        self, token: TokenState, content: bytes, name: str, pin: PinSource
    ) -> tuple[TokenObject, ...]:
        """Key and certificates out of a PKCS#12 file, all or nothing. Asks "passphrase", then "pin".

        Raises PassphraseIncorrect (nothing was tried at the token), KeyFileDamaged, KeyFileWithoutKey, ObjectExists,
        AlgorithmUnsupported, MechanismUnsupported where the token takes no such key, OperationUnsupported.
        """
        if len(content) > KEY_FILE_LIMIT:
            pin.close()
            raise KeyFileDamaged(file=name)
        return (await self._do(token, tasks.ImportKeyFile(content, name), pin)).made

    async def rename(self, token: TokenState, name: ObjectName, label: str, pin: PinSource | None = None) -> None:
        """Give an object (both halves of a key pair) another label. Asks "pin"; a key file needs no source.

        Raises ObjectAbsent, ObjectProtected.
        """
        await self._do(token, tasks.Rename(name, label), pin)

    async def delete(self, token: TokenState, names: Sequence[ObjectName], pin: PinSource | None = None) -> None:
        """Delete objects for good; of keys both halves. Asks "pin"; a key file, which goes as a whole, needs no source.

        All are looked for before the first is deleted. Raises ObjectAbsent, ObjectProtected.
        """
        await self._do(token, tasks.Delete(tuple(names)), pin)

    async def _do(self, token: TokenState, task: tasks.Task, pin: PinSource | None) -> messages.Done:
        if pin and token.module == KEY_FILES and isinstance(task, _WITHOUT_PASSPHRASE):
            pin.close()
            pin = None
        kind = pin.kind if pin else None
        try:
            worker = self._worker(token.module, token.label)
        except PeroError:
            if pin:
                pin.close()
            raise
        named = _named(task)  # what a person names is theirs, however it came to be
        left = tuple(one for one in self._unfinished.of(token) if one not in named)
        in_doubt = False

        def doubt(slow: bool) -> None:
            """A slow task that is not slow yet is at the passphrase of its file."""
            nonlocal in_doubt
            in_doubt = isinstance(task, _WRITING) and (slow or not isinstance(task, tasks.SLOW))

        try:
            done = await worker.call(lambda number: messages.Manage(number, kind, token, task, left), pin, doubt)
        except asyncio.CancelledError:
            if in_doubt:
                raise CancelledInDoubt from None
            raise
        except (WorkerDied, WorkerHung, Stopping) as error:
            if in_doubt:
                raise OutcomeUnknown(token=token.label, reason=error.name) from error
            raise
        if pin:
            self._unfinished.forget(token, {*named, *(left if isinstance(task, _WRITING) else ())})
        return done


def _named(task: tasks.Task) -> set[str]:
    """CKA_ID of the keys that a task is about."""
    match task:
        case tasks.Rename(name=name) | tasks.MakeRequest(key=name):
            return {name.id}
        case tasks.Delete(names=names):
            return {name.id for name in names}
        case _:
            return set()


_WITHOUT_PASSPHRASE = (tasks.ReadObjects, tasks.Rename, tasks.Delete)
_WRITING = (
    tasks.ChangePin, tasks.Unblock, tasks.Generate, tasks.WriteCertificate, tasks.ImportKeyFile, tasks.Rename,
    tasks.Delete,
)  # fmt: skip
