"""The person, as a protocol. The window, the terminal and the tests' own prompters implement it.

A prompter shows; it decides nothing and remembers nothing. One prompt is open at a time: callers queue (see signing).
A dialogue that is cancelled (asyncio) takes its window away.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Literal, NamedTuple, Protocol

import msgspec

from agent.errors import PeroError
from agent.ipc.pin import PinSource, Purpose
from agent.pdf.drawn import Drawing


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
    problems: tuple[str, ...]  # of the certificate: names of the catalogue ("problem.expired", "problem.other_inn").
    # With problems it is shown, with its reason, and cannot be chosen.
    protected_path: bool = False
    key_file: bool = False  # the secret is the passphrase of a key file, not the PIN of a token


class ChoicePrompt(msgspec.Struct, frozen=True):
    """A site (or the command line, origin "") asks which certificate to use."""

    origin: str
    shown_origin: str
    certificates: tuple[OfferedCertificate, ...]  # usable ones first; may be empty
    faults: tuple[str, ...]  # sentences about modules that did not answer
    language: str
    insert_token: bool = False  # no token is there: the prompt may wait for one


class Offered(msgspec.Struct, frozen=True):
    """What is on offer now, after a token came or went while the prompt is open."""

    certificates: tuple[OfferedCertificate, ...]
    faults: tuple[str, ...]
    insert_token: bool = False


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
    stated: tuple[tuple[str, str], ...] = ()  # what the signature will say besides: `stated.NAME`, the asker's words
    drawings: tuple[Drawing, ...] = ()  # the first pages of a PDF, or a picture


class SigningPrompt(msgspec.Struct, frozen=True):
    """A signature is asked for. Origin "" is the command line of this machine."""

    origin: str
    shown_origin: str
    document: ShownDocument
    certificates: tuple[OfferedCertificate, ...]  # usable ones first
    chosen: str | None  # thumbprint to begin with; None: the first usable one
    faults: tuple[str, ...]
    language: str
    insert_token: bool = False  # no token is there: the prompt may wait for one
    sign_in: str = ""  # the address that is signed in to; the document is then the proof of it, and is not shown


class BatchDocument(msgspec.Struct, frozen=True):
    """One row of a batch. Its preview is asked for when somebody looks at it."""

    name: str
    size: int | None  # bytes
    digest_algorithm: str
    digest: str  # lower-case hex
    problem: str = ""  # a sentence: why it cannot be signed, and is not going to be


class BatchPrompt(msgspec.Struct, frozen=True):
    """Signatures of many documents are asked for, with one certificate. Fields as of SigningPrompt."""

    origin: str
    shown_origin: str
    documents: tuple[BatchDocument, ...]
    certificates: tuple[OfferedCertificate, ...]
    chosen: str | None
    faults: tuple[str, ...]
    language: str
    insert_token: bool = False
    stated: tuple[tuple[str, str], ...] = ()  # of every signature; as of ShownDocument


class BatchAnswer(msgspec.Struct, frozen=True):
    """What the person agreed to: all documents but those struck out, by their numbers."""

    thumbprint: str
    struck: tuple[int, ...] = ()


class Progress(NamedTuple):
    """How many documents of a batch are done, and which ones since this was said last, by their numbers."""

    signed: int
    failed: int  # those struck out too
    total: int
    now_signed: tuple[int, ...] = ()
    now_failed: tuple[int, ...] = ()


# One document of a batch, by its number, and once more when its pages are drawn; None: there is none.
ShowDocument = Callable[[int], AsyncGenerator[ShownDocument | None, None]]

# What becomes of a signature whose level cannot be had: asked for once more, kept at a lower one, or given up.
Remedy = Literal["again", "keep", "give_up"]

Updates = AsyncIterator[Offered]  # of an open prompt; a prompter that shows no list leaves them alone


class PassphrasePrompt(msgspec.Struct, frozen=True):
    """The passphrase of a key file is needed, to add it."""

    file_name: str
    language: str


class TokenPrompt(msgspec.Struct, frozen=True):
    """Something is to be done on a token, or to a key file. The prompt ends in the secrets that it takes."""

    action: str  # a name of the catalogue ("token_action.change_pin.title")
    token_label: str
    token_serial: str
    token_reader: str
    details: tuple[tuple[str, str], ...]  # label key of the catalogue ("token_detail.key"), value: plain text
    losses: tuple[tuple[str, str], ...]  # what will be gone for ever: key of the catalogue ("token_loss.key"), its name
    secrets: tuple[Purpose, ...]  # what the worker is going to ask for, in this order
    warnings: tuple[str, ...]  # of the token, as OfferedCertificate has them
    protected_path: bool
    key_file: bool
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

    async def remedy(self, error: PeroError, lower: str | None) -> Remedy:
        """The signature is made, and its level could not be had: what now? No PIN is asked for again.

        `lower`: the level that it may be kept at; None: whoever asked takes no other. When it is cancelled the prompt
        stays."""
        ...

    async def done(self) -> bool:
        """It worked: the prompt goes away. True where it stays, to offer that the PIN be changed: the person typed the
        one that the token came with, or the token wants it changed."""
        ...

    async def offer_taken(self) -> bool:
        """Where `done` was True: wait whether the person wants the PIN changed now. Then the prompt is gone."""
        ...


class BatchDialogue(Protocol):
    """An open prompt for many documents; as Dialogue, but for what is said here."""

    async def confirmed(self) -> BatchAnswer: ...

    def pin_source(self) -> PinSource: ...

    async def failed(self, error: PeroError) -> None:
        """The person may go on with what is left, or close."""
        ...

    async def progress(self, progress: Progress) -> None: ...

    async def stopped(self) -> None:
        """Wait until the person wants no more signatures, or is gone. When it is cancelled the prompt stays."""
        ...

    async def done(self) -> None:
        """The prompt goes away."""
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

    async def choose_certificate(self, prompt: ChoicePrompt, updates: Updates | None = None) -> str:
        """The thumbprint chosen. Raises Refused, WindowClosed."""
        ...

    def ask_signature(
        self, prompt: SigningPrompt, updates: Updates | None = None
    ) -> AbstractAsyncContextManager[Dialogue]: ...

    def ask_passphrase(self, prompt: PassphrasePrompt) -> AbstractAsyncContextManager[Dialogue]: ...

    def ask_token(self, prompt: TokenPrompt) -> AbstractAsyncContextManager[Dialogue]: ...

    def ask_batch(
        self, prompt: BatchPrompt, show: ShowDocument, updates: Updates | None = None
    ) -> AbstractAsyncContextManager[BatchDialogue]: ...
