"""A signature that somebody made (RFC 5652), read once into frozen values by asn1crypto; DER or BER.

Nothing is verified here beyond the structure: versions, and which attributes must be there once.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import msgspec

from agent.certificates import der, rsa_pss
from agent.cms import attributes as names
from agent.cms.encodings import decoded
from agent.cms.prepare import OCSP_RESPONSE
from agent.cms.signed_data import SIGNED_DATA
from agent.errors import SignatureDamaged

if TYPE_CHECKING:
    from asn1crypto import algos, cms

SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"  # RFC 2634 section 5.4, SHA-1
_SHA1, _SHA256 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1"
MAX_SIGNERS = 2000  # counter-signers and time-stamps among them
_DEEPEST = 4  # counter-signatures over counter-signatures
_DER_NULL = ("", "0500")


class SignedAttributes(msgspec.Struct, frozen=True):
    signed: tuple[
        bytes, ...
    ]  # the SET OF that was digested, as it came, and in the order of DER where it came otherwise
    content_type: str | None  # dotted OID; None: there is none, as in counter-signatures
    message_digest: bytes
    signing_time: datetime.datetime | None  # UTC
    certificates: tuple[tuple[str, bytes], ...]  # of signing-certificate: dotted OID of the hash, hash; signer's first


class SignerInfo(msgspec.Struct, frozen=True):
    issuer: bytes | None  # DER; None: named by key identifier
    serial: int | None
    key_identifier: bytes | None
    digest_oid: str
    attributes: SignedAttributes | None
    signature_oid: str
    plain_parameters: bool  # the digest's algorithm and, where it is not PSS, the signature's have none, or NULL
    signature: bytes
    pss: rsa_pss.Parameters | None = None
    timestamps: tuple[bytes, ...] = ()  # TimeStampTokens over the signature's value, as they came
    counter_signers: tuple[SignerInfo, ...] = ()  # whose signatures are over this one's value


class Signature(msgspec.Struct, frozen=True):
    content_type: str  # dotted OID
    content: bytes | None  # None: detached
    certificates: tuple[bytes, ...]  # DER
    signers: tuple[SignerInfo, ...]
    crls: tuple[bytes, ...] = ()  # DER of CertificateList
    ocsp: tuple[bytes, ...] = ()  # DER of OCSPResponse


def read_signature(given: bytes) -> Signature:
    """Read DER or BER, PEM, or bare base64, whichever it is. Raises SignatureDamaged."""
    from asn1crypto import cms

    try:
        encoded = decoded(given)
        der.check_identifiers(encoded)
        info = cms.ContentInfo.load(encoded, strict=True)
        if info["content_type"].dotted != SIGNED_DATA:
            raise SignatureDamaged(detail="not SignedData")
        return _signature(info["content"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        # asn1crypto parses as it is asked, and what damaged bytes raise depends on where they are.
        raise SignatureDamaged(detail=type(error).__name__) from error


def _signature(data: cms.SignedData) -> Signature:
    encapsulated = data["encap_content_info"]
    content_type = str(encapsulated["content_type"].dotted)
    content = _content(encapsulated)
    certificates = tuple(data["certificates"]) if data["certificates"] else ()
    count = Counting(MAX_SIGNERS)
    signers = tuple(_signer(one, count) for one in data["signer_infos"])
    revocation = tuple(data["crls"]) if data["crls"] else ()
    listed = {str(one["algorithm"].dotted) for one in data["digest_algorithms"]}
    if not {signer.digest_oid for signer in signers} <= listed:
        raise ValueError("digestAlgorithms")
    if data["version"].native != _version(data, content_type, signers):
        raise ValueError("version")
    return Signature(
        content_type=content_type,
        content=content,
        certificates=tuple(one.chosen.dump() for one in certificates if one.name == "certificate"),
        signers=signers,
        crls=tuple(one.chosen.dump() for one in revocation if one.name == "crl"),
        ocsp=tuple(
            one.chosen["other_rev_info"].dump()
            for one in revocation
            if one.name == "other" and one.chosen["other_rev_info_format"].dotted == OCSP_RESPONSE
        ),
    )


class Counting:
    """How many signers and time-stamps may still be read."""

    def __init__(self, left: int) -> None:
        self._left = left

    def one_more(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many signers")


def _content(encapsulated: cms.EncapsulatedContentInfo) -> bytes | None:
    """The octets of the content, without tag and length; chunks of a constructed string are joined."""
    from asn1crypto import core

    if not encapsulated["content"]:
        return None if isinstance(encapsulated["content"], core.Void) else b""
    content = encapsulated["content"]
    if isinstance(content, core.Any):
        content = content.parse()
    if not isinstance(content, core.OctetString | core.ParsableOctetString):
        raise ValueError("content is no OCTET STRING")  # PKCS#7 before CMS; RFC 5652 section 5.2.1
    return bytes(content)


def _version(data: cms.SignedData, content_type: str, signers: tuple[SignerInfo, ...]) -> str:
    """What RFC 5652 section 5.1 demands."""
    kinds = {one.name for one in data["certificates"]} if data["certificates"] else set()
    revocation = {one.name for one in data["crls"]} if data["crls"] else set()
    if "other" in kinds | revocation:
        return "v5"
    if "v2_attr_cert" in kinds:
        return "v4"
    by_key = any(signer.key_identifier is not None for signer in signers)
    return "v3" if "v1_attr_cert" in kinds or by_key or content_type != names.DATA else "v1"


def _signer(info: cms.SignerInfo, count: Counting, depth: int = 0) -> SignerInfo:
    count.one_more()
    by_issuer = info["sid"].name == "issuer_and_serial_number"
    if info["version"].native != ("v1" if by_issuer else "v3"):  # RFC 5652 section 5.3
        raise ValueError("version")
    named = info["sid"].chosen
    hashing, signing = info["digest_algorithm"], info["signature_algorithm"]
    is_pss = signing["algorithm"].dotted == rsa_pss.SIGNATURE
    plain = (hashing,) if is_pss else (hashing, signing)
    timestamps, counter_signers = _unsigned(info, count, depth)
    return SignerInfo(
        issuer=named["issuer"].dump() if by_issuer else None,
        serial=int(named["serial_number"].native) if by_issuer else None,
        key_identifier=None if by_issuer else bytes(named.native),
        digest_oid=str(hashing["algorithm"].dotted),
        attributes=_attributes(info["signed_attrs"], counter=depth > 0) if info["signed_attrs"] else None,
        signature_oid=str(signing["algorithm"].dotted),
        plain_parameters=all(one["parameters"].dump().hex() in _DER_NULL for one in plain),
        signature=bytes(info["signature"].native),
        pss=_pss(signing) if is_pss else None,
        timestamps=timestamps,
        counter_signers=counter_signers,
    )


def _pss(signing: algos.SignedDigestAlgorithm) -> rsa_pss.Parameters | None:
    """None: parameters that say what nobody here can check."""
    try:
        return rsa_pss.read(der.read(signing["parameters"].dump()))
    except ValueError:
        return None


def _unsigned(info: cms.SignerInfo, count: Counting, depth: int) -> tuple[tuple[bytes, ...], tuple[SignerInfo, ...]]:
    """Time-stamps and counter-signers; what else stands there is nobody's word."""
    timestamps: list[bytes] = []
    signers: list[SignerInfo] = []
    for attribute in info["unsigned_attrs"] or ():
        kind = attribute["type"].dotted
        if kind == names.SIGNATURE_TIMESTAMP:
            for value in attribute["values"]:
                count.one_more()
                timestamps.append(value.dump())
        elif kind == names.COUNTER_SIGNATURE:
            if depth >= _DEEPEST:
                raise ValueError("counter-signatures too deep")
            signers += [_signer(value, count, depth + 1) for value in attribute["values"]]
    return tuple(timestamps), tuple(signers)


