"""What kind of signature is asked for, and which combinations there are."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec

from agent.errors import BadParameters
from agent.model import Digest, Document, Streamed

CMS_FORMATS = frozenset({"cms", "cades"})
XML_FORMATS = frozenset({"xmldsig", "xades"})
WITH_REASON = frozenset({"cades", "pades"})
WITH_LEVELS = frozenset({"cades", "pades", "xades"})  # formats that a time-stamp can be put into

MAX_EXISTING = 32 << 20  # octets of a signature that another one is added to
_MAX_WORDS = 1024  # characters of a reason, a place, a name
_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_WORDS)]
_MAX_POINTS = 14_400  # 200 inches, the largest page of PDF (ISO 32000-1 annex C)
_Points = Annotated[float, msgspec.Meta(ge=-_MAX_POINTS, le=_MAX_POINTS)]
_Extent = Annotated[float, msgspec.Meta(gt=0, le=_MAX_POINTS)]

Level = Literal["b", "t", "lt"]


class VisibleSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where on a page the signature is seen; points (1/72 inch) from the page's lower left corner."""

    x: _Points
    y: _Points
    width: _Extent
    height: _Extent
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1  # from 1
    text: Annotated[str, msgspec.Meta(max_length=_MAX_WORDS)] | None = None  # None: owner, time, and so on


class PdfOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For PAdES. The reason is the request's `reason`."""

    visible: VisibleSignature | None = None
    location: _Words | None = None
    contact: _Words | None = None
    field: _Words | None = None  # name of the signature's field: an empty one that is there, or a new one


class XmlOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For XMLDSig and XAdES."""

    id: _Words | None = None  # the element that is signed, by its Id; None: the whole document
    place: _Words | None = None  # enveloped: whose last child the signature becomes, by Id or {namespace}name
    transform: Literal["smev"] | None = None  # urn://smev-gov-ru/xmldsig/transform, after the exclusive canonical form
    canonical: Literal["exclusive", "exclusive_with_comments", "inclusive", "inclusive_with_comments"] = "exclusive"
    content: Literal["xml", "octets"] = "xml"  # enveloping: "octets" puts any document in, as base64
    signing_certificate: Literal["v2", "v1"] = "v2"  # XAdES; "v1" for receivers of ETSI TS 101 903


class SignatureOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kind of the signature. What is left out is as every version of Pero had it: CAdES-B in DER."""

    format: Literal["cms", "cades", "pades", "xmldsig", "xades"] = "cades"
    level: Level = "b"  # B-B, B-T, B-LT (ETSI EN 319 122-1, 132-1, 142-1)
    fallback: bool = False  # True: where a signature was made and its level cannot be given, a lower one is taken
    packaging: Literal["enveloped", "enveloping", "detached"] | None = None  # XML; None: enveloped
    encoding: Literal["der", "pem", "base64", "base64_lines"] = "der"  # CMS
    padding: Literal["pkcs1", "pss"] = "pkcs1"  # of RSA keys; others know none
    reason: _Words | None = None  # in words; "cades" and "pades" have a place for it
    name: bool = False  # whether the document's name stands in the signature ("cades")
    existing: Annotated[bytes, msgspec.Meta(max_length=MAX_EXISTING)] | None = None  # CMS to which a signer is added
    mode: Literal["co_sign", "counter_sign"] | None = None
    signer: Annotated[int, msgspec.Meta(ge=0, lt=1000)] | None = None  # counter_sign: whose, from 0; None: the only one
    pdf: PdfOptions | None = None
    xml: XmlOptions | None = None


class Conflict(NamedTuple):
    """A combination that there is not: its key of the catalogue ("sign.conflict.KEY"), and words for programmers."""

    key: str
    detail: str


def check(options: SignatureOptions, document: Document | Digest, *, attached: bool, digest_named: bool) -> None:
    """Raises BadParameters at a combination that there is not. `digest_named`: the request names a digest algorithm."""
    found = conflict(options, document, attached=attached, digest_named=digest_named)
    if found is not None:
        raise BadParameters(detail=found.detail)


def conflict(
    options: SignatureOptions, document: Document | Digest, *, attached: bool, digest_named: bool
) -> Conflict | None:
    rules = (*_rules(options, document, attached, digest_named), *_rules_of_streams(options, document, attached))
    return next((Conflict(key, detail) for wrong, key, detail in rules if wrong), None)


def _rules(
    options: SignatureOptions, document: Document | Digest, attached: bool, digest_named: bool
) -> tuple[tuple[bool, str, str], ...]:
    kind = options.format
    is_cms, is_xml = kind in CMS_FORMATS, kind in XML_FORMATS
    bare_digest = isinstance(document, Digest) and not isinstance(document, Streamed)
    counter = options.mode == "counter_sign"
    return (
        (isinstance(document, Digest) and not is_cms, "digest", f"{kind} needs the document and not its digest"),
        (options.mode is not None and attached, "mode_attached", "attached is as the existing signature has it"),
        (bare_digest and (attached or digest_named), "digest", "a digest cannot be attached, nor digested again"),
        (attached and not is_cms, "attached", f"attached does not go with {kind}"),
        (options.level != "b" and kind not in WITH_LEVELS, "level", f"{kind} has no level {options.level}"),
        (options.fallback and options.level == "b", "fallback", "fallback goes with level t and lt"),
        (options.packaging is not None and not is_xml, "packaging", f"packaging does not go with {kind}"),
        (options.encoding != "der" and not is_cms, "encoding", f"encoding does not go with {kind}"),
        (options.reason is not None and kind not in WITH_REASON, "reason", f"{kind} has no place for a reason"),
        (options.name and kind != "cades", "name", f"name does not go with {kind}"),
        ((options.existing is None) != (options.mode is None), "mode", "existing and mode go together"),
        (options.mode is not None and not is_cms, "mode", f"mode does not go with {kind}"),
        (options.signer is not None and not counter, "signer", "signer goes with counter_sign"),
        (counter and options.name, "name", "a counter-signature has no document to name"),
        (options.pdf is not None and kind != "pades", "pdf", f"pdf does not go with {kind}"),
        (options.xml is not None and not is_xml, "xml", f"xml does not go with {kind}"),
    )


def _rules_of_streams(
    options: SignatureOptions, document: Document | Digest, attached: bool
) -> tuple[tuple[bool, str, str], ...]:
    """Content that nobody holds is put into a signature while it is copied (cms.stream): in DER, and in a new one."""
    put_in = attached and isinstance(document, Streamed)
    return (
        (put_in and options.encoding != "der", "encoding", "so large a document is attached in der only"),
        (put_in and options.mode is not None, "mode", "so large a document is attached to a new signature only"),
    )
