"""PKCS#10 certification requests (RFC 2986) with the attributes of Russian qualified certificates.

The subject's attributes and their types of string are those of the order of the FSB of 27.12.2011 No 795.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from agent.certificates import der, russian_numbers
from agent.certificates.russian_numbers import Check
from agent.errors import SubjectInvalid

PRINTABLE, NUMERIC, IA5, UTF8 = 0x13, 0x12, 0x16, 0x0C  # identifier octets of types of string


class SubjectAttribute(NamedTuple):
    name: str
    oid: str
    tag: int
    longest: int  # characters: upper bounds of RFC 5280 appendix A.1, or the digits of the number
    check: Check | None = None


# In the order in which they are written. `Subject` names them by the first column.
ATTRIBUTES: tuple[SubjectAttribute, ...] = (
    SubjectAttribute("common_name", "2.5.4.3", UTF8, 256),
    SubjectAttribute("surname", "2.5.4.4", UTF8, 128),
    SubjectAttribute("given_name", "2.5.4.42", UTF8, 128),
    SubjectAttribute("country", "2.5.4.6", PRINTABLE, 2),
    SubjectAttribute("region", "2.5.4.8", UTF8, 128),
    SubjectAttribute("locality", "2.5.4.7", UTF8, 128),
    SubjectAttribute("street", "2.5.4.9", UTF8, 128),
    SubjectAttribute("organization", "2.5.4.10", UTF8, 256),
    SubjectAttribute("unit", "2.5.4.11", UTF8, 128),
    SubjectAttribute("title", "2.5.4.12", UTF8, 128),
    SubjectAttribute("ogrn", "1.2.643.100.1", NUMERIC, 13, russian_numbers.is_ogrn),
    SubjectAttribute("ogrnip", "1.2.643.100.5", NUMERIC, 15, russian_numbers.is_ogrnip),
    SubjectAttribute("snils", "1.2.643.100.3", NUMERIC, 11, russian_numbers.is_snils),
    SubjectAttribute("inn", "1.2.643.3.131.1.1", NUMERIC, 12, russian_numbers.is_inn),
    SubjectAttribute("inn_le", "1.2.643.100.4", NUMERIC, 10, russian_numbers.is_inn_le),
    SubjectAttribute("email", "1.2.840.113549.1.9.1", IA5, 128),
    SubjectAttribute("unstructured_name", "1.2.840.113549.1.9.2", UTF8, 256),
)


class Subject(msgspec.Struct, frozen=True):
    """Whom the certificate is to name. Empty fields are left out; `common_name` may not be empty."""

    common_name: str
    surname: str = ""
    given_name: str = ""  # given name and patronymic
    country: str = "RU"  # ISO 3166, two letters
    region: str = ""
    locality: str = ""
    street: str = ""
    organization: str = ""
    unit: str = ""
    title: str = ""
    ogrn: str = ""  # 13 digits
    ogrnip: str = ""  # 15 digits
    snils: str = ""  # 11 digits; spaces and hyphens are taken out
    inn: str = ""  # 12 digits, of a person
    inn_le: str = ""  # 10 digits, of an organisation
    email: str = ""
    unstructured_name: str = ""


class RequestedExtensions(msgspec.Struct, frozen=True):
    """What the request asks the authority to put into the certificate."""

    key_usage: tuple[str, ...] = ("digital_signature", "non_repudiation")  # of KEY_USAGES
    extended_key_usage: tuple[str, ...] = ()  # dotted OIDs
    policies: tuple[str, ...] = ()  # dotted OIDs, such as 1.2.643.100.113.1 (class KS1)
    sign_tool: str = ""  # subjectSignTool, 1.2.643.100.111: the name of the signer's tool; empty: left out


# KeyUsage (RFC 5280 section 4.2.1.3): bits by name
KEY_USAGES: tuple[str, ...] = (
    "digital_signature", "non_repudiation", "key_encipherment", "data_encipherment", "key_agreement",
)  # fmt: skip
_KEY_USAGE, _EXTENDED_KEY_USAGE, _POLICIES = "2.5.29.15", "2.5.29.37", "2.5.29.32"
_SUBJECT_SIGN_TOOL = "1.2.643.100.111"
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"  # RFC 2985 section 5.4.2
_SIGN_TOOL_LIMIT = 200  # characters
_ATTRIBUTES = 0xA0  # [0] IMPLICIT
_PRINTABLE_SIGNS = frozenset(" '()+,-./:=?")  # X.680 section 41.4, beside letters and digits

# signatureAlgorithm of a request that is signed by such a key; GOST without parameters (RFC 9215 section 2)
SIGNATURES: dict[str, bytes] = {
    "rsa": der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL),  # sha256WithRSAEncryption
    "ec": der.sequence(der.oid("1.2.840.10045.4.3.2")),  # ecdsa-with-SHA256
    "gost256": der.sequence(der.oid("1.2.643.7.1.1.3.2")),
    "gost512": der.sequence(der.oid("1.2.643.7.1.1.3.3")),
}
ALGORITHMS: dict[str, str] = {  # the same by their names in `algorithms`
    "rsa": "rsa-sha256", "ec": "ecdsa-sha256", "gost256": "gost256", "gost512": "gost512",
}  # fmt: skip


def subject_name(subject: Subject) -> bytes:
    """DER of the Name: each attribute a RelativeDistinguishedName of its own. Raises SubjectInvalid."""
    parts = []
    for attribute in ATTRIBUTES:
        value = _value(attribute, getattr(subject, attribute.name))
        if value:
            pair = der.sequence(der.oid(attribute.oid), der.tlv(attribute.tag, value))
            parts.append(der.set_of([pair]))
    return der.sequence(*parts)


def _value(attribute: SubjectAttribute, given: str) -> bytes:
    """The octets of the string. Raises SubjectInvalid."""
    text = given.strip()
    if attribute.name == "snils":
        text = text.replace("-", "").replace(" ", "")
    if not text:
        if attribute.name == "common_name":
            raise SubjectInvalid(attribute=attribute.name, reason="missing")
        return b""
    if not _fits(attribute.tag, text):
        raise SubjectInvalid(attribute=attribute.name, reason="characters")
    exact = attribute.check is not None or attribute.name == "country"
    if len(text) > attribute.longest or (exact and len(text) != attribute.longest):
        raise SubjectInvalid(attribute=attribute.name, reason="length")
    if attribute.check and not attribute.check(text):
        raise SubjectInvalid(attribute=attribute.name, reason="check_digit")
    return text.encode("utf-8")


def _fits(tag: int, text: str) -> bool:
    """Whether a type of string has these characters. Control characters stand in no name of ours."""
    if tag == NUMERIC:
        return text.isascii() and text.isdigit()
    if tag == PRINTABLE:
        return all(sign.isascii() and (sign.isalnum() or sign in _PRINTABLE_SIGNS) for sign in text)
    if tag == IA5:
        return text.isascii() and text.isprintable()
    return text.isprintable()


def request_info(subject: Subject, extensions: RequestedExtensions, public_key: bytes) -> bytes:
    """DER of CertificationRequestInfo, the part that is signed. `public_key`: DER of SubjectPublicKeyInfo.

    Raises SubjectInvalid.
    """
    return der.sequence(der.integer(0), subject_name(subject), public_key, requested(extensions))


def requested(extensions: RequestedExtensions) -> bytes:
    """DER of the attributes: one extensionRequest, or none. Raises SubjectInvalid."""
    parts = [*_key_usage(extensions), *_sign_tool(extensions)]
    if extensions.extended_key_usage:
        purposes = [_oid(dotted, "extended_key_usage") for dotted in extensions.extended_key_usage]
        parts.append(_extension(_EXTENDED_KEY_USAGE, der.sequence(*purposes)))
    if extensions.policies:
        policies = [der.sequence(_oid(dotted, "policies")) for dotted in extensions.policies]
        parts.append(_extension(_POLICIES, der.sequence(*policies)))
    if not parts:
        return der.tlv(_ATTRIBUTES)
    return der.tlv(_ATTRIBUTES, der.sequence(der.oid(_EXTENSION_REQUEST), der.set_of([der.sequence(*parts)])))


def _key_usage(extensions: RequestedExtensions) -> list[bytes]:
    if not set(extensions.key_usage) <= set(KEY_USAGES):
        raise SubjectInvalid(attribute="key_usage", reason="characters")
    bits = sum(0x80 >> KEY_USAGES.index(name) for name in set(extensions.key_usage))
    if not bits:
        return []
    unused = (bits & -bits).bit_length() - 1  # a BIT STRING of names ends with its last one (X.690 section 11.2.2)
    return [_extension(_KEY_USAGE, der.tlv(der.BIT_STRING, bytes((unused, bits))), critical=True)]


def _sign_tool(extensions: RequestedExtensions) -> list[bytes]:
    name = extensions.sign_tool.strip()
    if not name:
        return []
    if len(name) > _SIGN_TOOL_LIMIT or not _fits(UTF8, name):
        raise SubjectInvalid(attribute="sign_tool", reason="length" if _fits(UTF8, name) else "characters")
    return [_extension(_SUBJECT_SIGN_TOOL, der.tlv(UTF8, name.encode("utf-8")))]


def _extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = (b"\x01\x01\xff",) if critical else ()
    return der.sequence(der.oid(dotted), *flag, der.tlv(der.OCTET_STRING, value))


def _oid(dotted: str, attribute: str) -> bytes:
    """Raises SubjectInvalid at what is no object identifier (X.660: first arc 0 to 2, second below 40)."""
    arcs = dotted.split(".")
    if len(arcs) < 2 or not all(arc.isascii() and arc.isdigit() and len(arc) < 20 for arc in arcs):
        raise SubjectInvalid(attribute=attribute, reason="characters")
    if int(arcs[0]) > 2 or (int(arcs[0]) < 2 and int(arcs[1]) > 39):
        raise SubjectInvalid(attribute=attribute, reason="characters")
    return der.oid(dotted)


def assemble(info: bytes, key_type: str, signature: bytes) -> bytes:
    """DER of the CertificationRequest. `signature` as X.509 has it: of ECDSA the DER, of GOST s and r."""
    return der.sequence(info, SIGNATURES[key_type], der.tlv(der.BIT_STRING, b"\0" + signature))


def key_in(info: bytes) -> bytes:
    """DER of the SubjectPublicKeyInfo in a CertificationRequestInfo of ours. Raises ValueError."""
    _, _, key, _ = der.read(info).children()
    return key.whole
