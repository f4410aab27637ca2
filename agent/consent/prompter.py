"""The person, as a protocol. The window, the terminal and the tests' own prompters implement it.

A prompter shows; it decides nothing and remembers nothing. One prompt is open at a time: callers queue (see signing).
A dialogue that is cancelled (asyncio) takes its window away.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

import msgspec

from agent.errors import PeroError
from agent.ipc.pin import PinSource


class ConnectionPrompt(msgspec.Struct, frozen=True):
    """A site asks for the first time."""

    origin: str  # as the browser says it, in ASCII (punycode)
    shown_origin: str  # the same for people; punycode is kept where scripts are mixed
    language: str


class ConnectionAnswer(msgspec.Struct, frozen=True):
    """What the person decided. `remember` False: this time only, until the site's connection ends."""

    remember: bool


class OfferedCertificate(msgspec.Struct, frozen=True):
    """A certificate as a window shows it. Texts are plain; dates are UTC, ISO 8601."""

    thumbprint: str  # SHA-256, lower-case hex
    owner: str  # common name of the subject
    details: tuple[tuple[str, str], ...]  # label key of the catalogue ("certificate.issuer"), value
    issuer: str
    not_before: str
    not_after: str
    key: str  # "RSA 2048", "P-256"
    token_label: str
    token_serial: str
    warnings: tuple[str, ...]  # of the token: pin_count_low, pin_final_try, pin_locked, pin_to_be_changed, pin_not_set
    problems: tuple[str, ...]  # of the certificate: expired, not_yet_valid, key_usage, no_key, key_unsupported; a name
    # of the catalogue ("problem.expired"). With problems it is shown, with its reason, and cannot be chosen.
    protected_path: bool = False
    key_file: bool = False  # the secret is the passphrase of a key file, not the PIN of a token


class ChoicePrompt(msgspec.Struct, frozen=True):
    """A site (or the command line, origin "") asks which certificate to use."""

    origin: str
    shown_origin: str
    certificates: tuple[OfferedCertificate, ...]  # usable ones first; may be empty
    faults: tuple[str, ...]  # sentences about modules that did not answer
    language: str


class ShownDocument(msgspec.Struct, frozen=True):
    """The document as the window shows it; `preview` is plain text and already made safe (control and bidirectional
    characters escaped), None where the content cannot be shown."""

    name: str
    media_type: str
    size: int | None  # bytes
    digest_algorithm: str
    digest: str  # lower-case hex
    preview: str | None
    preview_cut: bool  # the preview is only the beginning
    digest_only: bool  # a bare digest: the content cannot be shown


class SigningPrompt(msgspec.Struct, frozen=True):
    """A signature is asked for. Origin "" is the command line of this machine."""

    origin: str
    shown_origin: str
    document: ShownDocument
    certificates: tuple[OfferedCertificate, ...]  # usable ones first
    chosen: str | None  # thumbprint to begin with; None: the first usable one
    faults: tuple[str, ...]
    language: str


class PassphrasePrompt(msgspec.Struct, frozen=True):
    """The passphrase of a key file is needed, to add it."""

    file_name: str
    language: str


class Dialogue(Protocol):
    """An open prompt that ends in a PIN."""

    async def confirmed(self) -> str:
        """Wait until the person confirms; the thumbprint chosen ("" for a passphrase).

        Raises Refused, WindowClosed. After `failed` it may be awaited again. When it is cancelled the prompt stays.
        """
        ...

    def pin_source(self) -> PinSource:
        """A new source of the PIN that was or will be typed; called once after each `confirmed`. The caller owns it."""
        ...

    async def failed(self, error: PeroError) -> None:
        """Show why it did not work; the person may try again or close."""
        ...

    async def done(self) -> None:
        """It worked: the prompt goes away."""
        ...


class Prompter(Protocol):
    """Asks the person. Every method raises WindowUnavailable where nothing can be shown."""

    @property
    def kind(self) -> Literal["window", "terminal", "descriptor", "test"]:
        """As the journal names it."""
        ...

    async def ask_connection(self, prompt: ConnectionPrompt) -> ConnectionAnswer:
        """Raises Refused, WindowClosed."""
        ...

    async def choose_certificate(self, prompt: ChoicePrompt) -> str:
        """The thumbprint chosen. Raises Refused, WindowClosed."""
        ...

    def ask_signature(self, prompt: SigningPrompt) -> AbstractAsyncContextManager[Dialogue]: ...

    def ask_passphrase(self, prompt: PassphrasePrompt) -> AbstractAsyncContextManager[Dialogue]: ...
