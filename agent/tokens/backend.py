"""What a worker serves: the tokens of one PKCS#11 module, or the folder of key files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from agent.ipc.pin import Ask, Pin
from agent.tokens import messages


class Accept(Protocol):
    def __call__(self, *, default_pin: bool = False) -> None:
        """Tell the asker that its secret was right; `default_pin`: and that it is one of the vendor's."""
        ...


class PinOperation(Protocol):
    """Something that needs a PIN, or several secrets one after another. No call of it waits for a person, but for one
    at the keys of a reader."""

    def ask(self) -> Ask:
        """What to tell the asker, as the token says it now; which secret it is the operation knows.

        Raises the errors of a token that cannot be used: TokenAbsent, PinLocked, PinNotSet, MechanismUnsupported, ...
        """
        ...

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        """One try. Calls `accepted` as soon as the PIN is known to be right. None: another secret is to be asked for.

        Raises the errors of ``worker.AGAIN`` where another one may do, any other where the operation is over.
        """
        ...

    def close(self) -> None:
        """It is over: wipe what was kept."""
        ...


@runtime_checkable
class ManyOperation(PinOperation, Protocol):
    """`attempt` logs in and gives None; the login lasts until `close`."""

    def sign(self, digests: tuple[bytes, ...], octets: tuple[bytes, ...]) -> Iterator[tuple[bytes, str]]:
        """Signatures in this order, each as soon as it is there, with the order of the digest where that was found out.

        Raises what ended it; those before are good.
        """
        ...


class Backend(Protocol):
    def load(self) -> messages.Facts:
        """Make ready; facts about the module. Raises PeroError where it cannot be used."""
        ...

    def listing(self) -> tuple[messages.TokenListing, ...]: ...

    def slots(self) -> tuple[int, ...]:
        """Numbers of the slots with an initialised token in them; quick, and without a word to those known."""
        ...

    def sign(self, request: messages.Sign) -> PinOperation: ...

    def sign_many(self, request: messages.SignMany) -> ManyOperation: ...

    def manage(self, request: messages.Manage) -> PinOperation:
        """Raises OperationUnsupported and the errors of what is asked, before a PIN is."""
        ...

    def manage_now(self, request: messages.Manage) -> messages.Done:
        """The same without a login. Raises PinCancelled where it cannot be done without one."""
        ...

    def add_key_file(self, request: messages.AddKeyFile) -> PinOperation:
        """Raises UnknownMethod where the backend keeps no key files."""
        ...

    def forget_key_file(self, thumbprint: str) -> None: ...

    def close(self) -> None: ...
