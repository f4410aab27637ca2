"""What the pool and a worker say to each other: JSON in frames of ``native_host.framing`` over the data socket.

The pool numbers its requests. The descriptor of a request that needs a PIN goes ahead of it over the control socket,
tagged with the request's number. The worker's events about one request: `Waiting` while it waits for a PIN, `Started`
when it begins calls into the backend after that (and where they may take long), then one `Done` or `Failure`. The first
event of a worker is `Loaded`.
"""

from __future__ import annotations

import msgspec

from agent.ipc.pin import SourceKind
from agent.model import TokenState
from agent.tokens.inventory import TokenObject, TokenObjects
from agent.tokens.tasks import Task

FRAME_LIMIT = 16 << 20  # bytes; a listing of many certificates in one frame

Facts = dict[str, str | int | bool | None]


class List(msgspec.Struct, frozen=True, tag=True):
    """All tokens and their certificates, without a login."""

    id: int


class Look(msgspec.Struct, frozen=True, tag=True):
    """The slots with a token in them, and nothing about the tokens."""

    id: int


class Sign(msgspec.Struct, frozen=True, tag=True):
    id: int
    source: SourceKind
    token: TokenState
    certificate: bytes  # DER
    thumbprint: str  # SHA-256, lower-case hex
    algorithm: str  # name in algorithms.ALGORITHMS
    digest: bytes
    octets: bytes = b""  # what the digest is of, for tokens that make it themselves; empty where that is not wanted
    digest_order: str = ""  # of a GOST key's token: "standard", "reversed"; empty: not known yet


class SignMany(msgspec.Struct, frozen=True, tag=True):
    """One login for many signatures: it is answered by `Ready`, then each `More` by `Signed` and `Waiting`. A `More`
    without digests is the last, and answered by `Done`."""

    id: int
    source: SourceKind
    token: TokenState
    certificate: bytes  # DER
    thumbprint: str  # SHA-256, lower-case hex
    algorithm: str  # name in algorithms.ALGORITHMS
    with_octets: bool = False  # each `More` has what its digests are of
    digest_order: str = ""  # as in Sign


class More(msgspec.Struct, frozen=True, tag=True):
    id: int  # of the SignMany
    digests: tuple[bytes, ...]
    octets: tuple[bytes, ...] = ()


class Manage(msgspec.Struct, frozen=True, tag=True):
    """`source` None: without a login."""

    id: int
    source: SourceKind | None
    token: TokenState
    task: Task
    left: tuple[str, ...] = ()  # CKA_ID, hex, of key pairs of ours that an interrupted generation may have left


class AddKeyFile(msgspec.Struct, frozen=True, tag=True):
    id: int
    source: SourceKind
    name: str  # of the file the person chose, without folders
    content: bytes


class ForgetKeyFile(msgspec.Struct, frozen=True, tag=True):
    id: int
    thumbprint: str


class Withdraw(msgspec.Struct, frozen=True, tag=True):
    """Nobody wants the answer to this request any more; its PIN conversation is to be closed."""

    id: int


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The backend works (`facts` tell of the module), or it does not (`error`, then the worker ends)."""

    error: str | None = None
    facts: Facts = {}


class Started(msgspec.Struct, frozen=True, tag=True):
    id: int
    person: bool = False  # the call waits for the person at the reader's own keys
    slow: bool = False  # it may take minutes: a card makes a key


class Waiting(msgspec.Struct, frozen=True, tag=True):
    id: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The login of a `SignMany` stands."""

    id: int


class Signed(msgspec.Struct, frozen=True, tag=True):
    """The next signatures of a `SignMany`, in the order of the digests."""

    id: int
    signatures: tuple[bytes, ...]
    digest_order: str = ""  # as in Done


class Spent(msgspec.Struct, frozen=True, tag=True):
    """The worker's memory grew too far: it still answers what it was asked, and wants to be asked no more."""

    memory: int  # bytes


class FoundCertificate(msgspec.Struct, frozen=True):
    der: bytes
    has_key: bool | None  # None: not known before login
    listed: bool = True  # False: only as a part of the chain of others


class TokenListing(msgspec.Struct, frozen=True):
    """A token and what it shows without a login; with `error` it could not be read, and perhaps not even named."""

    token: TokenState | None
    certificates: tuple[FoundCertificate, ...]
    error: str | None = None
    facts: Facts = {}


class Done(msgspec.Struct, frozen=True, tag=True):
    """`signature` answers Sign, `tokens` answers List and AddKeyFile, `slots` answers Look, the last ones Manage."""

    id: int
    signature: bytes = b""
    tokens: tuple[TokenListing, ...] = ()
    slots: tuple[int, ...] = ()
    digest_order: str = ""  # in which the token of a GOST key wanted the digest, where that was found out
    inventory: TokenObjects | None = None
    made: tuple[TokenObject, ...] = ()
    request: bytes = b""  # DER of a CertificationRequestInfo, whose signature is `signature`


class Failure(msgspec.Struct, frozen=True, tag=True):
    id: int
    error: str  # name of an error of ``errors``
    facts: Facts = {}


Request = List | Look | Sign | SignMany | More | Manage | AddKeyFile | ForgetKeyFile | Withdraw
Event = Loaded | Started | Waiting | Spent | Ready | Signed | Done | Failure

_encoder = msgspec.json.Encoder()
_requests = msgspec.json.Decoder(Request)
_events = msgspec.json.Decoder(Event)


def encode(message: Request | Event) -> bytes:
    return _encoder.encode(message)


def decode_request(payload: bytes) -> Request:
    """Raises msgspec.DecodeError."""
    request: Request = _requests.decode(payload)
    return request


def decode_event(payload: bytes) -> Event:
    """Raises msgspec.MsgspecError."""
    try:
        event: Event = _events.decode(payload)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError("not an event") from error
    return event
