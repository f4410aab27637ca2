"""What an XML signature is about: its reference, the digest of it, and the place of the signature."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from agent.algorithms import DigestAlgorithm, new_digest
from agent.errors import BadParameters, DigestLength, SignatureWouldBreak
from agent.xml import smev
from agent.xml.algorithms import canonical_method
from agent.xml.canonical import canonical, check_names
from agent.xml.document import Source, by_id, by_name, read, tree
from agent.xml.elements import b64, element
from agent.xml.insertion import ALONE, Frame, last_child
from agent.xml.names import BASE64, DS, ENVELOPED, ID_ATTRIBUTES, SMEV, ds
from agent.xml.options import Options

_NAME = re.compile(r"[^\W\d][\w.:-]*")  # an Id that can stand in a URI and in an XPointer
_POINTER = re.compile(r"#xpointer\(id\((?:'([^']*)'|\"([^\"]*)\")\)\)")
_XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_Digest = Callable[[DigestAlgorithm, etree._Element], bytes]
_Around = Callable[[etree._Element], etree._Element]


class Subject(NamedTuple):
    uri: str
    transforms: tuple[str, ...]
    digest: _Digest  # given the tree of ds:Signature, as far as it stands
    frame: Frame
    media_type: str
    kind: str | None = None  # URI of the reference's type
    objects: tuple[str, ...] = ()  # markup of ds:Object
    around: _Around | None = (
        None  # from the root of the whole to ds:Signature, where its canonical form needs the whole
    )


def subject_of(document: bytes, options: Options, mark: str) -> Subject:
    """`mark` begins every Id that is new. Raises the errors of `signature.prepare`."""
    if options.packaging == "enveloping":
        return _octets(document, options, mark) if options.content == "octets" else _inside(document, options, mark)
    if options.file is not None:
        return _file(document, options, options.file)
    source = read(document)
    root = tree(source)
    target = _target(root, options)
    digest = _digest_of(target if target is not None else root.getroottree(), options)
    if options.packaging == "detached":
        return Subject(_uri(options), _transforms(options), digest, ALONE, "text/xml")
    place = _place(root, target, options)
    _keep_signatures(root, place)
    inside = target is None or target in (place, *place.iterancestors())
    transforms = (ENVELOPED, *_transforms(options)) if inside else _transforms(options)
    if options.is_inclusive:
        check_names(place, inside=False)
    around = _finder(root, place) if options.is_inclusive else None
    return Subject(_uri(options), transforms, digest, last_child(source, place), "text/xml", around=around)


def _target(root: etree._Element, options: Options) -> etree._Element | None:
    if options.reference is None:
        return None
    if not _NAME.fullmatch(options.reference):
        raise BadParameters(detail="reference is no Id")
    return by_id(root, options.reference)


def _place(root: etree._Element, target: etree._Element | None, options: Options) -> etree._Element:
    if options.place is not None:
        return by_name(root, options.place)
    return target if target is not None else root


def _uri(options: Options) -> str:
    """Comments are part of what an XPointer names, and of nothing else (XML Signature 1.1 section 4.4.3.3)."""
    name = options.reference
    if options.with_comments:
        return "#xpointer(/)" if name is None else f"#xpointer(id('{name}'))"
    return "" if name is None else f"#{name}"


def _transforms(options: Options) -> tuple[str, ...]:
    method = canonical_method(options)
    return (method, SMEV) if options.transform == "smev" else (method,)


def _digest_of(node: etree._Element | etree._ElementTree, options: Options) -> _Digest:
    """Of the document as it was before the signature, which is what the enveloped transform gives back. Raises
    DocumentDamaged."""
    check_names(node)

    def digest(hashing: DigestAlgorithm, _signature: etree._Element) -> bytes:
        octets = canonical(node, canonical_method(options))
        return new_digest(hashing.name, smev.transform(octets) if options.transform == "smev" else octets).digest()

    return digest


def _finder(root: etree._Element, place: etree._Element) -> _Around:
    number = next(number for number, one in enumerate(root.iter("*")) if one is place)

    def around(whole: etree._Element) -> etree._Element:
        taker = next(one for at, one in enumerate(whole.iter("*")) if at == number)
        return list(taker.iterchildren("*"))[-1]

    return around


def _keep_signatures(root: etree._Element, place: etree._Element) -> None:
    """A signature that covers the place would not verify any more: its enveloped transform takes out only itself."""
    names = {one.get(name) for one in (place, *place.iterancestors()) for name in ID_ATTRIBUTES}
    for reference in root.iter(ds("Reference")):
        uri = reference.get("URI", "")
        pointer = _POINTER.fullmatch(uri)
        name = (pointer[1] or pointer[2]) if pointer else uri[1:]
        if uri in ("", "#xpointer(/)") or (uri.startswith("#") and name in names):
            raise SignatureWouldBreak()


def _file(document: bytes, options: Options, name: str) -> Subject:
    """A file beside the signature, named by a relative reference (RFC 3986 section 4.2)."""
    if name in (".", "..") or any(character in name for character in "/\\\0"):
        raise BadParameters(detail="file is no name of a file")

    def digest(hashing: DigestAlgorithm, _signature: etree._Element) -> bytes:
        if options.digest is None:
            return new_digest(hashing.name, document).digest()
        if len(options.digest) != hashing.size:
            raise DigestLength(algorithm=hashing.name, expected=hashing.size, given=len(options.digest))
        return options.digest

    frame = Frame(_XML_DECLARATION.encode(), b"\n", "utf-8")
    return Subject(urllib.parse.quote(name, safe=""), (), digest, frame, "application/octet-stream")


def _inside(document: bytes, options: Options, mark: str) -> Subject:
    """The document in a ds:Object: all but its byte order mark and declaration, which come before the whole."""
    source = read(document)
    check_names(tree(source))
    method = canonical_method(options)

    def digest(hashing: DigestAlgorithm, signature: etree._Element) -> bytes:
        octets = canonical(_object(signature, mark), method)
        return new_digest(hashing.name, smev.transform(octets) if options.transform == "smev" else octets).digest()

    attributes: dict[str, str | None] = {"Id": f"{mark}-object", "MimeType": "text/xml"}
    markup = element("ds:Object", attributes, source.text[source.body :])
    uri = f"#xpointer(id('{mark}-object'))" if options.with_comments else f"#{mark}-object"
    return Subject(uri, _transforms(options), digest, _after_declaration(source), "text/xml", f"{DS}Object", (markup,))


def _octets(document: bytes, options: Options, mark: str) -> Subject:
    """Any document, as base64 in a ds:Object (XML Signature 1.1 section 6.6.2)."""
    media_type = options.media_type or "application/octet-stream"
    attributes: dict[str, str | None] = {"Id": f"{mark}-object", "MimeType": media_type, "Encoding": BASE64}
    markup = element("ds:Object", attributes, b64(document))
    frame = Frame(_XML_DECLARATION.encode(), b"\n", "utf-8")

    def digest(hashing: DigestAlgorithm, _signature: etree._Element) -> bytes:
        return new_digest(hashing.name, document).digest()

    return Subject(f"#{mark}-object", (BASE64,), digest, frame, media_type, f"{DS}Object", (markup,))


def _after_declaration(source: Source) -> Frame:
    return Frame(source.mark + source.head.encode(source.codec), b"", source.codec)


def _object(signature: etree._Element, mark: str) -> etree._Element:
    return next(one for one in signature.iterchildren(ds("Object")) if one.get("Id") == f"{mark}-object")
