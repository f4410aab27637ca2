"""What a person does with tokens and key files besides signing: look, change PINs, make keys, write, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence

from agent.certificates.request import RequestedExtensions, Subject
from agent.ipc.pin import PinSource
from agent.model import TokenState
from agent.tokens.inventory import KeySpec, ObjectName, TokenObject, TokenObjects


class TokenManagement:
    """Reached as `pool.management`. A token is named by its TokenState out of a listing, and found again by label,
    serial number and model.

    Every method takes its `pin` source over and closes it always; cancelling closes the conversation. `Ask.purpose`
    says what is asked for: the order is given with each method. Every method raises TokenAbsent, PinCancelled and the
    errors of modules and workers; those with a login PinIncorrect (where no other may be asked for), PinLength,
    PinLocked, PinNotSet, PinInvalid (a PIN that expired); those that write TokenReadOnly, TokenFull, SoLoginRequired,
    TokenFailed. Lengths and flags are looked at before a PIN is tried. What failed leaves nothing behind.
    """

    async def objects(self, token: TokenState, pin: PinSource | None = None) -> TokenObjects:
        """Everything on a token. Asks "pin"; without a source only what can be seen without a login."""
        raise NotImplementedError

    async def change_pin(self, token: TokenState, pin: PinSource) -> None:
        """Asks "pin", tried at once, then "new_pin" until the token takes it. A key file is encrypted anew.

        Raises PinInvalid, PinLength where no other may be asked for.
        """
        raise NotImplementedError

    async def unblock(self, token: TokenState, pin: PinSource) -> None:
        """Asks "so_pin" or "puk", as the token has it, then "new_pin".

        Raises SoPinIncorrect, SoPinLocked, PinInvalid, OperationUnsupported.
        """
        raise NotImplementedError

    async def set_first_pin(self, token: TokenState, pin: PinSource) -> None:
        """The same for a token without a user PIN. Raises also PinAlreadySet, before anything is asked."""
        raise NotImplementedError

    async def generate(self, token: TokenState, spec: KeySpec, pin: PinSource) -> TokenObject:
        """A new key pair that cannot leave the token. Asks "pin". May take minutes.

        Raises MechanismUnsupported (before the PIN is asked for), ObjectExists where the id is taken, BadParameters.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    async def write_certificate(
        self, token: TokenState, der: bytes, pin: PinSource, *, label: str = "", authority: bool = False
    ) -> TokenObject:
        """Put a certificate beside its key; `authority`: one of the chain, which needs no key. Asks "pin".

        Raises CertificateDamaged (before anything is asked), KeyAbsent, ObjectExists.
        """
        raise NotImplementedError

    async def import_key_file(
        self, token: TokenState, content: bytes, name: str, pin: PinSource
    ) -> tuple[TokenObject, ...]:
        """Key and certificates out of a PKCS#12 file, all or nothing. Asks "passphrase", then "pin".

        Raises PassphraseIncorrect (nothing was tried at the token), KeyFileDamaged, KeyFileWithoutKey, ObjectExists,
        AlgorithmUnsupported, MechanismUnsupported where the token takes no such key, OperationUnsupported.
        """
        raise NotImplementedError

    async def rename(self, token: TokenState, name: ObjectName, label: str, pin: PinSource | None = None) -> None:
        """Give an object (both halves of a key pair) another label. Asks "pin"; a key file needs no source.

        Raises ObjectAbsent, ObjectProtected.
        """
        raise NotImplementedError

    async def delete(self, token: TokenState, names: Sequence[ObjectName], pin: PinSource | None = None) -> None:
        """Delete objects for good; of keys both halves. Asks "pin"; a key file, which goes as a whole, needs no source.

        All are looked for before the first is deleted. Raises ObjectAbsent, ObjectProtected.
        """
        raise NotImplementedError
