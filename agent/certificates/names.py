"""Names of X.509 as text: RFC 4514 strings, and single attributes by their short name."""

from __future__ import annotations

from typing import NamedTuple

from agent.certificates import der

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
# String types by identifier octet, and how their octets are read (X.690 section 8.23); T.61 as everybody writes it.
_ENCODINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_SPECIAL = frozenset(',+"\\<>;')


class Attribute(NamedTuple):
    name: str  # short name, or dotted OID where there is none
    value: str
    is_text: bool  # False: `value` is "#" and the DER in hex


Name = tuple[tuple[Attribute, ...], ...]  # relative distinguished names, in the order of the certificate


def read_name(encoded: bytes) -> Name:
    """The name out of its DER. Read here and not by asn1crypto, which knows a type for each attribute and refuses a
    name where one has another. Raises ValueError."""
    return tuple(tuple(_attribute(pair) for pair in rdn.children()) for rdn in der.read(encoded).children())


def _attribute(pair: der.Element) -> Attribute:
    kind, value = pair.children()
    dotted = der.dotted(kind)
    short = SHORT_NAMES.get(dotted, dotted)
    try:
        return Attribute(short, value.contents.decode(_ENCODINGS[value.tag]), True)
    except (KeyError, UnicodeDecodeError):  # no string, or octets that are not what the type says
        return Attribute(short, "#" + value.whole.hex(), False)


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
