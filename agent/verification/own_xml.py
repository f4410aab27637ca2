"""The check of our own XML signature before it leaves: is it one, of what was asked, by this certificate?

It reads back the octets that leave and trusts nothing that `xml` remembers: the signature is looked for where it has to
stand, what it refers to is worked out from what was asked, and any other reference, transform or structure is wrong.
What a signature refers to must be there once, so that no other element can pass for it (signature wrapping).
"""

from __future__ import annotations

import base64
import hmac
import urllib.parse
from typing import Literal

import msgspec
from lxml import etree

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.certificates.description import Description
from agent.certificates.signatures import is_signature
from agent.errors import PeroError, SignatureWrong
from agent.verification.own_xades import check_properties
from agent.xml import smev
from agent.xml.algorithms import canonical_method, digest_method, read_value, signature_method
from agent.xml.canonical import canonical
from agent.xml.document import by_id, by_name, read, tree
from agent.xml.names import BASE64, ENVELOPED, SIGNED_PROPERTIES, SMEV, ds
from agent.xml.options import Options

_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"


class Case(msgspec.Struct, frozen=True):
    """What was asked, and by whom it is signed."""

    document: bytes
    certificate: Description
    algorithm: SignatureAlgorithm
    options: Options
    level: Literal["b", "t", "lt"] = "b"


def verify_own(value: bytes, case: Case, token: str = "") -> None:
    """Raise SignatureWrong unless `value` is that signature. `token` is the label of the token, for the error.

    1. the signature, where it has to stand   2. the document around it, unchanged   3. ds:SignedInfo, as we write it
    4. the digest of what was asked, recomputed   5. the signer's certificate   6. the signature value
    7. XAdES: the qualifying properties, time-stamp and material of the level
    """
    try:
        _check(value, case)
    except (PeroError, ValueError, KeyError, IndexError, StopIteration) as error:
        raise SignatureWrong(token=token) from error


def _check(value: bytes, case: Case) -> None:
    options, hashing = case.options, case.algorithm.digest
    root = tree(read(value))
    signature = _signature(root, options)  # 1.
    info, value_element, keys, *objects = signature
    _expect((info.tag, value_element.tag, keys.tag) == (ds("SignedInfo"), ds("SignatureValue"), ds("KeyInfo")))
    _expect(all(one.tag == ds("Object") for one in objects))
    name = signature.get("Id")
    _expect(value_element.get("Id") == (f"{name}-value" if name else None) and len(value_element.attrib) == bool(name))
    method = canonical_method(options)  # 3.
    form, signing, *references = info
    _expect((form.tag, form.get("Algorithm")) == (ds("CanonicalizationMethod"), method))
    _expect((signing.tag, signing.get("Algorithm")) == (ds("SignatureMethod"), signature_method(case.algorithm)))
    _expect(len(references) == (2 if options.format == "xades" else 1))
    _expect(all(one.tag == ds("Reference") for one in references))
    certificates = keys.findall(f"{ds('X509Data')}/{ds('X509Certificate')}")  # 5.
    _expect(octets_of(certificates[0]) == case.certificate.der)
    signed = new_digest(hashing.name, canonical(info, method)).digest()  # 6.
    written = octets_of(value_element)
    _expect(is_signature(case.certificate.public_key, case.algorithm, signed, read_value(written, case.certificate)))
    if options.format == "xades":  # 7.
        about = references[1]
        properties = _one(root, _fragment(about.get("URI", "")))
        _expect(about.get("Type") == SIGNED_PROPERTIES and _transforms(about) == [method])
        _expect_digest(about, case, canonical(properties, method))
        check_properties(signature, properties, references[0], case.certificate, case.level)
    else:
        _expect(case.level == "b")
    _check_reference(references[0], root, signature, value, case)  # 2., 4.: takes the signature out


def _signature(root: etree._Element, options: Options) -> etree._Element:
    """Our ds:Signature: the whole, or the last child of its place."""
    found = root
    if options.packaging == "enveloped":
        place = root
        if options.place is not None or options.reference is not None:
            place = by_name(root, options.place) if options.place is not None else by_id(root, options.reference or "")
        found = place[-1]
        _expect(not found.tail)
    else:
        _expect(not list(root.itersiblings()) and not list(root.itersiblings(preceding=True)))
    _expect(found.tag == ds("Signature"))
    return found


