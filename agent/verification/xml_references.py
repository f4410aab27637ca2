"""What an XML signature by anybody refers to (XML Signature 1.1 sections 4.4.3 and 6): which element, by which way, and
the octets that were digested.

An Id must be there once: where it is there twice, one reader would take the signed element and another one the other
(signature wrapping). Transforms that select by rules of their own are not followed.
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
from typing import NamedTuple

from lxml import etree

from agent.errors import AlgorithmUnsupported, DocumentTooLarge, ElementUnclear, XmlUnsafe
from agent.xml import smev
from agent.xml.algorithms import CANONICAL_METHODS
from agent.xml.canonical import METHODS, canonical, without_comments
from agent.xml.document import by_id, read, tree
from agent.xml.names import BASE64, ENVELOPED, SMEV, ds

_POINTER = re.compile(r"#xpointer\(id\((?:'([^']*)'|\"([^\"]*)\")\)\)")
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_PREFIXES = f"{{{_EXCLUSIVE}}}InclusiveNamespaces"
_DEFAULT = "#default"  # in a PrefixList: the namespace without a prefix
_INCLUSIVE = CANONICAL_METHODS["inclusive"]
_COMMENTS = etree.XPath("boolean(//comment())")  # those beside the root too
Node = etree._Element | etree._ElementTree


class Unsupported(Exception):
    """A way that is not followed here."""


class Unclear(Exception):
    """There is no such element, or more than one."""


class Target(NamedTuple):
    """What a reference names. `node` None: a file beside the signature."""

    node: Node | None
    comments: bool  # they are part of what is named
    outside: bool = False  # it is in the document that was given beside the signature


def target_of(uri: str | None, root: etree._Element, beside: etree._Element | None) -> Target:
    """`beside`: the root of the document that the signature was made of, where that is another one. Raises Unsupported,
    Unclear."""
    if uri is None:
        raise Unsupported
    if uri in ("", "#xpointer(/)"):
        return Target(root.getroottree(), bool(uri))
    if not uri.startswith("#"):
        return Target(None, False)
    pointer = _POINTER.fullmatch(uri)
    if pointer is None and "(" in uri:
        raise Unsupported
    name = (pointer[1] or pointer[2] or "") if pointer else uri[1:]
    try:
        return Target(by_id(root, name), pointer is not None)
    except ElementUnclear as error:
        if error.facts["count"] or beside is None:
            raise Unclear from error
    try:
        return Target(by_id(beside, name), pointer is not None, outside=True)
    except ElementUnclear as error:
        raise Unclear from error


def octets_of(reference: etree._Element, target: Target, content: bytes | None, signature: etree._Element) -> bytes:
    """What is digested. `content`: of the file beside the signature. Raises Unsupported, and where the way leads
    nowhere ValueError and the errors of `xml`."""
    value: Node | bytes
    if target.node is None:
        if content is None:
            raise ValueError("no content")
        value = content
    else:
        value = target.node
    for transform in _transforms(reference):
        value = _transformed(value, transform, target, signature)
    return value if isinstance(value, bytes) else canonical(value, _INCLUSIVE)


def leaves_comments(reference: etree._Element, target: Target) -> bool:
    """Whether there are comments in what is named that nobody signed; the octets of a file are signed as they are."""
    if target.node is None:
        return False
    last = next((one.get("Algorithm", "") for one in reversed(_transforms(reference))), "")
    if target.comments and last in METHODS and last != without_comments(last):
        return False
    if isinstance(target.node, etree._ElementTree):
        return bool(_COMMENTS(target.node))
    return next(target.node.iter(etree.Comment), None) is not None


def _transforms(reference: etree._Element) -> list[etree._Element]:
    return [one for holder in reference.findall(ds("Transforms")) for one in holder.iterchildren("*")]


def _transformed(
    value: Node | bytes, transform: etree._Element, target: Target, signature: etree._Element
) -> Node | bytes:
    method = transform.get("Algorithm", "")
    if transform.tag != ds("Transform"):
        raise Unsupported
    if method in METHODS:
        node = _tree_of(value) if isinstance(value, bytes) else value
        kept = target.comments or isinstance(value, bytes)
        try:
            return canonical(node, method if kept else without_comments(method), prefixes_of(transform))
        except AlgorithmUnsupported as error:
            raise Unsupported from error
    if len(transform):
        raise Unsupported
    if method == ENVELOPED and not isinstance(value, bytes):
        return value if target.outside else _without(value, signature)
    if method == SMEV and isinstance(value, bytes):
        return smev.transform(value)
    if method == BASE64 and _holds_octets(target, signature):
        return _decoded(value)
    raise Unsupported


def _tree_of(octets: bytes) -> etree._ElementTree:
    """Of octets that are a document (section 4.4.3.2), read as strictly as any: canonical forms may take hours. Raises
    Unsupported, DocumentDamaged."""
    try:
        return tree(read(octets)).getroottree()
    except (XmlUnsafe, DocumentTooLarge) as error:
        raise Unsupported from error


def prefixes_of(method: etree._Element) -> tuple[str, ...]:
    """Of InclusiveNamespaces in a method or transform. Raises Unsupported at any other parameter."""
    found: tuple[str, ...] = ()
    for one in method.iterchildren("*"):
        if one.tag != _PREFIXES or not method.get("Algorithm", "").startswith(_EXCLUSIVE):
            raise Unsupported
        found = tuple(one.get("PrefixList", "").split())
        if _DEFAULT in found:  # lxml leaves it out, and the form would be another one
            raise Unsupported
    return found


def _without(node: Node, signature: etree._Element) -> Node:
    """A copy without this signature, which may be in it; what stands behind the signature stays."""
    root = signature.getroottree().getroot()
    if signature is root:
        raise Unsupported
    whole = copy.deepcopy(root.getroottree())
    pairs = zip(root.iter("*"), whole.getroot().iter("*"), strict=True)
    copies = {id(one): other for one, other in pairs if one is signature or one is node}
    taken = copies[id(signature)]
    _take_out(taken)
    if isinstance(node, etree._ElementTree):
        return whole
    return copies[id(node)]


def _take_out(element: etree._Element) -> None:
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        raise Unsupported
    if element.tail:
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _holds_octets(target: Target, signature: etree._Element) -> bool:
    """Whether it is a file, or octets in this signature. Of another element the tags would not be signed."""
    if not isinstance(target.node, etree._Element):
        return target.node is None
    own = target.node.tag == ds("Object") and target.node.getparent() is signature
    return own and next(target.node.iterchildren("*"), None) is None


def _decoded(value: Node | bytes) -> bytes:
    """Raises ValueError."""
    if isinstance(value, bytes):
        text = value.decode("ascii", "replace")
    else:
        top = value.getroot() if isinstance(value, etree._ElementTree) else value
        text = "".join(str(one) for one in top.itertext())
    return octets_of_base64(text)


def octets_of_base64(text: str | None) -> bytes:
    """White space between the characters is nothing. Raises ValueError."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except binascii.Error as error:
        raise ValueError("base64") from error
