"""Every object of a session as a value, and the handles of an object by its name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from agent.certificates.description import describe
from agent.certificates.gost_keys import read_key
from agent.errors import CertificateDamaged, ObjectAbsent, ObjectProtected
from agent.tokens import matching, pkcs11, public_key
from agent.tokens.inventory import CURVES, PARAMETER_SETS, ObjectName, TokenObject, is_same
from agent.tokens.keys import VALUES, is_authority

PRIVATE, SENSITIVE, EXTRACTABLE, LABEL = 0x002, 0x103, 0x162, 0x003  # CKA_...
EC_PARAMS, GOST_PARAMS = 0x180, 0x250
PUBLIC_EXPONENT = 0x122

_TYPES = {number: name for name, number in matching.CKK.items()}
_NAMES = {
    der: name for names in (CURVES, *PARAMETER_SETS.values()) for name, der in names.items()
}  # of parameters, by their DER; those of 256 and 512 bits have different OIDs


class Half(NamedTuple):
    """A public or a private key."""

    handle: Any
    id: bytes
    label: str
    key_type: str  # of matching.CKK; empty for another
    value: bytes  # as public_key.PublicKey; empty where it is not shown
    parameters: bytes  # DER of EC and GOST keys
    exponent: bytes  # of an RSA public key
    private: bool | None
    sensitive: bool | None
    extractable: bool | None


def read_all(session: pkcs11.Session) -> tuple[TokenObject, ...]:
    """Certificates first, then keys, then data."""
    private, public = halves(session, pkcs11.PRIVATE_KEY), halves(session, pkcs11.PUBLIC_KEY)
    certificates = [_certificate(row, private, public) for row in _certificate_rows(session)]
    pairs = [(half, _twin(half, public)) for half in private]
    taken = [twin.handle for _, twin in pairs if twin]
    keys = [_key(half, twin, certificates) for half, twin in pairs]
    keys += [_key(None, half, certificates) for half in public if half.handle not in taken]
    return (*certificates, *keys, *(_data(values) for _, values in session.find(pkcs11.DATA, _DATA)))


_CERTIFICATE = (pkcs11.VALUE, pkcs11.ID, LABEL, pkcs11.CERTIFICATE_CATEGORY, PRIVATE)
_DATA = (LABEL, pkcs11.APPLICATION, PRIVATE)


def halves(session: pkcs11.Session, object_class: int) -> list[Half]:
    """All keys of a class, those of kinds that we know nothing of too."""
    is_private = object_class == pkcs11.PRIVATE_KEY
    found = []
    for handle, (number,) in session.find(object_class, (pkcs11.KEY_TYPE,)):
        key_type = _TYPES.get(number, "") if isinstance(number, int) else ""
        found.append(_half(session, handle, key_type, is_private))
    return found


def _half(session: pkcs11.Session, handle: Any, key_type: str, is_private: bool) -> Half:
    more = {"ec": [EC_PARAMS], "gost256": [GOST_PARAMS], "gost512": [GOST_PARAMS]}.get(key_type, [])
    if key_type == "rsa" and not is_private:
        more = [PUBLIC_EXPONENT]
    if key_type and (key_type == "rsa" or not is_private):
        more = [*more, VALUES[key_type]]
    if is_private:
        more = [*more, SENSITIVE, EXTRACTABLE]
    kinds = [pkcs11.ID, LABEL, PRIVATE, *more]
    read = dict(zip(kinds, session.read(handle, kinds), strict=True))
    value = _bytes(read.get(VALUES[key_type])) if key_type else b""
    return Half(
        handle,
        _bytes(read[pkcs11.ID]),
        _text(read[LABEL]),
        key_type,
        public_key.shown_value(key_type, value) if value else b"",
        _bytes(read.get(EC_PARAMS) or read.get(GOST_PARAMS)),
        _bytes(read.get(PUBLIC_EXPONENT)),
        _flag(read[PRIVATE]),
        _flag(read.get(SENSITIVE)),
        _flag(read.get(EXTRACTABLE)),
    )


def _twin(private: Half, public: Sequence[Half]) -> Half | None:
    """The public half of a private key."""
    for half in public:
        if half.key_type == private.key_type and (
            half.value == private.value if half.value and private.value else half.id == private.id
        ):
            return half
    return None


def _shown(private: Half | None, public: Half | None) -> Half:
    """The half that speaks for both. Raises ValueError where there is none."""
    half = private or public
    if half is None:
        raise ValueError("no key")
    return half


def key_name(private: Half | None, public: Half | None) -> ObjectName:
    half = _shown(private, public)
    value = (public.value if public else b"") or half.value
    return ObjectName("key", half.id.hex(), hashlib.sha256(value).hexdigest() if value else "")


def _key(private: Half | None, public: Half | None, certificates: Sequence[TokenObject]) -> TokenObject:
    half = _shown(private, public)
    value = (public.value if public else b"") or half.value
    name = key_name(private, public)
    mine = [one for one in certificates if _belongs(one, half.key_type, value, name.id)]
    return TokenObject(
        name,
        label=half.label or (public.label if public else ""),
        key_type=half.key_type,
        parameters=_parameters(half.key_type, value, half.parameters or (public.parameters if public else b"")),
        private=half.private,
        has_key=True if private else None,
        sensitive=private.sensitive if private else None,
        extractable=private.extractable if private else None,
        certificates=tuple(one.name.thumbprint for one in mine),
    )


def _belongs(certificate: TokenObject, key_type: str, value: bytes, identifier: str) -> bool:
    with suppress(ValueError, IndexError):
        key = public_key.public_key(certificate.der)
        if key.key_type == key_type and key.value and value:
            return key.value == value
        return key.key_type == key_type and bool(identifier) and certificate.name.id == identifier
    return False


def _parameters(key_type: str, value: bytes, der: bytes) -> str:
    if key_type == "rsa":
        return str(int.from_bytes(value, "big").bit_length()) if value else ""
    return _NAMES.get(der, "")


def _certificate_rows(session: pkcs11.Session) -> list[tuple[bytes, bytes, str, bool, bool | None]]:
    return [
        (value, _bytes(identifier), _text(label), is_authority(category), _flag(private))
        for _, (value, identifier, label, category, private) in session.find(pkcs11.CERTIFICATE, _CERTIFICATE)
        if isinstance(value, bytes)
    ]


def _certificate(
    row: tuple[bytes, bytes, str, bool, bool | None], private: Sequence[Half], public: Sequence[Half]
) -> TokenObject:
    der, identifier, label, authority, is_private = row
    key_type, parameters, has_key = "", "", None
    with suppress(ValueError, IndexError):
        key = public_key.public_key(der)
        key_type, parameters = key.key_type, certificate_parameters(der)
        has_key = matching.has_key(key, identifier, _keys(private), _keys(public))
    return TokenObject(
        ObjectName("certificate", identifier.hex(), hashlib.sha256(der).hexdigest()),
        label=label,
        key_type=key_type,
        parameters=parameters,
        private=is_private,
        has_key=has_key,
        authority=authority,
        der=der,
    )


def _keys(found: Sequence[Half]) -> list[matching.TokenKey]:
    return [
        matching.TokenKey(half.handle, half.id, matching.CKK[half.key_type], half.value)
        for half in found
        if half.key_type
    ]


def certificate_parameters(der: bytes) -> str:
    """As TokenObject.parameters, of a certificate's key."""
    try:
        description = describe(der)
        gost = read_key(description.public_key)
    except (CertificateDamaged, ValueError):
        return ""
    if gost:
        return gost.parameters.name
    if description.key_type == "rsa":
        return str(description.bits)
    return description.key if description.key in CURVES else ""


