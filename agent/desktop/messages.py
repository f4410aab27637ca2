"""What the agent and a window say to each other: frames (``native_host.framing``) of JSON, each with its kind in "say".

The agent's first frame is one of the prompts; the window answers `Ready` once it is on the screen. Descriptors of PIN
conversations travel beside, on the control socket, tagged `PIN_TAG`. No PIN is in any of these messages.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from agent.consent.prompter import (
    BatchPrompt,
    ChoicePrompt,
    ConnectionPrompt,
    Offered,
    PassphrasePrompt,
    ShownDocument,
    SigningPrompt,
    TokenPrompt,
)
from agent.desktop.doctor_messages import FromDoctor, ShowDoctor, ToDoctor
from agent.errors import Fact

MAX_MESSAGE = 8 << 20  # bytes; a prompt with a preview and many certificates is far below
PIN_TAG = b"pin"


class ShowConnection(msgspec.Struct, frozen=True, tag_field="say", tag="connection"):
    prompt: ConnectionPrompt


class ShowChoice(msgspec.Struct, frozen=True, tag_field="say", tag="choice"):
    prompt: ChoicePrompt


class ShowSigning(msgspec.Struct, frozen=True, tag_field="say", tag="signing"):
    prompt: SigningPrompt


class ShowPassphrase(msgspec.Struct, frozen=True, tag_field="say", tag="passphrase"):
    prompt: PassphrasePrompt


class ShowToken(msgspec.Struct, frozen=True, tag_field="say", tag="token"):
    prompt: TokenPrompt


class ShowBatch(msgspec.Struct, frozen=True, tag_field="say", tag="batch"):
    prompt: BatchPrompt


class ShowDocument(msgspec.Struct, frozen=True, tag_field="say", tag="document"):
    """One document of a batch, which the window asked for; None: there is nothing to show."""

    index: int
    document: ShownDocument | None


class Progressed(msgspec.Struct, frozen=True, tag_field="say", tag="progressed"):
    """How many documents of a batch are done, and which ones since this was said last, by their numbers."""

    signed: int
    failed: int
    total: int
    now_signed: tuple[int, ...] = ()
    now_failed: tuple[int, ...] = ()


class Offer(msgspec.Struct, frozen=True, tag_field="say", tag="offer"):
    """Tokens came or went: these are the certificates now."""

    offered: Offered


class Failed(msgspec.Struct, frozen=True, tag_field="say", tag="failed"):
    """It did not work; the window says so and the person may try again."""

    error: str  # name of an error of ``errors``
    facts: dict[str, Fact] = {}


class Unreached(msgspec.Struct, frozen=True, tag_field="say", tag="unreached"):
    """The signature is made, and its level could not be had; the window answers `Remedied`, or is refused."""

    error: str
    facts: dict[str, Fact] = {}
    lower: str | None = None  # the level that it may be kept at


class Done(msgspec.Struct, frozen=True, tag_field="say", tag="done"):
    """It worked: the window goes away, or answers that it is `Offering` something."""


class Ready(msgspec.Struct, frozen=True, tag_field="say", tag="ready"):
    """The window is on the screen."""


class Unavailable(msgspec.Struct, frozen=True, tag_field="say", tag="unavailable"):
    """The window cannot be shown."""

    reason: str  # no_display, or the toolkit's own words


class Refused(msgspec.Struct, frozen=True, tag_field="say", tag="refused"):
    """The person said no. The window is going away."""


class Allowed(msgspec.Struct, frozen=True, tag_field="say", tag="allowed"):
    remember: bool


class Confirmed(msgspec.Struct, frozen=True, tag_field="say", tag="confirmed"):
    """The person agreed, with this certificate ("" for a passphrase). In a window that takes a PIN it was typed."""

    thumbprint: str


class ConfirmedBatch(msgspec.Struct, frozen=True, tag_field="say", tag="confirmed_batch"):
    """The person agreed to all documents but those struck out, by their numbers."""

    thumbprint: str
    struck: tuple[int, ...] = ()


class LookAt(msgspec.Struct, frozen=True, tag_field="say", tag="look_at"):
    """The person looks at one document of a batch."""

    index: int


class Stop(msgspec.Struct, frozen=True, tag_field="say", tag="stop"):
    """The person wants no more of a batch. What is done is done."""


class Remedied(msgspec.Struct, frozen=True, tag_field="say", tag="remedied"):
    """After `Unreached`: the level is asked for once more, or the lower one is kept."""

    remedy: Literal["again", "keep"]


class Offering(msgspec.Struct, frozen=True, tag_field="say", tag="offering"):
    """After `Done`: the window stays, and offers to change the PIN."""


class ChangePin(msgspec.Struct, frozen=True, tag_field="say", tag="change_pin"):
    """The person took that offer. The window is going away."""


Show = ShowConnection | ShowChoice | ShowSigning | ShowPassphrase | ShowToken | ShowBatch | ShowDoctor
ToWindow = Show | Offer | Failed | Unreached | Done | ShowDocument | Progressed | ToDoctor
FromWindow = (
    Ready
    | Unavailable
    | Refused
    | Allowed
    | Confirmed
    | ConfirmedBatch
    | LookAt
    | Stop
    | Remedied
    | Offering
    | ChangePin
    | FromDoctor
)

_encoder = msgspec.json.Encoder()
_to_window = msgspec.json.Decoder(ToWindow)
_from_window = msgspec.json.Decoder(FromWindow)


def encode(message: ToWindow | FromWindow) -> bytes:
    return _encoder.encode(message)


def decode_to_window(payload: bytes) -> ToWindow:
    """Raises msgspec.DecodeError at anything else."""
    message: ToWindow = _to_window.decode(payload)
    return message


def decode_from_window(payload: bytes) -> FromWindow:
    """Raises msgspec.DecodeError at anything else."""
    message: FromWindow = _from_window.decode(payload)
    return message
