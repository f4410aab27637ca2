"""Names of X.509 as text: RFC 4514 strings, and single attributes by their short name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from asn1crypto import x509

# Short names: RFC 4514 section 3, then what is usual, then Russian attributes (order of the FSB 27.12.2011 No 795).
SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "2.5.4.4": "SN",
    "2.5.4.42": "GN",
    "2.5.4.12": "title",
    "2.5.4.5": "serialNumber",
    "2.5.4.97": "organizationIdentifier",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.643.3.131.1.1": "INN",
    "1.2.643.100.4": "INNLE",
    "1.2.643.100.1": "OGRN",
    "1.2.643.100.5": "OGRNIP",
    "1.2.643.100.3": "SNILS",
}
_STRING_TAGS = frozenset({12, 18, 19, 20, 22, 26, 28, 30})  # universal tag numbers of the string types
_SPECIAL = frozenset(',+"\\<>;')


class Attribute(NamedTuple):
    name: str  # short name, or dotted OID where there is none
    value: str
    is_text: bool  # False: `value` is "#" and the DER in hex


Name = tuple[tuple[Attribute, ...], ...]  # relative distinguished names, in the order of the certificate


def attributes(name: x509.Name) -> Name:
    return tuple(tuple(_attribute(pair) for pair in rdn) for rdn in name.chosen)


def _attribute(pair: x509.NameTypeAndValue) -> Attribute:
    dotted = pair["type"].dotted
    short = SHORT_NAMES.get(dotted, dotted)
    parsed = pair["value"].parse()
    if parsed.class_ == 0 and parsed.tag in _STRING_TAGS:
        try:
            return Attribute(short, str(parsed.native), True)
        except ValueError:  # bytes that are not what the tag says; UnicodeDecodeError is a ValueError
            pass
    return Attribute(short, "#" + parsed.dump().hex(), False)


def rfc4514(name: Name) -> str:
    """The string of RFC 4514 section 2, last RDN first. Short names beyond its table are those of SHORT_NAMES."""
    return ",".join("+".join(map(_pair, rdn)) for rdn in reversed(name))


def _pair(attribute: Attribute) -> str:
    return f"{attribute.name}={escape(attribute.value) if attribute.is_text else attribute.value}"


def escape(value: str) -> str:
    """A text value as RFC 4514 section 2.4 writes it; control characters as hex pairs."""
    characters = [_escaped(character) for character in value]
    if value[:1] in (" ", "#"):
        characters[0] = "\\" + value[0]
    if len(value) > 1 and value.endswith(" "):
        characters[-1] = "\\ "
    return "".join(characters)


def _escaped(character: str) -> str:
    if character in _SPECIAL:
        return "\\" + character
    if ord(character) < 0x20 or ord(character) == 0x7F:
        return f"\\{ord(character):02X}"
    return character


def first(name: Name, short: str) -> str | None:
    """The first text of an attribute, or None."""
    for rdn in name:
        for attribute in rdn:
            if attribute.name == short and attribute.is_text:
                return attribute.value
    return None