def _data(values: Sequence[pkcs11.Attribute]) -> TokenObject:
    label, application, private = _text(values[0]), _text(values[1]), _flag(values[2])
    return TokenObject(_data_name(label, application), label=label, application=application, private=private)


def _data_name(label: str, application: str) -> ObjectName:
    told = f"{application}\0{label}".encode(errors="surrogatepass")
    return ObjectName("data", thumbprint=hashlib.sha256(told).hexdigest())


def handles_of(session: pkcs11.Session, name: ObjectName, token: str) -> list[Any]:
    """The handles of an object; of a key the private half first. Raises ObjectAbsent, ObjectProtected."""
    found = _handles(session, name)
    if not found:
        raise ObjectAbsent(token=token, kind=name.kind, id=name.id)
    if name.kind == "key" and _is_ambiguous(session, name):
        raise ObjectProtected(token=token, operation="CKA_ID")
    return found


def _is_ambiguous(session: pkcs11.Session, name: ObjectName) -> bool:
    """Whether keys share this CKA_ID so that nobody can say which private half is whose: most kinds show no value. To
    delete one could be to delete the other."""
    private, public = (
        [half for half in halves(session, kind) if half.id.hex() == name.id]
        for kind in (pkcs11.PRIVATE_KEY, pkcs11.PUBLIC_KEY)
    )
    hidden = [half.key_type for half in private if not half.value]
    shown = [half.key_type for half in public]
    return any(hidden.count(kind) > 1 or shown.count(kind) > 1 for kind in hidden)


def _handles(session: pkcs11.Session, name: ObjectName) -> list[Any]:
    if name.kind == "certificate":
        rows = session.find(pkcs11.CERTIFICATE, (pkcs11.VALUE, pkcs11.ID))
        return [
            handle
            for handle, (der, identifier) in rows
            if isinstance(der, bytes)
            and is_same(name, ObjectName("certificate", _bytes(identifier).hex(), hashlib.sha256(der).hexdigest()))
        ]
    if name.kind == "data":
        rows = session.find(pkcs11.DATA, (LABEL, pkcs11.APPLICATION))
        return [handle for handle, row in rows if is_same(name, _data_name(_text(row[0]), _text(row[1])))]
    return [half.handle for pair in key_pairs(session, name) for half in pair if half]


def key_pairs(session: pkcs11.Session, name: ObjectName) -> list[tuple[Half | None, Half | None]]:
    """The private and the public half of each key of this name."""
    private, public = halves(session, pkcs11.PRIVATE_KEY), halves(session, pkcs11.PUBLIC_KEY)
    pairs: list[tuple[Half | None, Half | None]] = [(half, _twin(half, public)) for half in private]
    taken = [twin.handle for _, twin in pairs if twin]
    pairs += [(None, half) for half in public if half.handle not in taken]
    return [pair for pair in pairs if is_same(name, key_name(*pair))]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
    return text.rstrip(" \0")


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
