"""What a worker serves: the tokens of one PKCS#11 module, or the folder of key files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.ipc.pin import Ask, Pin
from agent.tokens import messages


class PinOperation(Protocol):
    """Something that needs a PIN. No call of it waits for a person, but for one at the keys of a reader."""

    def ask(self) -> Ask:
        """What to tell the asker, as the token says it now.

        Raises the errors of a token that cannot be used: TokenAbsent, PinLocked, PinNotSet, MechanismUnsupported, ...
        """
        ...

    def attempt(self, pin: Pin, accepted: Callable[[], None]) -> messages.Done:
        """One try. Calls `accepted` as soon as the PIN is known to be right.

        Raises PinIncorrect and PinLength where another PIN may do, any other error where the operation is over.
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

    def add_key_file(self, request: messages.AddKeyFile) -> PinOperation:
        """Raises UnknownMethod where the backend keeps no key files."""
        ...

    def forget_key_file(self, thumbprint: str) -> None: ...

    def close(self) -> None: ...