def _attributes(attributes: cms.CMSAttributes, *, counter: bool) -> SignedAttributes:
    """A counter-signature need not have a content-type, and must not (RFC 5652 section 11.4)."""
    values: dict[str, list[bytes]] = {}
    for attribute in attributes:
        values.setdefault(str(attribute["type"].dotted), []).extend(value.dump() for value in attribute["values"])
    absent = counter and names.CONTENT_TYPE not in values
    kind = None if absent else der.read(_once(values, names.CONTENT_TYPE))
    digest = der.read(_once(values, names.MESSAGE_DIGEST))
    if digest.tag != der.OCTET_STRING:
        raise ValueError("attributes")
    return SignedAttributes(
        signed=_signed(attributes.contents),
        content_type=der.dotted(kind) if kind else None,
        message_digest=digest.contents,
        signing_time=_time(values),
        certificates=_named_certificates(values),
    )


def _signed(contents: bytes) -> tuple[bytes, ...]:
    """What may have been signed: always of definite length, and in the order of DER (RFC 5652 section 5.4), though some
    programs sign their attributes in the order in which they send them."""
    as_it_came = der.tlv(der.SET, contents)
    try:
        ordered = der.set_of(one.whole for one in der.read(as_it_came).children())
    except ValueError:
        return (as_it_came,)
    return (as_it_came,) if ordered == as_it_came else (as_it_came, ordered)


def _once(values: dict[str, list[bytes]], oid: str) -> bytes:
    """The one value of an attribute that must have exactly one (RFC 5652 section 11)."""
    found = values.get(oid, [])
    if len(found) != 1:
        raise ValueError("attribute missing or repeated")
    return found[0]


def _time(values: dict[str, list[bytes]]) -> datetime.datetime | None:
    from asn1crypto import cms

    if names.SIGNING_TIME not in values:
        return None
    moment = cms.Time.load(_once(values, names.SIGNING_TIME), strict=True).native
    if not isinstance(moment, datetime.datetime):
        raise ValueError("time out of range")
    return moment.astimezone(datetime.UTC)


def _named_certificates(values: dict[str, list[bytes]]) -> tuple[tuple[str, bytes], ...]:
    """What signing-certificate-v2 names, else signing-certificate."""
    from asn1crypto import tsp

    if names.SIGNING_CERTIFICATE_V2 in values:
        second = tsp.SigningCertificateV2.load(_once(values, names.SIGNING_CERTIFICATE_V2), strict=True)["certs"]
        found = [(str(one["hash_algorithm"]["algorithm"].dotted), bytes(one["cert_hash"].native)) for one in second]
    elif SIGNING_CERTIFICATE in values:
        first = tsp.SigningCertificate.load(_once(values, SIGNING_CERTIFICATE), strict=True)["certs"]
        found = [(_SHA1, bytes(one["cert_hash"].native)) for one in first]
    else:
        return ()
    if not found:
        raise ValueError("signing-certificate names none")
    return tuple(found)