def _check_reference(
    reference: etree._Element, root: etree._Element, signature: etree._Element, value: bytes, case: Case
) -> None:
    options, method = case.options, canonical_method(case.options)
    tail = [method, SMEV] if options.transform == "smev" else [method]
    uri = reference.get("URI", "")
    if options.file is not None:
        _expect(urllib.parse.unquote(uri) == options.file and ":" not in uri and not _transforms(reference))
        digest = options.digest or new_digest(case.algorithm.digest.name, case.document).digest()
        _expect(hmac.compare_digest(_digest_value(reference, case), digest))
        return
    if options.packaging == "enveloping":
        _check_object(reference, root, signature, case, tail)
        return
    if options.packaging == "detached":
        _expect(uri == f"#{options.reference}" and _transforms(reference) == tail)
        node: etree._Element | etree._ElementTree = by_id(tree(read(case.document)), options.reference or "")
    else:
        above = list(signature.iterancestors())
        above[0].remove(signature)
        _expect(_is_unchanged(root, value, case.document))  # 2.
        node = _target(root, uri, options)
        inside = isinstance(node, etree._ElementTree) or node in above
        _expect(_transforms(reference) == ([ENVELOPED, *tail] if inside else tail))
    octets = canonical(node, method)
    _expect_digest(reference, case, smev.transform(octets) if options.transform == "smev" else octets)


def _target(root: etree._Element, uri: str, options: Options) -> etree._Element | etree._ElementTree:
    if options.reference is None:
        _expect(uri == ("#xpointer(/)" if options.with_comments else ""))
        return root.getroottree()
    _expect(_fragment(uri) == options.reference)
    return by_id(root, options.reference)


def _check_object(
    reference: etree._Element, root: etree._Element, signature: etree._Element, case: Case, tail: list[str]
) -> None:
    """The ds:Object of the signature, and the document in it, unchanged."""
    held = _one(root, _fragment(reference.get("URI", "")))
    _expect(held.tag == ds("Object") and held.getparent() is signature)
    if case.options.content == "octets":
        _expect(_transforms(reference) == [BASE64] and octets_of(held) == case.document)
        _expect(held.get("Encoding") == BASE64)
        _expect(held.get("MimeType") == (case.options.media_type or "application/octet-stream"))
        _expect(len(held.attrib) == 3)
        _expect_digest(reference, case, case.document)
        return
    _expect(_transforms(reference) == tail)
    octets = canonical(held, canonical_method(case.options))
    _expect_digest(reference, case, smev.transform(octets) if case.options.transform == "smev" else octets)
    _expect(_inside(held) == canonical(tree(read(case.document)), _EXCLUSIVE))


def _inside(held: etree._Element) -> bytes:
    (document,) = held.iterchildren("*")
    return canonical(document, _EXCLUSIVE)


def _is_unchanged(rest: etree._Element, value: bytes, document: bytes) -> bool:
    """Whether `value` has all octets of the document, before and after one gap, and nothing more but the signature
    (`rest` is the tree without it). Of an empty element tag that took the signature, the "/" is gone."""
    before = _common(value, document)
    after = _common(value[: before - len(value) - 1 : -1], document[: before - len(document) - 1 : -1])
    lost = document[before : len(document) - after]
    if lost not in (b"", b"/", b"/\0", b"\0/"):
        return False
    original = tree(read(document))
    return canonical(rest.getroottree(), _EXCLUSIVE) == canonical(original.getroottree(), _EXCLUSIVE)


def _common(one: bytes, other: bytes) -> int:
    """How many octets both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _fragment(uri: str) -> str:
    """The Id of a same-document reference, in either form that we write."""
    if uri.startswith("#xpointer(id('") and uri.endswith("'))"):
        return uri[len("#xpointer(id('") : -len("'))")]
    _expect(uri.startswith("#"))
    return uri[1:]


def _one(root: etree._Element, name: str) -> etree._Element:
    """The one element of that Id: a second one would let a reader take another than the signed one."""
    return by_id(root, name)


def _transforms(reference: etree._Element) -> list[str | None]:
    holders = reference.findall(ds("Transforms"))
    _expect(len(holders) <= 1)
    listed = [one for holder in holders for one in holder]
    _expect(all(one.tag == ds("Transform") and not len(one) for one in listed))  # no parameters
    return [one.get("Algorithm") for one in listed]


def _expect_digest(reference: etree._Element, case: Case, octets: bytes) -> None:
    digest = new_digest(case.algorithm.digest.name, octets).digest()
    _expect(hmac.compare_digest(_digest_value(reference, case), digest))


def _digest_value(reference: etree._Element, case: Case) -> bytes:
    *_, kind, value = reference
    _expect((kind.tag, value.tag) == (ds("DigestMethod"), ds("DigestValue")))
    _expect(kind.get("Algorithm") == digest_method(case.algorithm.digest))
    return octets_of(value)


def octets_of(element: etree._Element) -> bytes:
    """Of base64. Raises ValueError."""
    text = (element.text or "").encode()
    octets = base64.b64decode(text, validate=True)
    _expect(not len(element) and base64.b64encode(octets) == text)
    return octets


def _expect(right: bool) -> None:
    if not right:
        raise ValueError("structure")
