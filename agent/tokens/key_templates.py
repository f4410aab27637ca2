"""Attributes of keys and certificates to be written (PKCS#11 v2.40 sections 4.6 to 4.9, TC26's additions for GOST)."""

from __future__ import annotations

from agent.certificates import der
from agent.certificates.names import first, read_name
from agent.tokens import matching, pkcs11
from agent.tokens.inventory import CURVES, PARAMETER_SETS
from agent.tokens.keys import AUTHORITY, X509
from agent.tokens.objects import EC_PARAMS, EXTRACTABLE, GOST_PARAMS, LABEL, PRIVATE, PUBLIC_EXPONENT, SENSITIVE
from agent.tokens.writing import Template, Value

CLASS, TOKEN, SUBJECT, ISSUER, SERIAL_NUMBER = 0x000, 0x001, 0x101, 0x081, 0x082
SIGN, VERIFY, MODULUS_BITS, GOST_DIGEST = 0x108, 0x10A, 0x121, 0x251
F4 = bytes.fromhex("010001")  # 65537

# CKM_..._KEY_PAIR_GEN by type of key
GENERATORS: dict[str, int] = {"rsa": 0x0000, "ec": 0x1040, "gost256": 0x1200, "gost512": 0xD4321005}
_DIGESTS = {"gost256": der.oid("1.2.643.7.1.1.2.2"), "gost512": der.oid("1.2.643.7.1.1.2.3")}
_USER = 1  # CK_CERTIFICATE_CATEGORY_TOKEN_USER


def public_template(key_type: str, label: str, identifier: bytes) -> list[tuple[int, Value]]:
    return [
        (CLASS, pkcs11.PUBLIC_KEY), (pkcs11.KEY_TYPE, matching.CKK[key_type]), (TOKEN, True), (PRIVATE, False),
        (VERIFY, True), (LABEL, label.encode()), (pkcs11.ID, identifier),
    ]  # fmt: skip


def private_template(key_type: str, label: str, identifier: bytes) -> list[tuple[int, Value]]:
    """A key that signs, and leaves the token by no way."""
    return [
        (CLASS, pkcs11.PRIVATE_KEY), (pkcs11.KEY_TYPE, matching.CKK[key_type]), (TOKEN, True), (PRIVATE, True),
        (SENSITIVE, True), (EXTRACTABLE, False), (SIGN, True), (LABEL, label.encode()), (pkcs11.ID, identifier),
    ]  # fmt: skip


def parameters_template(key_type: str, parameters: str) -> list[tuple[int, Value]]:
    """What a generator is told of the key; `parameters` of inventory.PARAMETERS. Raises KeyError."""
    if key_type == "rsa":
        return [(MODULUS_BITS, int(parameters)), (PUBLIC_EXPONENT, F4)]
    if key_type == "ec":
        return [(EC_PARAMS, CURVES[parameters])]
    return gost_template(key_type, PARAMETER_SETS[key_type][parameters])


def gost_template(key_type: str, parameter_set: bytes) -> list[tuple[int, Value]]:
    return [(GOST_PARAMS, parameter_set), (GOST_DIGEST, _DIGESTS[key_type])]


def certificate_template(
    content: bytes, label: str, identifier: bytes, *, authority: bool, category: bool = True
) -> Template:
    """Subject, issuer and serial number as the certificate has them. `category`: say whose it is; some tokens do not
    know that attribute. Raises ValueError."""
    issuer, subject, serial = fields(content)
    shown = label or first(read_name(subject), "CN") or ""
    template: list[tuple[int, Value]] = [
        (CLASS, pkcs11.CERTIFICATE), (pkcs11.CERTIFICATE_TYPE, X509), (TOKEN, True), (PRIVATE, False),
        (LABEL, shown.encode()), (pkcs11.ID, identifier), (SUBJECT, subject), (ISSUER, issuer),
        (SERIAL_NUMBER, serial), (pkcs11.VALUE, content),
    ]  # fmt: skip
    return [*template, (pkcs11.CERTIFICATE_CATEGORY, AUTHORITY if authority else _USER)] if category else template


def fields(content: bytes) -> tuple[bytes, bytes, bytes]:
    """DER of issuer, subject and serial number (RFC 5280 section 4.1)."""
    body = next(iter(der.read(content).children()))
    fields = [field for field in body.children() if field.tag != _VERSION]
    return fields[2].whole, fields[4].whole, fields[0].whole


_VERSION = 0xA0
