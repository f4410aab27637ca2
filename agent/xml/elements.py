"""The elements of ds:Signature as text: no white space in between, prefixes ds and xades, ASCII."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from agent.xml.names import DS


class Reference(NamedTuple):
    uri: str
    transforms: tuple[str, ...]
    method: str  # URI of the digest
    digest: bytes
    identifier: str | None = None
    kind: str | None = None  # URI of its type


class Signature(NamedTuple):
    """What a ds:Signature holds; None: not yet, or not at all."""

    identifier: str | None
    canonical: str  # URI
    method: str  # URI
    references: tuple[Reference, ...]
    certificates: tuple[bytes, ...]  # DER, the signer's first
    objects: tuple[str, ...] = ()
    value: bytes = b""

    def text(self) -> str:
        info = element(
            "ds:SignedInfo",
            {},
            method_element("ds:CanonicalizationMethod", self.canonical),
            method_element("ds:SignatureMethod", self.method),
            *map(_reference, self.references),
        )
        value_id = f"{self.identifier}-value" if self.identifier else None
        return element(
            "ds:Signature",
            {"xmlns:ds": DS, "Id": self.identifier},
            info,
            element("ds:SignatureValue", {"Id": value_id}, b64(self.value)),
            _key_info(self.certificates),
            *self.objects,
        )


def element(name: str, attributes: dict[str, str | None], *contents: str) -> str:
    """`contents` are markup already; attributes of None are left out."""
    written = "".join(f" {key}={quoted(value)}" for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{''.join(contents)}</{name}>"


def method_element(name: str, uri: str) -> str:
    return element(name, {"Algorithm": uri})


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def digest(method: str, value: bytes) -> tuple[str, str]:
    """ds:DigestMethod and ds:DigestValue."""
    return method_element("ds:DigestMethod", method), element("ds:DigestValue", {}, b64(value))


def _reference(reference: Reference) -> str:
    transforms = (method_element("ds:Transform", uri) for uri in reference.transforms)
    return element(
        "ds:Reference",
        {"Id": reference.identifier, "Type": reference.kind, "URI": reference.uri},
        element("ds:Transforms", {}, *transforms) if reference.transforms else "",
        *digest(reference.method, reference.digest),
    )


def _key_info(certificates: Sequence[bytes]) -> str:
    listed = (element("ds:X509Certificate", {}, b64(one)) for one in dict.fromkeys(certificates))
    return element("ds:KeyInfo", {}, element("ds:X509Data", {}, *listed))


def escaped(text: str) -> str:
    """Text between tags. (xml.sax.saxutils does the same, and imports an HTTP client.)"""
    return text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;")


def quoted(value: str) -> str:
    """The value of an attribute with its quotes, which white space in it outlives."""
    value = escaped(value).replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
    return '"' + value.replace('"', "&quot;") + '"'
